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

from pye2_cli.wire.files import saved_object
from pye2_cli.wire.titles import action, title
from pye2core.identity import is_address
from pye2core.messages import EVERY_NODE, Command, Notification
from pye2core.printable import printable

if TYPE_CHECKING:
    from pye2_cli.wire.names import NameBook
    from pye2_cli.wire.reading import Reading
    from pye2core.messages import Message

_LONGEST_WHY = 1000

_EVERYBODYS = "pye2"
"""The dialect that is not marked: nearly all speak it."""

_PROOF = "proof: a client finds out whether its own inbox is heard; nobody else reads it"


# --- for people -----------------------------------------------------------------------------------


def as_line(reading: Reading, names: NameBook, heard_at: datetime | None) -> str:
    """One message on one line, however long.

    Args:
        reading: the message.
        names: what nodes are called.
        heard_at: when it was heard; None to tell when it says that it was sent.
    """
    channel = reading.channel.kind.value if reading.channel is not None else "-"
    parts = (
        time_of_day(heard_at or _sent_at(reading)),
        f"{channel:<8}",
        f"{reading.kind or '?':<12}",
        _who(reading, names),
        _about(reading),
        _title(reading),
        f"{len(reading.data):,} B",
        _dialect(reading),
        verdict(reading),
        *(f"note: {remark}" for remark in reading.remarks),
    )
    return printable("  ".join(part for part in parts if part))


def _title(reading: Reading) -> str:
    return _PROOF if reading.is_proof else title(reading.message, reading.own_fields)


def _dialect(reading: Reading) -> str:
    return "" if reading.dialect in (None, _EVERYBODYS) else reading.dialect


def verdict(reading: Reading) -> str:
    """Whether it verifies, can be read and is listened to, and why not."""
    spoilt = any(problem.reason == "numpy2-signature" for problem in reading.problems)
    refused = "unverified (NumPy 2)" if spoilt else "NOT VERIFIED"
    verified = "verified" if reading.verified else refused
    encrypted = ", encrypted" if reading.encrypted else ""
    unread = ", NOT READ" if reading.message is None and not reading.is_proof else ""
    ignored = ", WILL BE IGNORED" if reading.will_be_ignored else ""
    why = "; ".join(f"{problem.reason}: {problem.text}" for problem in reading.problems)
    told = why if len(why) <= _LONGEST_WHY else why[: _LONGEST_WHY - 1] + "…"
    return f"{verified}{encrypted}{unread}{ignored}{f' ({told})' if told else ''}"


def time_of_day(moment: datetime | None) -> str:
    """A moment as lines show it: ``23:59:59.999``, here and now; "-" for none."""
    if moment is None:
        return "-"
    try:
        return moment.astimezone().strftime("%H:%M:%S.%f")[:-3]
    except (OverflowError, ValueError):  # of the year 1, in a zone where it was not yet
        return "-"


def _sent_at(reading: Reading) -> datetime | None:
    origin = reading.message.origin if reading.message is not None else None
    return origin.sent_at if origin is not None else None


def _who(reading: Reading, names: NameBook) -> str:
    sender = reading.sender or "?"
    if reading.kind != "command":
        return _named(reading.node_name or names.name_of(sender), sender)
    asker = reading.message.requester.name if isinstance(reading.message, Command) else None
    target = reading.recipient or (reading.channel.owner if reading.channel is not None else None)
    return f"{_named(asker or names.name_of(sender), sender)} > {_called(target, names)}"


def _named(name: str | None, address: str) -> str:
    """A name is what somebody says; the address is who it is."""
    return f"{name} {address}" if name else address


def _called(target: str | None, names: NameBook) -> str:
    if target is None:
        return "?"
    if target == EVERY_NODE:
        return "all nodes"
    return _named(names.name_of(target), target) if is_address(target) else target


def _about(reading: Reading) -> str:
    path = reading.path
    steps = (path.pipeline, path.signature, path.instance_id)
    about = "/".join(step for step in steps if step)
    return about or ", ".join(sorted(reading.pipelines or ()))


# --- for programs ---------------------------------------------------------------------------------


def as_object(reading: Reading, heard_at: datetime | None) -> dict[str, Any]:
    """One message as JSON has it.

    ``message`` is all that it says, in the words of ``pye2core.messages``; ``raw`` the message as
    it came, or ``raw_base64`` where that is no text: `pye2 wire decode` reads such lines.
    """
    sent_at = _sent_at(reading)
    path = reading.path
    return {
        **saved_object(reading, heard_at),
        "sent_at": sent_at.isoformat() if sent_at is not None else None,
        "dialect": reading.dialect,
        "kind": reading.kind,
        "action": action(reading.message),
        "node": reading.node_name,
        "sender": reading.sender,
        "recipient": reading.recipient,
        "pipeline": path.pipeline,
        "signature": path.signature,
        "instance_id": path.instance_id,
        "code": _code(reading.message),
        "title": _title(reading) or None,
        "size": len(reading.data),
        "encrypted": reading.encrypted,
        "verified": reading.verified,
        "readable": reading.message is not None,
        "will_be_ignored": reading.will_be_ignored,
        "problems": [attrs.asdict(problem) for problem in reading.problems],
        "remarks": list(reading.remarks),
        "message": _plain(reading.message),
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
