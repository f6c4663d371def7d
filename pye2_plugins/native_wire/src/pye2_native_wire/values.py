"""What a body can hold, to bytes and back (PyE2 wire protocol, section 19.2).

You are at the bottom of the native serializer. The bytes are MessagePack; what it lacks are two
extension types. Reading is strict: whatever the bytes, they are values of the types below, nested
within bounds, or ``MessageRejected``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import msgpack

from pye2_wire.unsendable import (
    Unsendable,
    UnsendableValue,
    number_of_numpy,
    refusal,
    too_deep,
    type_name,
)
from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from collections.abc import Iterable

NESTING_LIMIT: Final = 100
"""How deep lists and maps may be nested in a body, sent or received."""

MOST_CONTAINERS: Final = 2**20
"""Lists and maps of one body: an empty one takes a byte there, and some sixty here."""

LONGEST_INTEGER: Final = 1024
"""Bytes of a whole number: what is longer cannot be printed."""

LONGEST_DECIMAL: Final = 1024
"""Characters of a decimal number."""

INTEGER_TYPE: Final = 1
DECIMAL_TYPE: Final = 2

_BUFFER: Final = 16 * 1024
"""Bytes that msgpack begins with. With its own megabyte, the system is asked for each body."""

_DECIMAL = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]+)?(?:E[+-][0-9]+)?|Infinity)|NaN")

_AS_THEY_ARE = frozenset({str, float, bool, type(None), bytes})
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_CARRIED = "Messages hold text, bytes, numbers, true, false, None, moments, lists and dictionaries"


def unsendable(problem: str, steps: list[str | int]) -> UnsendableValue:
    """The refusal of a value.

    Args:
        problem: what is wrong with it, as "it is a set".
        steps: the way to it from the outside: keys and places in lists.
    """
    return refusal(problem, steps, _CARRIED)


# --- to bytes -------------------------------------------------------------------------------------


def packed(body: dict[str, Any]) -> memoryview:
    """The bytes of a body, where MessagePack wrote them: they may be millions.

    Tuples become lists, keys texts as in PyE2's dialect, numpy's numbers and arrays numbers and
    lists (numpy is not imported for that). A moment arrives as the same moment in UTC; one that
    does not say its zone is nobody's moment, and arrives as text.

    Raises:
        UnsendableValue: it holds something else; says where.
    """
    packer = msgpack.Packer(datetime=True, autoreset=False, buf_size=_BUFFER)
    try:
        packer.pack(_carried_map(body, NESTING_LIMIT))
    except Unsendable as problem:
        raise problem.refusal(_CARRIED) from problem.__cause__
    written: memoryview = packer.getbuffer()
    return written


def _carried_map(value: dict[Any, Any], levels: int) -> dict[str, Any]:
    if levels <= 0:
        raise too_deep(NESTING_LIMIT)
    carried = {}
    text = ""
    try:
        for key, item in value.items():
            text = key if type(key) is str else _key_text(key)
            carried[text] = _carried(item, levels - 1)
            _require_unicode(text)
    except Unsendable as problem:
        problem.steps.append(text)
        raise
    if len(carried) != len(value):
        raise Unsendable("two of its keys are the same text, such as 1 and '1'")
    return carried


def _carried_list(value: Iterable[Any], levels: int) -> list[Any]:
    if levels <= 0:
        raise too_deep(NESTING_LIMIT)
    carried: list[Any] = []
    try:
        for item in value:
            carried.append(_carried(item, levels - 1))  # noqa: PERF401 - a failure names the place that it got to
    except Unsendable as problem:
        problem.steps.append(len(carried))
        raise
    return carried


def _carried(value: Any, levels: int) -> Any:
    kind = type(value)
    if kind is str:
        return _require_unicode(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, dict):
        return _carried_map(value, levels)
    if isinstance(value, list | tuple):
        return _carried_list(value, levels)
    if getattr(value, "ndim", 0) and hasattr(value, "tolist"):
        return _carried_list(value.tolist(), levels)
    return _carried_scalar(value)


def _carried_scalar(value: Any) -> Any:
    # Subclasses too: an IntEnum, numpy.float64.
    if isinstance(value, str):
        return _require_unicode(str.__str__(value))
    if isinstance(value, int):
        return _carried_integer(int(value))
    if isinstance(value, float):
        return float(value)
    return _carried_other(value)


def _carried_other(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, datetime):
        return _carried_moment(value)
    if isinstance(value, Decimal):
        return _carried_decimal(value)
    return number_of_numpy(value)


def _require_unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unsendable("its text is no Unicode, it has a lone surrogate") from error
    return text


def _carried_integer(value: int) -> int | msgpack.ExtType:
    if _SMALLEST <= value <= _LARGEST:
        return value
    data = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    if len(data) > LONGEST_INTEGER:
        raise Unsendable(f"its number has more than {LONGEST_INTEGER} bytes")
    return msgpack.ExtType(INTEGER_TYPE, data)


def _carried_moment(value: datetime) -> datetime | str:
    if value.utcoffset() is None:
        return value.isoformat(sep=" ")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise Unsendable("its moment is beyond the calendar in UTC") from error


def _carried_decimal(value: Decimal) -> msgpack.ExtType:
    text = b"NaN" if value.is_nan() else str(value).encode()
    if len(text) > LONGEST_DECIMAL:
        raise Unsendable(f"its number has more than {LONGEST_DECIMAL} digits")
    return msgpack.ExtType(DECIMAL_TYPE, text)


def _key_text(key: Any) -> str:
    import json

    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    raise Unsendable(f"one of its keys is a {type_name(key)}, which cannot be written as text")


# --- from bytes -----------------------------------------------------------------------------------


def misshapen(problem: str) -> MessageRejected:
    """The rejection of a message whose shape is wrong; ``problem`` names the place."""
    return MessageRejected(
        f"{problem}; its sender must follow section 19 of the wire protocol", reason="shape"
    )


def unpacked(data: bytes | memoryview) -> dict[str, Any]:
    """The body that these bytes are.

    Raises:
        MessageRejected: reason "shape": they are no map, hold a type that is not ours, a key twice
            or one that is no text, or more or deeper containers than a body may have.
    """
    reader = _Containers()
    try:
        body = msgpack.unpackb(
            data,
            raw=False,
            timestamp=3,
            strict_map_key=True,
            object_pairs_hook=reader.map_of,
            list_hook=reader.counted,
            ext_hook=_extension,
        )
    except (msgpack.UnpackException, ValueError, OverflowError) as error:
        raise misshapen(f"its body cannot be read ({error})") from error
    if type(body) is not dict:
        raise misshapen("its body is no map")
    if reader.count > NESTING_LIMIT and _is_deeper(body, NESTING_LIMIT):
        raise misshapen(f"its body is nested more than {NESTING_LIMIT} levels deep")
    return body


class _Containers:
    """Checks and counts the lists and maps of one body while it is read."""

    def __init__(self) -> None:
        self.count = 0

    def counted(self, items: list[Any]) -> list[Any]:
        """A list, unless it is one too many."""
        self.count += 1
        if self.count > MOST_CONTAINERS:
            raise _too_many()
        return items

    def map_of(self, pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        """A map whose keys are texts, each of them once, unless it is one too many."""
        self.count += 1
        if self.count > MOST_CONTAINERS:
            raise _too_many()
        made = dict(pairs)
        if len(made) != len(pairs):
            raise misshapen("a map in its body has a key twice")
        for key in made:
            if type(key) is not str:
                raise misshapen("a map in its body has a key that is no text")
        return made


def _too_many() -> MessageRejected:
    return misshapen(f"its body has more than {MOST_CONTAINERS:,} lists and maps")


def _extension(kind: int, data: bytes) -> int | Decimal:
    if kind == INTEGER_TYPE and len(data) <= LONGEST_INTEGER:
        return int.from_bytes(data, "big", signed=True)
    if kind == DECIMAL_TYPE and len(data) <= LONGEST_DECIMAL:
        return _decimal(data)
    raise misshapen(f"its body has {len(data):,} bytes of the unknown extension type {kind}")


def _decimal(data: bytes) -> Decimal:
    # Python's own rules are wider: spaces, underscores, all the world's digits.
    if _DECIMAL.fullmatch(data) is None:
        raise misshapen("a decimal number in its body is none")
    try:
        return Decimal(data.decode("ascii"))
    except InvalidOperation as error:
        raise misshapen("a decimal number in its body is beyond all bounds") from error


def _is_deeper(body: dict[str, Any], levels: int) -> bool:
    containers: list[Any] = [body]
    for _ in range(levels):
        containers = [
            item
            for container in containers
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if not containers:
            return False
    return True
