"""A distributed job as a state machine: events in, actions out.

Sans-I/O: the runner tells it what happens and what time it is, and carries out what it wants. It
keeps three promises whatever the network does: data of two workers of one piece never mixes, it
never gets stuck, and it ends with one last payload: the result, or why there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_chain_job import events as said
from pye2_chain_job.actions import STAGE_OF, Aggregate, Emit, MeasureProgress, Notify, Process
from pye2_chain_job.collecting import Collector, TooMuchWaiting
from pye2_chain_job.piece import PieceState
from pye2_chain_job.reports import (
    JobState,
    ReportTimer,
    Standing,
    failed_fields,
    last_fields,
    partial_fields,
)
from pye2_chain_job.workers import JobFailure, JobPlan, Workers
from pye2_custom_code.failures import FAILURE_KEY, failure_fields
from pye2core.messages import NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from pye2_chain_job.actions import Action
    from pye2core.abc import Peer

CLOSE_SECONDS: Final = 10.0
"""After the last payload, the job waits so long for its workers' nodes to confirm their end."""

SUSPICIOUS_NONES: Final = 10
"""After so many results of None, and no other, the client is told: a ``return`` may be missing."""

_DATA_KEYS: Final = ("DATA", "RESOURCE")


def data_of(fields: Mapping[str, Any]) -> Any:
    """The data in a worker's payload (PyE2 wire protocol, section 13); None for none."""
    return next((fields[key] for key in _DATA_KEYS if fields.get(key)), None)


