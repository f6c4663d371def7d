"""The frames between a node and a worker: four bytes of length, big-endian, then UTF-8 JSON.

A body that begins with a zero byte, as no JSON does, is a *binary frame*: it holds the length of a
JSON object in four bytes, that object and, as its field ``data``, whatever bytes follow. They may
be millions, so they are neither joined with what stands before them nor taken from behind it: they
are written by themselves, and read where they lie.

Both sides use this module and both treat what they receive as possibly anything: :func:`decode`
raises :class:`FrameError` for whatever is not a JSON object of honest text, and nothing else.
NaN and the infinities are written as Python's ``json`` writes them.
"""

from __future__ import annotations

import json
import re
import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes that the body of one frame may have, in either direction."""

LONGEST_PACKET: Final = 16 * 1024
"""Bytes of one packet between a node and its zygote (see ``zygote``)."""

MAX_VALUES: Final = 250_000
"""JSON values that one frame from a worker may hold: each takes up to 80 bytes once it is read."""

LONGEST_HEAD: Final = 16 * 1024
"""Bytes of JSON in a binary frame."""

HEADER: Final = struct.Struct(">I")
"""The length in front of a body."""

DATA: Final = "data"
"""The field of a binary frame that holds its bytes."""

_BINARY: Final = struct.Struct(">xI")

_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""What :func:`encode` never writes but a forged frame may: half a character, as an escape."""

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder()

json_of: Final = _ENCODER.encode
"""The JSON of one value; of a text it takes a third of what a frame with it in takes."""


class FrameError(Exception):
    """What was received is not a frame."""


class FrameTooLarge(FrameError):
    """A frame is larger than a frame may be.

    Attributes:
        size: bytes of its body.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"a frame of {size} bytes; at most {MAX_FRAME} are allowed")
        self.size = size


class TooManyValues(FrameError):
    """A frame holds more JSON values than a frame from a worker may."""

    def __init__(self) -> None:
        super().__init__(f"a frame of more than {MAX_VALUES} values")


def encode(frame: Mapping[str, Any]) -> bytes:
    """The bytes of a frame, header included.

    Raises:
        TypeError, ValueError: it holds what JSON cannot carry.
        FrameTooLarge: its body is larger than :data:`MAX_FRAME`.
    """
    return pack(json_of(frame))


def pack(text: str) -> bytes:
    """The bytes of a frame whose JSON text is ready.

    Raises:
        UnicodeEncodeError: the text holds half a character (a lone surrogate).
        FrameTooLarge: it is larger than :data:`MAX_FRAME`.
    """
    body = text.encode("utf-8")
    if len(body) > MAX_FRAME:
        raise FrameTooLarge(len(body))
    return HEADER.pack(len(body)) + body


def begin_binary(head: Mapping[str, Any], size: int) -> bytes:
    """The bytes of a binary frame, header included, but for those of its field ``data``.

    Args:
        head: its other fields, of little text.
        size: how many bytes follow as ``data``.

    Raises:
        FrameTooLarge: its body is larger than :data:`MAX_FRAME`.
    """
    encoded = _ENCODER.encode(head).encode("utf-8")
    whole = _BINARY.size + len(encoded) + size
    if whole > MAX_FRAME or len(encoded) > LONGEST_HEAD:
        raise FrameTooLarge(whole)
    return b"".join((HEADER.pack(whole), _BINARY.pack(len(encoded)), encoded))


def body_size(data: bytes, start: int = 0) -> int:
    """How many bytes follow the header that is in ``data``, from ``start`` on.

    Raises:
        FrameTooLarge: more than :data:`MAX_FRAME`.
    """
    size: int = HEADER.unpack_from(data, start)[0]
    if size > MAX_FRAME:
        raise FrameTooLarge(size)
    return size


def limit_values(data: bytes | bytearray, start: int = 0) -> None:
    """Refuse a body that is small as text and would be large as objects; reads none of it.

    A value has a comma, a colon or an opening bracket before it. Those in texts do not count. The
    JSON of a binary frame is too short to hold many.

    Args:
        data: ends with the body.
        start: where the body begins.

    Raises:
        TooManyValues: it holds more than :data:`MAX_VALUES`, or as many texts.
    """
    is_short = len(data) <= MAX_VALUES or data.startswith(b"\0", start)
    if is_short or _signs_in(data, start) <= MAX_VALUES:
        return
    unescaped = data[start:].replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 2 * MAX_VALUES:  # before they are taken apart, one by one
        raise TooManyValues
    if _signs_in(b"".join(unescaped.split(b'"')[::2])) > MAX_VALUES:
        raise TooManyValues


def _signs_in(text: bytes | bytearray, start: int = 0) -> int:
    return sum(text.count(sign, start) for sign in (b",", b":", b"[", b"{"))


def decode(body: bytes | bytearray) -> dict[str, Any]:
    """The frame in ``body``; of a binary frame, ``data`` is a view, of ``body`` if it is large.

    Raises:
        FrameError: it is not UTF-8, not JSON from the first byte to the last, nested too deeply,
            not an object, or its text cannot be written as UTF-8 again; or a binary frame's JSON is
            none of these, or too long.
    """
    if body.startswith(b"\0"):
        head, data = _parts(body)
        return {**_decoded(head), DATA: data}
    return _decoded(body)


def _parts(body: bytes | bytearray) -> tuple[bytes | bytearray, memoryview]:
    """The JSON of a binary frame, and its bytes."""
    if len(body) < _BINARY.size:
        raise FrameError("a binary frame that ends in its beginning")
    length = _BINARY.unpack_from(body)[0]
    end = _BINARY.size + length
    if length > LONGEST_HEAD or end > len(body):
        raise FrameError(f"a binary frame of {len(body)} bytes with {length} bytes of JSON")
    return body[_BINARY.size : end], _data_at(body, end)


def _data_at(body: bytes | bytearray, start: int) -> memoryview:
    """The bytes of a binary frame; few of them do not keep its JSON, which may be more."""
    data = memoryview(body)[start:].toreadonly()
    return data if len(data) > LONGEST_HEAD else memoryview(bytes(data))


def _decoded(body: bytes | bytearray) -> dict[str, Any]:
    try:
        text = body.decode("utf-8")
        frame, end = _DECODER.raw_decode(text)
        if _SURROGATE_ESCAPE.search(body):
            _ENCODER.encode(frame).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not a frame: {type(error).__name__}: {error}") from None
    if end < len(text):
        raise FrameError(f"not a frame: more after its first {end} characters")
    if not isinstance(frame, dict):
        raise FrameError(f"not a frame: a JSON {type(frame).__name__} instead of an object")
    return frame
