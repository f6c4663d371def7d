"""Tells those whose commands are refused so: not as often as they try, but none of them never.

From the transport's threads and on the node's loop. Whoever gave several commands within a second
is told once more when the second is over: one refusal answers all that a sender has asked so far,
and who waits for an answer is not left to wait in vain (PyE2 wire protocol, section 8).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pye2core.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.clock import Clock

    Say = Callable[[], object]

ANSWER_EVERY = 1.0
"""Seconds between two refusals that one sender is told of."""

ANSWERS_A_SECOND = 20
"""Refusals that all senders together are told of: a flood of commands makes no flood of ours."""

MOST_OWED = 1024
"""Senders that wait to be told. Keys cost nothing: beyond that, new ones are not told."""


class Refusals:
    """Says refusals at a bounded rate.

    Args:
        clock: what the rate is measured by.
        later: calls something after so many seconds, once; to be called from any thread.
    """

    def __init__(self, clock: Clock, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._rate = RateLimit(clock, every=ANSWER_EVERY, a_second=ANSWERS_A_SECOND)
        self._later = later
        self._lock = threading.Lock()
        self._owed: OrderedDict[str, Say] = OrderedDict()
        self._is_planned = False

    def tell(self, sender: str, say: Say) -> None:
        """Say it now, or as soon as the rate permits; in place of what the sender is still owed.

        Args:
            sender: to whom.
            say: says it; called once at most, from any thread.
        """
        if self._rate.permits(sender):
            with self._lock:
                self._owed.pop(sender, None)
            say()
            return
        with self._lock:
            if sender not in self._owed and len(self._owed) >= MOST_OWED:
                return
            self._owed[sender] = say
            is_planned, self._is_planned = self._is_planned, True
        if not is_planned:
            self._later(ANSWER_EVERY, self._settle)

    def _settle(self) -> None:
        with self._lock:
            due = [sender for sender in self._owed if self._rate.permits(sender)]
            told = [self._owed.pop(sender) for sender in due]
            self._is_planned = bool(self._owed)
            goes_on = self._is_planned
        for say in told:
            say()
        if goes_on:
            self._later(ANSWER_EVERY, self._settle)
