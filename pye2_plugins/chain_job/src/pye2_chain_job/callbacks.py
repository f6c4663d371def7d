"""The functions of a job, in one sandbox that holds the collected data.

You are on the node's loop. If the sandbox's process dies it is replaced, what was collected is put
back, and the call is made again: a few times, for a function that kills its process does so again.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final, cast

from pye2_chain_job import in_sandbox
from pye2_chain_job.actions import (
    STAGE_OF,
    Aggregate,
    CheckFinish,
    Discard,
    MeasureProgress,
    Process,
)
from pye2_chain_job.events import CallFailed, CallReturned
from pye2_chain_job.stages import PARAMETERS, PROGRESS_PARAMETERS
from pye2core.abc import CodeFailure, FunctionSource
from pye2core.code import capture
from pye2core.descriptors import Stage
from pye2core.errors import CallTimedOut, CodeError, NodeError, SandboxDied
from pye2core.messages import GRANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2_chain_job.actions import Call
    from pye2_chain_job.settings import JobSettings
    from pye2_chain_job.stages import JobCode
    from pye2core.abc import CallResult, InstanceContext, Sandbox

MOST_DEATHS: Final = 3
"""A call that has ended so many processes is not made again."""

PART_BYTES: Final = 1024 * 1024
"""Collected data is put back in parts of about this size."""

_OURS: Final = {
    in_sandbox.begin: ("plugin", "nr_jobs"),
    in_sandbox.keep: ("plugin", "job_id", "items"),
    in_sandbox.discard: ("plugin", "job_id"),
    in_sandbox.run_process: ("plugin", "job_id", "data"),
    in_sandbox.run_finish: ("plugin",),
    in_sandbox.run_aggregate: ("plugin",),
    in_sandbox.run_progress: ("plugin",),
}


class Callbacks:
    """Calls the functions of one job.

    Args:
        context: where sandboxes come from.
        code: the functions' sources.
        settings: the job's settings.
        collected: by job, what was collected; read when it must be put back.
    """

    def __init__(
        self,
        context: InstanceContext,
        code: JobCode,
        settings: JobSettings,
        collected: Mapping[int, list[Any]],
    ) -> None:
        self._context = context
        self._functions = {**_own_functions(), **_functions_of(code, settings)}
        self._settings = settings
        self._collected = collected
        self._sandbox: Sandbox | None = None

    async def open(self) -> None:
        """Have the functions and the collected data ready.

        Raises:
            CodeRefused: one of the functions is not allowed or does not compile.
            SandboxDied: the process ended meanwhile.
            NodeError: no process could be started.
        """
        kwargs = self._settings.finish_condition_kwargs
        sandbox = await self._context.open_sandbox()
        self._sandbox = sandbox
        try:
            await sandbox.configure({**self._context.settings, "FINISH_CONDITION_KWARGS": kwargs})
            await sandbox.define(self._functions)
            await self._put_back(sandbox)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the sandbox."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.stop()

    async def make(self, call: Call) -> CallReturned | CallFailed:
        """Make a call, whatever that takes; gives what came of it."""
        name, *arguments = _name_and_arguments(call)
        deaths = 0
        while True:
            try:
                result = await self._call(name, *arguments)
            except SandboxDied as error:
                deaths += 1
                await self.close()
                if deaths >= MOST_DEATHS:
                    return _failed(call, error)
            except (CallTimedOut, CodeError, NodeError) as error:
                await self.close()
                return _failed(call, error)
            else:
                return _outcome(call, result)

    async def _call(self, name: str, *arguments: Any) -> CallResult:
        if self._sandbox is None:
            await self.open()
        assert self._sandbox is not None
        return await self._sandbox.call(name, *arguments, timeout=self._settings.exec_timeout)

    async def _put_back(self, sandbox: Sandbox) -> None:
        timeout = self._settings.exec_timeout
        await sandbox.call(in_sandbox.begin.__name__, len(self._collected), timeout=timeout)
        for job_id, items in self._collected.items():
            for part in _parts(items):
                await sandbox.call(in_sandbox.keep.__name__, job_id, part, timeout=timeout)


def size_of(value: Any) -> int:
    """Bytes that a value takes as JSON."""
    return len(json.dumps(value, separators=(",", ":")))


def _name_and_arguments(call: Call) -> tuple[Any, ...]:
    match call:
        case Discard(job_id):
            return (in_sandbox.discard.__name__, job_id)
        case Process(job_id, data):
            return (in_sandbox.run_process.__name__, job_id, data)
        case CheckFinish():
            return (in_sandbox.run_finish.__name__,)
        case MeasureProgress():
            return (in_sandbox.run_progress.__name__,)
        case Aggregate():
            return (in_sandbox.run_aggregate.__name__,)


def _outcome(call: Call, result: CallResult) -> CallReturned | CallFailed:
    if result.failure is not None:
        return CallFailed(call, result.failure)
    is_shown = isinstance(call, Aggregate) and not call.final
    size = size_of(result.value) if is_shown else 0
    return CallReturned(call, result.value, size, result.seconds)


def _failed(call: Call, error: CodeError | NodeError) -> CallFailed:
    stage = STAGE_OF[type(call)]
    return CallFailed(call, CodeFailure(type(error).__name__, str(error), function=stage))


def _functions_of(code: JobCode, settings: JobSettings) -> dict[str, FunctionSource]:
    """The user's functions; the workers' is there to be checked only.

    One that asks for grants is checked where it is to run: here it may not use what they open.
    """
    functions = {
        "process": FunctionSource(code.process, PARAMETERS[Stage.PROCESS]),
        "finish": FunctionSource(code.finish, PARAMETERS[Stage.FINISH]),
        "aggregate": FunctionSource(code.aggregate, PARAMETERS[Stage.AGGREGATE]),
    }
    if not settings.node_plugin_config.get(GRANTS):
        functions["worker"] = FunctionSource(code.worker, PARAMETERS[Stage.WORKER])
    if code.progress is not None:
        functions["progress"] = FunctionSource(code.progress, PROGRESS_PARAMETERS)
    return functions


@functools.cache
def _own_functions() -> dict[str, FunctionSource]:
    functions = {}
    for function, parameters in _OURS.items():
        captured = capture(cast("Callable[..., Any]", function), parameters=parameters)
        assert captured is not None
        functions[function.__name__] = FunctionSource(captured.source, parameters, is_users=False)
    return functions


def _parts(items: list[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = 0
    for item in items:
        part.append(item)
        size += size_of(item)
        if size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
