"""Time that jumps: hours of waiting pass in no time, for tests of runners and of other async code.

The loop counts the seconds that were waited for and waits for none of them; threads and processes
are given a moment whenever nothing else is ready.

Example:
    ::

        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(asyncio.sleep(3600))
"""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime, timedelta

_MOMENT = 0.001
"""Seconds that are really waited for at most."""


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for a moment at most, and notes the rest as passed."""

    jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(timeout if not timeout else min(timeout, _MOMENT))
        if not ready and timeout:
            self.jumped += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop on which hours pass in no time."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds that were waited for on this loop."""
        return self._jumping.jumped


class LoopClock:
    """A ``pye2core.clock.Clock`` that tells the time of the running loop, from 2026 on."""

    def monotonic(self) -> float:
        """Seconds by the loop."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())
