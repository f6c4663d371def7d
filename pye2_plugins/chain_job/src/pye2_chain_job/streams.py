"""The payloads of one worker: in order, each once, and what is missing noticed.

Sans-I/O. Workers of ours number their payloads and say which process they come from
(``EXEC_SEQ`` and ``EXEC_RUN``); PyE2's do not, and are taken as they come.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import define, field, frozen

MOST_EARLY: Final = 10_000
"""Payloads that may wait for an earlier one."""

GAP_SECONDS: Final = 5.0
"""A payload that is missing for longer than this does not come any more."""


@frozen
class Numbered:
    """A payload's data with its number.

    Attributes:
        data: what the worker sent, as the caller keeps it.
        number: its place in the stream, from 1; None where workers do not number.
    """

    data: Any
    number: int | None = None


@frozen
class Taken:
    """What came of a payload.

    Attributes:
        ready: what is now in order.
        restarted: whether its worker has lost its memory: what it sent before does not count.
        mixed_up: whether it cannot be told any more which of the worker's processes is its present
            one.
    """

    ready: tuple[Numbered, ...] = ()
    restarted: bool = False
    mixed_up: bool = False


@define
class PayloadStream:
    """The payloads of one attempt.

    Attributes:
        run: the worker's process, as it names itself; None before its first payload.
        expected: the number of the payload that comes next.
    """

    run: str | None = None
    expected: int = 1
    _early: dict[int, Any] = field(factory=dict)
    _past: dict[str, int] = field(factory=dict)
    """Of the worker's processes before, which payload would have come next."""
    _missing_since: float | None = None

    def take(self, run: object, number: object, data: Any, now: float) -> Taken:
        """Take in a payload.

        Args:
            run: what it says of its process; not to be believed.
            number: what it says of its place; not to be believed.
            data: what belongs to it.
            now: the time, in seconds.
        """
        if not isinstance(run, str) or not isinstance(number, int) or number < 1:
            return Taken((Numbered(data),))
        if run in self._past:
            # A repetition means nothing. News of a process that was thought to be gone does.
            return Taken(mixed_up=number >= self._past[run])
        restarted = self.run is not None and run != self.run
        if run != self.run:
            self._begin(run)
        return Taken(self._in_order(number, data, now), restarted)

    def lost(self, now: float) -> bool:
        """Whether a payload was lost on its way."""
        if len(self._early) > MOST_EARLY:
            return True
        return self.gives_up_at is not None and now >= self.gives_up_at

    @property
    def gives_up_at(self) -> float | None:
        """When a payload that is missing counts as lost; None if none is missing."""
        return None if self._missing_since is None else self._missing_since + GAP_SECONDS

    def _begin(self, run: str) -> None:
        if self.run is not None:
            self._past[self.run] = self.expected
            self.expected = 1
        self.run = run
        self._early.clear()
        self._missing_since = None

    def _in_order(self, number: int, data: Any, now: float) -> tuple[Numbered, ...]:
        if number < self.expected or number in self._early:
            return ()  # a repetition
        self._early[number] = data
        ready = []
        while self.expected in self._early:
            ready.append(Numbered(self._early.pop(self.expected), self.expected))
            self.expected += 1
        if not self._early:
            self._missing_since = None
        elif ready or self._missing_since is None:
            self._missing_since = now
        return tuple(ready)
