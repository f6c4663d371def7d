"""The node's side of REST_CUSTOM_EXEC_01: runs code once for each request.

You are on the node's loop. A request is a setting: it comes when the instance is made, or when its
settings are changed. The code runs in a process that lives on between requests, so that what one
keeps in memory (``plugin.obj_cache``) another finds.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2_custom_code.process import FUNCTION, failure_of, notify_of, teach, told_in_fields
from pye2_custom_code.settings import CodeRequest, RestCustomExecSettings, checked
from pye2core.abc import CallResult, CodeFailure, InstanceContext, Runner, Sandbox
from pye2core.errors import CodeError, InvalidConfiguration, MessageTooLarge, NodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("pye2_custom_code")

MOST_WAITING: Final = 100
"""Requests that may wait for the one that is being run."""

MOST_REMEMBERED: Final = 100
"""Requests, the newest ones, that are not run again when they come again."""

CONCLUDING_SECONDS: Final = 1.0
"""What was run last has so long to be told and noted when the instance ends."""

_ROOT: Final = "ROOT_PAYLOAD_DATA"
_MANIFEST: Final = {
    "INFO_MANIFEST": {
        "DESCRIPTION": "runs the code of each new REQUEST once and sends what came of it",
        "REQUEST": {
            "DATA": {"CODE": "base64 of the code, compressed by zlib"},
            "TIMESTAMP": "YYYY-MM-DD HH:MM:SS, echoed in the payload",
        },
    }
}


def _note_end(concluding: asyncio.Task[None]) -> None:
    """Look at what came of it: nobody waits for it any more."""
    if not concluding.cancelled() and (error := concluding.exception()) is not None:
        _log.warning("what a request came to was not noted, it may be run again: %s", error)


@frozen
class _Job:
    """A request with the settings under which it came."""

    request: CodeRequest
    settings: RestCustomExecSettings
    shown: Mapping[str, Any]


class RestCustomExecRunner(Runner):
    """Runs the code of each request once, in the order in which they came.

    Which requests were run is kept, so that they are not run again after a restart of the node. One
    that the restart interrupted is.
    """

    def __init__(self, context: InstanceContext) -> None:
        super().__init__(context)
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._coming: set[str] = set()
        self._done: deque[str] = deque(maxlen=MOST_REMEMBERED)
        self._concluding: asyncio.Task[None] | None = None
        self._sandbox: Sandbox | None = None

    async def start(self) -> None:
        """Check the settings and take their request, if there is one that was not run before.

        Raises:
            InvalidConfiguration: the settings cannot be used; says which and why.
        """
        settings = self._checked_settings()
        kept = await self.context.load()
        self._done.extend(json.loads(kept) if kept is not None else ())
        self._take(settings)

    async def run(self) -> None:
        """Answer requests until cancelled."""
        if not self._done and self._jobs.empty():
            await self.context.emit(_MANIFEST)
        while True:
            await self._answer(await self._jobs.get())

    async def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Take over changed settings, and a new request if there is one.

        Raises:
            InvalidConfiguration: they cannot be used, or too many requests wait; says why.
        """
        del changes
        self._take(self._checked_settings())

    async def stop(self) -> None:
        """End the process, whatever it does: nobody would be told of the result any more."""
        if self._concluding is not None:
            await asyncio.wait({self._concluding}, timeout=CONCLUDING_SECONDS)
            self._concluding.add_done_callback(_note_end)
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.stop(grace=0)

    # --- requests ---------------------------------------------------------------------------------

    def _checked_settings(self) -> RestCustomExecSettings:
        return checked(RestCustomExecSettings, self.context.settings, self.context.path)

    def _take(self, settings: RestCustomExecSettings) -> None:
        request = settings.request
        if request is None or request.digest in self._coming or request.digest in self._done:
            return
        if self._jobs.qsize() >= MOST_WAITING:
            path = self.context.path
            raise InvalidConfiguration(
                f"{MOST_WAITING} requests wait already at the instance {path.instance_id!r} of"
                f" pipeline {path.pipeline!r}: wait for the payloads that answer them, or use"
                " another instance",
                pipeline=path.pipeline,
            )
        self._coming.add(request.digest)
        self._jobs.put_nowait(_Job(request, settings, self.context.settings))

    async def _answer(self, job: _Job) -> None:
        outcome = await self._outcome(job)
        # What was said must be noted, too: after a restart it would be run and said once more.
        self._concluding = asyncio.create_task(self._conclude(job, outcome))
        await asyncio.shield(self._concluding)

    async def _conclude(self, job: _Job, outcome: CallResult) -> None:
        await self._say(job, outcome)
        self._coming.discard(job.request.digest)
        self._done.append(job.request.digest)
        await self.context.save(json.dumps(list(self._done)).encode())

    # --- one run ----------------------------------------------------------------------------------

    async def _outcome(self, job: _Job) -> CallResult:
        try:
            sandbox = await self._sandbox_for(job)
            return await sandbox.call(FUNCTION, timeout=job.settings.exec_timeout)
        except (CodeError, NodeError) as error:
            return CallResult(failure=failure_of(error))

    async def _sandbox_for(self, job: _Job) -> Sandbox:
        """A process that is ready to run the code of a request: the one that is there, or a new."""
        source = job.request.source
        sandbox = self._sandbox
        if sandbox is None or not sandbox.is_alive:
            sandbox = self._sandbox = await self.context.open_sandbox()
        await teach(sandbox, job.shown, source)
        return sandbox

    async def _say(self, job: _Job, result: CallResult) -> None:
        failure = result.failure
        if failure is None:
            try:
                await self._emit(job, result.value, None, _root_data(result.value))
            except (TypeError, MessageTooLarge) as error:
                failure = CodeFailure(type(error).__name__, str(error))
        if failure is not None:
            await self._emit(job, None, str(failure), told_in_fields(failure))
            notify_of(failure, self.context)

    async def _emit(
        self, job: _Job, value: Any, error: str | None, more: Mapping[str, Any]
    ) -> None:
        outcome = job.settings.outcome(value, error)
        await self.context.emit({**more, **outcome, "TIMESTAMP": job.request.timestamp})


def _root_data(value: object) -> Mapping[str, Any]:
    """What a result wants to have in the payload itself (section 13)."""
    data = value.get(_ROOT) if isinstance(value, dict) else None
    return data if isinstance(data, dict) else {}
