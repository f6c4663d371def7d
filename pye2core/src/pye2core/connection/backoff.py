"""How long to wait before each attempt to reconnect.

Sans-I/O: it says how long; the connection waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
"""Seconds before the first attempt to reconnect, and at most before a later one."""


class Backoff:
    """Delays that double, with jitter, so that a crowd of peers does not come back at once.

    Args:
        rng: for the jitter.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._ceiling = FIRST_DELAY

    def next_delay(self) -> float:
        """Seconds to wait now: from half of the current ceiling to all of it."""
        ceiling = self._ceiling
        self._ceiling = min(ceiling * 2, LONGEST_DELAY)
        return ceiling * self._rng.uniform(0.5, 1.0)

    def connection_ended(self, lasted: float) -> None:
        """Begin with short delays again if the connection was a steady one.

        Args:
            lasted: seconds. Two that take each other's place at the broker would otherwise do so
                ten times a second.
        """
        if lasted >= LONGEST_DELAY:
            self._ceiling = FIRST_DELAY
