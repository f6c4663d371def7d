"""What peers of ours understand beyond PyE2's protocol, as commands and heartbeats state it.

You are in the PyE2 serializer. A peer that states nothing is one of PyE2's; what it states and we
do not know is of a later version, and of no concern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.messages import Capability, Introduction

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = "PYE2_CAPABILITIES"
_DIALECTS = "PYE2_DIALECTS"

MOST_INTRODUCTIONS = 8
LONGEST_INTRODUCTION = 512
"""Dialects that a peer can tell of, and characters of what it tells of one."""

_NAMES: Mapping[Capability, str] = {
    Capability.INBOX: "inbox",
    Capability.BRIEF_HEARTBEATS: "brief-heartbeats",
    Capability.LAST_WILL: "last-will",
    Capability.ROLL_CALL: "roll-call",
}
_CAPABILITY_CALLED = {name: capability for capability, name in _NAMES.items()}


def capability_fields(capabilities: frozenset[Capability] | None) -> dict[str, Any]:
    """The field that states capabilities; none where nothing is stated."""
    if capabilities is None:
        return {}
    return {_KEY: sorted(_NAMES[each] for each in capabilities)}


def capabilities_from(source: Mapping[str, Any]) -> frozenset[Capability] | None:
    """The capabilities that are stated, None if none are; what is no list of texts states none."""
    stated = source.get(_KEY)
    if type(stated) is not list:
        return None
    known = (_CAPABILITY_CALLED.get(each) for each in stated if type(each) is str)
    return frozenset(each for each in known if each is not None)


def introduction_fields(introductions: tuple[Introduction, ...]) -> dict[str, Any]:
    """The field that tells of further dialects; none where there are none."""
    if not introductions:
        return {}
    return {_DIALECTS: {each.dialect: each.text for each in introductions}}


def introductions_from(source: Mapping[str, Any]) -> tuple[Introduction, ...]:
    """The further dialects that are told of; what is too long, or no text, is left out."""
    told = source.get(_DIALECTS)
    if type(told) is not dict or len(told) > MOST_INTRODUCTIONS:
        return ()
    return tuple(
        Introduction(dialect, text)
        for dialect, text in told.items()
        if type(text) is str and len(text) <= LONGEST_INTRODUCTION
    )
