"""The frame of a message: what lies around its body (PyE2 wire protocol, section 19.1).

You are in the native serializer. Everything that is acted on before a message is opened is here, in
fixed places, and under the signature; the signature is the last 64 bytes. Numbers are big-endian.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final

from attrs import frozen

from pye2_native_wire.magic import MAGIC
from pye2_native_wire.values import misshapen, unsendable
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.identity import address_of, public_key_of
from pye2core.messages import InstancePath

VERSION: Final = 1
SIGNATURE_BYTES: Final = 64

ENCRYPTED: Final = 1
SIGN_OF_LIFE: Final = 2
DELEGATED: Final = 4
TO_PAIR: Final = 8
_IN_CLEAR: Final = SIGN_OF_LIFE | TO_PAIR
"""What anybody may ask for, of which a message has one at most."""
_FOR_COMMANDS: Final = _IN_CLEAR | DELEGATED
_KNOWN_FLAGS: Final = ENCRYPTED | _FOR_COMMANDS

_FIRST = struct.Struct(">4sBBB33s")
_RECEIVER = struct.Struct(">33s8s80s")
_NUMBERS = struct.Struct(">16sqqQ")
_LENGTH = struct.Struct(">H")
_NOTHING = 0xFFFF
"""In place of a text's length: there is none."""

_ADDRESSES_REMEMBERED = 1024
"""Telling a key from what is none takes longer than all else about a header."""

_NOWHERE = InstancePath()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Kind(IntEnum):
    """The kinds of message. Commands go to nodes, all else comes from them."""

    COMMAND = 1
    PAYLOAD = 2
    NOTIFICATION = 3
    HEARTBEAT = 4


_KINDS: Final = {int(kind): kind for kind in Kind}


@frozen(slots=False)
class Receiver:
    """The one who can open a message.

    Attributes:
        address: whose key it is.
        key_id: which of that one's keys it is.
        wrapped_key: the content key, sealed to that key.
    """

    address: str
    key_id: bytes
    wrapped_key: bytes


@frozen(kw_only=True, slots=False)
class Header:
    """What precedes a body.

    One is made for every message; with slots that would take twice as long.

    Attributes:
        kind: what kind of message it is.
        sender: the signer's address.
        receiver: who can open it; None for everybody.
        asks_for_sign_of_life: whether it is a command in clear that only asks a node to show
            itself.
        asks_to_pair: whether it is a command in clear that asks a node to be paired.
        message_id: 16 random bytes.
        created: when it was sealed.
        expires: when a command ceases to be one; None for other kinds.
        sequence: the number of this message among those of its sender's process, from 1.
        target: of a command, whom it is for: an address, a name, or all.
        name: of a command, its asker's; of other kinds, the node's.
        session_id: of a command, its asker's.
        path: of other kinds, what it is about.
        delegation: of a command that is brought for somebody else, in whose name.
    """

    kind: Kind
    sender: str
    receiver: Receiver | None
    asks_for_sign_of_life: bool
    message_id: bytes
    created: datetime
    expires: datetime | None
    sequence: int
    target: str | None
    name: str | None
    session_id: str | None
    path: InstancePath
    delegation: str | None = None
    asks_to_pair: bool = False


# --- to bytes -------------------------------------------------------------------------------------


def header_bytes(header: Header) -> bytes:
    """The bytes of a header.

    Raises:
        UnsendableValue: a name in it is no Unicode, or has 65,535 bytes or more.
    """
    flags = (
        ENCRYPTED * (header.receiver is not None)
        + SIGN_OF_LIFE * header.asks_for_sign_of_life
        + DELEGATED * (header.delegation is not None)
        + TO_PAIR * header.asks_to_pair
    )
    path = header.path
    return b"".join(
        (
            _FIRST.pack(MAGIC, VERSION, header.kind, flags, public_key_of(header.sender)),
            _receiver_bytes(header.receiver),
            _NUMBERS.pack(
                header.message_id,
                microseconds(header.created),
                0 if header.expires is None else microseconds(header.expires),
                header.sequence,
            ),
            _text_bytes(header.target, "target"),
            _text_bytes(header.name, "name"),
            _text_bytes(header.session_id, "session_id"),
            _text_bytes(path.pipeline, "path.pipeline"),
            _text_bytes(path.signature, "path.signature"),
            _text_bytes(path.instance_id, "path.instance_id"),
            b"" if header.delegation is None else _text_bytes(header.delegation, "delegation"),
        )
    )


def _receiver_bytes(receiver: Receiver | None) -> bytes:
    if receiver is None:
        return b""
    return _RECEIVER.pack(public_key_of(receiver.address), receiver.key_id, receiver.wrapped_key)


