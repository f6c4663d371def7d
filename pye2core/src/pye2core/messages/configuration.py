"""Configurations of pipelines and of their instances, as values.

PyE2 wire protocol, section 7. Keys are upper case; :func:`upper_keys` makes them so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pye2core.messages.models import Requester

VOID = "Void"
"""The data source that gives nothing: instances run without input."""


FORMATTER = "EE_FORMATTER"
"""The setting of an instance that names the formatter of its payloads; its prefix keeps it apart
from the settings of custom code."""

DELEGATION = "DELEGATION"
"""The setting of an instance with its client's signed word on what other nodes may do for it."""

GRANTS = "GRANTS"
"""The setting of an instance that says what its code may do besides computing."""

INSTANCE_COMMAND = "INSTANCE_COMMAND"
"""Not a setting, but among those that are sent: a command to the instance."""

UNCONFIRMED = "UNCONFIRMED"
"""In an instance command: true if nobody waits to hear that it was taken and done.

The node then says nothing of it unless it could not be.
"""

LIFE = "LIFE"
"""In an instance command: the one life of the instance that it is meant for, as its runner tells
them apart (``Runner.life``); in any other it is dropped."""

CLOSES_PIPELINE = "CLOSES_PIPELINE"
"""The setting of an instance that is its client's alone (``SignatureDescriptor.private``): true if
its pipeline is for nothing else and ends with it."""

_NO_SETTINGS = frozenset({INSTANCE_COMMAND, "INSTANCE_ID"})


def upper_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings with upper-case keys, top level only, as PyE2 does."""
    return {str(key).upper(): value for key, value in settings.items()}


def settings_in(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among what is sent of an instance, by upper-case key."""
    settings = upper_keys(sent)
    return {key: value for key, value in settings.items() if key not in _NO_SETTINGS}


def with_grants_of(known: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments for an instance's settings, with what its code asks for if they do not say.

    Code is checked by what it asks for, which may have been said elsewhere.

    Args:
        known: settings that the instance has already, or is given besides.
        arguments: keys in any case.
    """
    if known.get(GRANTS) is None or GRANTS in upper_keys(arguments):
        return dict(arguments)
    return {**arguments, GRANTS.lower(): known[GRANTS]}


@frozen
class InstanceConfig:
    """The configuration of one instance.

    Attributes:
        signature: the plugin's name, as it was spelled: it is the same in any case, but PyE2's
            clients know it again only so.
        instance_id: unique within its pipeline and signature.
        settings: what the instance is told, by upper-case key.
        set_by: the addresses of those whose settings these are, where a node notes that; no part of
            what is configured, and never taken from a message.
    """

    signature: str
    instance_id: str
    settings: dict[str, Any] = field(factory=dict)
    set_by: frozenset[str] = field(default=frozenset(), eq=False)

    def changed(self, changes: Mapping[str, Any]) -> InstanceConfig:
        """The same instance with ``changes`` laid over its settings."""
        return evolve(self, settings={**self.settings, **changes})


@frozen
class InstanceUpdate:
    """A change to one existing instance, a command to it, or both.

    Attributes:
        pipeline: its pipeline.
        signature: its signature.
        instance_id: its id.
        changes: only what changes, keys in any case; a command is under ``INSTANCE_COMMAND``.
    """

    pipeline: str
    signature: str
    instance_id: str
    changes: dict[str, Any] = field(factory=dict)

    @property
    def command(self) -> Any:
        """What it tells its instance to do; None if it only changes settings."""
        return upper_keys(self.changes).get(INSTANCE_COMMAND)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that it changes, by upper-case key."""
        return settings_in(self.changes)


@frozen
class Provenance:
    """What a node notes on a pipeline that it keeps.

    Attributes:
        requester: who made it.
        modified_by: who changed it last.
        updated_at: when that was; None if that is not known.
    """

    requester: Requester
    modified_by: Requester
    updated_at: datetime | None = None


@frozen
class PipelineConfig:
    """The configuration of a pipeline.

    Attributes:
        name: the pipeline's name, unique on its node.
        data_source: where its data comes from; ``Void`` for nothing.
        instances: in the order in which they were made.
        settings: the data source's settings, by upper-case key.
        provenance: who made it and changed it, where a heartbeat says; no part of what is
            configured.
    """

    name: str
    data_source: str = VOID
    instances: tuple[InstanceConfig, ...] = ()
    settings: dict[str, Any] = field(factory=dict)
    provenance: Provenance | None = field(default=None, eq=False)

    @property
    def initiator(self) -> str | None:
        """The address of the client that made it, where a heartbeat says."""
        return None if self.provenance is None else self.provenance.requester.address

    def instance(self, signature: str, instance_id: str) -> InstanceConfig | None:
        """The instance of that signature (in any case) and id, if there is one."""
        wanted = (signature.upper(), instance_id)
        for instance in self.instances:
            if (instance.signature.upper(), instance.instance_id) == wanted:
                return instance
        return None

    def with_instance(self, changed: InstanceConfig) -> PipelineConfig:
        """The same pipeline with one instance replaced, or added at the end."""
        key = (changed.signature.upper(), changed.instance_id)
        instances = list(self.instances)
        for index, instance in enumerate(instances):
            if (instance.signature.upper(), instance.instance_id) == key:
                instances[index] = changed
                return evolve(self, instances=tuple(instances))
        return evolve(self, instances=(*instances, changed))