class Job:
    """One distributed job.

    Args:
        plan: what does not change.
        rng: decides between equal nodes.
        started: when it began, as the client is told.
        now: the time, in seconds, as all events tell it.
        elapsed: how long it has run already, in seconds, before a restart.
    """

    def __init__(
        self, plan: JobPlan, rng: Random, *, started: str, now: float, elapsed: float = 0.0
    ) -> None:
        self.plan = plan
        self.state = JobState.DECIDE
        self.started = started
        self.collector = Collector(plan.pieces, plan.measures_progress)
        self.workers = Workers(plan, rng)
        self.last_payload: Mapping[str, Any] | None = None
        self._began = now - elapsed
        self._timer = ReportTimer()
        self._is_reporting = False
        self._ended_at: float | None = None
        self._is_last_sent = False
        self._is_over = False
        self._actions: list[Action] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done."""
        return self._is_over

    def elapsed(self, now: float) -> float:
        """Seconds since it began."""
        return now - self._began

    def cares_about(self, node: str) -> bool:
        """Whether a heartbeat of this node matters to it."""
        return self.workers.cares_about(node)

    def status(self, now: float) -> dict[str, Any]:
        """How it stands, as the body of a payload; the last payload if that was made."""
        if self.last_payload is not None:
            return dict(self.last_payload)
        return partial_fields(self._standing(now), self.collector.shown)

    def wake_at(self) -> float | None:
        """When a :class:`~pye2_chain_job.events.Tick` is due at the latest; None: never."""
        if self._is_over:
            return None
        times = [self.workers.next_at()]
        if self._ended_at is None:
            times.append(self.collector.next_check_at())
            times.append(self._next_report_at())
        elif self._is_last_sent:
            times.append(self._ended_at + CLOSE_SECONDS)
        return min((time for time in times if time is not None), default=None)

    def begin(self, peers: Sequence[Peer], now: float) -> list[Action]:
        """Start, or go on after a restart, with these nodes online."""
        self.workers.peers_known(peers, now)
        self._actions += self.workers.closings.unconfirmed()
        if self.last_payload is not None:
            self._end(now)
            self._do(Emit(self.last_payload, last=True))
            return self._take_actions()
        if self.state is JobState.DECIDE:
            self._enter(JobState.SPLIT)
            self.workers.split(now)
            self._enter(JobState.DISTRIBUTE)
        self._advance(now)
        return self._take_actions()

    def handle(self, event: said.Event, now: float) -> list[Action]:
        """Take in what happened; gives what is to be done."""
        if not self._is_over:
            self._HANDLERS[type(event)](self, event, now)
            self._advance(now)
        return self._take_actions()

    # --- what happens -----------------------------------------------------------------------------

    def _peers_known(self, event: said.PeersKnown, now: float) -> None:
        self.workers.peers_known(event.peers, now)

    def _node_heard(self, event: said.NodeHeard, now: float) -> None:
        self.workers.node_heard(event.node, event.pipelines, now)

    def _worker_payload(self, event: said.WorkerPayload, now: float) -> None:
        ready = self.workers.payload(event, (data_of(event.fields), event.size), now)
        self._apply_changes(now)
        job_id = self.workers.job_id_of(event.pipeline)
        try:
            for item in ready:
                assert job_id is not None
                self.collector.offer(job_id, item.number, *item.data)
        except TooMuchWaiting:
            reason = (
                "the workers send faster than their data can be processed: make them slower "
                "(PROCESS_DELAY in their settings), or let them return less"
            )
            self._fail(JobFailure(reason, "process"), now)

    def _worker_notification(self, event: said.WorkerNotification, now: float) -> None:
        self.workers.notification(event, now)

    def _command_left(self, event: said.CommandLeft, now: float) -> None:
        self.workers.command_left(event.session_id, now)

    def _command_failed(self, event: said.CommandFailed, now: float) -> None:
        self.workers.command_failed(event.session_id, event.reason, now)

    def _call_returned(self, event: said.CallReturned, now: float) -> None:
        del now
        collected = self.collector.count
        self.collector.returned(event.call, event.value, event.size)
        if self.collector.count != collected:
            self._timer.moved()
        if isinstance(event.call, Process) and self.collector.nones == SUSPICIOUS_NONES:
            self._warn_of_nones()
        if isinstance(event.call, MeasureProgress | Aggregate):
            self._timer.cost(event.seconds)

    def _warn_of_nones(self) -> None:
        self._timer.moved()
        info = (
            "Return the list of what is to be kept of a worker's data; with None nothing is kept."
            " If that is meant, there is nothing to do."
        )
        self._do(Notify(NotificationKind.ABNORMAL, self._told_of_nones(), info))

    def _told_of_nones(self) -> str:
        count = self.collector.nones
        return f"the job's process function has returned None {count} times and nothing else"

    def _call_failed(self, event: said.CallFailed, now: float) -> None:
        if isinstance(event.call, Aggregate) and event.call.may_fail:
            self.collector.could_not_be_shown(event.call)
            text = "there is no result so far to show while a worker has sent nothing"
            self._do(Notify(NotificationKind.NORMAL, text, str(event.failure)))
            return
        stage = STAGE_OF[type(event.call)]
        reason = f"the job's {stage} function failed: {event.failure}"
        self._fail(JobFailure(reason, stage, event.failure), now)

    def _result_refused(self, event: said.ResultRefused, now: float) -> None:
        reason = f"the result could not be sent: {event.reason}"
        self._fail(JobFailure(reason, "aggregate"), now)

    def _last_payload_sent(self, event: said.LastPayloadSent, now: float) -> None:
        del event, now
        self._is_last_sent = True

    def _tick(self, event: said.Tick, now: float) -> None:
        del event, now

    def _stopped(self, event: said.Stopped, now: float) -> None:
        del event
        unfinished = self._ended_at is None
        for job_id in self.workers.nodes():
            self.collector.discard(job_id)
        self.workers.close_all(PieceState.CHOOSE_NODE if unfinished else PieceState.CLOSED, now)
        self._apply_changes(now)
        self._is_over = True

    _HANDLERS: Final[dict[type, Callable[[Job, Any, float], None]]] = {
        said.PeersKnown: _peers_known,
        said.NodeHeard: _node_heard,
        said.WorkerPayload: _worker_payload,
        said.WorkerNotification: _worker_notification,
        said.CommandLeft: _command_left,
        said.CommandFailed: _command_failed,
        said.CallReturned: _call_returned,
        said.CallFailed: _call_failed,
        said.LastPayloadSent: _last_payload_sent,
        said.ResultRefused: _result_refused,
        said.Tick: _tick,
        said.Stopped: _stopped,
    }

    # --- what follows -----------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        if self._is_over:
            return
        if self._ended_at is None:
            self._go_on(now)
        self.workers.repeat_closings(now)
        self._apply_changes(now)
        if self._ended_at is not None:
            self._wait_for_the_end(now)

    def _go_on(self, now: float) -> None:
        if self.state in {JobState.DISTRIBUTE, JobState.WAIT}:
            self.workers.advance(now)
            self._apply_changes(now)
        if self._ended_at is not None:
            return
        self._show_waiting()
        if self.collector.done and self.state is not JobState.AGGREGATE:
            self.workers.close_all(PieceState.CLOSED, now)
            self._apply_changes(now)
            self._enter(JobState.AGGREGATE)
        if self.collector.result:
            self._succeed(now)
            return
        self._report(now)
        if (call := self.collector.next_call(now)) is not None:
            self._do(call)

    def _apply_changes(self, now: float) -> None:
        changes = self.workers.drain()
        self._actions += changes.actions
        for job_id in changes.restarted:
            self.collector.discard(job_id)
        if changes.moved:
            self._timer.moved()
        if changes.fatal is not None:
            self._fail(changes.fatal, now)

    def _show_waiting(self) -> None:
        if self.state is JobState.DISTRIBUTE and self.workers.is_waiting:
            self.state = JobState.WAIT
        elif self.state is JobState.WAIT and not self.workers.is_waiting:
            self.state = JobState.DISTRIBUTE

    def _enter(self, state: JobState) -> None:
        self.state = state
        self._timer.moved()

    # --- the client -------------------------------------------------------------------------------

    def _report(self, now: float) -> None:
        """Send how the job stands when that is due; the calls it needs are made first."""
        if self.collector.done:
            return
        if not self._is_reporting and self._timer.is_due(now):
            self._timer.began(now)
            self._is_reporting = True
            self.collector.prepare_report()
        if self._is_reporting and not self.collector.is_preparing:
            self._is_reporting = False
            self._do(Emit(partial_fields(self._standing(now), self.collector.shown)))

    def _next_report_at(self) -> float | None:
        is_under_way = self._is_reporting or self.collector.done
        return None if is_under_way else self._timer.due_at()

    def _standing(self, now: float) -> Standing:
        percent = self.collector.percent
        nodes = self.workers.nodes()
        infos = [f"{len(nodes)} of {self.plan.pieces} workers have a node"]
        if self.collector.nones:
            infos.append(self._told_of_nones())
        return Standing(
            state=self.state,
            state_info="; ".join(infos),
            percent=self.workers.percent() if percent is None else percent,
            nodes=nodes,
            counts={job_id: len(items) for job_id, items in self.collector.collected.items()},
            elapsed=self.elapsed(now),
            started=self.started,
        )

    def _succeed(self, now: float) -> None:
        self.state = JobState.FINISHED
        self._send_last(last_fields(self._standing(now), self.collector.result[0]), now)

    def _fail(self, failure: JobFailure, now: float) -> None:
        """End the job without a result; the first reason counts."""
        if self.state is JobState.FAILED or self._is_over:
            return
        more: dict[str, Any] = {"ERROR_STAGE": failure.stage}
        if failure.failure is not None:
            more[FAILURE_KEY] = failure_fields(failure.failure)
        self.state = JobState.FAILED
        standing = self._standing(now)
        self.workers.close_all(PieceState.CLOSED, now)
        self._apply_changes(now)
        info = failure.failure.traceback if failure.failure is not None else None
        text = f"The job has failed: {failure.reason}"
        self._do(Notify(NotificationKind.EXCEPTION, text, info or failure.reason, more))
        self._send_last(failed_fields(standing, failure.reason, more), now)

    def _send_last(self, fields: Mapping[str, Any], now: float) -> None:
        self.last_payload = fields
        self._do(Emit(fields, last=True))
        self._end(now)

    def _end(self, now: float) -> None:
        self._ended_at = now

    def _wait_for_the_end(self, now: float) -> None:
        """Be over when the last payload is out and all workers have ended, or had time enough."""
        assert self._ended_at is not None
        if not self._is_last_sent:
            return
        unconfirmed = self.workers.closings.unconfirmed()
        if not unconfirmed:
            self._is_over = True
        elif now >= self._ended_at + CLOSE_SECONDS:
            names = sorted({self.workers.node_name(close.node) for close in unconfirmed})
            text = f"the end of workers was not confirmed by {', '.join(names)}"
            self._do(Notify(NotificationKind.ABNORMAL, text))
            self._is_over = True

    # --- actions ----------------------------------------------------------------------------------

    def _do(self, action: Action) -> None:
        self._actions.append(action)

    def _take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
