"""What a message says, in a few words.

You are in ``pye2 wire``. The words of others are shown shortened where they may be long; what a
node gives as a reason is shown whole, for its remedy stands at the end.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING, Any

from pye2core.messages import (
    EVERY_NODE,
    Command,
    Heartbeat,
    InstanceUpdate,
    Notification,
    PayloadMessage,
    PipelineCommand,
    Presence,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pye2core.messages import Message

_LONGEST_SHOWN = 320
_LEAST_SHARE = 80
_LONGEST_REASON = 2000
"""More than any node of ours says; others may say anything."""

_FAREWELLS = {
    Presence.LEAVING: "farewell: goes offline",
    Presence.LOST: "last will: its connection was lost",
}


class _Shortened(reprlib.Repr):
    """Any value in a few words, for little work however large it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = 8
        self.maxstring = self.maxother = 240


_short = _Shortened()


def title(message: Message | None, own_fields: Mapping[str, Any] | None = None) -> str:
    """What a message says; nothing of one that could not be read.

    Args:
        message: the message.
        own_fields: of a payload, what its instance itself says; None for all that it says.
    """
    if isinstance(message, Command):
        asked = _asked(message)
        return f"roll call: {asked}" if message.target == EVERY_NODE else asked
    if isinstance(message, Notification):
        return _told(message)
    if isinstance(message, Heartbeat):
        return _state_of(message)
    if isinstance(message, PayloadMessage):
        return _outcome(message, message.fields if own_fields is None else own_fields)
    return ""


def action(message: Message | None) -> str | None:
    """What a command asks for, in words; None for all else.

    A command to an instance comes as an update of it, and is told from one here.
    """
    if not isinstance(message, Command):
        return None
    body = message.body
    stated: str = message.action.value
    if not isinstance(body, InstanceUpdate) or body.command is None:
        return stated
    return "instance command" if not body.settings else f"{stated} with instance command"


def _asked(command: Command) -> str:
    asked, body = action(command) or "", command.body
    if isinstance(body, InstanceUpdate):
        told = body.command
        return asked if told is None else f"{asked} {_in_few_words(told)}"
    if isinstance(body, PipelineCommand):
        return f"{asked} {_in_few_words(body.command)}"
    if isinstance(body, tuple):
        commands = sum(each.command is not None for each in body)
        return f"{asked}, {commands} with an instance command" if commands else asked
    return asked


def _told(notification: Notification) -> str:
    code = "" if notification.code is None else f"{int(notification.code)} "
    text, info = notification.text, notification.info or ""
    # A node may say there what its text has no room for.
    whole = info if info.startswith(text) and "\n" not in info else text
    return _clipped(f"{code}{notification.kind.value}: {whole}", _LONGEST_REASON)


def _state_of(heartbeat: Heartbeat) -> str:
    if heartbeat.presence is not Presence.ONLINE:
        return _FAREWELLS[heartbeat.presence]
    if heartbeat.is_brief:
        return "brief" if heartbeat.revision is None else f"brief, state {heartbeat.revision}"
    if heartbeat.pipelines is None:
        return "alive"
    return f"{len(heartbeat.pipelines)} pipelines, {len(heartbeat.allowed)} allowed"


def _outcome(payload: PayloadMessage, own_fields: Mapping[str, Any]) -> str:
    told = [_clipped("  ".join(_shown_fields(own_fields)), _LONGEST_SHOWN)]
    if payload.requester.name:
        told.append(_clipped(f"for {payload.requester.name}", _LONGEST_SHOWN))
    return "  ".join(filter(None, told))


def _shown_fields(fields: Mapping[str, Any]) -> Iterator[str]:
    """What came out: a result may be in any field, so all that are an instance's own are shown."""
    own = {key: value for key, value in fields.items() if value is not None}
    telling = {key: value for key, value in own.items() if value not in ("", [], {})}
    shown = telling or own
    share = max(_LEAST_SHARE, _LONGEST_SHOWN // max(1, len(shown)))
    for key, value in shown.items():
        yield _clipped(f"{key}={_short.repr(value)}", share)


def _in_few_words(value: object) -> str:
    return _clipped(_short.repr(value), _LONGEST_SHOWN)


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
