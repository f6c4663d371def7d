"""How often those who are not known are answered."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.clock import Clock

ANSWER_EVERY = 1.0
"""Seconds between two refusals that one sender is told of."""

ANSWERS_A_SECOND = 20
"""Answers to all senders together: a flood of questions does not become a flood of answers."""

_SENDERS_REMEMBERED = 1024


class AnswerRate:
    """Limits answers to each sender, and to all of them; from any thread.

    Args:
        clock: says what time it is.
        every: seconds between two answers to one sender.
    """

    def __init__(self, clock: Clock, every: float = ANSWER_EVERY) -> None:
        self._clock = clock
        self._every = every
        self._lock = threading.Lock()
        self._answered: OrderedDict[str, float] = OrderedDict()
        self._second = float("-inf")
        self._in_this_second = 0

    def permits(self, sender: str) -> bool:
        """Whether to answer now; counts as an answer if so."""
        now = self._clock.monotonic()
        with self._lock:
            if now - self._answered.get(sender, float("-inf")) < self._every:
                return False
            if now - self._second >= 1.0:
                self._second, self._in_this_second = now, 0
            if self._in_this_second >= ANSWERS_A_SECOND:
                return False
            self._in_this_second += 1
            self._remember(sender, now)
            return True

    def _remember(self, sender: str, now: float) -> None:
        self._answered[sender] = now
        self._answered.move_to_end(sender)
        if len(self._answered) > _SENDERS_REMEMBERED:
            self._answered.popitem(last=False)
