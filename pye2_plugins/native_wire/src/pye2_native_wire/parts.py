"""What the bodies of several kinds of message share: requesters, paths, capabilities, pipelines.

You are in the native serializer (PyE2 wire protocol, section 19.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_native_wire.reading import (
    maps_at,
    moment_at,
    name_at,
    optional,
    settings_at,
    texts_at,
    texts_by_name_at,
    without_none,
)
from pye2_native_wire.values import misshapen
from pye2core.messages import (
    VOID,
    Capability,
    InstanceConfig,
    InstancePath,
    Introduction,
    PipelineConfig,
    Provenance,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CAPABILITIES: Final = dict(Capability.__members__)


def requester_map(requester: Requester) -> dict[str, Any]:
    """Who asked."""
    return without_none(
        {
            "address": requester.address,
            "name": requester.name,
            "session_id": requester.session_id,
        }
    )


def requester_in(source: Mapping[str, Any], key: str) -> Requester:
    """Who asked; nobody if that is not told."""
    told = optional(source, key, dict) or {}
    return Requester(
        optional(told, "address", str),
        optional(told, "name", str),
        optional(told, "session_id", str),
    )


def path_map(path: InstancePath) -> dict[str, Any]:
    """What is spoken of."""
    return without_none(
        {
            "pipeline": path.pipeline,
            "signature": path.signature,
            "instance_id": path.instance_id,
        }
    )


def path_from(source: Mapping[str, Any]) -> InstancePath:
    """What is spoken of."""
    return InstancePath(
        optional(source, "pipeline", str),
        optional(source, "signature", str),
        optional(source, "instance_id", str),
    )


# --- what peers understand ------------------------------------------------------------------------


def abilities_map(
    capabilities: frozenset[Capability] | None, introductions: tuple[Introduction, ...]
) -> dict[str, Any]:
    """What the sender understands, and the dialects that it speaks."""
    told: dict[str, Any] = {}
    if capabilities is not None:
        told["capabilities"] = sorted(each.name for each in capabilities)
    if introductions:
        told["introductions"] = {each.dialect: each.text for each in introductions}
    return told


def capabilities_in(source: Mapping[str, Any]) -> frozenset[Capability] | None:
    """What the sender understands; what is not known here is of a later version."""
    if source.get("capabilities") is None:
        return None
    told = texts_at(source, "capabilities")
    return frozenset([_CAPABILITIES[each] for each in told if each in _CAPABILITIES])


def introductions_in(source: Mapping[str, Any]) -> tuple[Introduction, ...]:
    """The dialects that the sender speaks."""
    if source.get("introductions") is None:
        return ()
    told = texts_by_name_at(source, "introductions")
    return tuple(Introduction(dialect, text) for dialect, text in told.items())


# --- pipelines ------------------------------------------------------------------------------------


def pipeline_map(pipeline: PipelineConfig) -> dict[str, Any]:
    """A pipeline's configuration."""
    told: dict[str, Any] = {
        "name": pipeline.name,
        "data_source": pipeline.data_source,
        "settings": pipeline.settings,
        "instances": [
            {
                "signature": each.signature,
                "instance_id": each.instance_id,
                "settings": each.settings,
            }
            for each in pipeline.instances
        ],
    }
    made = pipeline.provenance
    if made is not None:
        told["provenance"] = {
            "requester": requester_map(made.requester),
            "modified_by": requester_map(made.modified_by),
            **without_none({"updated_at": made.updated_at}),
        }
    return told


def pipeline_from(source: Mapping[str, Any]) -> PipelineConfig:
    """A pipeline's configuration.

    Raises:
        MessageRejected: reason "shape".
    """
    instances = tuple(_instance_from(each) for each in maps_at(source, "instances"))
    keys = {(each.signature.upper(), each.instance_id) for each in instances}
    if len(keys) != len(instances):
        raise misshapen("a pipeline has two instances of the same signature and id")
    return PipelineConfig(
        name=name_at(source, "name"),
        data_source=optional(source, "data_source", str) or VOID,
        instances=instances,
        settings=settings_at(source, "settings"),
        provenance=_provenance_in(source),
    )


def _instance_from(source: Mapping[str, Any]) -> InstanceConfig:
    return InstanceConfig(
        name_at(source, "signature"),
        name_at(source, "instance_id"),
        settings_at(source, "settings"),
    )


def _provenance_in(source: Mapping[str, Any]) -> Provenance | None:
    told = optional(source, "provenance", dict)
    if told is None:
        return None
    return Provenance(
        requester_in(told, "requester"),
        requester_in(told, "modified_by"),
        moment_at(told, "updated_at"),
    )
