"""Which call goes to which node, and when.

Sans-I/O: events go in, :meth:`Scheduler.plan` says what is to be done next. Nothing here waits,
sends or reads the time. Calls of one function with one demand stand in one lane; the lanes take
turns, so that a thousand slow calls do not keep a quick one waiting.

A node is given more calls than it has slots only where they are short: so many that it has work for
a quarter of a second. It then never waits for the network, and long calls are not bound to a node
that is busy while another is idle. It is given more when half of that is done, so that a message
takes many.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from random import Random

    from pye2_calls.client.demands import Demand, NodeFacts

WORK_AHEAD: Final = 0.25
"""Seconds of work that a node is given beyond what its slots are busy with."""

MOST_AHEAD: Final = 500
"""Calls beyond its slots that one node is given, however short they are."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of arguments that one node is given; a call larger than that goes alone."""

PATIENCE: Final = 10.0
"""Seconds that a call waits for a node that can run it."""

GRACE: Final = 2.0
"""Seconds after which a node that went away counts as lost, with all that it was running: one that
only lost its connection is back before."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 10.0
"""Seconds before a call is tried again, doubled each time."""

REFUSED_FOR: Final = 30.0
"""Seconds after which a node that refused is asked again: its owner may have granted more."""

_LEARNING: Final = 0.3
"""The share of the newest call in what a function is expected to take."""


@define(eq=False)
class Pending:
    """A call that has not ended.

    Attributes:
        id: tells it from all others of its session.
        function: the digest of what it calls.
        demand: what it asks of its node.
        size: bytes of its arguments.
        retries: how often it may be tried again after being lost with its node or process.
        together: how many such calls a slot of a node is given at least, however long they take.
        subject: what the scheduler carries along and never looks at.
        losses: how often it was lost.
        avoided: the nodes on which its process died.
        node: where it is; None while it waits.
    """

    id: int
    function: str
    demand: Demand
    size: int
    retries: int
    subject: Any
    together: int = 1
    losses: int = 0
    avoided: set[str] = field(factory=set)
    node: str | None = None


@frozen
class Place:
    """Where calls of one demand run on one node: its address, and what they are granted."""

    address: str
    grants: str


@define
class Plan:
    """What is to be done.

    Attributes:
        open: the places that are to be opened for calls.
        send: calls by place, in their order.
        unplaceable: calls that no node can run, each with the reason.
        lost: calls that were lost too often, each with the address of the last node.
        look_again_at: the time at which to ask for another plan at the latest.
    """

    open: list[Place] = field(factory=list)
    send: dict[Place, list[Pending]] = field(factory=dict)
    unplaceable: list[tuple[Pending, str]] = field(factory=list)
    lost: list[tuple[Pending, str]] = field(factory=list)
    look_again_at: float = math.inf

    def __bool__(self) -> bool:
        """Whether there is anything to be done now."""
        return bool(self.open or self.send or self.unplaceable or self.lost)


@define(eq=False)
class _Node:
    facts: NodeFacts
    running: OrderedDict[int, Pending] = field(factory=OrderedDict)
    bytes: int = 0
    missing_since: float | None = None
    is_fed: bool = False
    """Whether it was given all that it is to have, and has more than half of that still."""
    refusals: dict[str, tuple[str, float]] = field(factory=dict)

    @property
    def load(self) -> float:
        return max(len(self.running), self.facts.busy) / self.facts.slots


@define(eq=False)
class _Door:
    is_open: bool = False
    waiting: list[Pending] = field(factory=list)


@define(eq=False)
class _Lane:
    function: str
    demand: Demand
    calls: deque[Pending] = field(factory=deque)
    stuck_since: float | None = None


class Scheduler:
    """Knows all calls of a session that have not ended.

    Args:
        random: spreads the attempts of what was lost together.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._nodes: dict[str, _Node] = {}
        self._doors: dict[Place, _Door] = {}
        self._lanes: OrderedDict[tuple[str, Demand], _Lane] = OrderedDict()
        self._seconds: dict[str, float] = {}
        self._calls: dict[int, Pending] = {}
        self._paused: list[tuple[float, int, Pending]] = []
        self._order = itertools.count()
        self._lost: list[tuple[Pending, str]] = []

    def __len__(self) -> int:
        return len(self._calls)

    # --- events -----------------------------------------------------------------------------------

    def add(self, call: Pending) -> None:
        """A call was asked for."""
        self._calls[call.id] = call
        self._lane_of(call).append(call)

    def nodes_are(self, nodes: Iterable[NodeFacts], now: float) -> None:
        """These nodes take calls at the moment; others that were known are missing."""
        present = {each.address: each for each in nodes}
        for address, facts in present.items():
            known = self._nodes.setdefault(address, _Node(facts))
            known.facts = facts
            known.missing_since = None
        for address, node in self._nodes.items():
            if address not in present and node.missing_since is None:
                node.missing_since = now

    def opened(self, place: Place) -> None:
        """A place takes calls now."""
        self._doors.setdefault(place, _Door()).is_open = True

    def refused(self, place: Place, why: str, now: float) -> None:
        """A place could not be opened: its node does not take such calls, for now."""
        node = self._nodes.get(place.address)
        if node is not None:
            node.refusals[place.grants] = (why, now + REFUSED_FOR)
        door = self._doors.pop(place, None)
        self._wait_again(reversed(door.waiting) if door is not None else ())

    def closed(self, place: Place, now: float) -> None:
        """A place has ended, and with it all that was given to it."""
        unsent = self._shut(place)
        node = self._nodes.get(place.address)
        if node is None:
            return
        gone = [each for each in node.running.values() if each.demand.grants == place.grants]
        self._lose(node, gone, now, unsent)

    def ended(self, call_id: int, seconds: float | None) -> Pending | None:
        """A call has ended on its node.

        Args:
            call_id: which one.
            seconds: how long it took; None if that says nothing about others.

        Returns:
            The call; None if it ended before, or was given up.
        """
        call = self._forget(call_id)
        if call is not None and seconds is not None:
            before = self._seconds.get(call.function, seconds)
            self._seconds[call.function] = before + _LEARNING * (seconds - before)
        return call

    def process_died(self, call_id: int, now: float) -> Pending | None:
        """The process that ran a call is gone.

        Returns:
            The call if it is not tried again; None if it is, or has ended before.
        """
        call = self._calls.get(call_id)
        if call is None or call.node is None:
            return None
        call.avoided.add(call.node)
        self._leave_node(call)
        call.losses += 1
        if call.losses > call.retries:
            return self._calls.pop(call.id)
        self._pause(call, now)
        return None

    def cancel(self, call_id: int) -> Place | None:
        """A call is not wanted any more.

        Returns:
            Where it is to be stopped; None if it runs nowhere.
        """
        call = self._forget(call_id)
        if call is None or call.node is None:
            return None
        return Place(call.node, call.demand.grants)

    def missing(self, call_id: int, place: Place, now: float) -> None:
        """A node does not have a call that it was given, and has not answered it either."""
        call = self._calls.get(call_id)
        node = self._nodes.get(place.address)
        if call is not None and node is not None and call.node == place.address:
            self._lose(node, [call], now)

    def give_up_all(self) -> list[Pending]:
        """Forget all calls; those that had not ended."""
        left = list(self._calls.values())
        self._calls.clear()
        return left

    # --- questions --------------------------------------------------------------------------------

    def get(self, call_id: int) -> Pending | None:
        """A call that has not ended; None for others."""
        return self._calls.get(call_id)

    def held_at(self, place: Place) -> frozenset[int]:
        """The calls that were given to a place and have not ended."""
        door, node = self._doors.get(place), self._nodes.get(place.address)
        if door is None or node is None or not door.is_open:
            return frozenset()
        calls = node.running.values()
        return frozenset(each.id for each in calls if each.demand.grants == place.grants)

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
        for key in list(self._lanes):
            self._assign(self._lanes[key], plan, now)
            if not self._lanes[key].calls:
                del self._lanes[key]
        if self._lanes:
            self._lanes.move_to_end(next(iter(self._lanes)))
        lost, self._lost = self._lost, []
        plan.lost = [each for each in lost if self._calls.pop(each[0].id, None) is not None]
        return plan

    def _send_what_waited_at_doors(self, plan: Plan) -> None:
        for place, door in self._doors.items():
            if door.is_open and door.waiting:
                plan.send[place] = [each for each in door.waiting if each.id in self._calls]
                door.waiting = []

    def _assign(self, lane: _Lane, plan: Plan, now: float) -> None:
        while lane.calls and lane.calls[0].id not in self._calls:
            lane.calls.popleft()
        if not lane.calls:
            return
        able = [
            each for each in self._nodes.values() if self._problem(each, lane.demand, now) is None
        ]
        if not able:
            self._keep_waiting(lane, plan, now)
            return
        lane.stuck_since = None
        while lane.calls:
            call = lane.calls[0]
            if call.id in self._calls:
                node = self._best_for(call, able)
                if node is None:
                    return
                self._give(call, node, plan)
            lane.calls.popleft()

    def _keep_waiting(self, lane: _Lane, plan: Plan, now: float) -> None:
        if lane.stuck_since is None:
            lane.stuck_since = now
        until = lane.stuck_since + PATIENCE
        if now < until:
            plan.look_again_at = min(plan.look_again_at, until)
            return
        why = self._why_nowhere(lane.demand, now)
        for call in lane.calls:
            if self._forget(call.id) is not None:
                plan.unplaceable.append((call, why))
        lane.calls.clear()

    def _best_for(self, call: Pending, able: list[_Node]) -> _Node | None:
        preferred = [each for each in able if each.facts.address not in call.avoided] or able
        free = [each for each in preferred if self._has_room(each, call)]
        return min(free, key=lambda each: each.load, default=None)

    def _has_room(self, node: _Node, call: Pending) -> bool:
        if not node.running:
            return True
        if node.bytes + call.size > MOST_BYTES:
            return False
        ahead = self._ahead(node, call)
        enough = ahead // 2 if node.is_fed else ahead
        node.is_fed = len(node.running) >= node.facts.slots + enough
        return not node.is_fed

    def _ahead(self, node: _Node, call: Pending) -> int:
        asked_for = node.facts.slots * (call.together - 1)
        seconds = self._seconds.get(call.function)
        if seconds is None or seconds > WORK_AHEAD:
            return asked_for
        return max(asked_for, self._short_ahead(node, seconds))

    @staticmethod
    def _short_ahead(node: _Node, seconds: float) -> int:
        return min(MOST_AHEAD, math.ceil(node.facts.slots * WORK_AHEAD / max(seconds, 1e-6)))

    def _give(self, call: Pending, node: _Node, plan: Plan) -> None:
        call.node = node.facts.address
        node.running[call.id] = call
        node.bytes += call.size
        place = Place(call.node, call.demand.grants)
        door = self._doors.get(place)
        if door is None:
            door = self._doors[place] = _Door()
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
            self._lose(node, list(node.running.values()), now, unsent)

    def _shut(self, place: Place) -> set[int]:
        """Forget a door; the calls that were still to be sent through it."""
        door = self._doors.pop(place, None)
        return set() if door is None else {each.id for each in door.waiting}

    def _lose(
        self, node: _Node, gone: list[Pending], now: float, unsent: Collection[int] = ()
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
                self._lost.append((call, node.facts.address))
            else:
                self._pause(call, now)
        self._wait_again(reversed(again))

    def _pause(self, call: Pending, now: float) -> None:
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (call.losses - 1))
        until = now + seconds * self._random.uniform(0.5, 1.0)
        heapq.heappush(self._paused, (until, next(self._order), call))

    def _wait_again(self, calls: Iterable[Pending]) -> None:
        for call in calls:
            self._leave_node(call)
            if call.id in self._calls:
                self._lane_of(call).appendleft(call)

    def _leave_node(self, call: Pending, node: _Node | None = None) -> None:
        node = node or self._nodes.get(call.node or "")
        if node is not None and node.running.pop(call.id, None) is not None:
            node.bytes -= call.size
        call.node = None

    def _forget(self, call_id: int) -> Pending | None:
        call = self._calls.pop(call_id, None)
        node = self._nodes.get(call.node or "") if call is not None else None
        if call is not None and node is not None and node.running.pop(call.id, None) is not None:
            node.bytes -= call.size
        return call

    # --- who can ----------------------------------------------------------------------------------

    def _lane_of(self, call: Pending) -> deque[Pending]:
        key = (call.function, call.demand)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(call.function, call.demand)
        return lane.calls

    def _problem(self, node: _Node, demand: Demand, now: float) -> str | None:
        if node.missing_since is not None:
            return "it went away a moment ago"
        why, until = node.refusals.get(demand.grants, ("", now))
        return why if until > now else demand.problem_with(node.facts)

    def _why_nowhere(self, demand: Demand, now: float) -> str:
        nodes = [each for each in self._nodes.values() if demand.names(each.facts)]
        problems = {each.facts.name: self._problem(each, demand, now) for each in nodes}
        told = "; ".join(f"{name}: {why}" for name, why in sorted(problems.items()))
        called = f" called {' or '.join(demand.nodes)}" if demand.nodes else ""
        return told or f"no node{called} that takes calls is online and allows this client"
