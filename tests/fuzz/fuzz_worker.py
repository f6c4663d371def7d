"""The targets of a worker's channel: single frames, and all that a worker sends in its life."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from fuzz_pieces import joined, pieces, require_few_words
from fuzz_trust import DIALECT, PATH, SENDER

from pye2_node.sandbox import answers, frames
from pye2_node.sandbox.channel_ends import ChannelEnd, open_channel
from pye2_node.sandbox.events import EventDesk
from pye2_node.sandbox.forks import Ended, Forked
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.sandbox.limits import SandboxLimits
from pye2_node.sandbox.process import SandboxProcess
from pye2_node.sandbox.worker_channel import WorkerChannel
from pye2_testing.jumping_time import JumpingLoop
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import CallTimedOut, CodeRefused, SandboxDied
from pye2core.messages import PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Owner:
    """Hears what a worker says, and keeps nothing."""

    async def on_log(self, text: str) -> None:
        assert isinstance(text, str)

    async def on_payload(self, fields: dict[str, Any]) -> None:
        send_on(fields)

    async def on_cache_save(self, name: str, text: str) -> None:
        assert "/" not in name
        assert name.strip(".")

    async def on_cache_load(self, name: str) -> str | None:
        assert "/" not in name

    async def on_limit(self, name: str, value: float) -> None:
        assert isinstance(value, int | float)


def send_on(fields: dict[str, Any]) -> None:
    """A result leaves in a message that everybody can read, or not at all."""
    try:
        data = DIALECT.seal(PayloadMessage(PATH, fields), SENDER)
    except UnsendableValue:
        return
    DIALECT.parse(data).verify()


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


async def no_answer(field: str, text: str | None) -> None:
    frames.encode({"do": "answer", field: text})


def worker_frame(data: bytes) -> None:
    """What a worker writes on its channel, header and all."""
    try:
        size = frames.body_size(data[:4]) if len(data) >= 4 else 0
        assert size <= frames.MAX_FRAME
        body = data[4:]
        frames.limit_values(body)
        frame = frames.decode(body)
    except frames.FrameError:
        return
    desk = EventDesk(Owner(), no_answer, SandboxLimits(), QUIET)
    for take in (
        lambda: at_once(desk.take(frame)),
        lambda: answers.problems(frame),
        lambda: send_on({"EXEC_RESULT": answers.call_result(frame, "").value}),
    ):
        try:
            take()
        except frames.FrameError:
            continue


QUIET = logging.getLogger("quiet")
QUIET.disabled = True


# --- a worker's life ------------------------------------------------------------------------------


class Outraged(logging.Logger):
    """Raises what the node's side says of a defect of its own."""

    def exception(self, message: object, *arguments: object, **_: object) -> None:
        raise AssertionError(message, arguments)


class Worker(Forked):
    """No process: what kills it ends what stands for it."""

    def kill(self) -> None:
        if not self.ended.done():
            self.ended.set_result(Ended(None, 9))
            os.eventfd_write(self.pidfd, 1)


