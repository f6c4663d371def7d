"""Distributed jobs: a pipeline with one instance that splits its work among other nodes.

You are in the client room. What such an instance is told, and how its failure is noticed, is the
business of the installed plugin that offers the role.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pye2core.errors import NoNodeOnline

if TYPE_CHECKING:
    from pye2core.client.network import NetworkView
    from pye2core.descriptors import JobStages
    from pye2core.messages import Heartbeat

NODE_SECONDS = 15.0
"""How long to wait for a node where none was named."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def random_name() -> str:
    """Eight random letters and digits, as PyE2 names the pipelines of jobs."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(8))


def least_busy_node(network: NetworkView, signature: str, timeout: float = NODE_SECONDS) -> str:
    """The address of an online node that takes this session's commands and can run a signature.

    Raises:
        NoNodeOnline: none was heard from in time; says what to check.
    """
    network.wait_until(lambda: network.able(signature), timeout)
    able = network.able(signature)
    if able:
        return min(able.values(), key=_busyness).address
    raise NoNodeOnline(_why_none(network, signature, timeout))


def _why_none(network: NetworkView, signature: str, timeout: float) -> str:
    allowed = ", ".join(sorted(each.name for each in network.allowed().values()))
    if allowed:
        return (
            f"{allowed}: online, but none can run {signature}; have the plugin that offers it"
            " installed where one of them runs, and the node restarted"
        )
    online = ", ".join(sorted(each.name for each in network.online().values()))
    if online:
        return (
            f"{online}: online, but none allows this client; on a node's machine run: pye2 node"
            f" allow {network.own_address}"
        )
    return (
        f"no node was heard from within {timeout:g} s; check that one runs on this broker and under"
        " this root topic (`pye2 up` starts some on this machine)"
    )


def _busyness(heartbeat: Heartbeat) -> tuple[int, float, str]:
    return len(heartbeat.pipelines or ()), heartbeat.load or 0.0, heartbeat.address


def arguments_of(stages: JobStages) -> dict[str, Any]:
    """A whole job as arguments of ``create_chain_dist_custom_job``."""
    arguments: dict[str, Any] = {
        "main_node_process_real_time_collected_data": stages.process,
        "main_node_finish_condition": stages.finish,
        "main_node_finish_condition_kwargs": stages.finish_kwargs,
        "main_node_aggregate_collected_data": stages.aggregate,
        "worker_node_code": stages.worker,
        "worker_node_plugin_config": stages.worker_config,
        "nr_remote_worker_nodes": stages.workers,
    }
    if stages.progress is not None:
        arguments["main_node_progress"] = stages.progress
    return arguments
