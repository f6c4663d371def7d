"""Which results of an instance did not arrive though later ones did.

You are on the client's side of CUSTOM_EXEC_01. ``Numbering`` is sans-I/O: it is asked for every
payload, from the transport's threads, and reads the time only for a process that it does not know
and when a number was left out.
``MissingResults`` waits until what is missing can no longer be just late, and then says so.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.clock import Clock

LATE_SECONDS: Final = 12.0
"""What arrives in another order than it was sent does so within this: brokers that deliver a
message again wait for its acknowledgement first, the embedded one for 10 s."""

TELL_SECONDS: Final = 60.0
"""Seconds from one telling to the next."""

_MOST_GAPS: Final = 1_000
_MOST_RUNS: Final = 8


@define
class _Gap:
    """Numbers of one process that were left out, from ``first`` to before ``end``."""

    run: str
    first: int
    end: int
    since: float
    is_told: bool = False

    @property
    def size(self) -> int:
        return self.end - self.first


class Numbering:
    """The numbers of an instance's payloads, and those that were left out; from any thread.

    Each process of the instance numbers its payloads from 1. Where the numbers of the first process
    that is heard begin says nothing: it may have run before. Nor do those of others that are heard
    within ``LATE_SECONDS`` of it, as either may be late, and have been sent before anybody listened
    here. Those of later processes begin with 1.

    Args:
        clock: says since when a number is missing, and how long one has listened.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, int] = {}
        self._since = 0.0
        self._gaps: deque[_Gap] = deque()
        self._given_up = 0

    def take(self, run: object, number: object) -> bool:
        """Note that a payload has arrived; whether numbers before its own were left out just now.

        Args:
            run: what it says of its process; not to be believed.
            number: what it says of its place; not to be believed.
        """
        if not isinstance(run, str) or not isinstance(number, int) or number < 1:
            return False
        with self._lock:
            expected = self._next.get(run)
            if expected is None:
                expected = self._begin(run, number)
            del self._next[run]  # and in again, so that the one heard longest ago comes first
            self._next[run] = max(expected, number + 1)
            if number < expected:
                self._fill(run, number)
                return False
            if number == expected:
                return False
            self._leave_out(_Gap(run, expected, number, self._clock.monotonic()))
            return True

    def begin_anew(self) -> None:
        """Forget where the numbers are: nobody listens for now. What is missing stays missing."""
        with self._lock:
            self._next.clear()

    @property
    def missing(self) -> int:
        """How many have not arrived so far."""
        with self._lock:
            return self._given_up + sum(gap.size for gap in self._gaps)

    def missing_since(self, moment: float) -> int:
        """How many have been missing since then or longer."""
        with self._lock:
            return self._given_up + sum(gap.size for gap in self._gaps if gap.since <= moment)

    def news_since(self, moment: float) -> bool:
        """Whether some have been missing since then that this was not asked about before."""
        with self._lock:
            news = [gap for gap in self._gaps if gap.since <= moment and not gap.is_told]
            for gap in news:
                gap.is_told = True
            return bool(news)

    def _begin(self, run: str, number: int) -> int:
        now = self._clock.monotonic()
        if not self._next:
            self._since = now
        first = number if now - self._since < LATE_SECONDS else 1
        self._next[run] = first
        if len(self._next) > _MOST_RUNS:
            del self._next[next(iter(self._next))]
        return first

    def _leave_out(self, gap: _Gap) -> None:
        self._gaps.append(gap)
        if len(self._gaps) > _MOST_GAPS:
            self._given_up += self._gaps.popleft().size

    def _fill(self, run: str, number: int) -> None:
        """A payload has come late; or again, which means nothing."""
        for gap in self._gaps:
            if gap.run == run and gap.first <= number < gap.end:
                self._gaps.remove(gap)
                for first, end in ((gap.first, number), (number + 1, gap.end)):
                    if first < end:
                        self._gaps.append(_Gap(run, first, end, gap.since, gap.is_told))
                return


class MissingResults:
    """Watches one instance's results, and tells when some are missing.

    Args:
        clock: says how long something is missing.
        tell: told how many are missing in all, from a thread of its own: ``LATE_SECONDS`` after the
            first was left out, and then at most once in ``TELL_SECONDS``, when it has become more.
    """

    def __init__(self, clock: Clock, tell: Callable[[int], object]) -> None:
        self._clock = clock
        self._tell = tell
        self._numbering = Numbering(clock)
        self._lock = threading.Lock()
        self._waiting = False
        self._ended = False
        self._timer: threading.Timer | None = None

    def take(self, run: object, number: object) -> None:
        """Note that a payload has arrived; costs next to nothing while none is missing."""
        if self._numbering.take(run, number):
            self._judge_later()

    def begin_anew(self) -> None:
        """What comes next may begin with any number: nobody has listened."""
        self._numbering.begin_anew()

    def end(self) -> None:
        """Tell of nothing any more, and leave no thread behind."""
        with self._lock:
            self._ended = True
            if self._timer is not None:
                self._timer.cancel()

    @property
    def count(self) -> int:
        """How many have not arrived so far though later ones have."""
        return self._numbering.missing

    def _judge_later(self) -> None:
        with self._lock:
            if self._waiting:
                return
            self._waiting = True
            self._start_timer(LATE_SECONDS)

    def _judge(self) -> None:
        too_late = self._clock.monotonic() - LATE_SECONDS
        with self._lock:
            if self._ended:
                return
            is_news = self._numbering.news_since(too_late)
            lost = self._numbering.missing_since(too_late)
            self._waiting = is_waiting = is_news or self._numbering.missing > lost
        try:
            if is_news:
                self._tell(lost)
        finally:
            if is_waiting:
                with self._lock:
                    self._start_timer(TELL_SECONDS if is_news else LATE_SECONDS)

    def _start_timer(self, seconds: float) -> None:
        if self._ended:
            return
        self._timer = threading.Timer(seconds, self._judge)
        self._timer.name = "pye2-missing results"
        self._timer.daemon = True
        self._timer.start()
