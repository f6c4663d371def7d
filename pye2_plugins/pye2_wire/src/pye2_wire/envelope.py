"""What every message of a node carries besides what it says.

You are in the PyE2 serializer (PyE2 wire protocol, section 5.2). Writing: :class:`Stamps` numbers
and dates messages. Reading: the helpers below give the parts that all kinds of message share.
"""

from __future__ import annotations

import uuid
from enum import Enum
from itertools import count
from types import NoneType
from typing import TYPE_CHECKING, Any

from pye2_wire.formatters import name_on_the_wire
from pye2_wire.reading import as_list, misshapen, optional_text_at
from pye2_wire.signing import UNSIGNED_KEYS
from pye2_wire.times import ZONE, ZONE_NAME, wire_time
from pye2core import __version__
from pye2core.messages import InstancePath, Requester

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.clock import Clock

_PATH_LENGTH = 4
_STEP_TYPES = frozenset({str, NoneType})

IN_CLEAR = (
    "EE_VERSION",
    "EE_EVENT_TYPE",
    "EE_TIMESTAMP",
    "EE_TIMEZONE",
    "EE_TZ",
    "EE_MESSAGE_ID",
    "SESSION_ID",
    "INITIATOR_ID",
    "INITIATOR_ADDR",
    "MODIFIED_BY_ID",
    "MODIFIED_BY_ADDR",
)
"""What stays readable for everybody when a node's message is encrypted."""

ENVELOPE = (*IN_CLEAR, "EE_ID", "EE_IS_ENCRYPTED", "EE_MESSAGE_SEQ", "EE_TOTAL_MESSAGES")
"""What lies outside of every message of a node, whatever formatter shaped what it says."""

ONLY_OUTSIDE = frozenset(
    {
        "EE_ENCRYPTED_DATA",
        "EE_EVENT_TYPE",
        "EE_FORMATTER",
        "EE_IS_ENCRYPTED",
        "EE_PAYLOAD_PATH",
        "SB_IMPLEMENTATION",
        *UNSIGNED_KEYS,
    }
)
"""What is told outside of a formatter's shape, and believed nowhere else."""

BOOKKEEPING = ONLY_OUTSIDE | {key for key in ENVELOPE if key.startswith("EE_")}
"""What nodes note on every message."""


class Event(Enum):
    """The kinds of message that nodes send."""

    HEARTBEAT = "HEARTBEAT"
    NOTIFICATION = "NOTIFICATION"
    PAYLOAD = "PAYLOAD"


class Stamps:
    """Numbers and dates what one node sends."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = {event: count(1) for event in Event}

    def now(self) -> str:
        """This moment, as the wire writes it."""
        return wire_time(self._clock.now())

    def next(self, event: Event, node_name: str) -> dict[str, Any]:
        """The fields that make one message different from all others."""
        number = next(self._numbers[event])
        return {
            "EE_EVENT_TYPE": event.value,
            "EE_ID": node_name,
            "EE_IS_ENCRYPTED": False,
            "EE_MESSAGE_ID": str(uuid.uuid4()),
            "EE_MESSAGE_SEQ": number,
            "EE_TOTAL_MESSAGES": number,
            "EE_TIMESTAMP": self.now(),
            "EE_TIMEZONE": ZONE,
            "EE_TZ": ZONE_NAME,
            "EE_VERSION": __version__,
        }

    def briefly(self, event: Event, node_name: str) -> dict[str, Any]:
        """As much of it as is needed to tell who speaks of what, and when."""
        return {
            "EE_EVENT_TYPE": event.value,
            "EE_ID": node_name,
            "EE_TIMESTAMP": self.now(),
            "EE_TIMEZONE": ZONE,
        }


# --- to the wire ----------------------------------------------------------------------------------


def requester_fields(requester: Requester, modified_by: Requester) -> dict[str, Any]:
    """Who asked for what is said, and who changed it last."""
    return {
        "INITIATOR_ADDR": requester.address,
        "INITIATOR_ID": requester.name,
        "SESSION_ID": requester.session_id,
        "MODIFIED_BY_ADDR": modified_by.address,
        "MODIFIED_BY_ID": modified_by.name,
    }


def routing_fields(
    node_name: str, path: InstancePath, formatter: str | None = None
) -> dict[str, Any]:
    """What is added after a message was shaped by its formatter, so that it can be read again."""
    wire_name = name_on_the_wire(formatter)
    return {
        "EE_PAYLOAD_PATH": [node_name, path.pipeline, path.signature, path.instance_id],
        "EE_FORMATTER": wire_name,
        "SB_IMPLEMENTATION": wire_name,
    }


# --- from the wire --------------------------------------------------------------------------------


def path_from(message: Mapping[str, Any]) -> InstancePath:
    """What a message is about."""
    stated = message.get("EE_PAYLOAD_PATH")
    if stated is None:
        return InstancePath()
    steps = as_list(stated, "EE_PAYLOAD_PATH")
    if len(steps) != _PATH_LENGTH or not _STEP_TYPES.issuperset(map(type, steps)):
        raise misshapen("EE_PAYLOAD_PATH is not a list of four texts or nulls")
    return InstancePath(*steps[1:])


def requester_from(message: Mapping[str, Any]) -> Requester:
    """Who asked for what is said."""
    return Requester(
        address=optional_text_at(message, "INITIATOR_ADDR"),
        name=optional_text_at(message, "INITIATOR_ID"),
        session_id=optional_text_at(message, "SESSION_ID"),
    )


def modifier_from(message: Mapping[str, Any]) -> Requester:
    """Who last changed what is said."""
    return Requester(
        address=optional_text_at(message, "MODIFIED_BY_ADDR"),
        name=optional_text_at(message, "MODIFIED_BY_ID"),
    )


def formatter_name_from(message: Mapping[str, Any]) -> str | None:
    """The name of the formatter that shaped a message; None for none."""
    key = "EE_FORMATTER" if "EE_FORMATTER" in message else "SB_IMPLEMENTATION"
    return name_on_the_wire(optional_text_at(message, key))
