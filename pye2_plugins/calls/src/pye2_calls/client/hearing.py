"""Takes in what nodes say of calls, and gives callers what came of them.

You are behind the dispatcher, which sends. What arrives is taken in on the threads of the doors: it
never waits, and whatever goes wrong with one record costs its call alone.
"""

from __future__ import annotations

import logging
import math
import random
import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.client.scheduler import Scheduler
from pye2_calls.client.streams import RemoteStream
from pye2_calls.messages import (
    Began,
    Cancelled,
    CodeWanted,
    Died,
    End,
    Holds,
    Item,
    MessageNotReadable,
    Output,
    Raised,
    Refused,
    TimedOut,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_calls.client.asked import Asked
    from pye2_calls.client.doors import Door
    from pye2_calls.client.plans import Pending, Place
    from pye2_calls.messages import Record
    from pye2core import Session

_log = logging.getLogger("pye2_calls")

_FOR_NOW: Final = frozenset({"full", "sandbox"})
"""Why a node does not take a call that another may take, or the same one later."""

_ENDINGS: Final[dict[type, Callable[[Asked, Any, str], BaseException | None]]] = {
    End: lambda _asked, _said, _node: None,
    Raised: lambda asked, said, node: asked.error_of(said, node),
    TimedOut: lambda asked, said, node: asked.timed_out(said, node),
}
"""What ends a call, and the error that it ends with."""


class Hearing(ABC):
    """What is known of a session's calls, and how that changes with what nodes say.

    Args:
        session: whose calls these are.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._clock = session.clock
        self._scheduler = Scheduler(random.Random())  # noqa: S311 - spreads attempts, no secret
        self._doors: dict[Place, Door] = {}
        self._changed = threading.Condition()
        self._nodes_changed = True
        self._has_news = True
        self._settling = session.new_callback_thread("calls")
        # Apart from that one, whose callbacks may wait for calls that end behind their output.
        self._printing = session.new_callback_thread("calls' output")
        self._on: dict[type, Callable[[Door, Any], None]] = {
            Began: self._on_began,
            Cancelled: self._on_cancelled,
            CodeWanted: self._on_code_wanted,
            Died: self._on_death,
            Holds: self._on_holds,
            Item: self._on_item,
            Output: self._on_output,
            Refused: self._on_refusal,
            Value: self._on_value,
        }

    @abstractmethod
    def cancel(self, call_id: int) -> None:
        """Give a call up; its caller knows already."""

    @abstractmethod
    def _send(self, place: Place, records: list[Any]) -> None:
        """Send records to a place, if it is still there."""

    def _note_heartbeat(self) -> None:
        with self._changed:
            self._nodes_changed = True
            self._wake()

    def _wake(self) -> None:
        self._has_news = True
        self._changed.notify_all()

    def _hear(self, door: Door, said: object) -> None:
        """Take in a message of a node's; on the thread of its door."""
        before = door.run
        try:
            message = door.read(said)
        except MessageNotReadable as error:
            _log.warning("what %s says about calls is not understood: %s", door.node, error)
            return
        with self._changed:
            if self._doors.get(door.place) is not door:
                return  # it was closed, and what it was given is asked of others by now
            door.heard_at = self._clock.monotonic()
            if before is not None and door.run != before:
                # It has begun anew and knows nothing of what it was given before.
                why = "it began anew, and knows nothing of what it had before"
                self._scheduler.closed(door.place, why, self._clock.monotonic())
            if door.run != before:
                self._scheduler.opened(door.place, door.largest or math.inf)
                self._wake()
        for record in message.records:
            self._take_in(door, record)

    def _take_in(self, door: Door, record: Record) -> None:
        self._on.get(type(record), self._on_end)(door, record)

    def _on_began(self, _door: Door, _said: Began) -> None:
        self._note_heartbeat()  # its door says by now how many slots it has

    def _on_value(self, door: Door, said: Value) -> None:
        call = self._ended(said.id, said.seconds, len(said.data))
        if call is None:
            return
        asked: Asked = call.subject
        asked.outcome.note_all_output(said.printed)
        try:
            value = asked.value_in(said.data, door.node)
        except Exception as error:  # noqa: BLE001 - whatever it is, its caller waits for it
            self._fail(asked, error)
        else:
            self._settle(asked, partial(asked.outcome.succeed, value, len(said.data)))

    def _on_end(self, door: Door, said: Any) -> None:
        """A call has ended without a value, or without a further item."""
        call = self._ended(said.id, getattr(said, "seconds", None))
        if call is None:
            return
        asked: Asked = call.subject
        asked.outcome.note_all_output(getattr(said, "printed", ""))
        try:
            error = _ENDINGS[type(said)](asked, said, door.node)
        except Exception as second:  # noqa: BLE001 - whatever it is, its caller waits for it
            error = second
        if error is None:
            self._settle(asked, partial(asked.outcome.succeed, None))
        else:
            self._fail(asked, error)

    def _on_refusal(self, door: Door, said: Refused) -> None:
        with self._changed:
            call = self._scheduler.get(said.id)
            is_stream = call is not None and isinstance(call.subject.outcome, RemoteStream)
            if call is not None and said.reason in _FOR_NOW and not is_stream:
                call = self._scheduler.turned_away(said.id, self._clock.monotonic())
            else:
                self._scheduler.ended(said.id, None)
            self._wake()
        if call is not None:
            self._fail(call.subject, call.subject.refused(said, door.node))

    def _on_cancelled(self, _: Door, said: Cancelled) -> None:
        """What was cancelled is forgotten by now; what was withdrawn is not."""
        with self._changed:
            call = self._scheduler.get(said.id)
            if call is None or not call.is_withdrawn:
                return
            self._scheduler.ended(said.id, None)
            self._wake()
        call.subject.outcome.cancel()

    def _on_death(self, door: Door, said: Died) -> None:
        with self._changed:
            call = self._scheduler.process_died(said.id, self._clock.monotonic())
            self._wake()
        if call is not None:
            asked: Asked = call.subject
            asked.outcome.note_all_output(said.printed)
            self._fail(asked, asked.died(said, door.node, call.losses))

    def _on_item(self, door: Door, said: Item) -> None:
        with self._changed:
            call = self._scheduler.get(said.id)
            if call is not None and self._scheduler.gave_item(call):
                self._wake()
        if call is None:
            return
        asked: Asked = call.subject
        stream = asked.outcome
        if not isinstance(stream, RemoteStream) or said.number < stream.came:
            return  # of the latter kind is what a broker delivers twice
        if said.number > stream.came:
            self._give_up(said.id, stream, asked.item_lost(door.node))
            return
        if not stream.count_item():
            self._give_up(said.id, stream, asked.too_many_items(door.node))
            return
        try:
            stream.add(asked.value_in(said.data, door.node))
        except Exception as error:  # noqa: BLE001 - whatever it is, its caller waits for it
            self._give_up(said.id, stream, error)

    def _give_up(self, call_id: int, stream: RemoteStream[Any], error: Exception) -> None:
        self.cancel(call_id)
        stream.fail(error)

    def _on_output(self, _: Door, said: Output) -> None:
        with self._changed:
            call = self._scheduler.get(said.id)
        if call is None:
            return
        asked: Asked = call.subject
        asked.outcome.note_output(said.text)
        if asked.on_output is not None:
            self._printing.put(partial(asked.on_output, said.text))

    def _on_code_wanted(self, door: Door, said: CodeWanted) -> None:
        door.forget_code(said.digest)
        # Those that it names may have been given up since, and others wait for the same function.
        with self._changed:
            asked = [each.subject for each in self._scheduler.given_to(door.place)]
        code = next((each.code for each in asked if each.shipped.digest == said.digest), None)
        if code is not None:
            self._send(door.place, [code])

    def _on_holds(self, door: Door, said: Holds) -> None:
        """What it was given, has not answered and does not hold is lost."""
        held = frozenset(said.waiting) | frozenset(said.running)
        with self._changed:
            for call_id in door.asked_about - held:
                self._scheduler.missing(call_id, door.place, self._clock.monotonic())
            self._wake()

    # --- ends -------------------------------------------------------------------------------------

    def _fail(self, asked: Asked, error: BaseException) -> None:
        self._settle(asked, partial(asked.outcome.fail, error))

    def _settle(self, asked: Asked, end: Callable[[], None]) -> None:
        """End a call for its caller, who has been told by then all that it printed."""
        if asked.on_output is None:
            end()
        else:
            # Unlike what is called, this is also done where a session that closes drops the rest.
            self._printing.put(_nothing_further, taken=end)

    def _ended(self, call_id: int, seconds: float | None, size: int = 0) -> Pending | None:
        with self._changed:
            call = self._scheduler.ended(call_id, seconds, size)
            self._wake()
        return call


def _nothing_further() -> None:
    """What is left to call when a call was ended in its turn."""
