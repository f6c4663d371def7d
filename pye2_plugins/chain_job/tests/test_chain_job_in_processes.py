"""The functions of a job in the sandbox that nodes have: real processes, real time."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pye2_chain_job.actions import Aggregate, CheckFinish, Discard, MeasureProgress, Process
from pye2_chain_job.callbacks import PART_BYTES, Callbacks
from pye2_chain_job.events import CallFailed, CallReturned
from pye2_chain_job.settings import JobSettings
from pye2_chain_job.stages import JobCode
from pye2core.errors import CodeRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

sandbox = pytest.importorskip("pye2_node.sandbox")

CODE = JobCode(
    worker="return 1",
    process="return [item for item in data if item not in collected_data[job_id]]",
    finish=(
        "count = sum(map(len, collected_data.values()))\n"
        "return count > plugin.cfg_finish_condition_kwargs['X']"
    ),
    aggregate="return collected_data",
    progress="return plugin.np.float64(12.5)",
)


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
async def callbacks_for(
    collected: dict[int, list[Any]], code: JobCode = CODE, **changes: Any
) -> AsyncIterator[Callbacks]:
    """Have a job's functions ready in a process."""
    pool = sandbox.SandboxPool()
    settings = JobSettings("", "", "", "", finish_condition_kwargs={"X": 3}, **changes)
    context = SimpleNamespace(open_sandbox=lambda: pool.spawn(HANDLER), settings={})
    callbacks = Callbacks(context, code, settings, collected)
    try:
        await callbacks.open()
        yield callbacks
    finally:
        await callbacks.close()
        await pool.stop()


async def value_of(callbacks: Callbacks, call: Any) -> Any:
    returned = await callbacks.make(call)
    assert isinstance(returned, CallReturned), returned
    return returned.value


def test_the_collected_data_lives_in_the_process() -> None:
    async def main() -> None:
        async with callbacks_for({0: [], 1: []}) as callbacks:
            assert await value_of(callbacks, Process(0, [1, 2, 2], epoch=0)) == [1, 2, 2]
            assert await value_of(callbacks, Process(0, [2, 3], epoch=0)) == [3]
            assert await value_of(callbacks, Process(1, [2], epoch=0)) == [2]
            assert await value_of(callbacks, CheckFinish()) is True
            assert await value_of(callbacks, Discard(0)) is None
            assert await value_of(callbacks, CheckFinish()) is False
            result = await callbacks.make(Aggregate(final=False))
            assert result.value == {"0": [], "1": [2]}
            assert result.size == len('{"0":[],"1":[2]}')
            assert await value_of(callbacks, Aggregate(final=True)) == {"0": [], "1": [2]}
            assert await value_of(callbacks, MeasureProgress()) == 12.5

    asyncio.run(main())


def test_after_a_death_the_process_has_all_that_was_collected() -> None:
    async def main() -> None:
        text = "x" * (PART_BYTES // 2)
        texts = [text + str(number) for number in range(5)]
        collected: dict[int, list[Any]] = {0: [1, 2], 1: texts}
        async with callbacks_for(collected) as callbacks:
            os.kill(callbacks._sandbox.pid, signal.SIGKILL)
            assert await value_of(callbacks, Process(0, [2, 3], epoch=0)) == [3]
            result = await value_of(callbacks, Aggregate(final=True))
            assert result == {"0": [1, 2, 3], "1": texts}

    asyncio.run(main())


def test_the_workers_code_is_checked_here_unless_workers_may_do_more() -> None:
    code = JobCode("import fractions\nreturn 1", "return data", "return 1", "return 1")

    async def begin(**config: Any) -> None:
        async with callbacks_for({0: []}, code, node_plugin_config=config):
            pass

    asyncio.run(begin(GRANTS={"modules": ["fractions"]}))
    with pytest.raises(CodeRefused, match="fractions"):
        asyncio.run(begin())


def test_an_exception_has_the_line_of_the_users_function() -> None:
    async def main() -> None:
        code = JobCode("return 1", "return data", "x = 0\nreturn 1 / x", "return 1")
        async with callbacks_for({0: []}, code) as callbacks:
            failed = await callbacks.make(CheckFinish())
        assert isinstance(failed, CallFailed)
        assert failed.failure.function == "finish"
        assert (failed.failure.line, failed.failure.source_line) == (2, "return 1 / x")

    asyncio.run(main())


def test_an_exception_is_told_with_the_lines_of_the_users_function_only() -> None:
    async def main() -> None:
        code = JobCode(
            "return 1", "def half(x):\n  return x / 0\nreturn half(data)", "", "return 1"
        )
        async with callbacks_for({0: []}, code) as callbacks:
            failed = await callbacks.make(Process(0, 1, epoch=0))
        assert isinstance(failed, CallFailed)
        lines = failed.failure.traceback.splitlines()
        places = [line.strip() for line in lines if line.strip().startswith("File ")]
        assert places == [
            'File "<process>", line 3, in process',
            'File "<process>", line 2, in half',
        ]

    asyncio.run(main())


def test_a_function_that_never_returns_is_ended() -> None:
    async def main() -> None:
        code = JobCode("return 1", "return data", "while True:\n  pass\nreturn 1", "return 1")
        async with callbacks_for({0: []}, code, exec_timeout=0.3) as callbacks:
            failed = await callbacks.make(CheckFinish())
        assert isinstance(failed, CallFailed)
        assert failed.failure.type == "CallTimedOut"

    asyncio.run(main())
