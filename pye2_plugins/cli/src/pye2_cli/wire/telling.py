"""Writes a message as one line: for people, or as JSON.

You are in ``pye2 wire``. What others say is shown and never obeyed: neither as a terminal's
commands nor as a second line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from pye2core.messages import (
    EVERY_NODE,
    Command,
    Heartbeat,
    Notification,
    PayloadMessage,
    Presence,
)
from pye2core.printable import printable

if TYPE_CHECKING:
    from pye2_cli.wire.reading import Reading
    from pye2_cli.wire.selecting import NameBook
    from pye2core.messages import Message

_LONGEST_TITLE = 120
_LONGEST_WHY = 400

_FAREWELLS = {
    Presence.LEAVING: "farewell: goes offline",
    Presence.LOST: "last will: its connection was lost",
}


# --- for people -----------------------------------------------------------------------------------


def as_line(reading: Reading, names: NameBook, heard_at: datetime | None) -> str:
    """One message on one line.

    Args:
        reading: the message.
        names: what nodes are called.
        heard_at: when it was heard; None to tell when it says that it was sent.
    """
    channel = reading.channel.kind.value if reading.channel is not None else "-"
    parts = (
        _time(heard_at or _sent_at(reading)),
        f"{channel:<8}",
        f"{reading.kind or '?':<12}",
        _who(reading, names),
        _about(reading),
        _title(reading.message),
        f"{len(reading.data):,} B",
        verdict(reading),
    )
    return printable("  ".join(part for part in parts if part))


def verdict(reading: Reading) -> str:
    """Whether it verifies and can be read, and why not."""
    spoilt = any(problem.reason == "numpy2-signature" for problem in reading.problems)
    refused = "unverified (NumPy 2)" if spoilt else "NOT VERIFIED"
    verified = "verified" if reading.verified else refused
    encrypted = ", encrypted" if reading.encrypted else ""
    unread = ", NOT READ" if reading.message is None else ""
    why = "; ".join(f"{problem.reason}: {problem.text}" for problem in reading.problems)
    return f"{verified}{encrypted}{unread}{f' ({_clipped(why, _LONGEST_WHY)})' if why else ''}"


def _time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%H:%M:%S.%f")[:-3] if moment is not None else "-"


def _sent_at(reading: Reading) -> datetime | None:
    origin = reading.message.origin if reading.message is not None else None
    return origin.sent_at if origin is not None else None


def _who(reading: Reading, names: NameBook) -> str:
    sender = reading.sender or "?"
    known = names.name_of(sender) or sender
    if reading.kind != "command":
        return reading.node_name or known
    asker = reading.message.requester.name if isinstance(reading.message, Command) else None
    target = reading.recipient or (reading.channel.owner if reading.channel is not None else None)
    called = _called(target, names)
    return f"{f'{asker} ' if asker else ''}{known} > {called}"


def _called(target: str | None, names: NameBook) -> str:
    if target is None:
        return "?"
    return "all nodes" if target == EVERY_NODE else names.name_of(target) or target


def _about(reading: Reading) -> str:
    path = reading.path
    steps = (path.pipeline, path.signature, path.instance_id)
    about = "/".join(step for step in steps if step)
    return about or ", ".join(sorted(reading.pipelines or ()))


def _title(message: Message | None) -> str:
    if isinstance(message, Command):
        asked = message.action.value
        return f"roll call: {asked}" if message.target == EVERY_NODE else asked
    if isinstance(message, Notification):
        code = "" if message.code is None else f"{int(message.code)} "
        return _clipped(f"{code}{message.kind.value}: {message.text}", _LONGEST_TITLE)
    if isinstance(message, Heartbeat):
        return _state_of(message)
    if isinstance(message, PayloadMessage) and message.requester.name:
        return _clipped(f"for {message.requester.name}", _LONGEST_TITLE)
    return ""


def _state_of(heartbeat: Heartbeat) -> str:
    if heartbeat.presence is not Presence.ONLINE:
        return _FAREWELLS[heartbeat.presence]
    if heartbeat.is_brief:
        return "brief" if heartbeat.revision is None else f"brief, state {heartbeat.revision}"
    if heartbeat.pipelines is None:
        return "alive"
    return f"{len(heartbeat.pipelines)} pipelines, {len(heartbeat.allowed)} allowed"


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


# --- for programs ---------------------------------------------------------------------------------


def as_object(reading: Reading, heard_at: datetime | None) -> dict[str, Any]:
    """One message as JSON has it.

    ``message`` is what it says, in the words of ``pye2core.messages``; ``raw`` is the message as it
    came, where it was not verified or could not be read.
    """
    sent_at = _sent_at(reading)
    path = reading.path
    whole = reading.verified and reading.message is not None
    return {
        "heard_at": heard_at.isoformat() if heard_at is not None else None,
        "sent_at": sent_at.isoformat() if sent_at is not None else None,
        "channel": reading.channel.kind.value if reading.channel is not None else None,
        "channel_owner": reading.channel.owner if reading.channel is not None else None,
        "kind": reading.kind,
        "node": reading.node_name,
        "sender": reading.sender,
        "recipient": reading.recipient,
        "pipeline": path.pipeline,
        "signature": path.signature,
        "instance_id": path.instance_id,
        "code": _code(reading.message),
        "title": _title(reading.message) or None,
        "size": len(reading.data),
        "encrypted": reading.encrypted,
        "verified": reading.verified,
        "readable": reading.message is not None,
        "problems": [attrs.asdict(problem) for problem in reading.problems],
        "message": _plain(reading.message),
        "raw": None if whole else reading.data.decode(errors="replace"),
    }


def _code(message: Message | None) -> int | None:
    if isinstance(message, Notification) and message.code is not None:
        return int(message.code)
    return None


def _plain(value: Any) -> Any:
    """What JSON has, of a message or of what is in it."""
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return {
            each.name: _plain(getattr(value, each.name)) for each in fields if each.name != "origin"
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(map(_plain, value))
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    # PyE2 sends NaN and infinities, which JSON does not have.
    return None if isinstance(value, float) and not math.isfinite(value) else value
