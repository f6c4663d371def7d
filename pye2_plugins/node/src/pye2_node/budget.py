"""How much an instance may do: so much a second, and more at once if it was quiet before.

Sans-I/O: whoever uses it says what time it is, and waits.
"""

from __future__ import annotations


class Budget:
    """Of one instance. What is spent beyond it is a debt, and has to be waited for.

    Example:
        >>> budget = Budget(10, at_once=50, now=0.0)
        >>> budget.spend(60, now=0.0)
        >>> budget.seconds_to_wait(now=0.5)
        0.5
    """

    def __init__(self, a_second: float, *, at_once: float, now: float) -> None:
        """Begin with as much as may be spent at once.

        Args:
            a_second: what is earned each second, until it is as much as ``at_once``.
            at_once: what may be spent at once.
            now: seconds of a monotonic clock.
        """
        self.a_second = a_second
        self._at_once = at_once
        self._left = at_once
        self._looked_at = now

    def seconds_to_wait(self, now: float) -> float:
        """Seconds until something may be spent; 0 if it may be now."""
        return max(0.0, -self._left_at(now) / self.a_second)

    def spend(self, units: float, now: float) -> None:
        """Note what was spent."""
        self._left = self._left_at(now) - units

    def _left_at(self, now: float) -> float:
        earned = (now - self._looked_at) * self.a_second
        self._left = min(self._at_once, self._left + earned)
        self._looked_at = now
        return self._left
