"""The targets of calls: messages, what processes answer, and both sides that act on them."""

from __future__ import annotations

import asyncio
import logging
import struct
from base64 import b64encode
from collections import deque
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import msgpack
from attrs import fields
from fuzz_pieces import joined, pieces, require_few_words

from pye2_calls.client.asked import Asked
from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.doors import Door
from pye2_calls.client.futures import RemoteFuture
from pye2_calls.client.hearing import Hearing
from pye2_calls.client.plans import Pending, Place
from pye2_calls.client.streams import RemoteStream
from pye2_calls.messages import (
    FROM_CLIENT,
    FROM_NODE,
    Assembly,
    Began,
    Call,
    Cancel,
    Cancelled,
    Code,
    CodeWanted,
    Died,
    End,
    Failure,
    Frame,
    Holds,
    Item,
    KeepAlive,
    MessageNotReadable,
    Output,
    Part,
    Pull,
    Raised,
    Refused,
    TimedOut,
    Value,
    Withdraw,
    as_text,
    cut,
    from_field,
    pack,
    unpack,
)
from pye2_calls.messages.checks import LONGEST_NAME
from pye2_calls.runner import CallsRunner
from pye2_calls.serving.answers import NoAnswer, RaisedThere, Returned, answer_from
from pye2_calls.shipping.shipped import Shipped
from pye2_calls.values import pack as pack_value
from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.errors import CallTimedOut, NodeError, SandboxDied
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

CLIENTS = sorted(FROM_CLIENT, key=lambda kind: kind.KIND)
NODES = sorted(FROM_NODE, key=lambda kind: kind.KIND)
ANSWERS = ("value", "raised", "refused", "paused", "end")
LONGEST_WORDS = LONGEST_NAME + 200
"""Characters of an error, in which there is some of what was sent."""

DIGEST = "d"
LARGEST = 500
"""Bytes that the arguments of a call may have on the node that is played here."""


# --- messages -------------------------------------------------------------------------------------


def one_record(kinds: list[Any], data: bytes) -> bytes:
    """A message of one record: the number of its kind, then the MessagePack of its fields."""
    kind = kinds[data[0] % len(kinds)]
    name = kind.KIND.encode()
    head = bytes([0x91 + len(fields(kind)), 0xA0 + len(name)])
    return b"\x93\x01\xa0\x91" + head + name + data[1:]


def fields_of(record: Any, kinds: list[Any]) -> bytes:
    """What :func:`one_record` makes this record of."""
    return bytes([kinds.index(type(record))]) + pack([record])[6 + len(record.KIND) :]


def read_both_ways(field: object) -> None:
    """What can be read says the same when it is written and read again."""
    for kinds in (FROM_CLIENT, FROM_NODE):
        try:
            message = unpack(from_field(field), kinds)
        except MessageNotReadable as error:
            require_few_words(error, LONGEST_WORDS)
            continue
        assert unpack(pack(message.records, message.run), kinds) == message


def calls_message(data: bytes) -> None:
    """A message as it comes, as bytes and as text."""
    for field in (data, data.decode("latin-1"), b64encode(data).decode()):
        read_both_ways(field)


def calls_record(data: bytes) -> None:
    """A record of any kind."""
    if data:
        for kinds in (CLIENTS, NODES):
            read_both_ways(one_record(kinds, data))


# --- what a process answers -----------------------------------------------------------------------


def calls_answer(data: bytes) -> None:
    """What a process for calls answers: any bytes, any list, and any fields of each kind."""
    for answer in (data, _LENGTH.pack(len(data)) + data, one_answer(data)):
        try:
            found = answer_from(memoryview(answer))
        except NoAnswer as error:
            require_few_words(error, LONGEST_WORDS)
            continue
        if isinstance(found, Returned):
            read_both_ways(pack([Value(1, found.data)]))
        elif isinstance(found, RaisedThere):
            read_both_ways(pack([Raised(1, found.failure)]))


def one_answer(data: bytes) -> bytes:
    """An answer: the number of its kind, how many fields, their length, these, and what follows."""
    if len(data) < _OF_AN_ANSWER:
        return b""
    name = ANSWERS[data[0] % len(ANSWERS)].encode()
    head = bytes([0x91 + data[1] % 15, 0xA0 + len(name)]) + name + data[3 : 3 + data[2]]
    return _LENGTH.pack(len(head)) + head + data[3 + data[2] :]


def as_answer(kind: str, *said: Any, behind: bytes = b"") -> bytes:
    """What :func:`one_answer` makes this answer of."""
    packed = b"".join(map(msgpack.packb, said))
    return bytes([ANSWERS.index(kind), len(said), len(packed)]) + packed + behind


