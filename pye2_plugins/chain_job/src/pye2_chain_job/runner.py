"""The node's side of a distributed job: from its settings to a job that runs.

You are on the loop of the job's main node.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from pye2_chain_job import journal
from pye2_chain_job.callbacks import Callbacks
from pye2_chain_job.job import Job
from pye2_chain_job.placement import Requirements
from pye2_chain_job.running import RunningJob
from pye2_chain_job.settings import OTHER_NAMES, JobSettings
from pye2_chain_job.stages import code_of
from pye2_chain_job.worker_pipeline import requester_name
from pye2_chain_job.workers import MOST_ERRORS, JobPlan
from pye2_custom_code.settings import checked
from pye2core.abc import InstanceContext, Runner
from pye2core.errors import DelegationRefused
from pye2core.messages import NotificationKind
from pye2core.plugins import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_chain_job.stages import JobCode
    from pye2core.messages import Delegation

_TOKEN_DIGITS: Final = 8


class ChainJobRunner(Runner):
    """Runs one distributed job; changed settings begin another one."""

    def __init__(self, context: InstanceContext) -> None:
        super().__init__(context)
        self._running: RunningJob | None = None

    async def start(self) -> None:
        """Check the settings and the functions; take up the job where an earlier run left it.

        Raises:
            InvalidConfiguration: the settings cannot be used; says which and why.
            CodeError: one of the functions is refused, or cannot be unpacked.
            NodeError: no sandbox could be started.
        """
        path = self.context.path
        settings = checked(JobSettings, self.context.settings, path, OTHER_NAMES)
        code = code_of(settings, installed_plugins(), path.pipeline)
        delegation = self._delegation()
        client = None if delegation is None else delegation.client
        job = await self._take_up_job(settings, code, client)
        callbacks = Callbacks(self.context, code, settings, job.collector.collected)
        digest = _digest(settings, code)
        signed = None if delegation is None else delegation.text
        running = RunningJob(self.context, settings, code, job, callbacks, digest, signed)
        await running.open()
        self._running = running

    async def run(self) -> None:
        """Run the job to its end."""
        assert self._running is not None
        await self._running.run()

    async def stop(self) -> None:
        """End the workers of a job that has not ended, and the sandbox."""
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    async def on_command(self, data: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Answer any command with how the job stands; the last payload once there is one."""
        del parameters
        status = self._running.status() if self._running is not None else {}
        await self.context.emit({**status, "COMMAND_PARAMS": dict(data)})

    def _delegation(self) -> Delegation | None:
        """What the client has signed; the job goes on without, where that will do."""
        try:
            return self.context.delegation()
        except DelegationRefused as error:
            text = f"the workers are begun in nobody's name: {error}"
            self.context.notify(NotificationKind.ABNORMAL, text)
            return None

    async def _take_up_job(self, settings: JobSettings, code: JobCode, client: str | None) -> Job:
        rng = random.Random()  # noqa: S311 - it decides between equal nodes
        clock = self.context.clock
        plan, now = self._plan(settings, code, client), clock.monotonic()
        kept = await self.context.load()
        try:
            job = journal.restore(kept, _digest(settings, code), plan, rng, now)
        except (LookupError, TypeError, ValueError) as error:
            text = "what was kept of the job cannot be read; it begins anew"
            self.context.notify(NotificationKind.ABNORMAL, text, info=repr(error))
            job = None
        if job is not None:
            return job
        started = clock.now().astimezone().replace(tzinfo=None)
        return Job(plan, rng, started=started.isoformat(" ", "microseconds"), now=now)

    def _plan(self, settings: JobSettings, code: JobCode, client: str | None) -> JobPlan:
        return JobPlan(
            pipeline=self.context.path.pipeline or "",
            requester=requester_name(self.context.path),
            token=uuid.uuid4().hex[:_TOKEN_DIGITS],
            pieces=settings.pieces,
            requirements=Requirements(
                settings.node_signature.upper(),
                settings.nodes,
                self.context.node_address,
                client,
            ),
            node_timeout=settings.node_timeout,
            node_wait_timeout=settings.node_wait_timeout,
            most_errors=1 if settings.cancel_all_jobs_on_exception else MOST_ERRORS,
            measures_progress=code.progress is not None,
        )


def _digest(settings: JobSettings, code: JobCode) -> str:
    """The same for the same job, so that state of another one is not taken for this one's."""
    said = journal.encode({"settings": asdict(settings), "code": asdict(code)})
    return hashlib.sha256(said).hexdigest()
