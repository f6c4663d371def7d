"""How much a payload is: what it counts for, and whether it is sealed quickly or slowly sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNIT: Final = 32 * 1024
"""Bytes of a payload that count as one payload."""

_SMALL: Final = 8 * 1024
_LARGE: Final = 1024 * 1024


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