_LENGTH = struct.Struct(">I")
_OF_AN_ANSWER = 3


# --- the node's side ------------------------------------------------------------------------------


class Process:
    """Answers what it is told to, whatever it was asked."""

    def __init__(self, script: deque[tuple[int, bytes]]) -> None:
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._script = script

    @property
    def is_alive(self) -> bool:
        return not self.exited.done()

    async def exchange(
        self,
        *data: bytes | memoryview,
        timeout: float,  # noqa: ASYNC109 - the contract has it
        on_output: Callable[[str], None],
        on_item: Callable[[memoryview], Awaitable[None]],
    ) -> memoryview:
        assert all(isinstance(each, bytes | memoryview) for each in data)
        while self._script:
            number, said = self._script.popleft()
            if number % _PLAYED == _PRINTS:
                on_output(said.decode("latin-1"))
            elif number % _PLAYED == _GIVES:
                await on_item(memoryview(said))
            elif number % _PLAYED == _DIES:
                self._end()
                raise SandboxDied("gone", code=None, signal=9)
            else:
                return memoryview(one_answer(said) if number % _PLAYED == _ANSWERS else said)
        await asyncio.wait({self.exited}, timeout=timeout)
        self._end()
        raise CallTimedOut("took too long", seconds=timeout)

    async def stop(self, grace: float = 1.0) -> None:
        del grace
        self._end()

    def _end(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)


class Slots:
    """A node's slots, all for one client."""

    total = 2

    def __init__(self) -> None:
        self.kept = self.unsent = self.aside = 0
        self._free = asyncio.Semaphore(self.total)

    async def acquire(self) -> None:
        await self._free.acquire()

    def release(self) -> None:
        self._free.release()

    def make_room(self) -> None:
        """There is some."""

    def keep(self, end: Callable[[], None]) -> Callable[[], None]:
        del end
        return lambda: None

    def set_aside(self) -> bool:
        self.aside += 1
        return self.aside < LARGEST

    def take_up(self) -> None:
        self.aside -= 1
        assert self.aside >= 0

    def has_room(self, size: int) -> bool:
        return self.kept + size <= _MOST_KEPT

    def tell_kept(self, kept: int, unsent: int) -> None:
        assert kept >= 0, "it forgets more than it has"
        assert unsent >= 0, "it sends more than it has"
        self.kept, self.unsent = kept, unsent

    def tell_waiting(self, calls: int) -> None:
        assert calls >= 0


class Context:
    """What a node gives an instance; what that says has to be readable."""

    path = InstancePath("p", "FUNCTION_CALLS", "i")
    node_address = "0xai_n"
    largest_exchange = LARGEST

    def __init__(self, script: deque[tuple[int, bytes]]) -> None:
        self.settings: dict[str, Any] = {"EXEC_TIMEOUT": 60.0}
        self.clock = LoopClock()
        self.slots = Slots()
        self.network = self
        self._script = script
        self._parts = Assembly(2**30)

    async def open_sandbox(self) -> Process:
        await asyncio.sleep(0)
        return Process(self._script)

    async def emit(self, said: Mapping[str, Any]) -> None:
        for record in unpack(from_field(said["CALLS"]), FROM_NODE).records:
            whole = self._parts.take(record) if isinstance(record, Part) else None
            if whole is not None:
                unpack(whole, FROM_NODE - {Part})

    async def send(self, command: object) -> None:
        """It wants its pipeline closed."""


