"""What a node is to run: pipelines with who asked for them, as values and as JSON for the store."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from attrs import astuple, evolve, frozen

from pye2core.messages import (
    Capability,
    InstanceConfig,
    InstancePath,
    PipelineConfig,
    Requester,
)


@frozen
class Brought:
    """Who brought a pipeline that is for somebody else.

    Attributes:
        main_node: the address of the node that did.
        client: in whose name; None where that one has signed nothing.
        job: for which job of that one's.
    """

    main_node: str
    client: str | None = None
    job: str | None = None


@frozen
class DesiredPipeline:
    """A pipeline that the node is to run.

    Attributes:
        config: what it is.
        requester: who created it; its payloads name them, and are encrypted for them.
        modified_by: who changed it last.
        updated_at: when that was.
        brought: whose work it is, where a node made it for somebody else.
    """

    config: PipelineConfig
    requester: Requester
    modified_by: Requester
    updated_at: datetime
    brought: Brought | None = None

    def paths(self) -> tuple[InstancePath, ...]:
        """The paths of its instances."""
        return tuple(path_of(self.config.name, each) for each in self.config.instances)


def path_of(pipeline: str, instance: InstanceConfig) -> InstancePath:
    """Which instance of a pipeline it is, however its signature is spelled."""
    return in_one_spelling(InstancePath(pipeline, instance.signature, instance.instance_id))


def spelled_path_of(pipeline: str, instance: InstanceConfig) -> InstancePath:
    """The same as messages have it: PyE2's clients know a signature only as they spelled it."""
    return InstancePath(pipeline, instance.signature, instance.instance_id)


def in_one_spelling(path: InstancePath) -> InstancePath:
    """The path that :func:`path_of` gives for the same instance."""
    return evolve(path, signature=(path.signature or "").upper())


def to_json(desired: DesiredPipeline) -> str:
    """Write a pipeline as one line of JSON."""
    config = desired.config
    return json.dumps(
        {
            "name": config.name,
            "data_source": config.data_source,
            "settings": config.settings,
            "instances": [
                {
                    "signature": each.signature,
                    "id": each.instance_id,
                    "settings": each.settings,
                    "set_by": sorted(each.set_by),
                }
                for each in config.instances
            ],
            "requester": _requester_to_json(desired.requester),
            "modified_by": _requester_to_json(desired.modified_by),
            "updated_at": desired.updated_at.isoformat(),
            "brought": None if desired.brought is None else astuple(desired.brought),
        },
        separators=(",", ":"),
    )


def from_json(text: str) -> DesiredPipeline:
    """Read a pipeline that :func:`to_json` wrote.

    Raises:
        ValueError, KeyError, TypeError: it was not.
    """
    found = json.loads(text)
    requester = _requester_from_json(found["requester"])
    modified_by = _requester_from_json(found["modified_by"])
    # What an earlier version wrote does not say whose the settings are.
    both = [requester.address or "", modified_by.address or ""]
    config = PipelineConfig(
        name=found["name"],
        data_source=found["data_source"],
        settings=found["settings"],
        instances=tuple(
            InstanceConfig(
                each["signature"],
                each["id"],
                each["settings"],
                set_by=frozenset(each.get("set_by", both)),
            )
            for each in found["instances"]
        ),
    )
    return DesiredPipeline(
        config,
        requester=requester,
        modified_by=modified_by,
        updated_at=datetime.fromisoformat(found["updated_at"]),
        # What an earlier version wrote does not say.
        brought=Brought(*found["brought"]) if found.get("brought") else None,
    )


def _requester_to_json(requester: Requester) -> list[Any]:
    known = requester.capabilities
    names = None if known is None else sorted(each.name for each in known)
    return [requester.address, requester.name, requester.session_id, names]


def _requester_from_json(found: list[Any]) -> Requester:
    address, name, session_id, *rest = found
    # What an earlier version wrote has no capabilities.
    names = rest[0] if rest else None
    known = None if names is None else frozenset(Capability[each] for each in names)
    return Requester(address, name, session_id, known)
