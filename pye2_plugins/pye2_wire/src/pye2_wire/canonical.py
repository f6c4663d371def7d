"""The texts of a message: as nodes write it, as clients write it, and the one that is hashed.

You are in the PyE2 serializer, above ``plain``. :func:`canonical` makes the bytes that everybody
who takes part in PyE2 hashes (PyE2 wire protocol, section 3.1). The rules for floats are odd and
fixed for ever: change nothing here without the vectors.

Speed matters: every message passes here once. The walking is done by the C encoder of ``json``; its
text differs from the canonical one only in some floats, which are mended afterwards.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from pye2_wire.plain import unsendable

if TYPE_CHECKING:
    from collections.abc import Iterable

_encode_sorted = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode

_encode_finite = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
).encode

# In the C encoder's text: a float that canonical JSON writes differently ("1.0", "1.5e+20").
_ODD_FLOAT = re.compile(rb"\.(?:0|\d+e[+-]\d+0)[,\]}]")
# Of a mantissa with a dot, PyE2 also strips the zeros that end the exponent.
_EXPONENT_ZEROS = re.compile(rb"(\.\d+e[+-]\d*?)0+(?=[,\]}])")

_SURROGATE_ESCAPE = re.compile(r"\\u[dD]")

# Control characters are always escaped in JSON, so these two never occur in its text.
_BACKSLASH_MARK = b"\x00"
_QUOTE_MARK = b"\x01"


def compact(message: dict[str, Any]) -> bytes:
    """A plain message as nodes write it: sorted, without spaces, not escaped to ASCII.

    Raises:
        UnsendableValue: a text in it is no Unicode, or a number has thousands of digits.
    """
    try:
        return _encode_sorted(message).encode()
    except ValueError as error:
        _refuse_scalars(message, error)


def spaced(message: dict[str, Any]) -> str:
    """A plain message as PyE2's clients write it: in its own order, with spaces, in ASCII.

    Raises:
        UnsendableValue: a text in it is no Unicode, or a number has thousands of digits.
    """
    try:
        text = json.dumps(message)
        if may_hide_surrogates(text):
            _encode_sorted(message).encode()
    except ValueError as error:
        _refuse_scalars(message, error)
    return text


def may_hide_surrogates(text: str) -> bool:
    """Whether JSON in ASCII may have lone surrogates, which are no Unicode, among its escapes."""
    return _SURROGATE_ESCAPE.search(text) is not None


def canonical(message: dict[str, Any]) -> bytes:
    """The bytes of a plain message that are hashed (PyE2 wire protocol, section 3.1).

    Args:
        message: as :func:`as_plain` or ``json.loads`` gives it; no key is left out here.

    Raises:
        ValueError: a text in it is no Unicode: UTF-8 cannot write a lone surrogate.
        RecursionError: it is nested deeper than Python can follow.

    Example:
        >>> canonical({"b": [1.0, 2.50], "a": float("nan")})
        b'{"a":null,"b":[1,2.5]}'
    """
    try:
        text = _encode_finite(message)
    except ValueError:
        # It has NaN or an infinity; few have, and looking for them in a long text takes its time.
        return mended(_encode_sorted(message).encode())
    data = text.encode()
    return _mended(data) if _ODD_FLOAT.search(data) else data


def mended(text: bytes) -> bytes:
    """Make the floats canonical in a message as :func:`compact` writes it."""
    if _ODD_FLOAT.search(text) or b"NaN" in text or b"Infinity" in text:
        return _mended(text)
    return text


def _mended(text: bytes) -> bytes:
    # What was found may also be part of a string. Split at the quotes, every second part lies
    # outside of strings; all of those are mended as one text and put back where they were.
    escaped = b"\\" in text
    if escaped:
        text = text.replace(rb"\\", _BACKSLASH_MARK).replace(rb"\"", _QUOTE_MARK)
    parts = text.split(b'"')
    parts[::2] = _mended_numbers(b'"'.join(parts[::2])).split(b'"')
    text = b'"'.join(parts)
    if escaped:
        text = text.replace(_QUOTE_MARK, rb"\"").replace(_BACKSLASH_MARK, rb"\\")
    return text


def _mended_numbers(outside_strings: bytes) -> bytes:
    text = outside_strings
    # A shortest repr ends in ".0" or has no needless zero at all.
    text = text.replace(b".0,", b",").replace(b".0]", b"]").replace(b".0}", b"}")
    if b"e+" in text or b"e-" in text:
        text = _EXPONENT_ZEROS.sub(rb"\1", text)
    for endless in (b"-Infinity", b"Infinity", b"NaN"):
        text = text.replace(endless, b"null")
    return text


# --- what the encoder refuses ---------------------------------------------------------------------


def _refuse_scalars(message: dict[str, Any], error: ValueError) -> NoReturn:
    problem = (
        "its text is no Unicode, it has a lone surrogate"
        if isinstance(error, UnicodeEncodeError)
        else "its number has too many digits"
    )
    raise unsendable(problem, _steps_to_culprit(message) or []) from error


def _steps_to_culprit(value: Any) -> list[str | int] | None:
    """The way to the first scalar that cannot be written down; None if there is none here."""
    if isinstance(value, dict):
        if not _can_be_written("".join(value)):
            return []
        items: Iterable[tuple[str | int, Any]] = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return None if _can_be_written(value) else []
    for step, item in items:
        steps = _steps_to_culprit(item)
        if steps is not None:
            return [step, *steps]
    return None


def _can_be_written(scalar: Any) -> bool:
    try:
        json.dumps(scalar, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True
