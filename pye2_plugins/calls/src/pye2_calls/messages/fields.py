"""A message as the value of a field: bytes, or base64 text where a dialect carries no bytes."""

from __future__ import annotations

from base64 import b64decode, b64encode

from pye2_calls.messages.packing import MessageNotReadable


def as_text(message: bytes) -> str:
    """The text of a message, for dialects that carry no bytes."""
    return b64encode(message).decode("ascii")


def from_field(value: object) -> bytes:
    """The message that a field holds.

    Raises:
        MessageNotReadable: it is neither bytes nor base64 text.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise MessageNotReadable(f"it is a {type(value).__name__}, neither bytes nor text")
    try:
        return b64decode(value, validate=True)
    except ValueError as error:
        raise MessageNotReadable(f"it is no base64: {error}") from None
