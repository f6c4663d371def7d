"""A PyE2 client that is not ours and a session of ours, at once on the same nodes."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from wire_client import CUSTOM_EXEC, KnownNode, WireClient, code, pipeline_object
from wire_node import WireNode

from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2_cli.fleet import Fleet

PATIENCE = 30.0
MOST = 50


class Collected:
    """Results of a callback, until there are enough."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._values: list[Any] = []
        self._changed = threading.Condition()

    def add(self, value: Any) -> None:
        with self._changed:
            self._values.append(value)
            self._changed.notify_all()

    def wait(self) -> list[Any]:
        """All values, when there are enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._values) >= self._enough, PATIENCE)
            return list(self._values)

    def until(self, value: Any) -> list[Any]:
        """All values, when this one is among them."""
        with self._changed:
            assert self._changed.wait_for(lambda: value in self._values, PATIENCE)
            return list(self._values)


@pytest.fixture
def session(fleet: Fleet, our_key_file: Path, node: KnownNode) -> Iterator[Session]:
    """A session of ours that knows the node."""
    with Session(broker=fleet.url, key_file=our_key_file, silent=True) as connected:
        assert connected.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
        yield connected


COUNTING = (
    "plugin.obj_cache['n'] = plugin.obj_cache.get('n', 0) + 1\n"
    "return [plugin.cfg_whose, plugin.obj_cache['n']]"
)


def test_each_client_gets_its_own_results_in_order(
    client: WireClient, node: KnownNode, session: Session, pipeline_name: str
) -> None:
    ours = Collected(MOST)
    ours_pipeline = session.create_pipeline(node=node.address, name=f"{pipeline_name}-ours")
    ours_pipeline.create_custom_plugin_instance(
        instance_id="one",
        custom_code=COUNTING,
        on_data=lambda _pipeline, result, _payload: ours.add(result),
        process_delay=0.01,
        whose="ours",
    )
    theirs = {**code(COUNTING), "WHOSE": "theirs", "PROCESS_DELAY": 0.01}
    path = (pipeline_name, CUSTOM_EXEC, "one")

    # In this order: from a PyE2 client's first command on, all results come on another channel than
    # before, and channels keep no order among each other.
    client.deploy(node, pipeline_object(pipeline_name, {"one": theirs}))
    ours_pipeline.deploy(timeout=PATIENCE)
    client.result(node.address, path, ["theirs", MOST])
    got = ours.wait()
    ours_pipeline.close(timeout=PATIENCE)

    assert got[:MOST] == [["ours", n] for n in range(1, MOST + 1)]
    heard = [
        each["EXEC_RESULT"]
        for each in list(client.payloads)
        if each["EE_SENDER"] == node.address and each["EE_PAYLOAD_PATH"][1:] == list(path)
    ]
    assert heard[:MOST] == [["theirs", n] for n in range(1, MOST + 1)]


def test_confirmations_of_one_client_are_none_of_the_other_s(
    client: WireClient, node: KnownNode, session: Session, pipeline_name: str
) -> None:
    settings = {"one": {**code("return 1"), "PROCESS_DELAY": 60}}
    ours = session.create_pipeline(node=node.address, name=f"{pipeline_name}-ours")
    ours.create_custom_plugin_instance(instance_id="one", custom_code="return 2", process_delay=60)
    done = threading.Barrier(2, timeout=PATIENCE)

    def deploy_ours() -> None:
        done.wait()
        ours.deploy(timeout=PATIENCE)

    thread = threading.Thread(target=deploy_ours)
    thread.start()
    done.wait()
    told = client.deploy(node, pipeline_object(pipeline_name, settings))
    thread.join()
    ours_succeeded = ours.was_last_operation_successful
    ours.close(timeout=PATIENCE)

    assert ours_succeeded
    assert {each["SESSION_ID"] for each in told.said} == {client.name}
    assert {each["STREAM_NAME"] for each in told.said} == {None, pipeline_name}


def test_our_session_attaches_to_a_pipeline_of_the_other_client(
    client: WireClient, node: KnownNode, session: Session, pipeline_name: str
) -> None:
    settings = {"one": {**code("return plugin.cfg_x"), "X": 1, "PROCESS_DELAY": 60}}
    client.deploy(node, pipeline_object(pipeline_name, settings))
    client.result(node.address, (pipeline_name, CUSTOM_EXEC, "one"), 1)
    results = Collected(2)

    found = session.attach_to_pipeline(
        node=node.address, name=pipeline_name, max_wait_time=PATIENCE
    )
    instance = found.attach_to_custom_plugin_instance(
        instance_id="one", on_data=lambda _pipeline, result, _payload: results.add(result)
    )
    instance.update_instance_config(x=7, process_delay=0.1)
    found.deploy(timeout=PATIENCE)

    # The other's result may still be on its way when we attach.
    got = results.until(7)
    assert [each for each in got if each != 7] in ([], [1])
    assert results.wait()[-1] == 7
    client.result(node.address, (pipeline_name, CUSTOM_EXEC, "one"), 7)


def test_the_other_client_sees_all_that_a_session_of_ours_is_sent(
    client: WireClient, node: KnownNode, session: Session, pipeline_name: str
) -> None:
    """A listener to everything (the results of a session may also have a way of their own)."""
    ours = session.create_pipeline(node=node.address, name=pipeline_name)
    ours.create_custom_plugin_instance(
        instance_id="one", custom_code="return 'public'", process_delay=60
    )

    ours.deploy(timeout=PATIENCE)

    known = client.node_when(node.address, lambda known: pipeline_name in known.pipelines)
    assert known.pipelines[pipeline_name]["INITIATOR_ADDR"] == session.address


def test_one_session_drives_a_node_of_each_kind(
    broker_url: str, our_key_file: Path, fleet: Fleet
) -> None:
    own = load_or_create_key(our_key_file).address
    name = f"foreign-{uuid.uuid4().hex[:6]}"
    results = Collected(2)
    with (
        WireNode(broker_url, name, allow=[own]) as foreign,
        Session(broker=broker_url, key_file=our_key_file, silent=True) as session,
    ):
        pipelines = []
        for address in (foreign.address, fleet.nodes[1].address):
            assert session.wait_for_node(address, timeout=PATIENCE, verbose=False)
            pipeline = session.create_pipeline(node=address, name=f"both-{uuid.uuid4().hex[:6]}")
            pipeline.create_custom_plugin_instance(
                instance_id="one",
                custom_code="return {'text': 'ran'}",
                on_data=lambda _pipeline, result, _payload: results.add(result["text"]),
                process_delay=60,
            )
            pipeline.deploy(timeout=PATIENCE)
            pipelines.append(pipeline)
        got = results.wait()
        for pipeline in pipelines:
            pipeline.close(timeout=PATIENCE)

    assert sorted(got) == ["ran", "return {'text': 'ran'}"]
