"""What nodes tell of their machine and of their instances, as values.

Meaning only, as in all of this room: under which names a dialect writes it is its serializer's
business. These are written; who receives a message reads it as its body says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pye2core.messages.models import InstancePath


@frozen(kw_only=True)
class Circumstances:
    """How an instance stands when it sends a payload.

    Attributes:
        number: how many payloads it has sent, this one included.
        sent_at: when it sends it.
        alive_seconds: how long it has been there.
        frequency: how often it sends, in payloads a second; None before that is known.
        version: its signature's; None if the node does not know that.
        settings: what it was told, by upper-case key.
    """

    number: int
    sent_at: datetime
    alive_seconds: float
    frequency: float | None
    version: str | None
    settings: Mapping[str, Any]


@frozen
class Speaker:
    """The instance that speaks in a notification, in place of its node.

    Attributes:
        version: its signature's; None if the node does not know that.
    """

    version: str | None = None


@frozen(kw_only=True)
class MachineFigures:
    """How a node's machine is doing. Memory and disk in GB.

    Attributes:
        python: the version of Python.
        processor: the processor's name.
        memory: all of the machine's memory.
        process_memory: what the node's process has of it.
        is_short_of_memory: whether hardly any is left.
        disk: the size of the disk that the node's home is on.
        free_disk: what is free of it.
        temperatures: by sensor, in degrees Celsius.
        uptime: seconds since the node was started.
    """

    python: str
    processor: str
    memory: float
    process_memory: float
    is_short_of_memory: bool
    disk: float
    free_disk: float
    temperatures: Mapping[str, float]
    uptime: float


@frozen(kw_only=True)
class InstanceReport:
    """How one instance is doing. A moment is None for what has not happened.

    Attributes:
        path: which instance it is.
        process_delay: seconds between its runs, as it was told.
        doing: what it does, and why not more, in words.
        is_outside_working_hours: whether it does not run because of the hour, or would not.
        payloads: how many it has sent.
        runs: how often its code was called, if it has any.
        started_at: when it began last.
        configured_at: when its pipeline was changed last.
        last_payload_at: when it sent last.
        first_failed_at: when it failed for the first time.
        last_failed_at: when it failed last.
    """

    path: InstancePath
    process_delay: Any
    doing: str
    is_outside_working_hours: bool
    payloads: int
    runs: int
    started_at: datetime | None
    configured_at: datetime | None
    last_payload_at: datetime | None
    first_failed_at: datetime | None
    last_failed_at: datetime | None


@frozen(kw_only=True)
class NodeReport:
    """How a node is doing.

    Attributes:
        at: when that was.
        interval: seconds between two of its heartbeats when nothing happens.
        machine: how its machine is doing.
        instances: how its instances are doing.
    """

    at: datetime
    interval: float
    machine: MachineFigures
    instances: tuple[InstanceReport, ...] = ()


@frozen
class SandboxReport:
    """What stands between a node's machine and the code that others send to it.

    Attributes:
        layers: the layers that hold, by name: "landlock", "namespaces", "rlimits", "seccomp",
            "uid".
        missing: of each layer that does not, why.
        unsafe: whether the node's owner has it run code even where nothing holds.
    """

    layers: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(factory=dict)
    unsafe: bool = False

    @property
    def refuses_code(self) -> bool:
        """Whether the node runs no code of others: it takes Landlock or seccomp, or its owner."""
        return not self.unsafe and {"landlock", "seccomp"}.isdisjoint(self.layers)
