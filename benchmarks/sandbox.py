"""What the sandbox costs: a confined process, a call from it to the node, the check of a source."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from benchmarks.table import Row, progress, typical_pair
from pye2_node.sandbox import SandboxLimits, SandboxPool, frames
from pye2_node.sandbox.channel_ends import open_channel
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.sandbox.worker_channel import WorkerChannel
from pye2_node.sandbox.zygotes import Zygotes
from pye2core.abc import FunctionSource
from pye2core.code.check import check_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.connection import Connection

    from pye2core.abc import CallResult

FORKS = 150
CALLS = 500
"""In a row; a call may take up to 5000 events, and a pair should fit in a fast or slow second."""

PAIRS = 41
LINES = 200

MOST_FOR_CONFINING = 1.6
MOST_FOR_A_CALL = 3.0

NO_LAYERS = frozenset({Layer.CHECK})

_ASK = f"""
start = plugin.time()
for _ in range({CALLS}):
    plugin.cacheapi_load_json()
return (plugin.time() - start) / {CALLS} * 1e6
"""


class _Owner:
    """Hears what a worker says, and keeps nothing."""

    async def on_log(self, text: str) -> None:
        del text

    async def on_payload(self, fields: Mapping[str, Any]) -> None:
        del fields

    async def on_cache_save(self, name: str, text: str) -> None:
        del name, text

    async def on_cache_load(self, name: str) -> str | None:
        del name
        return "1"

    async def on_limit(self, name: str, value: float) -> None:
        del name, value


def rows() -> list[Row]:
    """All that there is to say of the sandbox."""
    progress("processes")
    confined, plain = asyncio.run(_milliseconds_to_an_answer())
    progress("calls from a worker to its node")
    processors = sorted(os.sched_getaffinity(0))
    call, pipe = _calls(processors[:1])
    rows = [
        Row(
            "a confined process, from the fork to its first answer",
            confined,
            "ms",
            "a plain fork of the same zygote",
            plain,
            MOST_FOR_CONFINING,
        ),
        Row(
            "a call of `plugin` that the node answers, on one processor",
            call,
            "us",
            "the same bytes through a pipe and back",
            pipe,
            MOST_FOR_A_CALL,
        ),
        Row(f"the check of a function of {LINES} lines", _milliseconds_of_a_check(), "ms"),
    ]
    if len(processors) > 1:
        rows.insert(2, _row_of_two_processors(processors[:2]))
    return rows


def _row_of_two_processors(processors: Sequence[int]) -> Row:
    call, pipe = _calls(processors)
    note = "the same; most of it is the waking of the other processor"
    return Row("the same call, on two processors", call, "us", note, pipe, MOST_FOR_A_CALL)


async def _milliseconds_to_an_answer() -> tuple[float, float]:
    """Medians, with every layer and without, taking turns."""
    found: dict[frozenset[Layer], list[float]] = {ALL_LAYERS: [], NO_LAYERS: []}
    pools = {layers: _Forking(layers) for layers in found}
    for pool in pools.values():
        await pool.zygotes.start()
    for _ in range(FORKS):
        for layers, pool in pools.items():
            found[layers].append(await pool.milliseconds_to_an_answer())
    for pool in pools.values():
        await pool.zygotes.stop()
    return statistics.median(found[ALL_LAYERS]), statistics.median(found[NO_LAYERS])


class _Forking:
    """Forks without a spare: what is measured is a process that nobody has prepared."""

    def __init__(self, layers: frozenset[Layer]) -> None:
        limits = SandboxLimits(layers=layers, unsafe=True)
        self.zygotes = Zygotes(limits, sys.executable, logging.getLogger(__name__))

    async def milliseconds_to_an_answer(self) -> float:
        ours, theirs = open_channel()
        channel = WorkerChannel(ours)
        start = time.perf_counter()
        with contextlib.closing(theirs):
            forked = await self.zygotes.fork(theirs)
        channel.write(frames.encode({"do": "configure", "id": 1, "settings": {}}))
        await channel.next_body()
        took = (time.perf_counter() - start) * 1000
        channel.close()
        await forked.ended
        os.close(forked.pidfd)
        return took


def _calls(processors: Sequence[int]) -> tuple[float, float]:
    """Microseconds of a call and of a pipe, with this process on the first processor given.

    Both with the other process on the last one. Left to the system, each would be on one processor
    or on two as it happens; waking another processor takes several times what all else does.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors[:1])  # and what is started here from now on
    try:
        with _Asker() as asker, _Pipe() as pipe:
            for pid in (asker.pid, pipe.pid):
                os.sched_setaffinity(pid, processors[-1:])
            return typical_pair(asker.microseconds, pipe.microseconds, PAIRS)
    finally:
        os.sched_setaffinity(0, before)


class _Asker:
    """Code in a worker that asks its node, and waits for each answer."""

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._pool = SandboxPool()
        self._worker = self._runner.run(self._pool.spawn(_Owner()))
        self._runner.run(self._worker.define({"ask": FunctionSource(_ASK)}))
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._pool.stop())
        self._runner.close()

    @property
    def pid(self) -> int:
        return self._worker.pid

    def microseconds(self) -> float:
        """Of one call, as the code sees it."""
        result = self._runner.run(self._call())
        if result.failure is not None:
            raise RuntimeError(result.failure.message)
        return float(result.value)

    async def _call(self) -> CallResult:
        return await self._worker.call("ask", timeout=120)


class _Pipe:
    """Bytes of the same number to another process and back, one at a time."""

    def __enter__(self) -> Self:
        self._line = frames.encode({"did": "load", "name": "cache.json"})
        self._ours, theirs = multiprocessing.Pipe()
        fork = multiprocessing.get_context("fork")
        self._echo = fork.Process(target=_echo, args=(self._ours, theirs, self._line))
        self._echo.start()
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._ours.close()
        self._echo.join()

    @property
    def pid(self) -> int:
        return self._echo.pid or 0

    def microseconds(self) -> float:
        """Of one round trip."""
        pipe, line, size = self._ours.fileno(), self._line, len(self._line)
        start = time.perf_counter()
        for _ in range(CALLS):
            os.write(pipe, line)
            os.read(pipe, size)
        return (time.perf_counter() - start) / CALLS * 1e6


def _echo(others: Connection, own: Connection, line: bytes) -> None:
    others.close()
    while data := os.read(own.fileno(), len(line)):
        os.write(own.fileno(), data)


def _milliseconds_of_a_check() -> float:
    source = "total = 0\n" + "\n".join(
        f"if total % {number + 2} == 0:\n    total += plugin.np.abs({number}) * {number}"
        for number in range(LINES // 2)
    )
    times = []
    for _ in range(30):
        start = time.perf_counter()
        if check_source(source, parameters=("plugin",)):
            raise RuntimeError("the source was refused")
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)
