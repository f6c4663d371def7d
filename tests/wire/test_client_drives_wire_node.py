"""Our client drives a PyE2 node that is not ours, and believes it what can be verified only."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from our_client import PATIENCE, SMALL_JOB, Heard, Rejections
from wire_format import WireKey, wire_time
from wire_node import CHAIN_DIST, NOWHERE, Habits, WireNode
from wire_voice import Asker

from pye2core import Session
from pye2core.errors import ConfirmationTimeout, DeployFailed
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2core import Instance, Pipeline

Message = dict[str, Any]


@pytest.fixture(params=["v2", "v1"])
def habits(request: pytest.FixtureRequest) -> Habits:
    """Both versions of heartbeats."""
    return Habits(heartbeat_version=request.param)


@pytest.fixture
def node(foreign_node: WireNode) -> WireNode:
    """The one that is driven is not ours."""
    return foreign_node


def deployed(
    pipeline: Pipeline, on_data: Callable[..., object] | None = None, **settings: Any
) -> Instance:
    """An instance of custom code, as a user deploys it."""
    instance = pipeline.create_custom_plugin_instance(
        instance_id="one", custom_code="return 42", on_data=on_data, **settings
    )
    pipeline.deploy(timeout=PATIENCE)
    return instance


# --- who is there ---------------------------------------------------------------------------------


def test_the_node_is_online_and_allows_us(session: Session, node: WireNode) -> None:
    assert session.check_node_online(node.address)
    assert session.check_node_online(node.name)
    assert node.address in session.get_allowed_nodes()
    assert session.get_node_name(node.address) == node.name


def test_a_node_that_does_not_list_us_is_online_and_not_allowed(
    broker_url: str, our_key_file: Path
) -> None:
    with (
        WireNode(broker_url, "unkind") as unkind,
        Session(broker=broker_url, key_file=our_key_file, silent=True) as session,
    ):
        assert session.wait_for_node(unkind.name, timeout=PATIENCE, verbose=False)
        assert unkind.address not in session.get_allowed_nodes()
        pipeline = session.create_pipeline(node=unkind.name, name="never")
        pipeline.create_custom_plugin_instance(instance_id="one", custom_code="return 1")

        with pytest.raises(ConfirmationTimeout, match="does not allow this client"):
            pipeline.deploy(timeout=0.5)


# --- pipelines ------------------------------------------------------------------------------------


def test_a_pipeline_is_deployed_and_gives_results(node: WireNode, pipeline: Pipeline) -> None:
    results = Heard()

    deployed(pipeline, lambda _pipeline, result, _payload: results(result), process_delay=2.0)

    assert results.wait_for() == {"text": "return 42", "x": None, "run": 1}
    command = node.wait_for_command("UPDATE_CONFIG")
    assert command["PAYLOAD"]["TYPE"] == "Void"
    assert command["PAYLOAD"]["DEFAULT_PLUGIN"] is False
    assert command["PAYLOAD"]["PLUGINS"][0]["INSTANCES"][0]["PROCESS_DELAY"] == 2.0
    assert pipeline.was_last_operation_successful


def test_a_changed_instance_is_sent_as_an_update(node: WireNode, pipeline: Pipeline) -> None:
    results = Heard()
    instance = deployed(pipeline, lambda _pipeline, result, _payload: results(result))

    instance.update_instance_config(x=5)
    pipeline.deploy(timeout=PATIENCE)

    assert results.wait_for(lambda result: result["x"] == 5)["run"] == 2
    update = node.wait_for_command("BATCH_UPDATE_PIPELINE_INSTANCE")["PAYLOAD"][0]
    assert update["INSTANCE_CONFIG"] == {"X": 5, "INSTANCE_ID": "one"}


def test_a_second_instance_comes_with_the_whole_pipeline_and_goes(
    node: WireNode, pipeline: Pipeline
) -> None:
    deployed(pipeline)
    second = pipeline.create_custom_plugin_instance(instance_id="two", custom_code="return 2")

    pipeline.deploy(timeout=PATIENCE)
    both = {path[2] for path in node.instances}
    pipeline.remove_plugin_instance(second)
    pipeline.deploy(timeout=PATIENCE)

    assert both == {"one", "two"}
    node.wait_until(lambda: {path[2] for path in node.instances} == {"one"})


def test_an_instance_command_is_confirmed_and_answered(pipeline: Pipeline) -> None:
    instance = deployed(pipeline)

    answer = instance.send_instance_command_and_wait_for_response_payload(
        "LOOK", payload={"k": 1}, command_params={"a": 2}, timeout_response_payload=PATIENCE
    )

    assert answer is not None
    assert answer["COMMAND_PARAMS"]["k"] == 1
    assert answer["SAID"] == {"a": 2, "LOOK": True}


def test_an_instance_command_that_fails_says_why(pipeline: Pipeline) -> None:
    instance = deployed(pipeline)

    with pytest.raises(DeployFailed, match="the command failed"):
        instance.send_instance_command("FAIL", timeout=PATIENCE)


def test_a_pipeline_command_reaches_the_node(node: WireNode, pipeline: Pipeline) -> None:
    deployed(pipeline)

    pipeline.send_pipeline_command("START", {"k": 1}, {"z": 2}, wait_confirmation=False)

    told = node.wait_for_command("PIPELINE_COMMAND")["PAYLOAD"]
    assert told["NAME"] == pipeline.name
    assert told["PIPELINE_COMMAND"] == {"START": True, "k": 1, "COMMAND_PARAMS": {"z": 2}}


def test_a_closed_pipeline_is_archived(node: WireNode, pipeline: Pipeline) -> None:
    deployed(pipeline)

    pipeline.close(timeout=PATIENCE)

    assert node.wait_for_command("ARCHIVE_CONFIG")["PAYLOAD"] == pipeline.name
    assert pipeline.name not in node.pipelines


def test_another_session_attaches_to_what_heartbeats_show(
    broker_url: str, our_key_file: Path, node: WireNode, pipeline: Pipeline
) -> None:
    deployed(pipeline, x=1)
    results = Heard()

    with Session(broker=broker_url, key_file=our_key_file, name="other", silent=True) as other:
        found = other.attach_to_pipeline(node=node.name, name=pipeline.name, max_wait_time=PATIENCE)
        instance = found.attach_to_custom_plugin_instance(
            instance_id="one", on_data=lambda _pipeline, result, _payload: results(result)
        )
        instance.update_instance_config(x=2)
        found.deploy(timeout=PATIENCE)

        assert results.wait_for(lambda result: result["x"] == 2)["text"] == "return 42"


def test_a_distributed_job_gives_its_last_payload(session: Session, node: WireNode) -> None:
    payloads = Heard()

    pipeline, instance = session.create_chain_dist_custom_job(
        node=node.name,
        **SMALL_JOB,
        on_data=lambda _pipeline, payload: payloads(payload),
        deploy=True,
    )

    assert instance.signature == CHAIN_DIST
    assert payloads.wait_for(lambda each: each.get("PROGRESS") == 100)["DATA"] == ["return [1, 2]"]
    settings = node.instances[pipeline.name, CHAIN_DIST, instance.instance_id].settings
    assert settings["NR_REMOTE_NODES"] == 2
    assert settings["FINISH_CONDITION_KWARGS"] == {"X": 1}


def test_an_encrypted_payload_is_read(pipeline: Pipeline) -> None:
    payloads = Heard()

    deployed(pipeline, lambda _pipeline, _result, payload: payloads(payload), encrypt_payload=True)

    payload = payloads.wait_for()
    assert payload["EXEC_RESULT"]["text"] == "return 42"
    assert "EE_ENCRYPTED_DATA" not in payload


# --- what the node does otherwise -----------------------------------------------------------------


def only(habits: Habits) -> Any:
    """Run a test with one kind of node."""
    return pytest.mark.parametrize("habits", [habits], ids=["node"])


@only(Habits(refuses="bad"))
def test_a_refused_pipeline_says_why(pipeline: Pipeline) -> None:
    with pytest.raises(DeployFailed, match="has an invalid configuration"):
        deployed(pipeline, x="bad")


@only(Habits(confirms_later=True))
def test_a_confirmation_that_comes_with_the_next_run_counts(
    node: WireNode, pipeline: Pipeline
) -> None:
    instance = deployed(pipeline)
    instance.update_instance_config(x=5)

    transactions = pipeline.deploy(timeout=PATIENCE, wait_confirmation=False)
    node.wait_for_command("BATCH_UPDATE_PIPELINE_INSTANCE")
    assert transactions is not None
    assert not any(each.finished for each in transactions)
    node.run_all()
    pipeline.session.wait_for_transactions(transactions)

    assert pipeline.was_last_operation_successful


@only(Habits(signs_like_numpy_two=True))
def test_payloads_signed_as_under_numpy_two_are_refused_with_a_reason(
    node: WireNode, pipeline: Pipeline, rejections: Rejections
) -> None:
    results = Heard()

    deployed(pipeline, results)

    line = rejections.next_of(node.address)
    assert "(numpy2-signature)" in line
    assert "accept_numpy2_payloads=True" in line
    assert len(results) == 0


@only(Habits(signs_like_numpy_two=True))
def test_a_session_is_confirmed_and_closes_beside_refused_payloads(
    node: WireNode, pipeline: Pipeline
) -> None:
    instance = deployed(pipeline)

    instance.update_instance_config(x=5)
    pipeline.deploy(timeout=PATIENCE)
    pipeline.close(timeout=PATIENCE)

    assert pipeline.name not in node.pipelines


MALFORMED: list[tuple[str, bytes]] = [
    (channel, data)
    for channel in ("ctrl", "notif", "payloads")
    for data in (
        b"",
        b"not JSON",
        b"[1, 2, 3]",
        b"5",
        b'{"EE_PAYLOAD_PATH": ["x"]}',
        b'{"EE_EVENT_TYPE": "HEARTBEAT", "HEARTBEAT_VERSION": "v2"}',
        b'{"EE_EVENT_TYPE": "NOTIFICATION"}',
        b"\xff\xfe",
    )
]


@only(Habits())
def test_a_session_goes_on_after_what_deafens_a_pye2_client(
    node: WireNode, pipeline: Pipeline
) -> None:
    results = Heard()

    for channel, data in MALFORMED:
        node.publish_raw(channel, data)
    deployed(pipeline, lambda _pipeline, result, _payload: results(result))

    assert results.wait_for()["run"] == 1


@only(Habits())
@pytest.mark.parametrize("path", [[], ["x"], ["x", None, None, None, None], "x", [1, 2, 3, 4], {}])
def test_a_session_goes_on_after_a_signed_message_with_the_path(
    node: WireNode, pipeline: Pipeline, path: Any
) -> None:
    results = Heard()
    events = {"ctrl": "HEARTBEAT", "notif": "NOTIFICATION", "payloads": "PAYLOAD"}

    for channel, event in events.items():
        said = {"EE_EVENT_TYPE": event, "EE_ID": node.name, "EE_PAYLOAD_PATH": path}
        message = {**said, "NOTIFICATION_CODE": 1, "EE_TIMESTAMP": wire_time()}
        node.publish_raw(channel, json.dumps(node.key.signed(message)))
    deployed(pipeline, lambda _pipeline, result, _payload: results(result))

    assert results.wait_for()["run"] == 1


@only(Habits())
def test_a_confirmation_by_another_node_is_not_believed(
    broker_url: str, our_key_file: Path, node: WireNode, pipeline: Pipeline
) -> None:
    pipeline.session.create_pipeline(node=node.name, name="x")
    forger = WireNode(broker_url, f"forger-{uuid.uuid4().hex[:6]}")
    node.habits.confirms_later = True
    with forger:
        instance = deployed(pipeline)
        instance.update_instance_config(x=5)
        transactions = pipeline.deploy(timeout=PATIENCE, wait_confirmation=False)
        session_id = node.wait_for_command("BATCH_UPDATE_PIPELINE_INSTANCE")["SESSION_ID"]
        forger.name = node.name  # the path is as the node's own
        own = load_or_create_key(our_key_file).address
        path = (pipeline.name, instance.signature, instance.instance_id)
        heard = Heard()
        instance.temporary_attach(on_notification=heard)

        forger.notify(Asker(own, "pySDK", session_id), path, 100, "forged")
        node.notify(None, path, None, "after the forged one")
        heard.wait_for(lambda each: each["NOTIFICATION"] == "after the forged one")

        assert transactions is not None
        assert not any(each.finished for each in transactions)


@only(Habits())
def test_an_unsigned_payload_is_not_believed(
    node: WireNode, pipeline: Pipeline, rejections: Rejections
) -> None:
    results = Heard()
    instance = deployed(pipeline, results)
    results.wait_for()
    before = len(results)
    path = [node.name, pipeline.name, instance.signature, instance.instance_id]
    unsigned = {"EE_PAYLOAD_PATH": path, "EE_SENDER": node.address, "EE_EVENT_TYPE": "PAYLOAD"}

    node.publish_raw("payloads", json.dumps({**unsigned, "EXEC_RESULT": 13}))

    assert "Signature is NULL" in rejections.next_of(node.address)
    assert len(results) == before


@only(Habits())
def test_a_second_node_of_the_same_name_is_refused(
    broker_url: str, node: WireNode, session: Session, rejections: Rejections
) -> None:
    with WireNode(broker_url, node.name) as impostor:
        line = rejections.next_of(impostor.address)

        assert "name-taken" in line
        assert session.check_node_online(node.name)
        assert not session.check_node_online(impostor.address)


def test_a_stranger_s_key_signs_nothing_for_the_node() -> None:
    """That the peer of these tests is not simply believed by itself."""
    from wire_format import verifies

    message = WireKey().signed({"EE_PAYLOAD_PATH": ["n", *NOWHERE], "X": 1.5e20})

    assert verifies(message)
    assert not verifies({**message, "X": 2})
    assert not verifies({**message, "EE_SENDER": WireKey().address})
