"""What the client is told of a job, and when.

Sans-I/O. The fields are those of PyE2 wire protocol, section 13; ``DATA_COUNT``, ``STATE_INFO`` and
``ERROR`` are ours. A progress of 100 is in the last payload only.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from attrs import define, frozen

SHORTEST_PAUSE: Final = 0.2
"""Seconds between two payloads at least."""

LONGEST_PAUSE: Final = 10.0
"""Seconds after which a payload is sent although nothing has moved."""

SHARE_OF_TIME: Final = 10
"""Making a partial result takes at most one part in so many of the time."""

_ALMOST_DONE: Final = 99.9
_HARDLY_BEGUN: Final = 0.01


class JobState(Enum):
    """Where a job is, by the words that the client is told."""

    DECIDE = "S1_DECIDE_NR_REMOTE_NODES"
    SPLIT = "SPLIT_INPUT"
    DISTRIBUTE = "DISTRIBUTE_JOBS"
    WAIT = "WAITING_FOR_NODES"
    AGGREGATE = "AGGREGATE_COLLECTED_DATA"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


@frozen
class Standing:
    """How a job stands.

    Attributes:
        state: where it is.
        state_info: more about that in words.
        percent: how far it is; None where it cannot be known.
        nodes: by job, the address of its worker's node.
        counts: by job, how many items were collected.
        elapsed: seconds since it began.
        started: when it began, as text.
    """

    state: JobState
    state_info: str
    percent: float | None
    nodes: dict[int, str]
    counts: dict[int, int]
    elapsed: float
    started: str


@define
class ReportTimer:
    """Says when the next payload is due."""

    _moved: bool = True
    _earliest: float = float("-inf")
    _latest: float = float("-inf")

    def moved(self) -> None:
        """Something has changed that the client should see."""
        self._moved = True

    def is_due(self, now: float) -> bool:
        """Whether a payload should be sent now."""
        return now >= self._latest or (self._moved and now >= self._earliest)

    def due_at(self) -> float:
        """When a payload is due if nothing else happens."""
        return self._earliest if self._moved else self._latest

    def began(self, now: float) -> None:
        """A payload is being made; what moves from now on is for the next one."""
        self._moved = False
        self._earliest = now + SHORTEST_PAUSE
        self._latest = now + LONGEST_PAUSE

    def cost(self, seconds: float) -> None:
        """Making the payload took some time; the next one waits in proportion."""
        self._earliest += SHARE_OF_TIME * seconds


def partial_fields(standing: Standing, data: Any) -> dict[str, Any]:
    """The body of a payload while the job runs."""
    percent = min(percentage(standing.percent) or 0.0, _ALMOST_DONE)
    return {
        "PROGRESS": percent,
        "DATA": data,
        "STATE_INFO": standing.state_info,
        "REMAINING_TIME": _remaining(percent, standing.elapsed),
        **_common(standing),
    }


def last_fields(standing: Standing, data: Any) -> dict[str, Any]:
    """The body of the last payload of a job that succeeded."""
    return {"PROGRESS": 100, "DATA": data, "REMAINING_TIME": "0:00:00", **_common(standing)}


def failed_fields(standing: Standing, reason: str, more: dict[str, Any]) -> dict[str, Any]:
    """The body of the last payload of a job that failed."""
    fields = partial_fields(standing, None)
    return {**fields, "STATE_INFO": reason, "ERROR": reason, **more}


def percentage(value: object) -> float | None:
    """What foreign code says of progress as a number from 0 to 100; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    within = min(max(value, 0), 100)
    return None if within != within else float(within)  # noqa: PLR0124 - only NaN is not itself


def clock_text(seconds: float) -> str:
    """A duration as ``H:MM:SS``.

    Example:
        >>> clock_text(3671.9)
        '1:01:11'
    """
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


def _common(standing: Standing) -> dict[str, Any]:
    total = sum(standing.counts.values())
    return {
        "PROGRESS_BY_NODE": {
            str(job_id): {"NODE": node, "PROGRESS": standing.counts[job_id] / max(total, 1)}
            for job_id, node in standing.nodes.items()
        },
        "DATA_COUNT": total,
        "STATE": standing.state.value,
        "START_DATE": standing.started,
        "ELAPSED_TIME": clock_text(standing.elapsed),
    }


def _remaining(percent: float, elapsed: float) -> str:
    if percent < _HARDLY_BEGUN:
        return "unknown"
    return clock_text(elapsed * (100.0 - percent) / percent)
