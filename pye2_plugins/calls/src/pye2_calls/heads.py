"""What is said to a process for calls, and by it: a list of MessagePack, and bytes behind it.

You are between ``child`` and ``serving``. The bytes (packed arguments, a packed result) may be
millions: behind the list they are neither copied into it nor out of it::

    length of the list (4, big-endian) ‖ list ‖ bytes
"""

from __future__ import annotations

import struct
from typing import Any, Final

import msgpack

_LENGTH: Final = struct.Struct(">I")
_BUFFER: Final = 4096
"""Bytes that msgpack begins with. With its own megabyte, the system is asked for each list."""


def headed(
    head: tuple[Any, ...], *data: bytes | memoryview
) -> tuple[bytes, *tuple[bytes | memoryview, ...]]:
    """A list with bytes behind it; they belong one behind the other."""
    packed: bytes = msgpack.packb(head, buf_size=_BUFFER)
    return _LENGTH.pack(len(packed)) + packed, *data


def apart(said: memoryview) -> tuple[memoryview, memoryview]:
    """The MessagePack of a list, and the bytes behind it.

    Raises:
        ValueError: there is no list.
    """
    if len(said) < _LENGTH.size:
        raise ValueError("it ends in its beginning")
    end = _LENGTH.size + _LENGTH.unpack_from(said)[0]
    if end > len(said):
        raise ValueError("it ends in its list")
    return said[_LENGTH.size : end], said[end:]
