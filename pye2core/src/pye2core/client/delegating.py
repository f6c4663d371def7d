"""A client's word that an instance's node may have other nodes do something for it.

You are in the client room. What that is, its signature's class says
(:meth:`~pye2core.client.instance.Instance.delegated`); here it is signed, as one of the instance's
settings, whenever it is something else than before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2core.client.signatures import class_for_existing
from pye2core.messages.configuration import DELEGATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.instance import Instance
    from pye2core.client.session import Session
    from pye2core.delegations import DelegatedWork
    from pye2core.messages import InstanceConfig


def with_delegation(
    pipeline: DeployedPipeline,
    kind: type[Instance],
    settings: dict[str, Any],
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The settings of an instance, with a delegation where its node needs one.

    Args:
        pipeline: the instance's.
        kind: the class that stands for its signature.
        settings: as they are to be.
        before: as they were; None for a new instance.

    Raises:
        DelegationRefused: nobody would take it: it would be too long, or good for too long.
    """
    work = kind.delegated(settings)
    if work is None or (before is not None and work == kind.delegated(before)):
        return settings
    signed = _signed(work, pipeline.session, pipeline.name, pipeline.node_addr)
    return {**settings, DELEGATION: signed}


def with_delegations(
    instances: Iterable[InstanceConfig], session: Session, pipeline: str, node: str
) -> tuple[InstanceConfig, ...]:
    """Instances that are given as they will be sent, with a delegation where their node needs one.

    Args:
        instances: all of a pipeline's.
        session: whose client signs.
        pipeline: its name.
        node: its node's address.

    Raises:
        DelegationRefused: nobody would take it: it would be too long, or good for too long.
        PluginBroken: the plugin that offers a signature cannot be used.
    """

    def settled(instance: InstanceConfig) -> InstanceConfig:
        work = class_for_existing(instance.signature, session.registry).delegated(instance.settings)
        if work is None:
            return instance
        signed = _signed(work, session, pipeline, node)
        return evolve(instance, settings={**instance.settings, DELEGATION: signed})

    return tuple(map(settled, instances))


def _signed(work: DelegatedWork, session: Session, job: str, main_node: str) -> str:
    from pye2core.delegations import delegation_for

    delegation = delegation_for(
        work,
        job=job,
        main_node=main_node,
        client=session.commands.identity,
        now=session.clock.now(),
    )
    return delegation.text
