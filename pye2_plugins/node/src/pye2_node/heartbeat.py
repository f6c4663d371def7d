"""When a heartbeat is due, and what it says (PyE2 wire protocol, section 9).

Sans-I/O: the node asks when the next one is due and sends it.
"""

from __future__ import annotations

import math
import os
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from pye2_node.changes import published
from pye2core.messages import Capability, InstanceReport, Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2_node.changes import IsConfidential
    from pye2_node.desired import DesiredPipeline
    from pye2_node.instances import RunningInstance
    from pye2_node.settings import OwnersChoices
    from pye2_node.slots import SlotDesk
    from pye2core.abc import TransportFeatures
    from pye2core.clock import Clock
    from pye2core.messages import PipelineConfig
    from pye2core.plugins import PluginRegistry

WHEN_ASKED: Final = 0.1
"""Seconds until the heartbeat that somebody waits for: several may ask at once."""

AFTER_CHANGE: Final = 0.5
"""Seconds between a change and the heartbeat that tells of it: changes come in groups, and those of
a short job are told at once."""

FULL_EVERY: Final = 60.0
"""Seconds between two full heartbeats when nothing happens and nobody asks."""

_NEVER: Final = float("-inf")

AT_LEAST_BETWEEN: Final = 0.5
"""Seconds between two heartbeats, however much changes."""


@define
class Life:
    """How a node is told from what it was: one life for each connection to the broker.

    Attributes:
        id: tells this life from all others.
        revision: grows with each change that others should know; only ever grows.
    """

    id: str = field(factory=lambda: os.urandom(4).hex())
    revision: int = 0

    def begin_anew(self) -> None:
        """The node connects once more."""
        self.id = os.urandom(4).hex()


class Due(Enum):
    """What is to be sent next."""

    FULL = "everything, to everybody"
    ANSWER = "everything, to who asked"
    BRIEF = "that the node is there, to everybody"


class HeartbeatSchedule:
    """When the next heartbeat is due, and which.

    Args:
        interval: seconds between two heartbeats when nothing happens.
        clock: says what time it is.
    """

    def __init__(self, interval: float, clock: Clock) -> None:
        self._interval = interval
        self._clock = clock
        self._sent_at = _NEVER
        self._full_sent_at = _NEVER
        self._shown_at = _NEVER
        self._has_changed = False
        self._due_at = clock.monotonic()
        self._answer_at = math.inf

    @property
    def seconds_left(self) -> float:
        """Until the next one is due; zero or less if it is."""
        return min(self._due_at, self._answer_at) - self._clock.monotonic()

    @property
    def due(self) -> Due:
        """Which the next one is; of the usual ones, that is full which comes closest to its time.

        What was asked for is overtaken by one that everybody is told anyway.
        """
        if self._answer_at < self._due_at:
            return Due.ANSWER
        nearly_now = self._clock.monotonic() + self._interval / 2
        is_time = nearly_now - self._full_sent_at >= FULL_EVERY
        return Due.FULL if self._has_changed or is_time else Due.BRIEF

    def sent_brief(self) -> None:
        """A brief one was sent just now."""
        self._sent_at = self._clock.monotonic()
        self._due_at = self._sent_at + self._interval

    def sent_full(self) -> None:
        """A full one was sent to everybody just now: to those who asked, too."""
        self.sent_brief()
        self.answered()
        self._full_sent_at = self._sent_at
        self._has_changed = False

    def answered(self) -> None:
        """A full one was sent to who asked just now."""
        self._shown_at = self._clock.monotonic()
        self._answer_at = math.inf

    def asked(self) -> None:
        """Somebody waits for a full one."""
        soon = max(self._clock.monotonic() + WHEN_ASKED, self._shown_at + AT_LEAST_BETWEEN)
        self._answer_at = min(self._answer_at, soon)

    def changed(self) -> None:
        """Something changed that others should know."""
        soon = max(self._clock.monotonic() + AFTER_CHANGE, self._sent_at + AT_LEAST_BETWEEN)
        self._due_at = min(self._due_at, soon)
        self._has_changed = True


def signatures_of(registry: PluginRegistry) -> dict[str, str]:
    """The signatures that this node can run, each with its version."""
    return {
        name: descriptor.version
        for name, descriptor in sorted(registry.signatures().items())
        if descriptor.runner is not None
    }


def modules_in_sandboxes(registry: PluginRegistry) -> list[str]:
    """The modules that processes for code are to have loaded for the installed signatures."""
    parts = [each.in_sandbox for each in registry.signatures().values() if each.in_sandbox]
    return sorted({part.partition(":")[0] for part in parts})


def status_of(slots: SlotDesk, choices: OwnersChoices) -> dict[str, Any]:
    """What clients choose a node by, for calls of functions; the names are what users read."""
    labels = dict(each.split("=", 1) for each in choices.labels)
    return {
        "PYE2_SLOTS": {**slots.report(), "memory_megabytes": choices.memory_megabytes},
        "PYE2_LABELS": labels,
    }


def shown_pipelines(
    pipelines: Iterable[DesiredPipeline], is_confidential: IsConfidential
) -> tuple[PipelineConfig, ...]:
    """The pipelines as a heartbeat shows them: code as digests, and who asked for them."""
    return tuple(
        evolve(
            published(each.config, is_confidential),
            provenance=Provenance(each.requester, each.modified_by, each.updated_at),
        )
        for each in pipelines
    )


def report_on(instance: RunningInstance) -> InstanceReport:
    """How an instance is doing, as a heartbeat tells it."""
    context = instance.context
    first_failed_at, last_failed_at = context.failed_at or (None, None)
    return InstanceReport(
        path=instance.path,
        process_delay=context.config.settings.get("PROCESS_DELAY"),
        doing=instance.doing,
        is_outside_working_hours=instance.is_outside_working_hours,
        payloads=context.iteration,
        runs=context.runs,
        started_at=instance.started_at,
        configured_at=context.pipeline.updated_at,
        last_payload_at=context.last_payload_at,
        first_failed_at=first_failed_at,
        last_failed_at=last_failed_at,
    )


def capabilities_of(
    features: TransportFeatures, *, hears_roll_calls: bool
) -> frozenset[Capability]:
    """What a node does beyond PyE2's protocol.

    Args:
        features: what its transport can do.
        hears_roll_calls: whether roll calls reach it: brokers may forbid that.
    """
    found = {Capability.BRIEF_HEARTBEATS, Capability.INBOX}
    if features.last_will:
        found.add(Capability.LAST_WILL)
    if hears_roll_calls:
        found.add(Capability.ROLL_CALL)
    return frozenset(found)
