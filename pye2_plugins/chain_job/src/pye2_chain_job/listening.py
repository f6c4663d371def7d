"""Hears what other nodes say and tells the job what is about its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2_chain_job.callbacks import size_of
from pye2_chain_job.events import NodeHeard, PeersKnown, WorkerNotification, WorkerPayload
from pye2_chain_job.job import data_of
from pye2_custom_code.failures import FAILURE_KEY, failure_from
from pye2core.messages import NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_chain_job.events import Event
    from pye2_chain_job.job import Job
    from pye2core.abc import Network
    from pye2core.messages import Heartbeat, Notification, PayloadMessage


@frozen
class Listener:
    """The ears of one job; implements ``pye2core.abc.NetworkListener``.

    Attributes:
        job: tells whose messages matter.
        tell: takes what happened.
        network: tells who is online.
        pipelines: the names of the workers' pipelines.
    """

    job: Job
    tell: Callable[[Event], None]
    network: Network
    pipelines: frozenset[str] = field(init=False)

    @pipelines.default
    def _workers_pipelines(self) -> frozenset[str]:
        plan = self.job.plan
        return frozenset(plan.pipeline_of(job_id) for job_id in range(plan.pieces))

    def cares_about(self, pipeline: str | None) -> bool:
        """Whether a pipeline is of a worker; what is said about none may answer a command."""
        return pipeline is None or pipeline in self.pipelines

    def on_payload(self, payload: PayloadMessage) -> None:
        """Tell of a payload that may be of a worker."""
        pipeline, origin = payload.path.pipeline, payload.origin
        if origin is None or pipeline not in self.pipelines:
            return
        session_id = payload.requester.session_id
        size = size_of(data_of(payload.fields))
        self.tell(WorkerPayload(origin.sender, pipeline, session_id, payload.fields, size))

    def on_notification(self, notification: Notification) -> None:
        """Tell of a notification that may be about a worker."""
        pipeline, origin = notification.path.pipeline, notification.origin
        session_id = notification.requester.session_id
        answers_us = (session_id or "").startswith(self.job.plan.requester)
        is_ours = answers_us if pipeline is None else pipeline in self.pipelines
        if origin is None or not is_ours:
            return
        said = WorkerNotification(
            origin.sender,
            pipeline,
            session_id,
            code=notification.code,
            is_exception=notification.kind is NotificationKind.EXCEPTION,
            text=notification.text or notification.info or "it did not say why",
            failure=failure_from(notification.fields.get(FAILURE_KEY)),
        )
        self.tell(said)

    def on_peer(self, heartbeat: Heartbeat) -> None:
        """Tell of a heartbeat of a worker's node."""
        node = heartbeat.address
        if not self.job.cares_about(node):
            return
        peers = self.network.peers()
        if any(peer.address == node for peer in peers):
            said = heartbeat.pipelines
            pipelines = None if said is None else frozenset(each.name for each in said)
            self.tell(NodeHeard(node, pipelines))
        else:
            self.tell(PeersKnown(tuple(peers)))  # it said good-bye
