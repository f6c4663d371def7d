"""The only module that reads the time.

Everything else is given a :class:`Clock`, so that protocol, transactions and jobs can be tested and
simulated without waiting.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final, Protocol

EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that was ever set says an earlier moment."""


def is_set(now: datetime) -> bool:
    """Whether a clock that says this moment can be right.

    A machine without a battery for its clock, a Raspberry Pi, begins in the past when it is
    started, and knows the time only when the network has told it.

    Example:
        >>> is_set(datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC))
        False
    """
    return now >= EARLIEST


class Clock(Protocol):
    """Where the time comes from."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    def is_set(self) -> bool:
        """Whether what :meth:`now` says can be right; that may change at any time."""


class SystemClock:
    """The time of this machine."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        return time.monotonic()

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def is_set(self) -> bool:
        """Whether what :meth:`now` says can be right."""
        return is_set(self.now())


class ManualClock:
    """A clock that stands still until it is moved: for tests and simulations.

    Example:
        >>> clock = ManualClock()
        >>> clock.advance(1.5)
        >>> clock.monotonic()
        1.5
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._elapsed = 0.0
        self._start = start or datetime(2026, 1, 1, tzinfo=UTC)

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._elapsed += seconds

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._elapsed

    def now(self) -> datetime:
        """The start plus what has passed."""
        return datetime.fromtimestamp(self._start.timestamp() + self._elapsed, UTC)

    def is_set(self) -> bool:
        """Whether what :meth:`now` says can be right."""
        return is_set(self.now())


SYSTEM_CLOCK: Clock = SystemClock()
