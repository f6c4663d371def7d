"""Carries out what the scheduler decides: opens doors, sends calls, hands on what comes back.

One thread of its own sends; what nodes say is taken in on the threads of their doors. The lock is
never held while anything is sent, opened or called back.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.doors import MOST_TOGETHER, CallsInstance, Door
from pye2_calls.client.scheduler import Place, Plan, Scheduler
from pye2_calls.client.streams import RemoteStream
from pye2_calls.errors import CallRefused
from pye2_calls.messages import (
    Began,
    Cancel,
    Cancelled,
    CodeWanted,
    Died,
    End,
    Holds,
    Item,
    MessageNotReadable,
    Output,
    Pull,
    Raised,
    Refused,
    TimedOut,
    Value,
)
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_calls.client.asked import Asked
    from pye2_calls.client.scheduler import Pending
    from pye2_calls.messages import Record
    from pye2core import Session
    from pye2core.messages import Heartbeat

_log = logging.getLogger("pye2_calls")

_BYTES_OF_A_GB: Final = 1e9
_ALIVE_EVERY: Final = 30.0
"""Seconds between two signs of life to a node that has calls."""

_SILENT_FOR: Final = 75.0
"""Seconds without a word from a node that was asked, after which its calls count as lost."""

SLOTS: Final = "PYE2_SLOTS"
LABELS: Final = "PYE2_LABELS"
"""What nodes tell in heartbeats (PyE2 wire protocol, section 21)."""

_ENDINGS: Final[dict[type, Callable[[Asked, Any, str], BaseException | None]]] = {
    End: lambda _asked, _said, _node: None,
    Raised: lambda asked, said, node: asked.error_of(said, node),
    Refused: lambda asked, said, node: asked.refused(said, node),
    TimedOut: lambda asked, said, node: asked.timed_out(said, node),
}
"""What ends a call, and the error that it ends with."""


class Dispatcher:
    """Sends a session's calls to nodes and settles their outcomes.

    Args:
        session: whose calls these are.
        together: how many calls one message may carry; 1 to send each by itself.
    """

    def __init__(self, session: Session, *, together: int = MOST_TOGETHER) -> None:
        self._session = session
        self._together = together
        self._clock = session.clock
        self._scheduler = Scheduler(random.Random())  # noqa: S311 - spreads attempts, no secret
        self._doors: dict[Place, Door] = {}
        self._changed = threading.Condition()
        self._cancels: list[tuple[Place, int]] = []
        self._pulls: list[tuple[Place, Pull]] = []
        self._heard: dict[Place, float] = {}
        self._asked: dict[Place, tuple[float, frozenset[int]]] = {}
        self._nodes_changed = True
        self._has_news = True
        self._closing = False
        self._on: dict[type, Callable[[Door, Any], None]] = {
            Began: self._on_began,
            Cancelled: lambda _door, _said: None,  # its caller has not waited for that
            CodeWanted: self._on_code_wanted,
            Died: self._on_death,
            Holds: self._on_holds,
            Item: self._on_item,
            Output: self._on_output,
            Value: self._on_value,
        }
        self._settling = session.new_callback_thread("calls that ended")
        self._thread = threading.Thread(target=self._run, name="pye2-calls", daemon=True)
        session.peers.watch(self._note_heartbeat)
        self._thread.start()

    # --- what callers ask -------------------------------------------------------------------------

    def add(self, call: Pending) -> None:
        """Have a call run.

        Raises:
            CallRefused: the session is closed.
        """
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
                self._cancels.append((place, call_id))
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
        facts = [_facts_of(each) for each in self._session.peers.able(self._signature).values()]
        return sorted(facts, key=lambda each: (each.busy / each.slots, each.name))

    def close(self) -> list[Pending]:
        """Take no more calls and end what runs; the calls that had not ended."""
        with self._changed:
            self._closing = True
            self._wake()
        self._thread.join()
        left = self._scheduler.give_up_all()
        for door in self._doors.values():
            _close(door)
        self._settling.finish()
        return left

    # --- the sending thread -----------------------------------------------------------------------

    @property
    def _signature(self) -> str:
        return CallsInstance.SIGNATURE

    def _note_heartbeat(self) -> None:
        with self._changed:
            self._nodes_changed = True
            self._wake()

    def _wake(self) -> None:
        self._has_news = True
        self._changed.notify_all()

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
        nodes = self._changed_nodes()
        with self._changed:
            if nodes is not None:
                self._scheduler.nodes_are(nodes, now)
            plan = self._scheduler.plan(now)
            cancels, self._cancels = self._cancels, []
            pulls, self._pulls = self._pulls, []
        self._stop(cancels)
        self._carry_out(plan)
        for place, pull in pulls:
            self._send(place, [pull])
        self._watch_over(now)
        return plan.look_again_at

    def _changed_nodes(self) -> list[NodeFacts] | None:
        with self._changed:
            if not self._nodes_changed:
                return None
            self._nodes_changed = False
            slots = {place.address: door.slots for place, door in self._doors.items() if door.slots}
        able = self._session.peers.able(self._signature)
        return [_facts_of(each, slots.get(address)) for address, each in able.items()]

    def _stop(self, cancels: list[tuple[Place, int]]) -> None:
        records: dict[Place, list[Cancel]] = {}
        for place, call_id in cancels:
            records.setdefault(place, []).append(Cancel(call_id))
        for place, together in records.items():
            self._send(place, together)

    def _carry_out(self, plan: Plan) -> None:
        for call, why in plan.unplaceable:
            self._settle(call, call.subject.unplaceable(why))
        for call, address in plan.lost:
            node = self._session.peers.name_of(address) or address
            self._settle(call, call.subject.lost(node, call.losses))
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
        self._try(place, lambda: door.send_calls(asked, together=self._together))

    def _send(self, place: Place, records: list[Any]) -> None:
        door = self._doors.get(place)
        if door is not None:
            self._try(place, lambda: door.send(records, together=self._together))

    def _try(self, place: Place, send: Callable[[], None]) -> None:
        try:
            send()
        except Pye2Error as error:
            _log.warning("calls cannot be sent to %s: %s", place.address, error)
            self._end(place)

    # --- doors ------------------------------------------------------------------------------------

    def _open(self, place: Place) -> None:
        """Open a door; on a thread of its own, as it waits for the node."""
        door = Door(self._session, place, Demand(grants=place.grants).settings)
        with self._changed:
            self._doors[place] = door
        try:
            door.open(partial(self._hear, door), partial(self._end, place))
        except Pye2Error as error:
            with self._changed:
                self._doors.pop(place, None)
                self._scheduler.refused(place, str(error), self._clock.monotonic())
                self._wake()

    def _end(self, place: Place) -> None:
        """A door leads nowhere any more: what was given to it is lost."""
        with self._changed:
            door = self._doors.pop(place, None)
            self._asked.pop(place, None)
            self._scheduler.closed(place, self._clock.monotonic())
            self._wake()
        if door is not None:
            _close(door)

    def _watch_over(self, now: float) -> None:
        """Say that we are there; note who does not answer."""
        for place, door in list(self._doors.items()):
            if door.run is None:
                continue
            asked = self._asked.get(place)
            silent = now - self._heard.get(place, now)
            if asked is not None and silent >= _SILENT_FOR:
                _log.warning("%s does not answer about its calls any more", door.node)
                self._end(place)
            elif asked is None or now - asked[0] >= _ALIVE_EVERY:
                with self._changed:
                    self._asked[place] = (now, self._scheduler.held_at(place))
                self._try(place, door.keep_alive)

    # --- hearing ----------------------------------------------------------------------------------

    def _hear(self, door: Door, said: object) -> None:
        """Take in a message of a node's; on the thread of its door."""
        before = door.run
        try:
            message = door.read(said)
        except MessageNotReadable as error:
            _log.warning("what %s says about calls is not understood: %s", door.node, error)
            return
        with self._changed:
            self._heard[door.place] = self._clock.monotonic()
            if before is not None and door.run != before:
                # It has begun anew and knows nothing of what it was given before.
                self._scheduler.closed(door.place, self._clock.monotonic())
                self._asked.pop(door.place, None)
            if door.run != before:
                self._scheduler.opened(door.place)
                self._wake()
        for record in message.records:
            self._take_in(door, record)

    def _take_in(self, door: Door, record: Record) -> None:
        if type(record) in _ENDINGS:
            self._on_end(door, record)
        else:
            self._on[type(record)](door, record)

    def _on_began(self, door: Door, said: Began) -> None:
        door.slots = said.slots
        self._note_heartbeat()

    def _on_value(self, door: Door, said: Value) -> None:
        call = self._ended(said.id, said.seconds)
        if call is None:
            return
        asked: Asked = call.subject
        asked.outcome.note_all_output(said.printed)
        try:
            value = asked.value_in(said.data, door.node)
        except Pye2Error as error:
            self._settle(call, error)
        else:
            self._finish(call, lambda: asked.outcome.succeed(value))

    def _on_end(self, door: Door, said: Any) -> None:
        """A call has ended without a value, or without a further item."""
        call = self._ended(said.id, getattr(said, "seconds", None))
        if call is not None:
            asked: Asked = call.subject
            asked.outcome.note_all_output(getattr(said, "printed", ""))
            self._settle(call, _ENDINGS[type(said)](asked, said, door.node))

    def _on_death(self, door: Door, said: Died) -> None:
        with self._changed:
            call = self._scheduler.process_died(said.id, self._clock.monotonic())
            self._wake()
        if call is not None:
            call.subject.outcome.note_all_output(said.printed)
            self._settle(call, call.subject.died(said, door.node, call.losses))

    def _on_item(self, door: Door, said: Item) -> None:
        with self._changed:
            call = self._scheduler.get(said.id)
        if call is None:
            return
        call.retries = 0  # it cannot begin anew: somebody may have seen its first items
        asked: Asked = call.subject
        if not isinstance(asked.outcome, RemoteStream):
            return
        try:
            asked.outcome.add(asked.value_in(said.data, door.node))
        except Pye2Error as error:
            self.cancel(said.id)
            asked.outcome.fail(error)

    def _on_output(self, _: Door, said: Output) -> None:
        with self._changed:
            call = self._scheduler.get(said.id)
        if call is None:
            return
        asked: Asked = call.subject
        asked.outcome.note_output(said.text)
        if asked.on_output is not None:
            self._settling.put(partial(asked.on_output, said.text))

    def _on_code_wanted(self, door: Door, said: CodeWanted) -> None:
        door.forget_code(said.digest)
        with self._changed:
            calls = [self._scheduler.get(each) for each in said.ids]
        code = next((each.subject.code for each in calls if each is not None), None)
        if code is not None:
            self._send(door.place, [code])

    def _on_holds(self, door: Door, said: Holds) -> None:
        """What it was given, has not answered and does not hold is lost."""
        held = frozenset(said.waiting) | frozenset(said.running)
        with self._changed:
            _, asked = self._asked.get(door.place, (0.0, frozenset()))
            for call_id in asked - held:
                self._scheduler.missing(call_id, door.place, self._clock.monotonic())
            self._wake()

    # --- ends -------------------------------------------------------------------------------------

    def _ended(self, call_id: int, seconds: float | None) -> Pending | None:
        with self._changed:
            call = self._scheduler.ended(call_id, seconds)
            self._wake()
        return call

    def _settle(self, call: Pending, error: BaseException | None) -> None:
        outcome = call.subject.outcome
        self._finish(call, outcome.succeed if error is None else lambda: outcome.fail(error))

    def _finish(self, call: Pending, settle: Callable[[], object]) -> None:
        """Settle an outcome; where that calls back, on a thread that results do not come on."""
        if call.subject.outcome.has_callbacks:
            self._settling.put(settle)
        else:
            settle()


def _close(door: Door) -> None:
    try:
        door.close()
    except Pye2Error as error:
        _log.info("the calls on %s are not ended: %s", door.node, error)


def _facts_of(heartbeat: Heartbeat, slots: int | None = None) -> NodeFacts:
    told = heartbeat.status.get(SLOTS)
    told = told if isinstance(told, Mapping) else {}
    labels = heartbeat.status.get(LABELS)
    memory = heartbeat.free_memory
    return NodeFacts(
        heartbeat.address,
        heartbeat.name,
        slots=slots or _whole(told.get("total"), 1),
        busy=_whole(told.get("busy"), 0),
        labels={str(key): str(value) for key, value in labels.items()}
        if isinstance(labels, Mapping)
        else {},
        free_memory=None if memory is None else memory * _BYTES_OF_A_GB,
    )


def _whole(value: object, least: int) -> int:
    return value if type(value) is int and least <= value else least
