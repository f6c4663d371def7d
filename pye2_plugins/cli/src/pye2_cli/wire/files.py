"""Keeps messages in files and finds them there: one, or one on each line.

You are in ``pye2 wire``. A line is a message as it is, or an object that has it with what was known
of it when it was heard. What a message says, is not known here; only where it ends.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2core.abc import Channel, ChannelKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_cli.wire.reading import Reading

_TEXT, _BYTES = "raw", "raw_base64"


@frozen
class SavedMessage:
    """A message that was kept.

    Attributes:
        data: the bytes.
        channel: where it was heard; None where nobody noted it.
        heard_at: when; None where nobody noted it.
    """

    data: bytes
    channel: Channel | None = None
    heard_at: datetime | None = None


def saved_object(reading: Reading, heard_at: datetime | None) -> dict[str, Any]:
    """A message as it is kept: nothing of it is decrypted."""
    channel = reading.channel
    return {
        "heard_at": heard_at.isoformat() if heard_at is not None else None,
        "channel": channel.kind.value if channel is not None else None,
        "channel_owner": channel.owner if channel is not None else None,
        **_raw(reading.data),
    }


def _raw(data: bytes) -> dict[str, str | None]:
    try:
        return {_TEXT: data.decode(), _BYTES: None}
    except UnicodeDecodeError:
        return {_TEXT: None, _BYTES: base64.b64encode(data).decode()}


def messages_in(content: bytes) -> list[SavedMessage]:
    """The messages of a file.

    A file that is one JSON text is one message, over however many lines. So is one of which no line
    is an object of its own: a message that was damaged.
    """
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    if not lines:
        return []
    if not lines[0].startswith(b"{"):
        return [SavedMessage(content)]  # of a dialect that is no text: each byte counts
    if _is_json(content) or not any(_is_object(line) for line in lines):
        return [_message_in(content.strip())]
    return [_message_in(line) for line in lines]


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.startswith(b"{") and _is_json(line)


def _message_in(text: bytes) -> SavedMessage:
    """The message that was kept in a text; the text itself if it is no such object."""
    kept = json.loads(text) if _is_object(text) else None
    if not isinstance(kept, dict) or not {_TEXT, _BYTES} <= kept.keys():
        return SavedMessage(text)
    data = _data_in(kept)
    return SavedMessage(text) if data is None else SavedMessage(data, _channel(kept), _moment(kept))


def _data_in(kept: Mapping[str, Any]) -> bytes | None:
    text, encoded = kept[_TEXT], kept[_BYTES]
    try:
        if isinstance(text, str):
            return text.encode()
        return base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except ValueError:
        return None


def _channel(kept: Mapping[str, Any]) -> Channel | None:
    owner = kept.get("channel_owner")
    try:
        return Channel(ChannelKind(kept.get("channel")), owner if isinstance(owner, str) else None)
    except ValueError:
        return None


def _moment(kept: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(kept.get("heard_at")))
    except ValueError:
        return None
