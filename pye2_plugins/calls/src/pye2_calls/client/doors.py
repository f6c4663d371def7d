"""The door to one node: the pipeline through which calls go there, and what came back of it.

It knows which code the node has and how messages are cut; which call goes through which door is the
scheduler's business.
"""

from __future__ import annotations

import itertools
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.client.options import LONGEST_CALL
from pye2_calls.errors import CallRefused
from pye2_calls.messages import (
    FIELD,
    FROM_NODE,
    Assembly,
    Began,
    KeepAlive,
    Message,
    Part,
    cut,
    from_field,
    pack,
    unpack,
)
from pye2core import CallingInstance, Calls
from pye2core.messages import (
    CLOSES_PIPELINE,
    GRANTS,
    INSTANCE_COMMAND,
    LIFE,
    UNCONFIRMED,
    Action,
    InstanceUpdate,
    NotificationCode,
    NotificationKind,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pye2_calls.client.asked import Asked
    from pye2_calls.client.plans import Place
    from pye2_calls.messages import Record
    from pye2core import Pipeline, Session
    from pye2core.messages import Notification, PayloadMessage

MOST_TOGETHER: Final = 512
"""Records of one message."""

BYTES_TOGETHER: Final = 512 * 1024
"""Bytes of records after which a message is closed; a larger one goes alone."""

LARGEST_MESSAGE: Final = 15 * 1024 * 1024
"""Bytes that one command may hold; a larger one is sent in parts."""

LARGEST_RESULT: Final = 1024 * 1024 * 1024
"""Bytes of all results of one node of which parts have come."""

MOST_KNOWN: Final = 10_000
"""Functions that a door remembers to have sent. A node that has one already takes it once more."""

OPENING_SECONDS: Final = 30.0
"""How long a node may take to confirm that it takes calls."""

_REFUSALS: Final = frozenset(
    {
        NotificationCode.PIPELINE_FAILED,
        NotificationCode.PLUGIN_CONFIG_FAILED,
        NotificationCode.PLUGIN_INSTANCE_COMMAND_FAILED,
    }
)
"""What a node says that does not run the instance any more, or cannot take what it is sent."""


class CallsInstance(CallingInstance):
    """The client's side of FUNCTION_CALLS: hands on what its node says.

    Attributes:
        on_message: called with what each payload says, on this instance's thread.
        on_refusal: called when the node says that it does not take what it is sent, or runs this
            instance no longer; with what it says.
    """

    SIGNATURE = "FUNCTION_CALLS"

    def __init__(self, pipeline: Pipeline, signature: str, instance_id: str) -> None:
        super().__init__(pipeline, signature, instance_id)
        self.on_message: Callable[[object], object] | None = None
        self.on_refusal: Callable[[str], object] | None = None

    @classmethod
    def calls_of(cls, session: Session) -> Calls:
        """The calls of a session."""
        from pye2_calls.client.calls import SessionCalls

        return SessionCalls(session)

    @property
    def is_listened_to(self) -> bool:
        """Calls are always waited for."""
        return True

    def calls_for_payload(self, message: PayloadMessage) -> Iterator[Any]:
        """As every instance's; also takes what is said about calls."""
        if FIELD in message.fields and self.on_message is not None:
            yield self.callback_thread, partial(self.on_message, message.fields[FIELD])
        yield from super().calls_for_payload(message)

    def calls_for_notification(self, message: Notification) -> Iterator[Any]:
        """As every instance's; also hears that there is no such instance any more.

        What an instance says of itself has no code: that it ended, as something was taken away.
        """
        has_failed = message.kind is NotificationKind.EXCEPTION and message.code is None
        if (has_failed or message.code in _REFUSALS) and self.on_refusal is not None:
            yield self.callback_thread, partial(self.on_refusal, _reason_in(message))
        yield from super().calls_for_notification(message)


def _reason_in(message: Notification) -> str:
    """What a node says of a failure, as a sentence: it may say it in full, or add a traceback."""
    info = message.info or ""
    return info if info and "\n" not in info else message.text


class Door:
    """A way to have one node run calls.

    Attributes:
        place: the node and what calls are granted there.
        node: the node's name.
        run: which life of the node's side was heard last; None before the first.
        slots: how many calls the node runs at once; None before it has said so.
        largest: bytes that the arguments of a call may have there; None before it has said so.
        heard_at: when the node last said something, or confirmed that it takes calls.
        asked_at: when it was last asked what it holds; None before.
        asked_about: the calls that it had been given then.
    """

    def __init__(self, session: Session, place: Place, settings: dict[str, Any]) -> None:
        self.place = place
        self.node = session.peers.name_of(place.address) or place.address
        self.run: str | None = None
        self.slots: int | None = None
        self.largest: int | None = None
        self.heard_at: float | None = None
        self.asked_at: float | None = None
        self.asked_about: frozenset[int] = frozenset()
        self._is_closed = False
        self._is_deployed = False
        self._refusal: str | None = None
        self._session = session
        self._settings = settings
        self._instance: CallsInstance | None = None
        self._known: set[str] = set()
        self._parts = Assembly(LARGEST_RESULT)
        self._numbers = itertools.count(1)

    # --- its life ---------------------------------------------------------------------------------

    def open(
        self, on_message: Callable[[object], object], on_refusal: Callable[[str], object]
    ) -> None:
        """Have the node take calls; waits for its confirmation.

        Args:
            on_message: called with what each of the node's payloads says.
            on_refusal: called when it says that it does not take calls (any more); with what it
                says.

        Raises:
            Pye2Error: the node does not take them; says why.
        """
        name = f"calls_{os.urandom(6).hex()}"
        pipeline = self._session.create_pipeline(node=self.place.address, name=name)
        settings: dict[str, Any] = {CLOSES_PIPELINE: True, "EXEC_TIMEOUT": LONGEST_CALL}
        if self._settings:
            settings[GRANTS] = self._settings
        instance = pipeline.create_plugin_instance(
            signature=CallsInstance, instance_id="calls", config=settings
        )
        assert isinstance(instance, CallsInstance)
        instance.on_message = on_message
        instance.on_refusal = partial(self._note_refusal, on_refusal)
        self._instance = instance
        if self._is_closed:
            self.close()
            message = "its session was closed, or its node went away, before it took calls"
            raise CallRefused(message, reason="closed", node=self.node)
        pipeline.hear_results()
        pipeline.deploy(timeout=OPENING_SECONDS)
        self._is_deployed = True
        if self._refusal is not None:
            on_refusal(self._refusal)

    def _note_refusal(self, on_refusal: Callable[[str], object], said: str) -> None:
        """Tell of a refusal, but not while that is what ``deploy`` raises.

        It is noted before it is asked whether that is over, and :meth:`open` does it the other way
        round: so one of both tells of it.
        """
        self._refusal = said
        if self._is_deployed:
            on_refusal(said)

    def close(self) -> None:
        """End everything that runs behind it, or begins to; does not wait for that.

        What the node says of it from now on is heard by nobody.
        """
        self._is_closed = True
        if self._instance is None:
            return
        pipeline = self._instance.pipeline
        self._instance.on_message = self._instance.on_refusal = None
        try:
            pipeline.close(wait_confirmation=False)
        finally:
            pipeline.end_callbacks()
            self._session.forget_pipeline(pipeline)

    # --- sending ----------------------------------------------------------------------------------

    def send_calls(self, calls: Sequence[Asked], *, together: int = MOST_TOGETHER) -> None:
        """Send calls, and before them the code that the node does not have.

        Args:
            calls: what to call.
            together: how many records one message may hold at most.

        Raises:
            TransportError: too much waits for the broker.
        """
        self.send(self._with_code(calls), together=together)

    def _with_code(self, calls: Iterable[Asked]) -> Iterator[Record]:
        for each in calls:
            if each.shipped.digest not in self._known:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known.add(each.shipped.digest)
                yield each.code
            yield each.call

    def forget_code(self, digest: str) -> None:
        """The node does not have some code any more."""
        self._known.discard(digest)

    def send(self, records: Iterable[Record], *, together: int = MOST_TOGETHER) -> None:
        """Send records, in as few messages as is good for what waits behind them.

        Raises:
            TransportError: too much waits for the broker.
        """
        for message in _messages(records, together, self.run or ""):
            if len(message) <= LARGEST_MESSAGE:
                self._tell(message)
            else:
                self._tell_in_parts(message)

    def keep_alive(self) -> None:
        """Say that this session lives; the node answers with what it holds."""
        self._tell(pack([KeepAlive()], self.run or ""))

    def _tell_in_parts(self, message: bytes) -> None:
        for part in cut(message, next(self._numbers)):
            self._tell(pack([part], self.run or ""))

    def _tell(self, data: bytes) -> None:
        assert self._instance is not None
        pipeline = self._instance.pipeline
        command: dict[str, Any] = {FIELD: data, UNCONFIRMED: True}
        if self.run is not None:
            command[LIFE] = self.run  # the node then need not wait for its disk
        update = InstanceUpdate(
            pipeline.name,
            self._instance.signature,
            self._instance.instance_id,
            {INSTANCE_COMMAND: command},
        )
        self._session.commands.tell(self.place.address, Action.UPDATE_INSTANCE, update)

    # --- hearing ----------------------------------------------------------------------------------

    def read(self, said: object) -> Message:
        """What a message of the node's says, and larger ones of which it is the last part.

        Raises:
            MessageNotReadable: it is none.
        """
        message = unpack(from_field(said), FROM_NODE)
        if message.run != self.run:
            self.run = message.run
            self._known.clear()
            self._parts = Assembly(LARGEST_RESULT)
            self.asked_at = None
        for each in message.records:
            if isinstance(each, Began):
                self.slots, self.largest = each.slots, each.largest
        if not any(isinstance(each, Part) for each in message.records):
            return message
        records: list[Any] = []
        for each in message.records:
            whole = self._parts.take(each) if isinstance(each, Part) else pack([each])
            records += unpack(whole, FROM_NODE - {Part}).records if whole is not None else ()
        return Message(message.run, tuple(records))


def _messages(records: Iterable[Record], together: int, run: str) -> Iterator[bytes]:
    waiting: list[Record] = []
    size = 0
    for record in records:
        large = _size(record)
        if waiting and (len(waiting) >= together or size + large > BYTES_TOGETHER):
            yield pack(waiting, run)
            waiting, size = [], 0
        waiting.append(record)
        size += large
    if waiting:
        yield pack(waiting, run)


def _size(record: Record) -> int:
    return len(getattr(record, "arguments", b"")) + len(getattr(record, "source", ""))
