"""A whole network in one process does what one on many machines does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sys
import threading

import pytest

from pye2_node.sandbox import SandboxLimits
from pye2_node.sandbox.channel_ends import open_channel
from pye2_testing import MemoryNetwork, network
from pye2_testing.inline_sandbox import InlineThreads
from pye2core.errors import DeployFailed, NodeNotOnline

PATIENCE = 30


def product(plugin):
    return plugin.cfg_a * plugin.cfg_b


def wrong(plugin):
    return 1 / 0


def endless(plugin):
    while True:
        plugin.sleep(0.01)


def test_code_that_is_sent_to_a_node_gives_its_result() -> None:
    results: queue.Queue[int] = queue.Queue()
    with MemoryNetwork(nodes=2) as network, network.session() as session:
        pipeline = session.create_pipeline(node="node-2", name="sums")
        pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code=product,
            config={"A": 6, "B": 7},
            on_data=lambda _pipeline, result, _payload: results.put(result),
        )

        pipeline.deploy()

        assert results.get(timeout=PATIENCE) == 42


def test_an_error_of_the_code_comes_back_with_its_line() -> None:
    payloads: queue.Queue[dict] = queue.Queue()
    with MemoryNetwork(nodes=1) as network, network.session() as session:
        pipeline = session.create_pipeline(
            node="node-1", name="sums", on_data=lambda *given: payloads.put(given[-1])
        )
        pipeline.create_custom_plugin_instance(instance_id="one", custom_code=wrong)

        pipeline.deploy()

        assert "division by zero" in str(payloads.get(timeout=PATIENCE)["EXEC_ERRORS"])


def test_a_call_that_takes_too_long_is_given_up_and_does_not_hold_up_the_end() -> None:
    notifications: queue.Queue[str] = queue.Queue()
    with MemoryNetwork(nodes=1) as network, network.session() as session:
        pipeline = session.create_pipeline(
            node="node-1",
            name="slow",
            on_notification=lambda _pipeline, said: notifications.put(str(said)),
        )
        pipeline.create_custom_plugin_instance(
            instance_id="one", custom_code=endless, config={"EXEC_TIMEOUT": 0.2}
        )

        pipeline.deploy(wait_confirmation=False)

        while "0.2" not in notifications.get(timeout=PATIENCE):
            pass


def test_a_session_that_does_not_hear_the_nodes_is_told_which(monkeypatch) -> None:
    with MemoryNetwork(nodes=1) as there, monkeypatch.context() as patch:
        patch.setattr(network, "_PATIENCE", 0.01)
        with pytest.raises(NodeNotOnline, match=r"'node-1' has not been heard from") as refused:
            there.session(root_topic="elsewhere")

    assert refused.value.node == "node-1"


def test_a_stranger_is_refused_as_on_any_network(tmp_path) -> None:
    with (
        MemoryNetwork(nodes=1) as network,
        network.session(key_file=tmp_path / "stranger.pem") as session,
    ):
        pipeline = session.create_pipeline(node="node-1", name="p")
        pipeline.create_custom_plugin_instance(instance_id="one", custom_code=product)

        with pytest.raises(DeployFailed, match="not allowed"):
            pipeline.deploy()


def test_nothing_is_left_of_it() -> None:
    before = set(threading.enumerate())

    with MemoryNetwork(nodes=2) as network, network.session():
        pass

    assert {each.name for each in set(threading.enumerate()) - before} == set()


def test_its_nodes_are_known_by_name_and_address(memory_network: MemoryNetwork) -> None:
    with memory_network.session() as session:
        for name, address in memory_network.addresses.items():
            assert session.check_node_online(name)
            assert session.get_node_name(address) == name

    assert len(memory_network.addresses) == 3
    assert "pye2_testing.inline_sandbox" in sys.modules


def test_code_that_ends_after_its_network_leaves_no_socket_behind() -> None:
    """A socket that nobody closed is an error of whatever test comes next."""
    with channel_ends() as (ours, theirs):
        loop = asyncio.new_event_loop()
        worker = loop.run_until_complete(InlineThreads(SandboxLimits().worker).fork(theirs))
        loop.close()

        ours.close()
        wait_for_thread("pye2-inline-worker")

    os.close(worker.pidfd)
    assert worker.lifeline.fileno() == -1


@contextlib.contextmanager
def channel_ends():
    ours, theirs = open_channel()
    with contextlib.closing(ours), contextlib.closing(theirs):
        yield ours, theirs


def wait_for_thread(name: str) -> None:
    for each in threading.enumerate():
        if each.name.startswith(name):
            each.join(PATIENCE)


def test_heartbeats_say_that_nothing_confines_custom_code() -> None:
    with MemoryNetwork(1) as network, network.session() as session:
        heartbeat = session.peers.heartbeat("node-1")

    said = heartbeat.sandbox
    assert (said.layers, said.unsafe) == ((), True)
    assert "for tests only" in said.missing["process"]