def microseconds(moment: datetime) -> int:
    """A moment as the wire has it: microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def _text_bytes(text: str | None, place: str) -> bytes:
    if text is None:
        return _LENGTH.pack(_NOTHING)
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise unsendable("its text is no Unicode, it has a lone surrogate", [place]) from error
    if len(data) >= _NOTHING:
        raise unsendable(f"its text has {len(data):,} bytes, and a name has fewer", [place])
    return _LENGTH.pack(len(data)) + data


# --- from bytes -----------------------------------------------------------------------------------


def read_header(data: bytes) -> tuple[Header, int]:
    """Read what precedes the body.

    Returns:
        The header, and where the body begins.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if it is of another version.
    """
    try:
        return _read(data)
    except (struct.error, IndexError, OverflowError, UnicodeDecodeError) as error:
        raise misshapen(f"its header cannot be read ({error})") from error


def _read(data: bytes) -> tuple[Header, int]:
    magic, version, kind_number, flags, key = _FIRST.unpack_from(data)
    if magic != MAGIC:
        raise misshapen("it does not begin as a message does")
    if version != VERSION:
        raise MessageRejected(
            f"it is of version {version} of our own dialect, and version {VERSION} is known here;"
            " install the newest pye2-native-wire",
            reason="unsupported",
        )
    sender = _address(key)
    try:
        return _read_on(data, _kind(kind_number), flags, sender)
    except MessageRejected as rejection:
        rejection.sender = sender
        raise


def _read_on(data: bytes, kind: Kind, flags: int, sender: str) -> tuple[Header, int]:
    _require_possible(flags, kind)
    is_encrypted, is_delegated = bool(flags & ENCRYPTED), bool(flags & DELEGATED)
    place = _FIRST.size
    receiver = None
    if is_encrypted:
        address, key_id, wrapped_key = _RECEIVER.unpack_from(data, place)
        receiver = Receiver(_address(address), key_id, wrapped_key)
        place += _RECEIVER.size
    message_id, created, expires, sequence = _NUMBERS.unpack_from(data, place)
    texts, place = _texts(data, place + _NUMBERS.size, 6 + is_delegated)
    target, name, session_id, *path = texts[:6]
    delegation = texts[6] if is_delegated else None
    if is_delegated and not delegation:
        raise misshapen("its flags tell of a delegation that is not there")
    header = Header(
        kind=kind,
        sender=sender,
        receiver=receiver,
        asks_for_sign_of_life=bool(flags & SIGN_OF_LIFE),
        asks_to_pair=bool(flags & TO_PAIR),
        message_id=message_id,
        created=_moment(created),
        expires=_moment(expires) if expires else None,
        sequence=sequence,
        target=target,
        name=name,
        session_id=session_id,
        path=InstancePath(*path),
        delegation=delegation,
    )
    _require_consistent(header)
    return header, place


def _require_possible(flags: int, kind: Kind) -> None:
    asks = flags & _IN_CLEAR
    if (
        flags & ~_KNOWN_FLAGS
        or asks == _IN_CLEAR
        or (asks and flags & ENCRYPTED)
        or (flags & _FOR_COMMANDS and kind != Kind.COMMAND)
    ):
        raise misshapen(f"its flags {flags:#04x} contradict each other or are unknown")


def _require_consistent(header: Header) -> None:
    is_command = header.kind is Kind.COMMAND
    if is_command is not (header.target is not None):
        raise misshapen("a command names its target, and nothing else does")
    if is_command is not (header.expires is not None):
        raise misshapen("a command says when it expires, and nothing else does")
    if is_command and header.path != _NOWHERE:
        raise misshapen("a command has no path outside of its body")
    if not is_command and header.session_id is not None:
        raise misshapen("only a command has a session id outside of its body")


def _texts(data: bytes, place: int, count: int) -> tuple[list[str | None], int]:
    texts: list[str | None] = []
    for _ in range(count):
        begin = place + _LENGTH.size
        length = data[place] << 8 | data[place + 1]
        if length == _NOTHING:
            place = begin
            texts.append(None)
        else:
            place = begin + length
            texts.append(data[begin:place].decode())
    if place > len(data):
        raise misshapen("a text in its header is cut short")
    return texts, place


def _kind(number: int) -> Kind:
    kind = _KINDS.get(number)
    if kind is None:
        raise MessageRejected(
            f"its kind {number} is unknown; known are 1 to {max(Kind)}", reason="unsupported"
        )
    return kind


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _address(key: bytes) -> str:
    try:
        return address_of(key)
    except InvalidAddress as error:
        raise misshapen(f"it names what is no key ({error})") from error


def _moment(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND
