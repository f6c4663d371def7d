"""Python's own numbers, collections, ids and paths."""

from __future__ import annotations

import os
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from pathlib import PosixPath, PurePath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import Kind, entries_inside, items_inside

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Sized

T = TypeVar("T")

LONGEST_FRACTION: Final = 2**15
"""Bits above and below the line: reducing takes time that grows with the square."""

MOST_COLLISIONS: Final = 1000
"""How many keys may have another's hash: all of such are compared with each other."""

_FACTORIES: Final = {
    each.__name__: each
    for each in (
        bool,
        bytearray,
        bytes,
        complex,
        dict,
        float,
        frozenset,
        int,
        list,
        set,
        str,
        tuple,
    )
}


def exactly(kind: type[T], part: Any) -> T:
    """The part, if it is of exactly that type.

    Raises:
        TypeError: it is not.
    """
    if type(part) is not kind:
        raise TypeError(f"a part is {type(part).__name__}, not {kind.__name__}")
    return part


def require_spread(keys: Collection[Hashable]) -> None:
    """Refuse keys that were made to have the same hash.

    Raises:
        ValueError: they would take a time that grows with the square of their number.
    """
    if len(keys) > MOST_COLLISIONS and len(keys) - len(set(map(hash, keys))) > MOST_COLLISIONS:
        raise ValueError(f"more than {MOST_COLLISIONS:,} keys have the same hash as another")


# --- numbers --------------------------------------------------------------------------------------


def _integer_apart(value: int) -> tuple[bytes]:
    return (value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True),)


def _integer(data: Any) -> int:
    return int.from_bytes(exactly(bytes, data), "big", signed=True)


def _decimal(text: Any) -> Decimal:
    made = Decimal(exactly(str, text))
    if str(made).upper() != text.upper():  # Python also reads spaces and all the world's digits
        raise ValueError("a decimal number is not written as one")
    return made


def _fraction_apart(value: Fraction) -> tuple[int, int]:
    parts = value.numerator, value.denominator
    if max(map(int.bit_length, parts)) > LONGEST_FRACTION:
        raise Refused(
            f"is a fraction of more than {LONGEST_FRACTION:,} bits",
            "pass numerator and denominator by themselves",
        )
    return parts


def _fraction(above: Any, below: Any) -> Fraction:
    parts = exactly(int, above), exactly(int, below)
    if max(map(int.bit_length, parts)) > LONGEST_FRACTION:
        raise ValueError(f"a fraction has more than {LONGEST_FRACTION:,} bits")
    return Fraction(*parts)


# --- collections ----------------------------------------------------------------------------------


def _tuple(*items: Any) -> tuple[Any, ...]:
    return items


def _set(*items: Any) -> set[Any]:
    require_spread(items)
    made = set(items)
    _require_as_many(made, items)
    return made


def _frozenset(*items: Any) -> frozenset[Any]:
    require_spread(items)
    made = frozenset(items)
    _require_as_many(made, items)
    return made


def _require_as_many(made: Sized, items: Sized) -> None:
    if len(made) != len(items):
        raise ValueError("a set has an item twice")


def _set_inside(value: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    return ((" (an item of it)", item) for item in value)


def _deque(maxlen: Any, *items: Any) -> deque[Any]:
    return deque(items, maxlen)


def _ordered_dict(content: Any) -> OrderedDict[Any, Any]:
    return OrderedDict(exactly(dict, content))


def _counter(content: Any) -> Counter[Any]:
    return Counter(exactly(dict, content))


def _defaultdict_apart(value: defaultdict[Any, Any]) -> tuple[str | None, dict[Any, Any]]:
    factory = value.default_factory
    if factory is None:
        return None, dict(value)
    name = getattr(factory, "__name__", "")
    if _FACTORIES.get(name) is not factory:
        raise Refused(
            "is a defaultdict with a factory of its own",
            "pass dict(…) of it, or use a builtin type such as list or int as its factory",
        )
    return name, dict(value)


def _defaultdict(factory: Any, content: Any) -> defaultdict[Any, Any]:
    made = None if factory is None else _FACTORIES[factory]
    return defaultdict(made, exactly(dict, content))


def _bytearray(data: Any) -> bytearray:
    if not isinstance(data, bytes | memoryview):  # a number would be a length
        raise TypeError("its part is no bytes")
    return bytearray(data)


# --- ids and paths --------------------------------------------------------------------------------

_PATHS: Final[dict[str, type[PurePath]]] = {
    "posix": PosixPath if os.name == "posix" else PurePosixPath,
    "windows": WindowsPath if os.name == "nt" else PureWindowsPath,
    "pure posix": PurePosixPath,
    "pure windows": PureWindowsPath,
}
_FLAVOURS: Final[dict[type, str]] = {
    PosixPath: "posix",
    WindowsPath: "windows",
    PurePosixPath: "pure posix",
    PureWindowsPath: "pure windows",
}


def _path_apart(value: PurePath) -> tuple[str, str]:
    return _FLAVOURS[type(value)], str(value)


def _path(flavour: Any, text: Any) -> PurePath:
    return _PATHS[flavour](exactly(str, text))


def _uuid(data: Any) -> UUID:
    return UUID(bytes=exactly(bytes, data))


TUPLE: Final = Kind(1, (tuple,), iter, _tuple, items_inside, holds=True)
"""By name, because tuples are many: packing and reading make short work of them."""

KINDS: Final = (
    TUPLE,
    Kind(2, (set,), iter, _set, _set_inside, holds=True, weight=4),
    Kind(3, (frozenset,), iter, _frozenset, _set_inside, holds=True, weight=4),
    Kind(4, (bytearray,), lambda value: (memoryview(value),), _bytearray, buffered=True),
    Kind(5, (int,), _integer_apart, _integer),
    Kind(6, (complex,), lambda value: (value.real, value.imag), complex),
    Kind(7, (Decimal,), lambda value: (str(value),), _decimal, weight=2),
    Kind(8, (Fraction,), _fraction_apart, _fraction),
    Kind(9, (range,), lambda value: (value.start, value.stop, value.step), range),
    Kind(
        10,
        (slice,),
        lambda value: (value.start, value.stop, value.step),
        slice,
        lambda value: ((f".{each}", getattr(value, each)) for each in ("start", "stop", "step")),
        holds=True,
    ),
    Kind(
        11,
        (deque,),
        lambda value: chain((value.maxlen,), value),
        _deque,
        items_inside,
        holds=True,
        weight=12,
    ),
    Kind(
        12,
        (OrderedDict,),
        lambda value: (dict(value),),
        _ordered_dict,
        entries_inside,
        holds=True,
        weight=4,
    ),
    Kind(
        13, (Counter,), lambda value: (dict(value),), _counter, entries_inside, holds=True, weight=4
    ),
    Kind(
        14, (defaultdict,), _defaultdict_apart, _defaultdict, entries_inside, holds=True, weight=4
    ),
    Kind(15, (UUID,), lambda value: (value.bytes,), _uuid, weight=2),
    Kind(16, tuple(_FLAVOURS), _path_apart, _path, weight=4),
)
"""All of them; numbers 1 to 19 are theirs."""
