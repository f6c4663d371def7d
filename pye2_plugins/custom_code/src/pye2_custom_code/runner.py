"""The node's side of CUSTOM_EXEC_01: calls the code that was sent again and again.

You are on the node's loop. The code itself runs in a process of its own, which lives as long as
the instance does and is replaced when it dies or when other code comes.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Any, Final

from pye2_custom_code.process import FUNCTION, failure_of, notify_of, teach, told_in_fields
from pye2_custom_code.settings import CustomExecSettings, checked
from pye2core.abc import CallResult, CodeFailure, InstanceContext, Runner, Sandbox
from pye2core.errors import CallTimedOut, CodeError, MessageTooLarge, NodeError, SandboxDied
from pye2core.messages import NotificationCode, NotificationKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_BACK_OFF: Final = 60.0
_NO_REST: Final = 0.0
_RUN_ID_DIGITS: Final = 8


class CustomExecRunner(Runner):
    """Runs one function again and again and sends what it returns.

    Besides PyE2's fields a payload has ``EXEC_RUN``, which changes when the process is replaced
    (and with it whatever the code kept in memory), and ``EXEC_SEQ``, which counts the payloads of
    that process from 1. A receiver can tell from them that payloads are missing or were repeated.
    """

    def __init__(self, context: InstanceContext) -> None:
        super().__init__(context)
        self._settings: CustomExecSettings
        self._sandbox: Sandbox | None = None
        self._unseen_settings = False
        self._replacing = asyncio.Lock()
        self._is_new_code = False
        self._settings_came = asyncio.Event()
        self._iteration = 0
        self._run_id = ""
        self._payloads = 0
        self._losses = 0
        self._last_payload = 0.0

    async def start(self) -> None:
        """Check the settings and have the code ready in a sandbox.

        Raises:
            InvalidConfiguration: the settings cannot be used; says which and why.
            CodeError: the code is refused, or cannot be unpacked.
            NodeError: no sandbox could be started.
        """
        self._settings = checked(CustomExecSettings, self.context.settings, self.context.path)
        self._use(await self._open_sandbox(self._settings))
        self._last_payload = self._now()

    async def run(self) -> None:
        """Call the code until cancelled."""
        while True:
            started = self._now()
            await self._pause(started, await self._run_once())

    async def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Take over changed settings: other code is run at once, others wait for the next run.

        That run is due as if ``PROCESS_DELAY`` had been so from the beginning; what an exception
        had delayed with the old settings is not delayed any longer.

        Raises:
            InvalidConfiguration: they cannot be used; says which and why.
            CodeError: the code is refused, or cannot be unpacked.
            NodeError: no sandbox could be started.
        """
        settings = checked(CustomExecSettings, self.context.settings, self.context.path)
        if "CODE" in changes:
            await self._replace_code(settings)
        else:
            self._settings = settings
            self._unseen_settings = True
        self._settings_came.set()

    async def _replace_code(self, settings: CustomExecSettings) -> None:
        async with self._replacing:
            fresh = await self._open_sandbox(settings)
            replaced = self._sandbox
            self._settings = settings
            self._use(fresh)
            self._is_new_code = True
        if replaced is not None:
            await replaced.stop()

    async def stop(self) -> None:
        """End the sandbox."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            await sandbox.stop()

    # --- the sandbox ------------------------------------------------------------------------------

    async def _open_sandbox(self, settings: CustomExecSettings) -> Sandbox:
        sandbox = await self.context.open_sandbox()
        self._unseen_settings = False
        try:
            await teach(sandbox, self.context.settings, settings.code)
        except BaseException:
            await sandbox.stop()
            raise
        return sandbox

    def _use(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._run_id = uuid.uuid4().hex[:_RUN_ID_DIGITS]
        self._payloads = 0

    async def _ready_sandbox(self) -> Sandbox:
        async with self._replacing:
            self._is_new_code = False
            if self._sandbox is None:
                self._use(await self._open_sandbox(self._settings))
            sandbox = self._sandbox
        assert sandbox is not None
        if self._unseen_settings:
            self._unseen_settings = False
            await sandbox.configure(self.context.settings)
        return sandbox

    # --- one run ----------------------------------------------------------------------------------

    async def _run_once(self) -> float:
        """Call the code once and say what came of it; the seconds that it then is to rest at least.

        They count from the beginning of this run, as ``PROCESS_DELAY`` does.
        """
        settings = self._settings
        sandbox = self._sandbox
        try:
            sandbox = await self._ready_sandbox()
            result = await sandbox.call(FUNCTION, timeout=settings.exec_timeout)
        except (CallTimedOut, SandboxDied, CodeError, NodeError) as error:
            return await self._lost(sandbox, error)
        if sandbox is not self._sandbox:
            return _NO_REST  # other code came meanwhile; what the old one returned is not wanted
        self._iteration += 1
        self._losses = 0
        return await self._say(result)

    async def _lost(self, sandbox: Sandbox | None, error: CodeError | NodeError) -> float:
        """The sandbox is gone or could not be had: say so, and be slower each time in a row."""
        if sandbox is not self._sandbox:
            return _NO_REST  # it was replaced while it ran
        await self.stop()
        self._iteration += 1
        self._losses += 1
        await self._say_failure(failure_of(error))
        back_off = min(_LONGEST_BACK_OFF, 2.0 ** (self._losses - 1))
        if back_off <= self._settings.process_delay:
            return _NO_REST
        self.context.notify(
            NotificationKind.ABNORMAL,
            f"Delayed by {back_off:g} s after losing its process {self._losses} times in a row",
            code=NotificationCode.PLUGIN_DELAYED,
            fields={"DELAY_SECONDS": back_off},
        )
        return back_off

    async def _say(self, result: CallResult) -> float:
        if result.failure is not None:
            await self._say_failure(result.failure)
            return self._settings.error_delay
        if result.value is None:
            await self._say_if_idle()
            return _NO_REST
        try:
            await self._emit(result.value, None)
        except (TypeError, MessageTooLarge) as error:
            await self._say_failure(CodeFailure(type(error).__name__, str(error)))
            return self._settings.error_delay
        return _NO_REST

    async def _say_failure(self, failure: CodeFailure) -> None:
        # Where the instance's own settings leave it no room, the notification tells it alone.
        with contextlib.suppress(TypeError, MessageTooLarge):
            await self._emit(None, str(failure), told_in_fields(failure))
        notify_of(failure, self.context)

    async def _say_if_idle(self) -> None:
        idle = self._now() - self._last_payload
        if idle >= self._settings.send_manifest_each:
            await self._emit(None, f"the code has returned nothing for {idle:.0f} seconds")

    async def _emit(
        self, value: Any, error: str | None, more: Mapping[str, Any] | None = None
    ) -> None:
        run, number = self._run_id, self._payloads + 1
        await self.context.emit(
            {
                **self._settings.outcome(value, error),
                "EXEC_ITER": self._iteration,
                "EXEC_RUN": run,
                "EXEC_SEQ": number,
                **(more or {}),
            }
        )
        if self._run_id == run:  # new code may have come meanwhile, and counts from 1
            self._payloads = number
        self._last_payload = self._now()

    # --- time -------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self.context.clock.monotonic()

    async def _pause(self, started: float, rest: float) -> None:
        """Let time pass until the next run is due; settings that come meanwhile may change when.

        Args:
            started: when the last run began.
            rest: at least so many seconds are to pass since then, if nothing comes.
        """
        while not self._is_new_code:
            # What failed with other settings need not fail again.
            least = _NO_REST if self._unseen_settings else rest
            left = started + max(least, self._settings.process_delay) - self._now()
            if left <= 0:
                return
            self._settings_came.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._settings_came.wait()
