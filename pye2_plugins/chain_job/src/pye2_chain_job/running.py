"""Carries out what a job decides: sends, calls, waits for time to pass, and keeps what must last.

You are on the loop of the job's main node. The job (``job``) is told what happens, one event after
the other, and says what to do; nothing that takes long is waited for in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from pye2_chain_job import journal
from pye2_chain_job.actions import Close, Deploy, Emit, Notify
from pye2_chain_job.events import (
    CommandFailed,
    CommandLeft,
    LastPayloadSent,
    PeersKnown,
    ResultRefused,
    Stopped,
    Tick,
)
from pye2_chain_job.listening import Listener
from pye2_chain_job.outbox import Outbox
from pye2_chain_job.worker_pipeline import worker_pipeline
from pye2core.errors import MessageTooLarge, NodeError, Pye2Error
from pye2core.messages import Action, Command, NotificationKind, Requester

if TYPE_CHECKING:
    from pye2_chain_job.actions import Action as JobAction
    from pye2_chain_job.actions import Call
    from pye2_chain_job.callbacks import Callbacks
    from pye2_chain_job.events import Event
    from pye2_chain_job.job import Job
    from pye2_chain_job.settings import JobSettings
    from pye2_chain_job.stages import JobCode
    from pye2core.abc import InstanceContext

PEERS_SECONDS: Final = 0.5
"""The job is told who is online at most this often."""

LONGEST_TICK: Final = 1.0
"""The job is told the time at least this often."""

SAVE_SECONDS: Final = 0.5
"""The job's state is kept at most this often while it changes."""

STOP_SECONDS: Final = 1.5
"""For telling the workers' nodes that a job is over which is stopped."""

_SHARE_OF_TIME: Final = 20


