"""The pipelines that a session knows, by node and name.

You are in the client room. What runs on a node is what its newest heartbeat says, corrected by what
was confirmed to this session since.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pye2core.client.reports import Moment, Report
from pye2core.identity import with_prefix

if TYPE_CHECKING:
    from datetime import datetime

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.pipeline import Pipeline
    from pye2core.clock import Clock
    from pye2core.messages import Heartbeat, PipelineConfig


class KnownPipelines:
    """The pipelines of one session.

    Args:
        clock: says when what was heard.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Pipeline]] = {}
        self._reported: dict[str, Report] = {}
        self._closed: dict[str, dict[str, Moment]] = {}

    def get(self, node: str, name: str | None) -> Pipeline | None:
        """The pipeline of that name on that node, if the session has one."""
        if name is None:
            return None
        with self._lock:
            return self._known.get(with_prefix(node), {}).get(name)

    def add(self, pipeline: Pipeline) -> Pipeline:
        """Know a pipeline from now on, in the place of another of the same name, which ends."""
        with self._lock:
            here = self._known.setdefault(pipeline.node_addr, {})
            replaced = here.get(pipeline.name)
            here[pipeline.name] = pipeline
        if replaced is not None:
            replaced.end_callbacks()
        return pipeline

    def add_if_new(self, pipeline: Pipeline) -> Pipeline:
        """Know a pipeline from now on, unless one of the same name is known; the one that is."""
        with self._lock:
            here = self._known.setdefault(pipeline.node_addr, {})
            return here.setdefault(pipeline.name, pipeline)

    def forget(self, pipeline: DeployedPipeline, said_at: datetime | None = None) -> None:
        """Know it no longer: it was closed.

        Args:
            pipeline: which one.
            said_at: when its node said so, by the node's clock, if it did.
        """
        self._drop(pipeline)
        closed = Moment(said_at, self._clock.monotonic())
        with self._lock:
            self._closed.setdefault(pipeline.node_addr, {})[pipeline.name] = closed

    def forget_node(self, node: str) -> None:
        """Know no longer what a node says that it runs: it is forgotten itself."""
        with self._lock:
            self._reported.pop(with_prefix(node), None)
            self._closed.pop(with_prefix(node), None)

    def all(self) -> list[Pipeline]:
        """All that the session has."""
        with self._lock:
            return [each for here in self._known.values() for each in here.values()]

    # --- what nodes say ---------------------------------------------------------------------------

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take in what a node says that it runs, in a heartbeat that says it."""
        node = with_prefix(heartbeat.address)
        report = Report.of(heartbeat, self._clock.monotonic())
        with self._lock:
            self._reported[node] = report
            self._let_closed_settle(node, report)
            known = list(self._known.get(node, {}).values())
        for pipeline in known:
            pipeline.note_report(report)
            if pipeline.is_gone and not (pipeline.is_own or pipeline.is_listened_to):
                self._drop(pipeline)
                pipeline.end_callbacks()

    def report_of(self, node: str) -> Report | None:
        """What a node last said that it runs."""
        with self._lock:
            return self._reported.get(with_prefix(node))

    def _drop(self, pipeline: DeployedPipeline) -> None:
        with self._lock:
            here = self._known.get(pipeline.node_addr, {})
            if here.get(pipeline.name) is pipeline:
                del here[pipeline.name]

    def reported(self, node: str) -> dict[str, PipelineConfig]:
        """What a node runs by its newest heartbeat, without what this session has closed since."""
        node = with_prefix(node)
        with self._lock:
            report = self._reported.get(node)
            if report is None:
                return {}
            self._let_closed_settle(node, report)
            closed = self._closed.get(node, {})
            return {name: each for name, each in report.pipelines.items() if name not in closed}

    def _let_closed_settle(self, node: str, report: Report) -> None:
        """Hide a pipeline that was closed no longer than until a report can know of that."""
        closed = self._closed.get(node, {})
        for name in [each for each, moment in closed.items() if moment.precedes(report.moment)]:
            del closed[name]

    def deployed(self, node: str) -> dict[str, Pipeline]:
        """What this session knows to run on a node."""
        with self._lock:
            here = list(self._known.get(with_prefix(node), {}).values())
        return {pipeline.name: pipeline for pipeline in here if pipeline.is_deployed}
