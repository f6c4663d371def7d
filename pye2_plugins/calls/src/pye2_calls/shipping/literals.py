"""Values that are written into the text that is sent: short ones, told exactly by a literal."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 1000
"""Characters; what is longer is packed, so that the text stays readable."""

_MOST_BITS: Final = 2000
_SINGLE: Final = (None, True, False, ..., NotImplemented)


def literal_of(value: object) -> str | None:
    """The literal that gives just this value, type and all; None if there is none.

    Example:
        >>> literal_of((1, -0.0, "a"))
        "(1, -0.0, 'a')"
    """
    if not _is_short(value):
        return None
    text = repr(value)
    return text if len(text) <= LONGEST else None


def _is_short(value: Any) -> bool:
    if any(value is each for each in _SINGLE):
        return True
    match type(value):
        case builtins.int:
            return int.bit_length(value) <= _MOST_BITS
        case builtins.float:
            return math.isfinite(value)
        case builtins.str | builtins.bytes:
            return len(value) <= LONGEST
        case builtins.tuple:
            return len(value) <= LONGEST and all(map(_is_short, value))
    return False


def is_changeable(value: object) -> bool:
    """Whether something can become something else while it stays the same object."""
    return any(type(each) not in _UNCHANGEABLE for each in _flat(value))


_UNCHANGEABLE: Final = {int, float, complex, bool, str, bytes, type(None), range}


def _flat(value: Any) -> Iterator[Any]:
    """The value, or what is in it if it is a tuple."""
    if type(value) in {tuple, frozenset}:
        for each in value:
            yield from _flat(each)
    else:
        yield value
