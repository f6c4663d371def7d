"""A client learns before it deploys that a node cannot run something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pye2_cli.fleet import Fleet
from pye2core import PluginRegistry, Session
from pye2core.errors import NoNodeOnline, SignatureNotOnNode
from pye2core.identity import load_or_create_key
from pye2core.plugins import installed_candidates

if TYPE_CHECKING:
    from pathlib import Path

JOB = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"


def test_a_job_is_refused_for_a_node_whose_owner_switched_its_plugin_off(
    tmp_path: Path, client_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client has the plugin; the node, a process of its own, reads the variable.
    registry = PluginRegistry(installed_candidates())
    monkeypatch.setenv("PYE2_DISABLE_PLUGINS", "chain-job")
    client = load_or_create_key(client_key).address

    with (
        Fleet(tmp_path, 1, None, (client,)) as fleet,
        Session(fleet.url, key_file=client_key, registry=registry, silent=True) as session,
    ):
        (node,) = fleet.nodes
        assert session.wait_for_node(node.address, timeout=20, verbose=False)
        assert session.peers.wait_until(lambda: not session.peers.able(JOB), 20)
        with pytest.raises(SignatureNotOnNode, match="`pip install pye2-chain-job`") as caught:
            session.create_job("primes", node=node.address, upto=100)
        monkeypatch.setattr("pye2core.client.jobs.least_busy_node.__defaults__", (0.01,))
        with pytest.raises(NoNodeOnline, match=f"none can run {JOB}"):
            session.create_job("primes", upto=100)

    assert caught.value.signature == JOB
