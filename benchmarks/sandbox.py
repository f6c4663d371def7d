"""What the sandbox costs: a confined process, a call from it to the node, the check of a source."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import socket
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.table import Row, progress
from pye2_node.sandbox import SandboxLimits, SandboxPool, frames
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2_node.sandbox.zygotes import Zygotes
from pye2core.abc import FunctionSource
from pye2core.code.check import check_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

FORKS = 150
CALLS = 2000
LINES = 200

MOST_FOR_CONFINING = 1.6
MOST_FOR_A_CALL = 3.0

NO_LAYERS = frozenset({Layer.CHECK})

_ASK = f"""
for _ in range({CALLS}):
    plugin.cacheapi_load_json()
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
    call, pipe = asyncio.run(_microseconds_of_a_call()), _microseconds_of_a_pipe()
    return [
        Row(
            "a confined process, from the fork to its first answer",
            confined,
            "ms",
            "a plain fork of the same zygote",
            plain,
            MOST_FOR_CONFINING,
        ),
        Row(
            "a call of `plugin` that the node answers",
            call,
            "us",
            "the same bytes through a pipe and back",
            pipe,
            MOST_FOR_A_CALL,
        ),
        Row(f"the check of a function of {LINES} lines", _milliseconds_of_a_check(), "ms"),
    ]


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
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        start = time.perf_counter()
        with theirs:
            forked = await self.zygotes.fork(theirs)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        writer.write(frames.encode({"do": "configure", "id": 1, "settings": {}}))
        await reader.readexactly(frames.HEADER.size)
        took = (time.perf_counter() - start) * 1000
        writer.close()
        await forked.ended
        os.close(forked.pidfd)
        return took


async def _microseconds_of_a_call() -> float:
    """Of one that waits for the node's answer, as the code in the worker sees it."""
    pool = SandboxPool()
    worker = await pool.spawn(_Owner())
    await worker.define({"ask": FunctionSource(_ASK)})
    result = await worker.call("ask", timeout=120)
    await pool.stop()
    if result.failure is not None:
        raise RuntimeError(result.failure.message)
    return float(result.value)


def _microseconds_of_a_pipe() -> float:
    """Bytes of the same number to another process and back, one at a time."""
    line = frames.encode({"did": "load", "name": "cache.json"})
    ours, theirs = multiprocessing.Pipe()
    echo = multiprocessing.get_context("fork").Process(target=_echo, args=(ours, theirs, line))
    echo.start()
    theirs.close()
    times = []
    for _ in range(2 * CALLS):
        start = time.perf_counter()
        os.write(ours.fileno(), line)
        os.read(ours.fileno(), len(line))
        times.append((time.perf_counter() - start) * 1e6)
    ours.close()
    echo.join()
    return statistics.fmean(times[CALLS:])


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
