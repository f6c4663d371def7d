"""The classes of the instances in a value, wherever in it they are."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import attrs

from pye2_calls.values.exceptions import inside, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATOMS: Final = (str, bytes, bytearray, int, float, complex, bool, type(None), type, range)


def classes_in(value: object) -> list[type]:
    """The dataclasses, attrs classes, named tuples, enumerations and errors in a value.

    Each once, in the order in which they are met.

    Example:
        >>> classes_in({"at": [Point(1, 2)]})
        [<class 'shapes.Point'>]
    """
    found: dict[type, None] = {}
    seen: dict[int, object] = {}
    waiting = deque([value])
    while waiting:
        one = waiting.popleft()
        if id(one) in seen or (isinstance(one, _ATOMS) and not isinstance(one, Enum)):
            continue
        seen[id(one)] = one
        if is_carried(type(one)):
            found[type(one)] = None
        waiting.extend(_held_by(one))
    return list(found)


def is_carried(kind: type) -> bool:
    """Whether instances of a class can travel, if both sides know it."""
    is_record = issubclass(kind, tuple) and hasattr(kind, "_fields")
    is_error = issubclass(kind, BaseException) and name_of(kind) is None
    return is_record or is_error or issubclass(kind, Enum) or _has_fields(kind)


def _has_fields(kind: type) -> bool:
    return dataclasses.is_dataclass(kind) or attrs.has(kind)


def _held_by(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        yield from value
    elif isinstance(value, Enum):
        return
    elif isinstance(value, BaseException):
        yield from (held for _, held in inside(value))
    elif _has_fields(type(value)):
        yield from _fields(value)


def _fields(value: Any) -> Iterable[Any]:
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        names = [each.name for each in dataclasses.fields(kind)]
    else:
        names = [each.name for each in attrs.fields(kind)]
    return [getattr(value, name) for name in names if hasattr(value, name)]
