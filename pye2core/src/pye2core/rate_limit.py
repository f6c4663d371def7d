"""How often something may be done for each of many, and for all of them together.

Sans-I/O, from any thread. For what strangers can provoke: keys cost nothing, so a limit for each
sender alone is none.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pye2core.clock import Clock

_REMEMBERED = 1024
_NEVER = float("-inf")


class RateLimit:
    """Permits so much for each, and so much for all.

    Args:
        clock: says what time it is.
        every: seconds between two permissions for one.
        a_second: permissions within a second for all together.
    """

    def __init__(self, clock: Clock, *, every: float, a_second: int) -> None:
        self._clock = clock
        self._every = every
        self._a_second = a_second
        self._lock = threading.Lock()
        self._permitted: OrderedDict[Hashable, float] = OrderedDict()
        self._second = _NEVER
        self._in_this_second = 0

    def permits(self, who: Hashable) -> bool:
        """Whether it may be done now; counts as done if so."""
        now = self._clock.monotonic()
        with self._lock:
            if now - self._permitted.get(who, _NEVER) < self._every:
                return False
            if now - self._second >= 1.0:
                self._second, self._in_this_second = now, 0
            if self._in_this_second >= self._a_second:
                return False
            self._in_this_second += 1
            self._remember(who, now)
            return True

    def _remember(self, who: Hashable, now: float) -> None:
        self._permitted[who] = now
        self._permitted.move_to_end(who)
        if len(self._permitted) > _REMEMBERED:
            self._permitted.popitem(last=False)