def worker_channel(data: bytes) -> None:
    """What a worker sends while it is asked for bytes, and for a call after that."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.get_loop().set_exception_handler(_raise_what_nobody_took)
        runner.run(_live(data))


async def _live(data: bytes) -> None:
    ours, theirs = open_channel()
    for each in (theirs.reading, theirs.writing):
        os.set_blocking(each, False)
    ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
    worker = Worker(0, os.eventfd(0, os.EFD_NONBLOCK), ended)
    process = SandboxProcess(worker, WorkerChannel(ours), Owner(), LIMITS, Outraged("worker"))
    asking = asyncio.create_task(_ask(process))
    await asyncio.sleep(0)
    for number, said in pieces(data):
        if number % _SAID == _WAITS:
            await asyncio.sleep(0.001 * len(said))
        elif not await _sent(theirs, _as_worker(number % _SAID, said)):
            break
    theirs.close()
    await asking
    await process.stop(grace=0)


async def _ask(process: SandboxProcess) -> None:
    items: list[bytes] = []

    async def take(item: memoryview) -> None:
        items.append(bytes(item))
        await asyncio.sleep(0)

    try:
        answer = await process.exchange(b"go", timeout=5.0, on_output=str.encode, on_item=take)
        assert len(answer) <= MOST
        result = await process.call("f", timeout=5.0)
        assert len(result.printed) <= 2 * MOST
        await process.define({})
    except (SandboxDied, CallTimedOut, CodeRefused) as error:
        require_few_words(error, _LONGEST_WORDS)
    assert all(len(each) <= MOST for each in items)


async def _sent(theirs: ChannelEnd, data: bytes) -> bool:
    """Whether the node is still there to be told."""
    try:
        os.write(theirs.writing, data)
        os.read(theirs.reading, _AT_ONCE)
    except BlockingIOError:
        pass
    except OSError:
        return False
    await asyncio.sleep(0)
    return True


def _as_worker(number: int, said: bytes) -> bytes:
    """How a worker says it: as bytes, as a frame, or as a frame that brings bytes."""
    if number == _AS_A_FRAME:
        return frames.HEADER.pack(len(said)) + said
    if number == _PRINTS:
        return frames.encode({"did": "print", "text": said.decode("latin-1")})
    if number in _HEADS:
        return frames.begin_binary(_HEADS[number], len(said)) + said
    return said


def _raise_what_nobody_took(_: object, told: dict[str, Any]) -> None:
    raise AssertionError(told["message"]) from told.get("exception")


_AS_BYTES, _AS_A_FRAME, _PRINTS, _WAITS, _A_PIECE, _AN_ITEM, _ANSWERS = range(7)
_SAID = 7
_HEADS: dict[int, dict[str, Any]] = {
    _A_PIECE: {"did": "piece"},
    _AN_ITEM: {"did": "item"},
    _ANSWERS: {"id": 1},
}
MOST = 600
"""Bytes, characters and events that the worker may have here."""

LIMITS = SandboxLimits(worker=WorkerLimits(output=MOST, exchange=MOST), events=20)
_AT_ONCE = 64 * 1024
_LONGEST_WORDS = 5000

SAID: list[dict[str, Any]] = [
    {"did": "log", "text": "a\n"},
    {"did": "print", "text": "a"},
    {"did": "payload", "fields": {"A": [1, 0.5, None, "x", {"B": True}]}},
    {"did": "save", "name": "a.b", "text": "x"},
    {"did": "load", "name": "a"},
    {"did": "limit", "name": "memory"},
    {"did": "crashed", "text": "Traceback"},
    {"id": 1, "seconds": 0.5, "value": {"a": [1.5]}},
    {"id": 2, "seconds": 0.5, "value": {"a": [1.5]}},
    {"id": 3, "problems": []},
]
_ANSWERED = (_ANSWERS, b"answer")
_CALLED = (_AS_A_FRAME, json.dumps(SAID[8]).encode())
_REFUSED = b'{"id":3,"problems":[{"function":"f","line":1,"column":2,"message":"m","name":"n"}]}'

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (worker_frame, worker_channel)
}
SEEDS = {
    "worker_frame": [
        *(frames.HEADER.pack(16) + json.dumps(each).encode() for each in SAID),
        frames.HEADER.pack(16) + b'{"id":1,"seconds":0.5,"value":{"a":[NaN]}}',
        frames.HEADER.pack(16)
        + b'{"id":1,"seconds":0.5,"failure":{"type":"E","message":"m","line":3}}',
        frames.HEADER.pack(16) + b'{"source_line":"x","traceback":"t","function":"f"}',
        frames.HEADER.pack(16) + b'{"id":1,"problems":[{"function":"f","line":1,"column":2}]}',
        frames.begin_binary({"did": "item"}, 4) + b"item",
    ],
    "worker_channel": [
        *(joined((_AS_A_FRAME, json.dumps(each).encode()), _ANSWERED, _CALLED) for each in SAID),
        joined((_A_PIECE, b"a"), (_AN_ITEM, b"b"), (_PRINTS, b"c"), (_A_PIECE, b"d"), _ANSWERED),
        joined(_ANSWERED, _CALLED, (_WAITS, b"x"), (_AS_A_FRAME, _REFUSED)),
        joined((_AS_BYTES, frames.HEADER.pack(80)), (_WAITS, b"x"), (_AS_BYTES, b"{" * 80)),
        joined(*[(_A_PIECE, bytes(200))] * 4),
        joined(*[(_PRINTS, b"x")] * 21),
    ],
}
