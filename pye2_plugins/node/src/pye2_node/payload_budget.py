"""How much an instance may send: so much a second, and more at once if it was quiet before.

Sans-I/O: whoever uses it says what time it is, and waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIT: Final = 32 * 1024
"""Bytes of a payload that count as one payload."""

_SMALL: Final = 8 * 1024
_LARGE: Final = 1024 * 1024

_SECONDS_AT_ONCE: Final = 5.0


class PayloadBudget:
    """Of one instance. What is spent beyond it is a debt, and has to be waited for.

    Example:
        >>> budget = PayloadBudget(10, now=0.0)
        >>> budget.spend(60, now=0.0)
        >>> budget.seconds_to_wait(now=0.5)
        0.5
    """

    def __init__(self, a_second: float, *, now: float) -> None:
        """Begin with as much as may be sent at once.

        Args:
            a_second: payloads, or units of larger ones; as many as in 5 s may be sent at once.
            now: seconds of a monotonic clock.
        """
        self.a_second = a_second
        self._at_once = a_second * _SECONDS_AT_ONCE
        self._left = self._at_once
        self._looked_at = now

    def seconds_to_wait(self, now: float) -> float:
        """Seconds until something may be sent; 0 if it may be now."""
        return max(0.0, -self._left_at(now) / self.a_second)

    def spend(self, units: float, now: float) -> None:
        """Note what was sent."""
        self._left = self._left_at(now) - units

    def _left_at(self, now: float) -> float:
        earned = (now - self._looked_at) * self.a_second
        self._left = min(self._at_once, self._left + earned)
        self._looked_at = now
        return self._left


def units_of(fields: object) -> float:
    """How many units a payload counts for besides itself: none for a small one."""
    return size_of(fields) // UNIT


def is_small(fields: Mapping[str, object]) -> bool:
    """Whether a payload is quickly sealed: it has little text, few bytes and not many values."""
    return _all_of(fields) <= _SMALL


def is_large(fields: Mapping[str, object]) -> bool:
    """Whether few of a payload's size are all that should be on their way to the broker at once."""
    return _all_of(fields) >= _LARGE


def _all_of(fields: Mapping[str, object]) -> int:
    bytes_there = sum(len(each) for each in fields.values() if isinstance(each, bytes))
    return bytes_there + size_of(fields)


def size_of(value: object) -> int:
    """About how many bytes a value takes; it must not contain itself.

    Bytes count for little: code has none to send, as its values are JSON's, and a runner that has
    paces itself.
    """
    size = 0
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, str):
            size += len(each)
        elif isinstance(each, dict):
            left += [*each.keys(), *each.values()]
        elif isinstance(each, list | tuple):
            left += each
        else:
            size += 8
    return size
