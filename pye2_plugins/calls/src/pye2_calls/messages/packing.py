"""Records to the bytes of one field ``CALLS``, and back.

You are in ``messages``, above the records. The bytes are MessagePack, as docs/protocol.md has it.
Whatever they are, reading gives records whose fields are of the types and sizes of ``checks``, or
raises :class:`MessageNotReadable`.
"""

from __future__ import annotations

import struct
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgpack
from attrs import field, fields, frozen

from pye2_calls.messages import checks
from pye2_calls.messages.checks import LONGEST_NAME, LONGEST_SOURCE, MOST_RECORDS
from pye2_calls.messages.lists import ListCount
from pye2_calls.messages.records import (
    FROM_CLIENT,
    FROM_NODE,
    Call,
    Failure,
    Frame,
    Item,
    KeepAlive,
    Part,
    Raised,
    Record,
    Value,
)
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

FIELD: Final = "CALLS"
"""The field of commands and payloads that holds a message."""

VERSION: Final = 1
"""The first element of each message; what begins with another is not for this code."""

MOST_LISTS: Final = 4 * MOST_RECORDS
"""Lists of one message."""

LONGEST_BYTES: Final = 4 * LONGEST_SOURCE
"""Bytes of any text, before its characters are counted: there they may take four times as many."""


class MessageNotReadable(Pye2Error, ValueError):
    """Bytes are no message of FUNCTION_CALLS."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"what came as {FIELD} cannot be read: {problem}; its sender must follow the section on"
            " FUNCTION_CALLS in docs/protocol.md"
        )


@frozen
class Message:
    """What one field ``CALLS`` holds.

    Attributes:
        run: which life of the node's side speaks, or is meant; "" where the client knows none.
        records: what is said, in this order.
    """

    run: str = field(validator=checks.text(LONGEST_NAME))
    records: tuple[Record, ...]


# --- to bytes -------------------------------------------------------------------------------------


def pack(records: Iterable[Record], run: str = "") -> bytes:
    """The bytes of a message.

    Args:
        records: at most :data:`~pye2_calls.messages.checks.MOST_RECORDS`.
        run: which life of the node's side speaks, or is meant.

    Raises:
        ValueError: there are more, or a text holds half a character (a lone surrogate).

    Example:
        >>> unpack(pack([Cancel(7)]), FROM_CLIENT).records
        (Cancel(id=7),)
    """
    listed = list(records)
    if len(listed) > MOST_RECORDS:
        raise ValueError(f"{len(listed)} records; a message holds at most {MOST_RECORDS}")
    if any(map(_is_large, listed)):
        return b"".join(_pieces(listed, run))
    packed: bytes = msgpack.packb((VERSION, run, listed), default=_plain, buf_size=_BUFFER)
    return packed


def _is_large(record: Record) -> bool:
    bytes_of = _BYTES_OF.get(type(record))
    return bytes_of is not None and len(bytes_of(record)) >= _LARGE


def _pieces(records: list[Record], run: str) -> Iterator[bytes | memoryview]:
    """The same bytes, of which the large ones are where they were: to be copied once."""
    packer = msgpack.Packer(default=_plain, buf_size=_BUFFER)
    yield packer.pack_array_header(_PARTS_OF_A_MESSAGE)
    yield packer.pack(VERSION)
    yield packer.pack(run)
    yield packer.pack_array_header(len(records))
    for record in records:
        given = _plain(record)
        yield packer.pack_array_header(len(given))
        for each in given:
            if isinstance(each, bytes | memoryview) and len(each) >= _LARGE:
                yield _LARGE_HEAD.pack(_LARGE_BYTES, len(each))
                yield each
            else:
                yield packer.pack(each)


def _plain(record: Any) -> tuple[Any, ...]:
    """A record's kind and fields; of what is inside records, the fields."""
    return _FIELDS_OF[type(record)](record)


