"""The form of custom code on the wire.

Text, as UTF-8, through zlib at level 9, as standard base64 (PyE2 wire protocol, section 12). What
comes in is another's: its size is bounded before it is unpacked, and whatever is wrong with it is a
``CodeError``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import unicodedata
import zlib
from typing import Final

from pye2core.code.rules import MAX_SOURCE_BYTES
from pye2core.errors import CodeError

_LEVEL: Final = 9


def encode(source: str) -> str:
    """Pack custom code for the wire.

    zlib's output differs between its builds: compare what ``decode`` gives, or ``digest``.

    Raises:
        CodeError: the text holds half of a surrogate pair and cannot be written as UTF-8.
    """
    return base64.b64encode(zlib.compress(_as_utf8(source), _LEVEL)).decode("ascii")


def decode(text: str, max_size: int = MAX_SOURCE_BYTES) -> str:
    """Unpack custom code from the wire; code that was sent uncompressed is taken too.

    Args:
        text: base64 of the code, compressed or not.
        max_size: the longest code that is unpacked, in bytes of UTF-8.

    Raises:
        CodeError: it is not base64, neither zlib nor text, cut short, or too long.

    Example:
        >>> decode(encode("return 1"))
        'return 1'
    """
    try:
        packed = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise CodeError(f"the code is not base64: {error}; the sender must encode it") from error
    unpacked = _decompress(packed, max_size)
    if unpacked is not None:
        return _from_utf8(unpacked)
    if len(packed) > max_size:
        raise _too_long(max_size)
    plain = _from_utf8(packed)
    if not all(_belongs_in_source(character) for character in plain):
        raise CodeError("the code is damaged: it is neither zlib nor text; send it again")
    return plain


def digest(source: str) -> str:
    """What stands for custom code where it is not shown: ``sha256:`` and 64 hex digits.

    Example:
        >>> digest("return 1")[:15]
        'sha256:486d9aff'
    """
    return "sha256:" + hashlib.sha256(_as_utf8(source)).hexdigest()


def _decompress(packed: bytes, max_size: int) -> bytes | None:
    """The unpacked bytes, or None if these are not a whole zlib stream.

    Plain text can begin with the two bytes of a zlib header ("(range…" does), so that the header
    alone does not tell.
    """
    stream = zlib.decompressobj()
    try:
        unpacked = stream.decompress(packed, max_size + 1)
    except zlib.error:
        return None
    if len(unpacked) > max_size:
        raise _too_long(max_size)
    if not stream.eof or stream.unused_data:
        return None
    return unpacked


def _as_utf8(source: str) -> bytes:
    try:
        return source.encode()
    except UnicodeEncodeError as error:
        message = "the code holds half of a surrogate pair, which is no text: remove it"
        raise CodeError(message) from error


def _from_utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CodeError("the code is damaged: it is not UTF-8 text; send it again") from error


def _belongs_in_source(character: str) -> bool:
    return character in "\t\n\r\f" or unicodedata.category(character) != "Cc"


def _too_long(max_size: int) -> CodeError:
    return CodeError(
        f"the code is longer than the {max_size} bytes that are unpacked: "
        "send large data as settings instead (plugin.cfg_*)"
    )
