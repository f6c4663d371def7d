"""Which call goes to which node, and when.

Sans-I/O: events go in, :meth:`Scheduler.plan` says what is to be done next. Nothing here waits,
sends or reads the time. Calls of one function with one demand stand in one lane; the lanes take
turns, so that a thousand slow calls do not keep a quick one waiting. Nor do quick ones that are
given ahead of time keep a slow one waiting: they do not count for it.

A node is given more calls than it has slots only where they are short: so many that it has work for
a quarter of a second, or a whole one where many wait. It then never waits for the network, and long
calls are not bound to a node that is busy while another is idle. It is given more when half of that
is done, so that a message takes many.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from attrs import evolve

from pye2_calls.client.nodes import Door, Lane, Node
from pye2_calls.client.plans import Lost, Pending, Place, Plan
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from random import Random

    from pye2_calls.client.demands import Demand, NodeFacts
    from pye2_calls.client.plans import Flow

PATIENCE: Final = 10.0
"""Seconds that a call waits for a node that can run it."""

GRACE: Final = 2.0
"""Seconds after which a node that went away counts as lost, with all that it was running: one that
only lost its connection is back before."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
"""Seconds before a call is tried again, doubled each time."""

MOST_REFUSALS: Final = 5
"""How often a call is tried again that nodes did not take for now."""

REFUSED_FOR: Final = 30.0
"""Seconds after which a node that refused is asked again: its owner may have granted more."""

_LEARNING: Final = 0.3
"""The share of the newest call in what a function is expected to take."""


