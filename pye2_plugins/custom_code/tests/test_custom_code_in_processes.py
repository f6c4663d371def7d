"""The node's side of CUSTOM_EXEC_01 with the sandbox that nodes have: real processes, real time."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest

from pye2_custom_code.runner import CustomExecRunner
from pye2core.clock import SYSTEM_CLOCK

sandbox = pytest.importorskip("pye2_node.sandbox")


async def nothing(*_: object) -> None:
    return None


HANDLER = SimpleNamespace(
    on_log=nothing,
    on_payload=nothing,
    on_cache_save=nothing,
    on_cache_load=nothing,
    on_limit=nothing,
)


@asynccontextmanager
async def running(context):
    """Run an instance whose processes come from a pool of its own."""
    pool = sandbox.SandboxPool()
    context.clock = SYSTEM_CLOCK
    context.open_sandbox = lambda: pool.spawn(HANDLER)
    runner = CustomExecRunner(context)
    try:
        await runner.start()
        work = asyncio.create_task(runner.run())
        yield runner
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await runner.stop()
    finally:
        await pool.stop()


def test_what_numpy_makes_is_sent_as_plain_numbers(context_for) -> None:
    async def main() -> None:
        context = context_for("return plugin.np.arange(3) + plugin.cfg_first", FIRST=5)
        async with running(context):
            assert (await context.payload(1))["EXEC_RESULT"] == [5, 6, 7]

    asyncio.run(main())


def test_an_exception_has_the_line_of_the_code_that_was_sent(context_for) -> None:
    async def main() -> None:
        context = context_for("x = 0\n\nreturn 1 / x", ERROR_DELAY=0)
        async with running(context):
            failure = (await context.payload(1))["EXEC_FAILURE"]
        assert failure["TYPE"] == "ZeroDivisionError"
        assert (failure["LINE"], failure["SOURCE_LINE"]) == (3, "return 1 / x")

    asyncio.run(main())


def test_code_that_never_returns_is_ended_and_begun_anew(context_for) -> None:
    async def main() -> None:
        context = context_for("while True:\n  pass\nreturn 1", EXEC_TIMEOUT=0.3)
        async with running(context):
            first, second = await context.payload(1), await context.payload(2)
        assert first["EXEC_FAILURE"]["TYPE"] == "CallTimedOut"
        assert first["EXEC_RUN"] != second["EXEC_RUN"]

    asyncio.run(main())


def test_a_process_that_is_killed_is_replaced(context_for) -> None:
    async def main() -> None:
        context = context_for("return 1", PROCESS_DELAY=0.05)
        async with running(context) as runner:
            await context.payload(1)
            os.kill(runner._sandbox.pid, signal.SIGKILL)
            while not any("EXEC_FAILURE" in each for each in context.payloads):
                await context.payload(len(context.emitted) + 1)
            assert context.payloads[-1]["EXEC_FAILURE"]["TYPE"] == "SandboxDied"
            sent = len(context.emitted)
            assert (await context.payload(sent + 1))["EXEC_RESULT"] == 1

    asyncio.run(main())
