"""Carries out what the scheduler decides: opens doors, sends calls, closes what is of no use.

One thread of its own sends; what nodes say is taken in by ``hearing``, on the threads of their
doors. The lock is never held while anything is sent, opened or called back.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.client.absence import why_gone, why_none
from pye2_calls.client.demands import Demand, facts_of
from pye2_calls.client.doors import MOST_TOGETHER, CallsInstance, Door
from pye2_calls.client.hearing import Hearing
from pye2_calls.client.plans import Place, Plan
from pye2_calls.errors import CallRefused
from pye2_calls.messages import (
    Cancel,
    Pull,
    Withdraw,
)
from pye2core.errors import DeployFailed, Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2_calls.client.asked import Asked
    from pye2_calls.client.demands import NodeFacts
    from pye2_calls.client.plans import Pending
    from pye2core import Session
    from pye2core.messages import Heartbeat

_log = logging.getLogger("pye2_calls")

_ALIVE_EVERY: Final = 30.0
"""Seconds between two signs of life to a node that has calls."""

_SILENT_FOR: Final = 75.0
"""Seconds without a word from a node that was asked, after which its calls count as lost."""

_LATE: Final = 10.0
"""Seconds after this session in which nodes are back at a broker that was away."""

_ENDING_SECONDS: Final = 2.0
"""How long what is called back may take when the session is closed."""


class Dispatcher(Hearing):
    """Sends a session's calls to nodes and settles their outcomes.

    Args:
        session: whose calls these are.
        together: how many calls one message may carry; 1 to send each by itself.
    """

    def __init__(self, session: Session, *, together: int = MOST_TOGETHER) -> None:
        super().__init__(session)
        self._together = together
        self._process = os.getpid()
        self._stops: list[tuple[Place, Cancel | Withdraw]] = []
        self._pulls: list[tuple[Place, Pull]] = []
        self._abandoned: SimpleQueue[int] = SimpleQueue()
        self._closing = False
        self._is_deaf = False
        self._thread = threading.Thread(target=self._run, name="pye2-calls", daemon=True)
        session.peers.watch(self._note_heartbeat)
        self._thread.start()

    # --- what callers ask -------------------------------------------------------------------------

    def add(self, call: Pending) -> None:
        """Have a call run.

        Raises:
            CallRefused: the session is closed, or another process's.
        """
        if os.getpid() != self._process:  # its threads have stayed there, and its lock may be held
            message = "the session is that of the process that forked this one: make a new one here"
            raise CallRefused(message, reason="closed")
        with self._changed:
            if self._closing:
                message = "the session is closed: make a new one"
                raise CallRefused(message, reason="closed")
            self._scheduler.add(call)
            self._wake()

    def cancel(self, call_id: int) -> None:
        """Give a call up; its caller knows already."""
        with self._changed:
            place = self._scheduler.cancel(call_id)
            if place is not None:
                self._stops.append((place, Cancel(call_id)))
            self._wake()

    def abandon(self, call_id: int) -> None:
        """Give up a generator's call that its caller has let go of.

        The interpreter may ask for that at any moment, also while this thread has the lock and
        changes what it guards: so it is only noted.
        """
        self._abandoned.put(call_id)
        if self._changed.acquire(blocking=False):
            self._wake()
            self._changed.release()

    def withdraw(self, call_id: int) -> bool:
        """Give a call up unless it has begun; whether it is certain that it has not."""
        with self._changed:
            place = self._scheduler.withdraw(call_id)
            if place is not None:
                self._stops.append((place, Withdraw(call_id)))
                self._wake()
        return place is None

    def call_back(self, call: Callable[[], object]) -> None:
        """Run what is the user's, on a thread on which no results come."""
        self._settling.put(call)

    def look_again(self) -> None:
        """See whether calls of a map that were held back may go on."""
        with self._changed:
            self._wake()

    def pull(self, call: Pending, count: int) -> None:
        """Let a generator yield so many items more."""
        with self._changed:
            if call.node is not None:
                place = Place(call.node, call.demand.grants)
                self._pulls.append((place, Pull(call.id, count)))
                self._wake()

    def nodes(self) -> list[NodeFacts]:
        """The nodes that take calls of this session, the least busy first."""
        facts = [facts_of(each) for each in self._session.peers.able(self._signature).values()]
        return sorted(facts, key=lambda each: (each.busy / each.slots, each.name))

    def close(self) -> None:
        """Take no more calls and end what runs; whoever waits for a call is told so."""
        with self._changed:
            self._closing = True
            self._wake()
        self._thread.join()
        with self._changed:
            left = self._scheduler.give_up_all()
            doors, self._doors = list(self._doors.values()), {}
        for door in doors:
            _close(door)
        for call in left:
            call.subject.outcome.fail(call.subject.closed())
        for thread in (self._printing, self._settling):  # the former's calls end on the latter
            thread.finish()
            thread.join(_ENDING_SECONDS)

    # --- the sending thread -----------------------------------------------------------------------

    @property
    def _signature(self) -> str:
        return CallsInstance.SIGNATURE

    def _run(self) -> None:
        look_again_at = 0.0
        while True:
            with self._changed:
                seconds = max(0.0, min(look_again_at - self._clock.monotonic(), _ALIVE_EVERY))
                self._changed.wait_for(lambda: self._has_news, seconds)
                self._has_news = False
                if self._closing:
                    return
            try:
                look_again_at = self._take_a_turn()
            except Exception:  # noqa: BLE001 - a defect of ours must not end all calls of a session
                _log.exception("the calls of a session could not be dispatched")
                look_again_at = self._clock.monotonic() + 1.0

    def _take_a_turn(self) -> float:
        now = self._clock.monotonic()
        while not self._abandoned.empty():
            self.cancel(self._abandoned.get())
        was_deaf, self._is_deaf = self._is_deaf, not self._session.connected
        able = self._heartbeats_if_changed()
        with self._changed:
            if able is not None:
                self._scheduler.nodes_are(self._facts_of(able), now)
            if self._is_deaf or was_deaf:
                self._scheduler.nobody_is_heard(now if self._is_deaf else now + _LATE)
            plan = self._scheduler.plan(now)
            stops, self._stops = self._stops, []
            pulls, self._pulls = self._pulls, []
        self._stop(stops)
        self._carry_out(plan)
        for place, pull in pulls:
            self._send(place, [pull])
        if not self._is_deaf:
            self._watch_over(now, was_deaf=was_deaf)
        return plan.look_again_at

    def _heartbeats_if_changed(self) -> Mapping[str, Heartbeat] | None:
        with self._changed:
            if not self._nodes_changed:
                return None
            self._nodes_changed = False
        return self._session.peers.able(self._signature)

    def _facts_of(self, able: Mapping[str, Heartbeat]) -> list[NodeFacts]:
        said = {
            place.address: (door.slots, door.largest)
            for place, door in self._doors.items()
            if door.run is not None
        }
        return [facts_of(each, *said.get(address, ())) for address, each in able.items()]

    def _stop(self, stops: list[tuple[Place, Cancel | Withdraw]]) -> None:
        records: dict[Place, list[Cancel | Withdraw]] = {}
        for place, record in stops:
            records.setdefault(place, []).append(record)
        for place, together in records.items():
            self._send(place, together)

    def _carry_out(self, plan: Plan) -> None:
        for call, problems in plan.unplaceable:
            why = problems or why_none(self._session, self._signature, call.demand.nodes)
            self._fail(call.subject, call.subject.unplaceable(why))
        for call, largest in plan.too_large:
            self._fail(call.subject, call.subject.too_large(largest))
        for lost in plan.lost:
            asked, address = lost.call.subject, lost.address
            node = asked.outcome.node or self._session.peers.name_of(address) or address
            why = lost.why or why_gone(self._session, self._signature, address)
            given = lost.call.has_given
            self._fail(asked, asked.lost(node, why, lost.call.losses, has_given=given))
        for call in plan.dropped:
            call.subject.outcome.cancel()
        for call in plan.back:
            call.subject.outcome.node = None
        for place in plan.close:
            self._shut(place)
        for place in plan.open:
            opening = partial(self._open, place)
            threading.Thread(target=opening, name="pye2-calls-open", daemon=True).start()
        for place, calls in plan.send.items():
            self._send_calls(place, calls)

    def _send_calls(self, place: Place, calls: list[Pending]) -> None:
        door = self._doors.get(place)
        if door is None:  # it was closed meanwhile, and its calls wait again
            return
        asked: list[Asked] = [each.subject for each in calls]
        for each in asked:
            each.outcome.node = door.node
        self._try(door, lambda: door.send_calls(asked, together=self._together))

    def _send(self, place: Place, records: list[Any]) -> None:
        door = self._doors.get(place)
        if door is not None:
            self._try(door, lambda: door.send(records, together=self._together))

    def _try(self, door: Door, send: Callable[[], None]) -> None:
        try:
            send()
        except Pye2Error as error:
            _log.warning("calls cannot be sent to %s: %s", door.node, error)
            self._end(door, f"calls could not be sent there: {error}")
        except Exception as error:  # noqa: BLE001 - a defect of ours costs what is at one door, not all else
            _log.exception("calls cannot be sent to %s", door.node)
            self._end(door, f"calls could not be sent there: {error!r}")

    # --- doors ------------------------------------------------------------------------------------

    def _open(self, place: Place) -> None:
        """Open a door; on a thread of its own, as it waits for the node."""
        door = Door(self._session, place, Demand(grants=place.grants).settings)
        with self._changed:
            if self._closing:
                return
            self._doors[place] = door
        try:
            door.open(partial(self._hear, door), partial(self._end_as_said, door))
        except Pye2Error as error:
            self._end(door, _said_by_node(error) or str(error))
        except Exception as error:  # noqa: BLE001 - a defect of ours must not keep calls waiting
            _log.exception("no calls can be sent to %s", door.node)
            self._end(door, repr(error))
        else:
            door.heard_at = self._clock.monotonic()

    def _end_as_said(self, door: Door, said: str) -> None:
        """A door leads nowhere any more, as its node says."""
        self._end(door, f"it says: {said}")

    def _end(self, door: Door, why: str) -> None:
        """A door leads nowhere any more: what was given to it is lost.

        Where it has not led anywhere yet, its node is not asked again at once.

        Args:
            door: which one.
            why: what happened; "it" is the node.
        """
        with self._changed:
            is_known = self._doors.get(door.place) is door
            if is_known:
                del self._doors[door.place]
                if door.run is None:
                    self._scheduler.refused(door.place, why, self._clock.monotonic())
                else:
                    self._scheduler.closed(door.place, why, self._clock.monotonic())
                self._wake()
        _close(door)  # which may come up late, too

    def _shut(self, place: Place) -> None:
        """Close a door of which the scheduler knows no more."""
        with self._changed:
            door = self._doors.pop(place, None)
        if door is not None:
            _close(door)

    def _watch_over(self, now: float, *, was_deaf: bool) -> None:
        """Say that we are there; note who does not answer."""
        for door in list(self._doors.values()):
            if door.heard_at is None:
                continue
            if was_deaf:  # what was on its way may be lost: it is asked at once
                door.heard_at, door.asked_at = now, None
            is_asked = door.asked_at is not None or door.run is None
            if is_asked and now - door.heard_at >= _SILENT_FOR:
                _log.warning("%s does not answer about its calls any more", door.node)
                self._end(door, f"it said nothing for {_SILENT_FOR:.0f} s")
            elif door.run is not None and now - (door.asked_at or -math.inf) >= _ALIVE_EVERY:
                with self._changed:
                    door.asked_at = now
                    door.asked_about = self._scheduler.held_at(door.place)
                self._try(door, door.keep_alive)


def _said_by_node(error: Pye2Error) -> str:
    """What a node said that did not take calls; empty where it said nothing."""
    return error.reason if isinstance(error, DeployFailed) else ""


def _close(door: Door) -> None:
    try:
        door.close()
    except Pye2Error as error:
        _log.info("the calls on %s are not ended: %s", door.node, error)