class Scheduler:
    """Knows all calls of a session that have not ended.

    Args:
        random: spreads the attempts of what was lost together.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._nodes: dict[str, Node] = {}
        self._doors: dict[Place, Door] = {}
        self._lanes: OrderedDict[tuple[str, Demand, Flow | None], Lane] = OrderedDict()
        self._seconds: dict[str, float] = {}
        self._bytes_that_come: dict[str, float] = {}
        self._calls: dict[int, Pending] = {}
        self._paused: list[tuple[float, int, Pending]] = []
        self._order = itertools.count()
        self._too_large: list[tuple[Pending, NodeFacts]] = []
        self._has_news_of_sizes = False
        self._lost: list[Lost] = []
        self._dropped: list[Pending] = []
        self._back: list[Pending] = []
        self._useless: list[Place] = []

    def __len__(self) -> int:
        return len(self._calls)

    # --- events -----------------------------------------------------------------------------------

    def add(self, call: Pending) -> None:
        """A call was asked for."""
        self._calls[call.id] = call
        too_small = self._all_too_small(call)
        if too_small is None:
            self._lane_of(call).append(call)
        else:
            self._too_large.append((call, too_small))

    def nodes_are(self, nodes: Iterable[NodeFacts], now: float) -> None:
        """These nodes take calls at the moment; others that were known are missing."""
        present = {each.address: each for each in nodes}
        for address, facts in present.items():
            known = self._nodes.setdefault(address, Node(facts))
            self._learn_facts(known, facts)
            known.missing_since = None
        for address, node in self._nodes.items():
            if address not in present and node.missing_since is None:
                node.missing_since = now

    def nobody_is_heard(self, until: float) -> None:
        """Until then nothing can be heard of nodes: what they did not do says nothing of them."""
        for node in self._nodes.values():
            node.refusals.clear()
            if node.missing_since is not None:
                node.missing_since = max(node.missing_since, until)
        for lane in self._lanes.values():
            if lane.stuck_since is not None:
                lane.stuck_since = max(lane.stuck_since, until)

    def opened(self, place: Place, largest: float = math.inf) -> None:
        """A place takes calls now.

        Args:
            place: which one.
            largest: bytes of arguments that its node has said to take.
        """
        self._doors.setdefault(place, Door()).is_open = True
        node = self._nodes.get(place.address)
        if node is not None:
            self._learn_facts(node, evolve(node.facts, largest=largest))

    def _learn_facts(self, node: Node, facts: NodeFacts) -> None:
        self._has_news_of_sizes |= facts.largest != node.facts.largest
        node.facts = facts

    def refused(self, place: Place, why: str, now: float) -> None:
        """A place could not be opened: its node does not take such calls, for now."""
        node = self._nodes.get(place.address)
        if node is not None:
            node.refusals[place.grants] = (why, now + REFUSED_FOR)
        door = self._doors.pop(place, None)
        self._wait_again(reversed(door.waiting) if door is not None else ())

    def closed(self, place: Place, why: str, now: float) -> None:
        """A place has ended, and with it all that was given to it.

        Args:
            place: which one.
            why: what happened, told of calls that are not tried again.
            now: the time.
        """
        unsent = self._shut(place)
        node = self._nodes.get(place.address)
        if node is None:
            return
        self._lose(node, self.given_to(place), why, now, unsent)

    def ended(self, call_id: int, seconds: float | None, size: int = 0) -> Pending | None:
        """A call has ended on its node.

        Args:
            call_id: which one.
            seconds: how long it took; None if that says nothing about others.
            size: bytes of its value.

        Returns:
            The call; None if it ended before, or was given up.
        """
        call = self._forget(call_id)
        if call is not None and seconds is not None:
            _learn(self._seconds, call.function, seconds)
        if call is not None and call.flow is not None:
            _learn(self._bytes_that_come, call.function, size)
            call.flow.came += size
        return call

    def process_died(self, call_id: int, now: float) -> Pending | None:
        """The process that ran a call is gone.

        Returns:
            The call if it is not tried again; None if it is, or has ended before.
        """
        call = self._sent_back(call_id)
        if call is None:
            return None
        call.losses += 1
        if call.losses > call.retries:
            return self._calls.pop(call.id)
        self._pause(call, now)
        return None

    def turned_away(self, call_id: int, now: float) -> Pending | None:
        """A node did not take a call, for now: it has not begun there.

        Returns:
            The call if it is not tried again; None if it is, or has ended before.
        """
        call = self._sent_back(call_id)
        if call is None:
            return None
        call.refusals += 1
        if call.refusals > MOST_REFUSALS:
            return self._calls.pop(call.id)
        self._pause(call, now)
        return None

    def _sent_back(self, call_id: int) -> Pending | None:
        """A call that its node has no more, and that is to avoid it; None if it has ended."""
        call = self._calls.get(call_id)
        if call is None or call.node is None:
            return None
        call.avoided |= {call.node}
        self._leave_node(call)
        return call

    def cancel(self, call_id: int) -> Place | None:
        """A call is not wanted any more.

        Returns:
            Where it is to be stopped; None if it was sent nowhere.
        """
        call = self._forget(call_id)
        return None if call is None else self._where_sent(call)

    def withdraw(self, call_id: int) -> Place | None:
        """A call is not wanted any more, unless it has begun.

        Returns:
            Where it may have begun, and is to be asked for; None if it has not: it is forgotten.
        """
        call = self._calls.get(call_id)
        if call is None:
            return None
        call.is_withdrawn = True
        place = self._where_sent(call)
        if place is None:
            self._forget(call_id)
        return place

    def _where_sent(self, call: Pending) -> Place | None:
        """The place that a call was sent to; None while it waits, be it for a door to open."""
        if call.node is None:
            return None
        place = Place(call.node, call.demand.grants)
        door = self._doors.get(place)
        return place if door is not None and call not in door.waiting else None

    def missing(self, call_id: int, place: Place, now: float) -> None:
        """A node does not have a call that it was given, and has not answered it either."""
        call = self._calls.get(call_id)
        node = self._nodes.get(place.address)
        if call is not None and node is not None and call.node == place.address:
            self._lose(node, [call], "it does not have it any more", now)

    def gave_item(self, call: Pending) -> bool:
        """A generator has given an item; whether its node has room for others by that."""
        call.has_given, call.retries = True, 0  # somebody may have seen its first items
        node = self._nodes.get(call.node or "")
        return node is not None and node.note_item(call)

    def give_up_all(self) -> list[Pending]:
        """Forget all calls; those that had not ended."""
        left = list(self._calls.values())
        self._calls.clear()
        self._lanes.clear()
        return left

    # --- questions --------------------------------------------------------------------------------

    def get(self, call_id: int) -> Pending | None:
        """A call that has not ended; None for others."""
        return self._calls.get(call_id)

    def given_to(self, place: Place) -> list[Pending]:
        """The calls that a place was given, or is to be given as soon as it is open."""
        node = self._nodes.get(place.address)
        calls = node.running.values() if node is not None else ()
        return [each for each in calls if each.demand.grants == place.grants]

    def held_at(self, place: Place) -> frozenset[int]:
        """The calls that were sent to a place and have not ended."""
        door = self._doors.get(place)
        if door is None or not door.is_open:
            return frozenset()
        unsent = {each.id for each in door.waiting}  # it has opened only just now
        return frozenset(each.id for each in self.given_to(place)) - unsent

    # --- what to do -------------------------------------------------------------------------------

    def plan(self, now: float) -> Plan:
        """What is to be done now; it counts as done."""
        plan = Plan()
        self._give_up_missing(plan, now)
        while self._paused and self._paused[0][0] <= now:
            _, _, call = heapq.heappop(self._paused)
            if call.id in self._calls:
                self._lane_of(call).appendleft(call)
        if self._paused:
            plan.look_again_at = min(plan.look_again_at, self._paused[0][0])
        self._send_what_waited_at_doors(plan)
        self._pick_out_too_large()
        for key in list(self._lanes):
            self._assign(self._lanes[key], plan, now)
            if not self._lanes[key].calls:
                del self._lanes[key]
        if self._lanes:
            self._lanes.move_to_end(next(iter(self._lanes)))
        lost, self._lost = self._lost, []
        too_large, self._too_large = self._too_large, []
        plan.too_large = [each for each in too_large if self._calls.pop(each[0].id, None)]
        plan.lost = [each for each in lost if self._calls.pop(each.call.id, None) is not None]
        plan.dropped, self._dropped = self._dropped, []
        plan.back, self._back = self._back, []
        plan.close, self._useless = self._useless, []
        return plan

    def _send_what_waited_at_doors(self, plan: Plan) -> None:
        for place, door in self._doors.items():
            if door.is_open and door.waiting:
                waiting, door.waiting = door.waiting, []
                left = [each for each in waiting if each.id in self._calls]
                facts = self._nodes[place.address].facts
                plan.send[place] = [each for each in left if facts.takes(each.size)]
                # How much its node takes, it has said only when it was open.
                self._wait_again(each for each in reversed(left) if not facts.takes(each.size))

    def _pick_out_too_large(self) -> None:
        """Keep nobody waiting for nodes of which none will take the call."""
        if not self._has_news_of_sizes:
            return
        self._has_news_of_sizes = False
        for lane in self._lanes.values():
            for call in list(lane.calls.values()):
                too_small = self._all_too_small(call)
                if too_small is not None:
                    del lane.calls[call.id]
                    self._too_large.append((call, too_small))

    def _assign(self, lane: Lane, plan: Plan, now: float) -> None:
        if not lane.calls:
            return
        able = [
            each for each in self._nodes.values() if self._problem(each, lane.demand, now) is None
        ]
        if not able:
            self._keep_waiting(lane, plan, now)
            return
        lane.stuck_since = None
        slots = sum(each.facts.slots for each in able)
        passed_over = []
        while lane.calls and self._may_go_on(lane):
            call = lane.popleft()
            taking = [each for each in able if each.facts.takes(call.size)]
            if not taking:
                largest = max(able, key=lambda each: each.facts.largest)
                self._too_large.append((call, largest.facts))
                continue
            node = self._best_for(call, taking, len(lane.calls) / slots)
            if node is not None:
                self._give(call, node, plan)
                continue
            passed_over.append(call)
            if not call.avoided and len(taking) == len(able):
                break  # those behind it have no other nodes than it has
        for call in reversed(passed_over):
            lane.appendleft(call)

    def _may_go_on(self, lane: Lane) -> bool:
        expected = self._bytes_that_come.get(lane.function, 0.0)
        return lane.flow is None or lane.flow.has_room(expected)

    def _keep_waiting(self, lane: Lane, plan: Plan, now: float) -> None:
        if lane.stuck_since is None:
            lane.stuck_since = now
        while lane.calls:
            call = lane.first
            until = max(lane.stuck_since, call.asked_at) + PATIENCE
            if now < until:
                plan.look_again_at = min(plan.look_again_at, until)
                return
            self._forget(call.id)
            plan.unplaceable.append((call, self._why_nowhere(lane.demand, now)))

    def _best_for(self, call: Pending, able: list[Node], waiting: float) -> Node | None:
        preferred = [each for each in able if each.facts.address not in call.avoided] or able
        seconds = self._seconds.get(call.function)
        free = [each for each in preferred if each.has_room(call, seconds, waiting)]
        return min(free, key=lambda each: each.load, default=None)

    def _give(self, call: Pending, node: Node, plan: Plan) -> None:
        call.node = node.facts.address
        node.take(call, self._seconds.get(call.function))
        place = Place(call.node, call.demand.grants)
        door = self._doors.get(place)
        if door is None:
            door = self._doors[place] = Door()
            plan.open.append(place)
        if door.is_open:
            plan.send.setdefault(place, []).append(call)
        else:
            door.waiting.append(call)

    # --- losses -----------------------------------------------------------------------------------

    def _give_up_missing(self, plan: Plan, now: float) -> None:
        for address, node in list(self._nodes.items()):
            if node.missing_since is None:
                continue
            until = node.missing_since + GRACE
            if now < until:
                plan.look_again_at = min(plan.look_again_at, until)
                continue
            del self._nodes[address]
            unsent: set[int] = set()
            for place in [each for each in self._doors if each.address == address]:
                unsent |= self._shut(place)
                self._useless.append(place)
            self._lose(node, list(node.running.values()), "", now, unsent)

    def _shut(self, place: Place) -> set[int]:
        """Forget a door; the calls that were still to be sent through it."""
        door = self._doors.pop(place, None)
        return set() if door is None else {each.id for each in door.waiting}

    def _lose(
        self,
        node: Node,
        gone: list[Pending],
        why: str,
        now: float,
        unsent: Collection[int] = (),
    ) -> None:
        """Try again what was lost.

        Only as many as there are slots count as a loss of their own, the ones that were given
        first: the others will hardly have begun. Any of them may have, and have ended without
        our having heard of it, so that none that must not run twice is tried again.
        """
        again = [each for each in gone if each.id in unsent]
        sent = [each for each in gone if each.id not in unsent]
        for call in gone:
            self._leave_node(call, node)
        for position, call in enumerate(sent):
            if position >= node.facts.slots and call.retries:
                again.append(call)
                continue
            call.losses += 1
            if call.losses > call.retries:
                self._lost.append(Lost(call, node.facts.address, why))
            else:
                self._pause(call, now)
        self._wait_again(reversed(again))

    def _pause(self, call: Pending, now: float) -> None:
        if call.is_withdrawn:
            self._drop(call)
            return
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (call.losses + call.refusals - 1))
        until = now + seconds * self._random.uniform(0.5, 1.0)
        heapq.heappush(self._paused, (until, next(self._order), call))

    def _wait_again(self, calls: Iterable[Pending]) -> None:
        for call in calls:
            self._leave_node(call)
            if call.id not in self._calls:
                continue
            if call.is_withdrawn:
                self._drop(call)
            else:
                self._lane_of(call).appendleft(call)

    def _drop(self, call: Pending) -> None:
        del self._calls[call.id]
        self._dropped.append(call)

    def _leave_node(self, call: Pending, node: Node | None = None) -> None:
        node = node or self._nodes.get(call.node or "")
        if node is not None:
            node.lose(call)
        if call.node is not None:
            self._back.append(call)
        call.node = None

    def _forget(self, call_id: int) -> Pending | None:
        call = self._calls.pop(call_id, None)
        if call is None:
            return None
        if call.node is None:
            self._leave_lane(call)
        elif call.node in self._nodes:
            self._nodes[call.node].lose(call)
        return call

    def _leave_lane(self, call: Pending) -> None:
        """It is not kept, with its arguments, until those before it have had their turn."""
        lane = self._lanes.get(_lane_key(call))
        if lane is not None:
            lane.calls.pop(call.id, None)

    # --- who can ----------------------------------------------------------------------------------

    def _lane_of(self, call: Pending) -> Lane:
        key = _lane_key(call)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(*key)
        return lane

    def _all_too_small(self, call: Pending) -> NodeFacts | None:
        """The largest of all nodes that may take a call, where none takes so much; None otherwise.

        Nobody knows how much a node takes that was sent no call yet.
        """
        largest: NodeFacts | None = None
        for node in self._nodes.values():
            facts = node.facts
            if call.demand.problem_with(facts) is not None:
                continue
            if facts.takes(call.size):
                return None
            if largest is None or facts.largest > largest.largest:
                largest = facts
        return largest

    def _problem(self, node: Node, demand: Demand, now: float) -> str | None:
        if node.missing_since is not None:
            return "it went away a moment ago"
        why, until = node.refusals.get(demand.grants, ("", now))
        return why if until > now else demand.problem_with(node.facts)

    def _why_nowhere(self, demand: Demand, now: float) -> str:
        nodes = [each for each in self._nodes.values() if demand.names(each.facts)]
        return "\n  ".join(
            sorted(
                f"{printable(each.facts.name)}: {self._problem(each, demand, now)}"
                for each in nodes
            )
        )


def _lane_key(call: Pending) -> tuple[str, Demand, Flow | None]:
    return call.function, call.demand, call.flow


def _learn(known: dict[str, float], function: str, newest: float) -> None:
    before = known.get(function, newest)
    known[function] = before + _LEARNING * (newest - before)
