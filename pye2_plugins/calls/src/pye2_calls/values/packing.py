"""A value to bytes.

The bytes are the body, MessagePack; or, where there are large buffers::

    C1 ‖ length of the body (8, big-endian) ‖ body ‖ buffer ‖ buffer …

Before C code writes the body, the value is surveyed level by level: msgpack would follow one that
contains itself until memory ends. The survey asks for the types of many values at once, which takes
less time than to write them. What it refuses is looked for again, slowly, to say where it is.
"""

from __future__ import annotations

import gc
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgpack
from attrs import frozen

from pye2_calls.values.classes import kind_of_class
from pye2_calls.values.errors import Refused, ValueNotCarried
from pye2_calls.values.kinds import MARK, SEGMENT
from pye2_calls.values.places import place_of_refusal
from pye2_calls.values.plain import TUPLE
from pye2_calls.values.refusals import refusal_of, refusal_of_class
from pye2_calls.values.table import LEAVES, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2_calls.values.kinds import Kind

NESTING_LIMIT: Final = 200
"""How deep lists and the like may be nested; some take two levels, as instances do."""

LARGE: Final = 4096
"""Bytes from which a buffer stands behind the body, where it is copied once."""

HEAD: Final = struct.Struct(">BQ")
NOT_MESSAGEPACK: Final = 0xC1
"""The byte that MessagePack never uses."""

NO_CLASSES: Final[Mapping[str, type]] = MappingProxyType({})

_BUFFER: Final = 4096
"""Bytes that msgpack begins with. With its own megabyte, the system is asked for each value."""

_PLAIN: Final = frozenset({list, dict, tuple, set, frozenset})


def pack(
    value: object, classes: Mapping[str, type] = NO_CLASSES, *, name: str = "the value"
) -> bytes:
    """The bytes of a value.

    Args:
        value: anything that :mod:`pye2_calls.values` lists.
        classes: by the names under which they travel, the dataclasses, attrs classes, named tuples
            and enumerations that the receiver knows.
        name: what the value is called in errors.

    Raises:
        ValueNotCarried: it holds something else, or contains itself; says where and what to do.

    Example:
        >>> unpack(pack({(1, 2): {"now": datetime.now(UTC)}}))
        {(1, 2): {'now': datetime.datetime(…, tzinfo=datetime.timezone.utc)}}
    """
    first, *rest = buffers_of(value, classes, name=name)
    return b"".join((first, *rest)) if rest else first


def buffers_of(
    value: object, classes: Mapping[str, type] = NO_CLASSES, *, name: str = "the value"
) -> tuple[bytes, *tuple[memoryview, ...]]:
    """What :func:`pack` gives, with large buffers where they lie: whoever changes them changes it.

    Args:
        value: as for :func:`pack`.
        classes: the same.
        name: the same.

    Returns:
        Bytes that belong one behind the other.

    Raises:
        ValueNotCarried: as :func:`pack`.
    """
    packing = _Packing(classes)
    try:
        return packing.buffers_of(value)
    except Refused as refusal:
        place, why = place_of_refusal(value, name, packing.parts_of, NESTING_LIMIT, refusal)
        raise ValueNotCarried(place, why.problem, why.way_out) from refusal
    except MemoryError as error:
        problem = "cannot be written: the memory of this process is not enough for it"
        raise ValueNotCarried(name, problem, "pass it in smaller pieces") from error
    except Exception as error:  # a text of four gigabytes, a class that lies about itself
        problem = f"cannot be written ({type(error).__name__}: {error})"
        raise ValueNotCarried(
            name, problem, "pass it in smaller pieces, or as other types"
        ) from error


