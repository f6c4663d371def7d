"""Bytes to a value: whatever the bytes, a value of the listed types, or ``ValueNotReadable``.

Nothing is imported because bytes say so (but numpy and pandas), and nothing of a class is run (but
``__hash__`` and ``__eq__`` of keys). Memory is bounded by the length of the bytes and by
:data:`MOST_CONTAINERS`; nesting by msgpack, at about a thousand levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgpack

from pye2_calls.values.errors import ValueNotReadable
from pye2_calls.values.kinds import MARK, SEGMENT, Kind
from pye2_calls.values.packing import HEAD, NO_CLASSES, NOT_MESSAGEPACK
from pye2_calls.values.plain import MOST_COLLISIONS, TUPLE, exactly, require_spread
from pye2_calls.values.table import kind_numbered
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CONTAINERS: Final = 2**22
"""Lists, dictionaries and the like of one value: an empty one takes a byte there, and 64 here.
Sets count as four, deques as twelve. Arrays hold any number of numbers."""

_LONGEST_REASON: Final = 200


def unpack(data: bytes | bytearray | memoryview, classes: Mapping[str, type] = NO_CLASSES) -> Any:
    """The value that these bytes are.

    Arrays in it can be written to and own their memory.

    Args:
        data: what :func:`pack` made, or somebody who wants to do harm.
        classes: by the names under which they travel, the classes of which instances may be made.

    Raises:
        ValueNotReadable: they are no value, or hold an instance of another class, or something of
            a package that is not installed here.
    """
    try:
        return _Reading(data, classes).value()
    except ValueNotReadable:
        raise
    except Exception as error:  # whatever constructors make of bad parts
        raise ValueNotReadable(
            f"the bytes are no value ({printable(str(error)[:_LONGEST_REASON])}); they must be what"
            " pack() made, whole and unchanged"
        ) from error


class _Reading:
    """The state of one call."""

    def __init__(self, data: bytes | bytearray | memoryview, classes: Mapping[str, type]) -> None:
        self._data = memoryview(data).cast("B")
        self._classes = classes
        self._next_segment = len(self._data)
        self._containers = 0
        self._loose = 0
        """Marks and segments that no kind has used: they are no values."""

    def value(self) -> Any:
        body = self._body()
        value = msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=False,
            unicode_errors="surrogatepass",
            timestamp=3,  # never written; but msgpack's own class is none of ours
            list_hook=self._list,
            object_pairs_hook=self._dict,
            ext_hook=self._extension,
        )
        if self._loose or self._next_segment != len(self._data):
            raise ValueNotReadable("the bytes are no value: a mark or a buffer is out of place")
        return value

    def _body(self) -> memoryview:
        if self._data[:1] != bytes([NOT_MESSAGEPACK]):
            return self._data
        _, length = HEAD.unpack_from(self._data)
        self._next_segment = HEAD.size + length
        if self._next_segment > len(self._data):
            raise ValueNotReadable("the bytes are no value: their end is missing")
        return self._data[HEAD.size : self._next_segment]

    def _extension(self, number: int, data: bytes) -> Kind | memoryview:
        self._loose += 1
        if number == MARK and len(data) == 1:
            return kind_numbered(data[0])
        if number == SEGMENT:
            return self._segment(int.from_bytes(data, "big"))
        raise ValueError(f"there is no extension type {number} of {len(data):,} bytes")

    def _segment(self, length: int) -> memoryview:
        """The next buffer: each is used once, so that a few bytes cannot become many."""
        start = self._next_segment
        self._next_segment += length
        if self._next_segment > len(self._data):
            raise ValueError("the end of a buffer is missing")
        return self._data[start : self._next_segment]

    def _list(self, items: list[Any]) -> Any:
        if not items or type(items[0]) is not Kind:
            self._count(1)
            return items
        self._count(items[0].weight)
        self._loose -= 1
        if items[0] is TUPLE:
            return tuple(items[1:])
        return self._together(*items)

    def _dict(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        self._count(1)
        if len(pairs) > MOST_COLLISIONS:
            require_spread([key for key, _ in pairs])
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a dictionary has a key twice")
        return made

    def _count(self, weight: int) -> None:
        self._containers += weight
        if self._containers > MOST_CONTAINERS:
            raise ValueNotReadable(
                f"the value has more than {MOST_CONTAINERS:,} lists, dictionaries and the like;"
                " send many small ones as an array, or in several values"
            )

    def _together(self, kind: Kind, *parts: Any) -> Any:
        if kind.buffered and parts and type(parts[-1]) is memoryview:
            self._loose -= 1
        if kind.classed:
            name, *parts_of_instance = parts
            return kind.together(self._class(name), *parts_of_instance)
        return kind.together(*parts)

    def _class(self, name: Any) -> type:
        cls = self._classes.get(exactly(str, name))
        if cls is None:
            raise ValueNotReadable(
                f"the value holds an instance of {printable(name[:_LONGEST_REASON])}, a class that"
                " is not known here; both sides must know it"
            )
        return cls