def calls_served(data: bytes) -> None:
    """What a client says to the node's side, and what processes answer there meanwhile."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.get_loop().set_exception_handler(_raise_what_nobody_took)
        runner.run(_serve(data))


async def _serve(data: bytes) -> None:
    events = list(pieces(data))
    context = Context(deque(each for each in events if each[0] % _PLAYED >= _ANSWERS))
    serving = CallsRunner(cast("Any", context))
    await serving.start()
    life = asyncio.create_task(serving.run())
    await asyncio.sleep(0)
    for number, said in events:
        if number % _PLAYED == _TIME_PASSES:
            await asyncio.sleep(len(said))
        elif number % _PLAYED < _TIME_PASSES:
            field = _as_client(number % _PLAYED, said)
            try:
                await serving.on_command({"CALLS": field}, {})
            except (MessageNotReadable, NodeError) as error:
                require_few_words(error, LONGEST_WORDS)
            await asyncio.sleep(0)
    life.cancel()
    await asyncio.wait({life})
    await serving.stop()
    assert life.cancelled() or life.result() is None
    assert (context.slots.kept, context.slots.unsent) == (0, 0)


def _as_client(number: int, said: bytes) -> bytes | str:
    """How a client says it: a record, a message, or its text."""
    if number == _OF_A_RECORD and said:
        return one_record(CLIENTS, said)
    return said.decode("latin-1") if number == _OF_TEXT else said


def _raise_what_nobody_took(_: object, told: dict[str, Any]) -> None:
    raise AssertionError(told["message"]) from told.get("exception")


_OF_A_RECORD, _OF_A_MESSAGE, _OF_TEXT, _TIME_PASSES = range(4)
_ANSWERS, _SAYS, _PRINTS, _GIVES, _DIES = range(4, 9)
_PLAYED = 9
_MOST_KEPT = 100_000


# --- the client's side ----------------------------------------------------------------------------


def _shipped(*, is_generator: bool) -> Shipped:
    classes = {"ValueError": ValueError}
    return Shipped(
        name="f",
        source="return 1",
        parameters=("plugin",),
        values={},
        classes=classes,
        modules=(),
        takes_plugin=False,
        is_generator=is_generator,
        places=(),
        contents=(),
        digest=DIGEST,
    )


class Heard(Hearing):
    """Hears, and sends nothing."""

    def __init__(self) -> None:
        callbacks = SimpleNamespace(put=_call_at_once)
        super().__init__(cast("Any", _session(new_callback_thread=lambda _: callbacks)))
        self.door = Door(cast("Any", _session()), PLACE, {})
        self._doors[PLACE] = self.door
        self._scheduler.nodes_are([NodeFacts("0xai_n", "n", slots=3)], 0.0)

    def ask(self, asked: Asked, retries: int) -> None:
        self._scheduler.add(Pending(asked.call.id, DIGEST, Demand(), 1, retries, asked))

    def hear(self, field: object) -> None:
        self._hear(self.door, field)

    def cancel(self, call_id: int) -> None:
        self._scheduler.cancel(call_id)

    def withdraw(self, call_id: int) -> bool:
        return self._scheduler.withdraw(call_id) is None

    def ask_what_is_held(self) -> None:
        self.door.asked_about = self._scheduler.held_at(PLACE)

    def take_a_turn(self, now: float) -> None:
        plan = self._scheduler.plan(now)
        for call, largest in plan.too_large:
            call.subject.outcome.fail(call.subject.too_large(largest))
        for lost in plan.lost:
            asked, why = lost.call.subject, lost.why or "it went away"
            given = lost.call.has_given
            asked.outcome.fail(asked.lost(lost.address, why, lost.call.losses, has_given=given))
        for call in plan.dropped:
            call.subject.outcome.cancel()

    def give_up(self) -> None:
        for call in self._scheduler.give_up_all():
            call.subject.outcome.fail(call.subject.closed())

    def _send(self, place: Place, records: list[Any]) -> None:
        unpack(pack(records), FROM_CLIENT)


def _call_at_once(call: Callable[[], object], taken: Callable[[], object] | None = None) -> None:
    if taken is not None:
        taken()
    call()


def _session(**more: Any) -> SimpleNamespace:
    peers = SimpleNamespace(name_of=lambda _: "n")
    return SimpleNamespace(clock=SimpleNamespace(monotonic=lambda: 0.0), peers=peers, **more)


def calls_heard(data: bytes) -> None:
    """What a node says to a client that has calls there: each of them ends, one way or another."""
    with _quiet("pye2_calls"):
        heard = Heard()
        futures = [RemoteFuture[Any](cast("Any", heard), number) for number in (1, 2, 3)]
        stream = RemoteStream[Any](lambda: None)
        for number, held in enumerate([*futures, stream], 1):
            shipped = _shipped(is_generator=held is stream)
            call = Call(number, DIGEST, b"", timeout=1.0)
            heard.ask(Asked(shipped, call, cast("Any", held), on_output=len), retries=number % 2)
        _tell(heard, futures, data)
        heard.give_up()
    assert all(each.done() for each in futures)
    _take_all(stream)


def _tell(heard: Heard, futures: list[RemoteFuture[Any]], data: bytes) -> None:
    heard.take_a_turn(0.0)
    for now, (number, said) in enumerate(pieces(data), 1):
        if number % _TOLD == _IS_ASKED:
            heard.ask_what_is_held()
        elif number % _TOLD == _IS_WITHDRAWN:
            futures[len(said) % len(futures)].withdraw()
        else:
            heard.hear(_as_node(number % _TOLD, said))
        heard.take_a_turn(now * 0.5)


def _as_node(number: int, said: bytes) -> bytes | str:
    """How a node says it: a record, a message, its text, or one in a single part."""
    if number == _OF_A_RECORD and said:
        return one_record(NODES, said)
    if number == _OF_A_PART and said:
        return pack(cut(one_record(NODES, said), 1))
    return said.decode("latin-1") if number == _OF_TEXT else said


def _take_all(stream: RemoteStream[Any]) -> None:
    """A stream has ended, with an error or without; whatever it is, it is told."""
    while True:
        try:
            is_there, _ = stream.take_ready()
        except BaseException:  # noqa: BLE001 - what a node says that the function has raised
            return
        assert is_there


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    log = logging.getLogger(name)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


PLACE = Place("0xai_n", "")
_OF_A_PART, _IS_ASKED, _IS_WITHDRAWN = range(3, 6)
_TOLD = 6


# --- what they begin with -------------------------------------------------------------------------

CODE = Code(DIGEST, "f", "return 1", ("plugin",), (("v", b"\1"),), ("C",), ("os",))
GENERATOR = Code("g", "g", "yield 1", ("plugin",), is_generator=True)
FAILURE = Failure("ValueError", "no", "Traceback", (Frame(1, "f"),), pack_value(ValueError("no")))
SAID_BY_CLIENT: list[Any] = [
    *(CODE, Call(1, DIGEST, b"a", 1.5, 2, live_output=True), Cancel(1), Withdraw(1), Pull(1, 3)),
    *(KeepAlive(), Part(1, 0, 2, b"x"), Call(2, "g", b"", None, 1)),
]
SAID_BY_NODE: list[Any] = [
    *(Began(2, 1000, 60.0), Value(1, b"\1", "said", 0.5), Raised(2, FAILURE, "said", 0.5)),
    *(Died(1, 1, None, "it ended", "said"), TimedOut(1, 2.0, "said"), Cancelled(1)),
    *(Refused(1, "full", "line 1: no"), Item(4, 0, b"\1"), End(4, "said", 0.5), Output(1, "x")),
    *(CodeWanted(DIGEST, (1,)), Holds((1,), (2,)), Part(1, 0, 1, pack([Cancelled(1)]))),
]
ANSWERED = [
    as_answer("value", 0.5, behind=b"\1"),
    as_answer("raised", 0.5, "E", "m", "t", [(1, "f")], behind=b"x"),
    *(as_answer("refused", 0.5, "no"), as_answer("paused", 0.5), as_answer("end", 0.5)),
]
_ASKED = [(_OF_A_RECORD, fields_of(each, CLIENTS)) for each in SAID_BY_CLIENT]
_CALLED = (_OF_A_RECORD, fields_of(Call(1, DIGEST, b"a", None, 2, live_output=True), CLIENTS))
_KNOWN = (_OF_A_RECORD, fields_of(CODE, CLIENTS))
_LATER = (_TIME_PASSES, b"x")

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (calls_message, calls_record, calls_answer, calls_served, calls_heard)
}
SEEDS = {
    "calls_message": [
        *(pack([each], "life") for each in (*SAID_BY_CLIENT, *SAID_BY_NODE)),
        as_text(pack(SAID_BY_CLIENT[:3])).encode(),
    ],
    "calls_record": [
        *(fields_of(each, CLIENTS) for each in SAID_BY_CLIENT),
        *(fields_of(each, NODES) for each in SAID_BY_NODE),
    ],
    "calls_answer": ANSWERED,
    "calls_served": [
        joined(*_ASKED),
        joined(
            (_OF_A_MESSAGE, pack([KeepAlive()])), (_OF_TEXT, as_text(pack([KeepAlive()])).encode())
        ),
        *(joined(_KNOWN, _CALLED, (_ANSWERS, each), _LATER) for each in ANSWERED),
        joined(_CALLED, _LATER, _KNOWN, (_DIES, b""), _LATER),
        joined(_KNOWN, _CALLED, (_PRINTS, b"x"), (_GIVES, b"y"), (_ANSWERS, ANSWERED[3]), _LATER),
    ],
    "calls_heard": [
        joined(
            (_OF_A_RECORD, fields_of(SAID_BY_NODE[0], NODES)),
            (_OF_A_RECORD, fields_of(each, NODES)),
        )
        for each in SAID_BY_NODE[1:]
    ]
    + [
        joined(
            (_OF_A_PART, fields_of(SAID_BY_NODE[0], NODES)),
            *((_IS_ASKED, b""), (_IS_WITHDRAWN, b"x")),
            (_OF_A_RECORD, fields_of(Holds((), (1,)), NODES)),
        )
    ],
}
