"""What the owner of a node can choose about this dialect.

You are in the PyE2 serializer. Read from ``PYE2_WIRE_<FIELD>`` in the environment or in ``.env``;
values only.
"""

from __future__ import annotations

from enum import Enum

from attrs import field, frozen


class HeartbeatVersion(Enum):
    """How a heartbeat carries its state (PyE2 wire protocol, section 9)."""

    OPEN = "v1"
    COMPRESSED = "v2"


@frozen
class WireSettings:
    """How a node speaks PyE2's dialect.

    Attributes:
        heartbeat_version: how heartbeats are written; both are always read.
    """

    heartbeat_version: HeartbeatVersion = field(
        default=HeartbeatVersion.COMPRESSED,
        metadata={"help": "v1 leaves the state of a node open, v2 compresses it"},
    )
