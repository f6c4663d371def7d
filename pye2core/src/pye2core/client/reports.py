"""What a node says that it runs, and when that was so.

Sans-I/O: you are in the part of the client room that knows which of two things that a node said is
the newer one. Heartbeats and notifications come on different ways, so that a heartbeat may be heard
after the confirmation of a change that it does not know of yet. A node stamps both with its own
clock: that tells them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from datetime import datetime

    from pye2core.messages import Heartbeat, PipelineConfig

SETTLING = 1.0
"""Seconds after which a message is taken as the newer one where the node's clock does not tell.
PyE2's nodes stamp a heartbeat up to that much later than they looked."""

LONGEST_WAY = 60.0
"""No message is on its way that long: what is heard so much later is newer, whatever the node's
clock says, which may have been put back."""


@frozen
class Moment:
    """When something was so on a node.

    Attributes:
        said: by the node's clock; None where it did not say.
        heard: on our monotonic clock, in seconds.
        doubt: seconds that it may have been before ``said``.
    """

    said: datetime | None
    heard: float
    doubt: float = 0.0

    def precedes(self, other: Moment) -> bool:
        """Whether the other one was later."""
        between = other.heard - self.heard
        if between >= LONGEST_WAY:
            return True
        if self.said is None or other.said is None:
            return between >= SETTLING
        return (other.said - self.said).total_seconds() > other.doubt - self.doubt


LONG_AGO = Moment(None, float("-inf"))


@frozen
class Report:
    """What a node runs.

    Attributes:
        pipelines: by name.
        moment: when that was so.
    """

    pipelines: dict[str, PipelineConfig]
    moment: Moment

    @classmethod
    def of(cls, heartbeat: Heartbeat, heard: float) -> Report:
        """What a full heartbeat says, or the last full one as a brief one has renewed it."""
        pipelines = {config.name: config for config in heartbeat.pipelines or ()}
        said = heartbeat.origin.sent_at if heartbeat.origin is not None else None
        doubt = SETTLING if heartbeat.life is None else 0.0
        return cls(pipelines, Moment(said, heard, doubt))
