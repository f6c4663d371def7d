"""A client's word that an instance's node may have other nodes do something for it.

You are in the client room. What that is, its signature's class says
(:meth:`~pye2core.client.instance.Instance.delegated`); here it is signed, as one of the instance's
settings, whenever it is something else than before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2core.messages.configuration import DELEGATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.client.deployment import DeployedPipeline
    from pye2core.client.instance import Instance


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
    from pye2core.delegations import delegation_for

    session = pipeline.session
    delegation = delegation_for(
        work,
        job=pipeline.name,
        main_node=pipeline.node_addr,
        client=session.commands.identity,
        now=session.clock.now(),
    )
    return {**settings, DELEGATION: delegation.text}