class RunningJob:
    """A job with all that it needs to run.

    Args:
        context: what the node gives.
        settings: the job's settings.
        code: the sources of its functions.
        job: what decides.
        callbacks: calls its functions.
        digest: identifies settings and code in what is kept.
        delegation: what the client has signed for the workers, as text; None if it has not.
    """

    def __init__(
        self,
        context: InstanceContext,
        settings: JobSettings,
        code: JobCode,
        job: Job,
        callbacks: Callbacks,
        digest: str,
        delegation: str | None = None,
    ) -> None:
        self._context = context
        self._settings = settings
        self._code = code
        self._job = job
        self._callbacks = callbacks
        self._digest = digest
        self._delegation = delegation
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._outbox = Outbox()
        self._changed = asyncio.Event()
        self._calling: asyncio.Task[None] | None = None
        self._peers_at = float("-inf")
        self._is_kept = True
        self._keeping = asyncio.Lock()
        self._listening = contextlib.ExitStack()

    async def open(self) -> None:
        """Listen for the workers, and have the functions ready.

        Raises:
            CodeRefused: one of the functions is not allowed or does not compile.
            NodeError: no sandbox could be started.
        """
        # Before the functions: the connection for listening is made while they are compiled.
        listener = Listener(self._job, self._events.put_nowait, self._context.network)
        self._listening.callback(self._context.network.listen(listener))
        try:
            await self._callbacks.open()
        except BaseException:
            self._listening.close()
            raise

    async def run(self) -> None:
        """Run the job to its end; in the meantime hear its workers."""
        try:
            async with asyncio.TaskGroup() as helpers:
                helpers.create_task(self._send_commands())
                helpers.create_task(self._send_payloads())
                keeping = helpers.create_task(self._keep_while_it_changes())
                await self._drive(helpers)
                self._outbox.close()
                keeping.cancel()
            await self._keep()
        finally:
            self._listening.close()

    async def stop(self) -> None:
        """End the workers of a job that has not ended, and the sandbox."""
        self._listening.close()
        if self._job.is_over:
            await self._callbacks.close()
            return
        for action in self._job.handle(Stopped(), self._now()):
            if isinstance(action, Close):
                self._outbox.put_command(action)
        await asyncio.gather(self._callbacks.close(), self._end_workers())

    def status(self) -> dict[str, Any]:
        """How the job stands, as the body of a payload."""
        return self._job.status(self._now())

    def _now(self) -> float:
        return self._context.clock.monotonic()

    # --- the job ----------------------------------------------------------------------------------

    async def _drive(self, helpers: asyncio.TaskGroup) -> None:
        """Tell the job what happens until it is over."""
        actions = self._job.begin(self._context.network.peers(), self._now())
        while True:
            for action in actions:
                self._carry_out(action, helpers)
            if self._job.is_over:
                return
            self._changed.set()
            event = await self._next_event()
            actions = self._job.handle(event, self._now())

    async def _next_event(self) -> Event:
        now = self._now()
        if now - self._peers_at >= PEERS_SECONDS:
            self._peers_at = now
            return PeersKnown(tuple(self._context.network.peers()))
        wake_at = self._job.wake_at()
        longest = LONGEST_TICK if wake_at is None else min(LONGEST_TICK, wake_at - now)
        try:
            async with asyncio.timeout(max(longest, 0.0)):
                return await self._events.get()
        except TimeoutError:
            return Tick()

    def _carry_out(self, action: JobAction, helpers: asyncio.TaskGroup) -> None:
        match action:
            case Deploy() | Close():
                self._outbox.put_command(action)
            case Emit(last=last):
                self._outbox.put_payload(action)
                if last:
                    helpers.create_task(self._end_calls())
            case Notify(kind, text, info, fields):
                self._context.notify(kind, text, info=info, fields=fields)
            case _:
                self._calling = helpers.create_task(self._call(action))

    async def _call(self, call: Call) -> None:
        self._events.put_nowait(await self._callbacks.make(call))

    async def _end_calls(self) -> None:
        """Call nothing more: the last payload is made."""
        if self._calling is not None:
            self._calling.cancel()
        await self._callbacks.close()

    # --- what is sent -----------------------------------------------------------------------------

    async def _send_commands(self) -> None:
        while (command := await self._outbox.next_command()) is not None:
            if isinstance(command, Close):
                await self._end_worker(command)
            else:
                await self._start_worker(command)
            self._outbox.command_sent()

    async def _start_worker(self, deploy: Deploy) -> None:
        config = worker_pipeline(deploy, self._settings, self._code, self._job.plan.pieces)
        try:
            await self._send(Action.UPDATE_PIPELINE, config, deploy)
        except Pye2Error as error:
            self._events.put_nowait(CommandFailed(deploy.session_id, str(error)))
        else:
            self._events.put_nowait(CommandLeft(deploy.session_id))

    async def _end_worker(self, close: Close) -> None:
        try:
            await self._send(Action.ARCHIVE_PIPELINE, close.pipeline, close)
        except Pye2Error as error:
            text = f"the command to end {close.pipeline} could not be sent: {error}"
            self._context.notify(NotificationKind.ABNORMAL, text)

    async def _end_workers(self) -> None:
        """Tell the nodes on which workers may run, in the short time that a stop has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                for command in self._outbox.unsent_commands():
                    if isinstance(command, Close):
                        await self._end_worker(command)
                await self._keep()

    async def _send(self, action: Action, body: Any, about: Deploy | Close) -> None:
        requester = Requester(
            self._context.node_address, self._job.plan.requester, about.session_id
        )
        command = Command(action, body, about.node, requester, self._delegation)
        await self._context.network.send(command)

    async def _send_payloads(self) -> None:
        """Send the payloads, leaving out those that a newer one has overtaken."""
        while (payload := await self._outbox.next_payload()) is not None:
            if payload.last:
                await self._keep()  # so that a restart sends this one again and makes no other
            try:
                await self._context.emit(payload.fields)
            except (TypeError, MessageTooLarge) as error:
                self._events.put_nowait(ResultRefused(str(error)))
            else:
                if payload.last:
                    self._events.put_nowait(LastPayloadSent())

    # --- what is kept -----------------------------------------------------------------------------

    async def _keep_while_it_changes(self) -> None:
        """Keep the job's state, spending a small part of the time on it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = self._now()
            await self._keep()
            took = self._now() - began
            await asyncio.sleep(max(SAVE_SECONDS, _SHARE_OF_TIME * took))

    async def _keep(self) -> None:
        """Keep the job's state; one that cannot be kept goes on, and would begin anew."""
        try:
            async with self._keeping:  # or an older snapshot could replace a newer one
                kept = journal.snapshot(self._job, self._digest, self._now())
                await self._context.save(await asyncio.to_thread(journal.encode, kept))
        except NodeError as error:
            if self._is_kept:
                text = f"the job's state cannot be kept, a restart would begin it anew: {error}"
                self._context.notify(NotificationKind.ABNORMAL, text)
            self._is_kept = False
        else:
            self._is_kept = True