def _getter(kind: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    names = [each.name for each in fields(kind)]
    return attrgetter(*(["KIND"] if kind in _RECORDS else []), *names)


# --- from bytes -----------------------------------------------------------------------------------


def unpack(data: bytes, kinds: frozenset[type[Any]]) -> Message:
    """The message that these bytes are.

    Args:
        data: may be anything.
        kinds: which records may be in it: ``FROM_CLIENT`` or ``FROM_NODE``.

    Raises:
        MessageNotReadable: they are none; says why.
    """
    try:
        run, plain = _plain_message(data)
        return Message(run, tuple([_record(each, kinds) for each in plain]))
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise MessageNotReadable(str(error)[:LONGEST_NAME]) from None


def _plain_message(data: bytes) -> tuple[Any, tuple[Any, ...]]:
    plain = msgpack.unpackb(
        data,
        raw=False,
        use_list=False,
        list_hook=ListCount(MOST_LISTS).counted,
        max_array_len=MOST_RECORDS,
        max_str_len=LONGEST_BYTES,
        max_map_len=0,
        max_ext_len=0,
    )
    if type(plain) is not tuple or len(plain) != _PARTS_OF_A_MESSAGE:
        raise ValueError("it is no list of a version, a run id and records")
    version, run, records = plain
    if type(version) is not int or version != VERSION:
        raise ValueError(f"it is of version {version!r}, not {VERSION}")
    if type(records) is not tuple:
        raise ValueError("its third element is no list of records")
    return run, records


def _record(plain: Any, kinds: frozenset[type[Any]]) -> Record:
    if type(plain) is not tuple or not plain or type(plain[0]) is not str:
        raise ValueError("a record is no list that begins with its kind")
    kind = _RECORDS_BY_KIND.get(plain[0])
    if kind is None or kind not in kinds:
        raise ValueError(f"there is no record {plain[0]!r} in this direction")
    given = plain[1:]
    if kind is Raised and len(given) > 1:
        given = (given[0], _failure(given[1]), *given[2:])
    return _made(kind, given)  # type: ignore[no-any-return] # of a class of Record


def _failure(given: Any) -> Failure:
    if type(given) is tuple and len(given) > _FRAMES and type(given[_FRAMES]) is tuple:
        framed = tuple([_made(Frame, each) for each in given[_FRAMES]])
        given = (*given[:_FRAMES], framed, *given[_FRAMES + 1 :])
    return _made(Failure, given)  # type: ignore[no-any-return] # a Failure


def _made(kind: type[Any], given: Any) -> Any:
    """A record, or what is in one, of its fields in their order."""
    if type(given) is not tuple or len(given) != _LENGTHS[kind]:
        raise ValueError(f"{kind.__name__} is no list of {_LENGTHS[kind]} fields")
    return kind(*given)


_PARTS_OF_A_MESSAGE: Final = 3
_BUFFER: Final = 16 * 1024
"""Bytes that msgpack begins with. With its own megabyte, the system is asked for each message."""
_LARGE: Final = 2**16
"""As many bytes MessagePack writes behind a head of this form."""
_LARGE_HEAD: Final = struct.Struct(">BI")
_LARGE_BYTES: Final = 0xC6
_BYTES_OF: Final[Mapping[type[Any], Callable[[Any], bytes | memoryview]]] = {
    Call: attrgetter("arguments"),
    Part: attrgetter("data"),
    Value: attrgetter("data"),
    Item: attrgetter("data"),
}
_FRAMES: Final = 3
_RECORDS: Final[frozenset[type[Any]]] = FROM_CLIENT | FROM_NODE
_RECORDS_BY_KIND: Final[dict[str, type[Any]]] = {each.KIND: each for each in _RECORDS}
_LENGTHS: Final = {kind: len(fields(kind)) for kind in (*_RECORDS, Failure, Frame)}
_FIELDS_OF: Final = {kind: _getter(kind) for kind in _LENGTHS if kind is not KeepAlive} | {
    KeepAlive: lambda record: (record.KIND,)
}
