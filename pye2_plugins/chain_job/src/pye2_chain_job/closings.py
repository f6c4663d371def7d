"""Workers' pipelines that are to end, until their nodes say that they have.

Sans-I/O. A node that is told and does not confirm is told again a few times, and once more whenever
its heartbeat shows the pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from pye2_chain_job.actions import Close

AGAIN_SECONDS: Final = 3.0
"""A node that has not confirmed for this long is told again."""

MOST_TIMES: Final = 3
"""How often a node is told that says nothing at all."""


@define
class _Closing:
    close: Close
    again_at: float
    times: int = 1


@define
class Closings:
    """What is to end and is not known to have ended."""

    _open: dict[tuple[str, str], _Closing] = field(factory=dict)

    def begin(self, close: Close, now: float) -> Close:
        """A pipeline is to end; gives the command for its node."""
        self._open[close.node, close.pipeline] = _Closing(close, now + AGAIN_SECONDS)
        return close

    def confirmed(self, node: str, pipeline: str) -> None:
        """The pipeline is gone from the node, or another one takes its name there."""
        self._open.pop((node, pipeline), None)

    def begun(self, node: str, pipeline: str) -> bool:
        """Whether this pipeline of this node is to end already."""
        return (node, pipeline) in self._open

    def concerns(self, node: str) -> bool:
        """Whether a pipeline of this node is to end."""
        return any(owner == node for owner, _ in self._open)

    def heard(self, node: str, pipelines: frozenset[str], now: float) -> list[Close]:
        """A node says which pipelines it runs; gives the commands to repeat to it."""
        repeated = []
        for closing in [each for each in self._open.values() if each.close.node == node]:
            if closing.close.pipeline not in pipelines:
                self.confirmed(node, closing.close.pipeline)
            elif now >= closing.again_at:
                closing.again_at = now + AGAIN_SECONDS
                repeated.append(closing.close)
        return repeated

    def overdue(self, now: float) -> list[Close]:
        """The commands to repeat because nobody confirmed them."""
        repeated = []
        for closing in self._open.values():
            if closing.times < MOST_TIMES and now >= closing.again_at:
                closing.times += 1
                closing.again_at = now + AGAIN_SECONDS
                repeated.append(closing.close)
        return repeated

    def next_at(self) -> float | None:
        """When :meth:`overdue` has something next."""
        times = [each.again_at for each in self._open.values() if each.times < MOST_TIMES]
        return min(times, default=None)

    def unconfirmed(self) -> list[Close]:
        """What is not known to have ended."""
        return [closing.close for closing in self._open.values()]