class _Packing:
    """The state of one call."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._name_by_class = {cls: name for name, cls in classes.items()}
        self._parts: dict[int, list[Any]] = {}
        """By the identity of a value, its parts: so that they are not made twice."""
        self._segments: list[memoryview] = []
        self._has_bytearrays = False

    def buffers_of(self, value: object) -> tuple[bytes, *tuple[memoryview, ...]]:
        self._survey(value)
        if self._has_bytearrays:
            value = _showing_bytearrays(value)
        body: bytes = msgpack.packb(
            value,
            default=self._marked,
            strict_types=True,
            unicode_errors="surrogatepass",
            buf_size=_BUFFER,
        )
        if not self._segments:
            return (body,)
        return HEAD.pack(NOT_MESSAGEPACK, len(body)) + body, *self._segments

    # --- before -----------------------------------------------------------------------------------

    def _survey(self, value: object) -> None:
        level = [value]
        for _ in range(NESTING_LIMIT):
            kinds = set(map(type, level))
            self._has_bytearrays |= bytearray in kinds
            if kinds <= LEAVES:
                return
            level = self._below(level)
        raise Refused(
            f"is nested more than {NESTING_LIMIT} levels deep, or contains itself",
            "pass it flatter: a list of records that name each other by number",
        )

    def _below(self, level: list[Any]) -> list[Any]:
        holders = {id(each): each for each in level if type(each) not in LEAVES}.values()
        plain = [each for each in holders if type(each) in _PLAIN]
        # All that they hold, in one call: keys that are texts it may leave out.
        below = gc.get_referents(*plain)
        if len(plain) < len(holders):
            for each in holders:
                if type(each) not in _PLAIN:
                    below += self._held_by(each)
        return below

    def _held_by(self, value: Any) -> Iterable[Any]:
        kind = self._kind(value)
        if kind.holds and id(value) not in self._parts:
            self._parts[id(value)] = self._apart(value, kind)
        return self._parts.get(id(value), ())

    # --- a value and its parts --------------------------------------------------------------------

    def parts_of(self, value: Any) -> Iterable[tuple[str, Any]]:
        """What a value that is no leaf holds, with places; tries whether it can be taken apart."""
        kind = self._kind(value)
        kind.apart(value)
        return kind.inside(value)

    def _kind(self, value: Any) -> Kind:
        cls: type = type(value)
        kind = kind_of(cls)
        if kind is not None:
            return kind
        if cls in self._name_by_class:
            return kind_of_class(cls)
        raise _refusal(cls, value)

    def _apart(self, value: Any, kind: Kind) -> list[Any]:
        parts = list(kind.apart(value))
        if kind.classed:
            parts[0] = self._name_by_class[parts[0]]
        return parts

    # --- while msgpack writes ---------------------------------------------------------------------

    def _marked(self, value: Any) -> Any:
        """What msgpack writes for what it does not know."""
        if type(value) is tuple and not self._has_bytearrays:
            return [_MARKS[TUPLE.number], *value]
        if type(value) is _Shown:
            value = value.it
        kind = self._kind(value)
        parts = self._parts.get(id(value))
        marked = [_MARKS[kind.number], *(self._apart(value, kind) if parts is None else parts)]
        if kind.buffered:
            marked[-1] = self._segment(marked[-1])
        if self._has_bytearrays:
            marked[1:] = map(_showing_bytearrays, marked[1:])
        return marked

    def _segment(self, buffer: memoryview) -> Any:
        if buffer.nbytes < LARGE:
            return bytes(buffer)
        self._segments.append(buffer)
        return msgpack.ExtType(SEGMENT, buffer.nbytes.to_bytes(8, "big"))


@frozen(eq=False)
class _Shown:
    """A bytearray in disguise: msgpack writes bytearrays as bytes, and asks nobody."""

    it: bytearray


def _showing_bytearrays(value: Any) -> Any:
    """The same value, with each bytearray that msgpack would come to in disguise."""
    if type(value) is bytearray:
        return _Shown(value)
    if type(value) is list:
        return list(map(_showing_bytearrays, value))
    if type(value) is dict:
        return {key: _showing_bytearrays(item) for key, item in value.items()}
    return value


def _refusal(cls: type, value: Any) -> Refused:
    try:
        kind_of_class(cls)
    except Refused:
        return refusal_of(cls, value)
    return refusal_of_class(cls)


_MARKS: Final = [msgpack.ExtType(MARK, bytes([number])) for number in range(256)]
