"""The pipelines that a session knows, by node and name.

You are in the client room. What runs on a node is what its newest heartbeat says, corrected by what
was confirmed to this session since.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pye2core.client.deployment import SETTLING
from pye2core.identity import with_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.pipeline import Pipeline
    from pye2core.clock import Clock
    from pye2core.messages import PipelineConfig


class KnownPipelines:
    """The pipelines of one session.

    Args:
        clock: says when what was heard.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Pipeline]] = {}
        self._reported: dict[str, dict[str, PipelineConfig]] = {}
        self._closed: dict[tuple[str, str], float] = {}

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
            for thread in replaced.callback_threads():
                thread.finish()
        return pipeline

    def add_if_new(self, pipeline: Pipeline) -> Pipeline:
        """Know a pipeline from now on, unless one of the same name is known; the one that is."""
        with self._lock:
            here = self._known.setdefault(pipeline.node_addr, {})
            return here.setdefault(pipeline.name, pipeline)

    def forget(self, pipeline: DeployedPipeline) -> None:
        """Know it no longer: it was closed."""
        self._drop(pipeline)
        with self._lock:
            self._let_closed_settle()
            self._closed[pipeline.node_addr, pipeline.name] = self._clock.monotonic()
            self._reported.get(pipeline.node_addr, {}).pop(pipeline.name, None)

    def forget_node(self, node: str) -> None:
        """Know no longer what a node says that it runs: it is forgotten itself."""
        with self._lock:
            self._reported.pop(with_prefix(node), None)

    def all(self) -> list[Pipeline]:
        """All that the session has."""
        with self._lock:
            return [each for here in self._known.values() for each in here.values()]

    # --- what nodes say ---------------------------------------------------------------------------

    def hear(self, node: str, reported: Iterable[PipelineConfig]) -> None:
        """Take in what a node says that it runs."""
        node = with_prefix(node)
        by_name = {config.name: config for config in reported}
        with self._lock:
            self._let_closed_settle()
            self._reported.pop(node, None)
            running = {name: by_name[name] for name in by_name if (node, name) not in self._closed}
            if running:
                self._reported[node] = running
            known = list(self._known.get(node, {}).values())
        for pipeline in known:
            pipeline.note_report(by_name.get(pipeline.name))
            if pipeline.name not in by_name and not (pipeline.is_own or pipeline.is_listened_to):
                self._drop(pipeline)

    def _drop(self, pipeline: DeployedPipeline) -> None:
        with self._lock:
            here = self._known.get(pipeline.node_addr, {})
            if here.get(pipeline.name) is pipeline:
                del here[pipeline.name]

    def _let_closed_settle(self) -> None:
        now = self._clock.monotonic()
        for key, closed_at in list(self._closed.items()):
            if now - closed_at >= SETTLING:
                del self._closed[key]

    def reported(self, node: str) -> dict[str, PipelineConfig]:
        """What a node runs by its newest heartbeat, without what this session has closed since."""
        with self._lock:
            return dict(self._reported.get(with_prefix(node), {}))

    def deployed(self, node: str) -> dict[str, Pipeline]:
        """What this session knows to run on a node."""
        with self._lock:
            here = list(self._known.get(with_prefix(node), {}).values())
        return {pipeline.name: pipeline for pipeline in here if pipeline.is_deployed}
