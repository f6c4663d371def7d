"""Configurations of pipelines as PyE2 writes them, in commands and in heartbeats.

You are in the PyE2 serializer (PyE2 wire protocol, section 7). There a pipeline is one object:
``{"NAME": …, "TYPE": …, "PLUGINS": [{"SIGNATURE": …, "INSTANCES": [{"INSTANCE_ID": …, …}]}], …}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_wire.reading import as_object, list_at, misshapen, object_at, text_at
from pye2_wire.times import wire_time_if_any
from pye2core.messages import (
    InstanceConfig,
    InstanceUpdate,
    PipelineConfig,
    Provenance,
    Requester,
    upper_keys,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOOKKEEPING = frozenset(
    {
        "INITIATOR_ADDR",
        "INITIATOR_ID",
        "MODIFIED_BY_ADDR",
        "MODIFIED_BY_ID",
        "SESSION_ID",
        "VALIDATED",
        "LAST_UPDATE_TIME",
    }
)
"""What a node notes on a stored pipeline. A PyE2 client sends some of it back as if it were set."""

_NOT_SETTINGS = _BOOKKEEPING | {"NAME", "TYPE", "PLUGINS"}


# --- to the wire ----------------------------------------------------------------------------------


def pipeline_object(pipeline: PipelineConfig) -> dict[str, Any]:
    """A pipeline as commands and heartbeats carry it; instances are grouped by signature."""
    by_signature: dict[str, list[dict[str, Any]]] = {}
    for instance in pipeline.instances:
        entry = {**instance.settings, "INSTANCE_ID": instance.instance_id}
        by_signature.setdefault(instance.signature, []).append(entry)
    return {
        # Unless told so, a PyE2 node adds an instance of its own to each pipeline.
        "DEFAULT_PLUGIN": False,
        **pipeline.settings,
        "NAME": pipeline.name,
        "TYPE": pipeline.data_source,
        "PLUGINS": [
            {"SIGNATURE": signature, "INSTANCES": entries}
            for signature, entries in by_signature.items()
        ],
    }


def stored_pipeline_object(pipeline: PipelineConfig) -> dict[str, Any]:
    """A pipeline as heartbeats carry it, with what its node noted on it."""
    return {**_bookkeeping(pipeline.provenance), **pipeline_object(pipeline)}


def _bookkeeping(provenance: Provenance | None) -> dict[str, Any]:
    if provenance is None:
        return {}
    maker, changer = provenance.requester, provenance.modified_by
    return {
        "INITIATOR_ADDR": maker.address,
        "INITIATOR_ID": maker.name,
        "SESSION_ID": changer.session_id,
        "MODIFIED_BY_ADDR": changer.address,
        "MODIFIED_BY_ID": changer.name,
        "LAST_UPDATE_TIME": wire_time_if_any(provenance.updated_at),
        "VALIDATED": True,
    }


def update_object(update: InstanceUpdate) -> dict[str, Any]:
    """A change to an instance as a command carries it."""
    return {
        "NAME": update.pipeline,
        "SIGNATURE": update.signature,
        "INSTANCE_ID": update.instance_id,
        "INSTANCE_CONFIG": update.changes,
    }


# --- from the wire --------------------------------------------------------------------------------


def pipeline_config(source: object, what: str = "PAYLOAD") -> PipelineConfig:
    """Read a pipeline.

    Args:
        source: what should be a pipeline object.
        what: where it was found, for the error.

    Raises:
        MessageRejected: reason "shape"; names the place within the pipeline.
    """
    fields = upper_keys(as_object(source, what))
    name = text_at(fields, "NAME", f"{what}: ")
    where = f"pipeline {name!r}: "
    settings = {key: value for key, value in fields.items() if key not in _NOT_SETTINGS}
    if settings.get("DEFAULT_PLUGIN") is False:
        del settings["DEFAULT_PLUGIN"]
    return PipelineConfig(
        name=name,
        data_source=text_at(fields, "TYPE", where),
        instances=tuple(_instances(fields, where)),
        settings=settings,
        provenance=_provenance_in(fields),
    )


def _provenance_in(fields: dict[str, Any]) -> Provenance | None:
    """Who made and changed it, as far as that is told in a way that can be used."""
    if _BOOKKEEPING.isdisjoint(fields):
        return None
    told = {key: value for key in _BOOKKEEPING if type(value := fields.get(key)) is str}
    return Provenance(
        Requester(told.get("INITIATOR_ADDR"), told.get("INITIATOR_ID")),
        Requester(told.get("MODIFIED_BY_ADDR"), told.get("MODIFIED_BY_ID"), told.get("SESSION_ID")),
    )


def _instances(fields: dict[str, Any], where: str) -> Iterator[InstanceConfig]:
    taken = set()
    for number, plugin in enumerate(list_at(fields, "PLUGINS", where), 1):
        for instance in _instances_of(plugin, f"{where}plugin {number}"):
            key = (instance.signature.upper(), instance.instance_id)
            if key in taken:
                raise misshapen(f"{where}{key[0]} has two instances {key[1]!r}")
            taken.add(key)
            yield instance


def _instances_of(plugin: object, place: str) -> Iterator[InstanceConfig]:
    fields = upper_keys(as_object(plugin, place))
    signature = text_at(fields, "SIGNATURE", f"{place}: ")
    entries = list_at(fields, "INSTANCES", f"{place} ({signature}): ")
    if not entries:
        raise misshapen(f"{place} ({signature}): INSTANCES is missing or empty")
    for number, entry in enumerate(entries, 1):
        where = f"{place} ({signature}), instance {number}"
        settings = upper_keys(as_object(entry, where))
        instance_id = text_at(settings, "INSTANCE_ID", f"{where}: ")
        del settings["INSTANCE_ID"]
        yield InstanceConfig(signature, instance_id, settings)


def instance_update(source: object, what: str = "PAYLOAD") -> InstanceUpdate:
    """Read a change to an instance.

    Args:
        source: what should be an update object.
        what: where it was found, for the error.

    Raises:
        MessageRejected: reason "shape"; names the place.
    """
    fields = upper_keys(as_object(source, what))
    changes = upper_keys(object_at(fields, "INSTANCE_CONFIG", f"{what}: "))
    # In a list of updates PyE2 repeats the id among the changes.
    changes.pop("INSTANCE_ID", None)
    return InstanceUpdate(
        pipeline=text_at(fields, "NAME", f"{what}: "),
        signature=text_at(fields, "SIGNATURE", f"{what}: "),
        instance_id=text_at(fields, "INSTANCE_ID", f"{what}: "),
        changes=changes,
    )
