"""A PyE2 client that is not ours has a node of ours run code once for each request.

Section 13 of the PyE2 wire protocol, REST_CUSTOM_EXEC_01.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from wire_client import CONFIG_OK, KnownNode, Path, WireClient, code, pipeline_object

if TYPE_CHECKING:
    from node_process import NodeProcess

    from pye2_cli.fleet import Fleet

Message = dict[str, Any]

REST_CUSTOM_EXEC = "REST_CUSTOM_EXEC_01"


def request(text: str, when: str = "2026-11-22 21:35:05") -> Message:
    """The settings of a PyE2 client's ``wait_exec``."""
    return {
        "REQUEST": {"DATA": code(text), "TIMESTAMP": when},
        "RESULT_KEY": "REST_EXECUTION_RESULT",
        "ERROR_KEY": "REST_EXECUTION_ERROR",
        "ALLOW_EMPTY_INPUTS": True,
        "RUN_WITHOUT_IMAGE": True,
    }


def rest_path(pipeline: str, instance: str = "one") -> Path:
    return (pipeline, REST_CUSTOM_EXEC, instance)


def rest_pipeline(name: str, settings: Message) -> Message:
    return pipeline_object(name, {"one": settings}, REST_CUSTOM_EXEC)


def answer(client: WireClient, node: KnownNode, path: Path, when: str) -> Message:
    """The payload that answers the request of that time."""
    return client.payload(node.address, path, lambda each: each.get("TIMESTAMP") == when)


def answers(client: WireClient, path: Path) -> list[Any]:
    return [
        each["REST_EXECUTION_RESULT"]
        for each in client.payloads
        if tuple(each["EE_PAYLOAD_PATH"][1:]) == path and "REST_EXECUTION_RESULT" in each
    ]


def test_a_request_is_confirmed_and_answered(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = rest_path(pipeline_name)

    told = client.deploy(node, rest_pipeline(pipeline_name, request("return 6 * 7", "now")))

    assert told.steps[-1] == (CONFIG_OK, path)
    payload = answer(client, node, path, "now")
    assert payload["REST_EXECUTION_RESULT"] == 42
    assert payload["REST_EXECUTION_ERROR"] is None
    assert payload["EXEC_WARNING"] == []


def test_a_batch_update_brings_a_second_request_which_is_answered(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = rest_path(pipeline_name)
    client.deploy(node, rest_pipeline(pipeline_name, request("return 1", "first")))
    answer(client, node, path, "first")

    second = request("return [1, plugin.cfg_process_delay]", "second")["REQUEST"]
    client.batch_update(node, {path: {"REQUEST": second, "PROCESS_DELAY": 3600}})
    assert answer(client, node, path, "second")["REST_EXECUTION_RESULT"] == [1, 3600]
    third = request("return 3", "third")["REQUEST"]
    client.batch_update(node, {path: {"REQUEST": third}})

    assert answer(client, node, path, "third")["REST_EXECUTION_RESULT"] == 3
    assert answers(client, path) == [1, [1, 3600], 3]


def test_the_same_request_is_not_run_again(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = rest_path(pipeline_name)
    client.deploy(node, rest_pipeline(pipeline_name, request("return 1", "first")))
    answer(client, node, path, "first")

    same = request("return 1", "first")["REQUEST"]
    client.batch_update(node, {path: {"REQUEST": same, "X": 1}})
    client.deploy(node, rest_pipeline(pipeline_name, request("return 1", "first")))
    client.batch_update(node, {path: request("return 2", "second")})

    answer(client, node, path, "second")
    assert answers(client, path) == [1, 2]


def test_heartbeats_show_a_digest_which_sent_back_is_no_new_request(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = rest_path(pipeline_name)
    client.deploy(node, rest_pipeline(pipeline_name, request("return 'secret'", "first")))
    answer(client, node, path, "first")
    known = client.node_when(node.address, lambda known: pipeline_name in known.pipelines)
    found = known.pipelines[pipeline_name]
    (instance,) = found["PLUGINS"][0]["INSTANCES"]

    instance["X"] = 5
    client.deploy(node, rest_pipeline(pipeline_name, {**instance}))
    client.batch_update(node, {path: request("return plugin.cfg_x", "second")})

    assert instance["REQUEST"].startswith("sha256:")
    answer(client, node, path, "second")
    assert answers(client, path) == ["secret", 5]


def test_an_error_is_answered_and_notified_and_holds_up_nothing(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = rest_path(pipeline_name)
    client.deploy(node, rest_pipeline(pipeline_name, request("return 1 / 0", "first")))

    payload = answer(client, node, path, "first")
    client.batch_update(node, {path: request("return 2", "second")})

    assert payload["REST_EXECUTION_RESULT"] is None
    assert "division by zero" in payload["REST_EXECUTION_ERROR"]
    notified = client.notification(
        lambda each: each["NOTIFICATION_TYPE"] == "EXCEPTION" and path[0] in str(each)
    )
    assert notified["NOTIFICATION_CODE"] is None
    assert answer(client, node, path, "second")["REST_EXECUTION_RESULT"] == 2


def test_the_null_that_a_pye2_client_sends_for_refused_code_is_answered(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = request("return 1", "first")
    settings["REQUEST"]["DATA"]["CODE"] = None

    client.deploy(node, rest_pipeline(pipeline_name, settings))

    payload = answer(client, node, rest_path(pipeline_name), "first")
    assert "nothing to run" in payload["REST_EXECUTION_ERROR"]


def test_a_result_can_have_fields_of_the_payload_itself(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    text = "return {'ROOT_PAYLOAD_DATA': {'img_like': [1, 2]}}"

    client.deploy(node, rest_pipeline(pipeline_name, request(text, "first")))

    payload = answer(client, node, rest_path(pipeline_name), "first")
    assert payload["IMG_LIKE"] == [1, 2]


def test_without_a_request_the_first_payload_says_what_to_send(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    client.deploy(node, rest_pipeline(pipeline_name, {}))

    manifest = client.payload(node.address, rest_path(pipeline_name))["INFO_MANIFEST"]

    assert "TIMESTAMP" in manifest["REQUEST"]


def test_an_encrypted_result_is_for_the_asker(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = {**request("return 42", "first"), "ENCRYPT_PAYLOAD": True}

    client.deploy(node, rest_pipeline(pipeline_name, settings))

    payload = answer(client, node, rest_path(pipeline_name), "first")
    assert payload["EE_IS_ENCRYPTED"] is True
    assert payload["REST_EXECUTION_RESULT"] == 42


@pytest.fixture
def other_pipeline(fleet: Fleet) -> str:
    return f"once-{uuid.uuid4().hex[:8]}"


def test_a_request_is_not_run_again_when_the_node_is_started_again(
    lone_node: tuple[NodeProcess, WireClient], other_pipeline: str
) -> None:
    process, client = lone_node
    known = client.meet(process.address)
    path = rest_path(other_pipeline)
    client.deploy(known, rest_pipeline(other_pipeline, request("return 1", "first")))
    answer(client, known, path, "first")

    process.process.terminate()
    process.process.communicate(timeout=30)
    with type(process)(process.url, process.home, process.name, process.allow):
        known = client.meet(process.address)
        client.batch_update(known, {path: request("return 2", "second")})
        answer(client, known, path, "second")

    assert answers(client, path) == [1, 2]
