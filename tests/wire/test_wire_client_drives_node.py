"""A PyE2 client that is not ours drives a node of ours, by what its protocol's description says.

Numbers in comments and names of codes are those of the PyE2 wire protocol, sections 6 to 14.
"""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from wire_client import (
    CUSTOM_EXEC,
    NOWHERE,
    Expected,
    KnownNode,
    WireClient,
    code,
    instance_path,
    pipeline_object,
    run_once,
)
from wire_format import WireConnection, without_prefix

if TYPE_CHECKING:
    from node_process import NodeProcess

    from pye2_cli.fleet import Fleet


Message = dict[str, Any]

# --- what a node says of itself (section 9) -------------------------------------------------------


def test_a_heartbeat_says_what_a_pye2_client_reads(client: WireClient, node: KnownNode) -> None:
    status = node.status

    assert status["HEARTBEAT_VERSION"] == "v2"
    assert status["EE_PAYLOAD_PATH"] == [node.name, None, None, None]
    assert status["EE_ADDR"] == node.address
    assert without_prefix(client.address) in status["EE_WHITELIST"]
    assert node.allows(client.address)
    assert status["DEVICE_STATUS"] == "ONLINE"
    assert {"CURRENT_TIME", "CPU_USED", "MACHINE_MEMORY", "AVAILABLE_MEMORY"} <= status.keys()
    assert {"TOTAL_DISK", "AVAILABLE_DISK", "UPTIME", "PY_VER", "VERSION"} <= status.keys()
    assert isinstance(status["ACTIVE_PLUGINS"], list)


def test_every_message_has_the_envelope_of_a_node(client: WireClient, node: KnownNode) -> None:
    """Section 5.2."""
    envelope = {"EE_TIMESTAMP", "EE_TIMEZONE", "EE_TZ", "EE_MESSAGE_SEQ", "EE_TOTAL_MESSAGES"}
    envelope |= {"EE_MESSAGE_ID", "EE_ID", "EE_EVENT_TYPE", "EE_VERSION", "EE_PAYLOAD_PATH"}
    envelope |= {"EE_FORMATTER", "SB_IMPLEMENTATION", "EE_IS_ENCRYPTED", "SESSION_ID"}
    envelope |= {"INITIATOR_ID", "INITIATOR_ADDR", "MODIFIED_BY_ID", "MODIFIED_BY_ADDR"}
    client.archive(node, "never-there")

    assert envelope <= node.status.keys()
    assert envelope <= client.notifications[-1].keys()


@pytest.mark.slow
def test_a_client_that_only_listens_comes_to_know_the_nodes(fleet: Fleet) -> None:
    """A PyE2 client asks for nothing, and waits for 15 seconds (section 16)."""
    addresses = {each.address for each in fleet.nodes}

    with WireClient(fleet.url, name="listener") as listener:
        listener.wait_for(
            lambda: addresses <= {each["EE_SENDER"] for each in listener.heartbeats},
            "heartbeats of all nodes",
        )
        deafened_by = list(listener.deafened_by)

    assert deafened_by == []


@pytest.mark.parametrize("action", ["FULL_HEARTBEAT", "TIMERS_ONLY_HEARTBEAT", "SIMPLE_HEARTBEAT"])
def test_a_heartbeat_comes_when_it_is_asked_for(
    lone_node: tuple[NodeProcess, WireClient], action: str
) -> None:
    quiet, client = lone_node
    client.meet(quiet.address)
    before = len(client.heartbeats)

    client.send(quiet.address, action, None)

    client.wait_for(lambda: len(client.heartbeats) > before, f"an answer to {action}")


# --- pipelines ------------------------------------------------------------------------------------


def test_a_new_pipeline_is_confirmed_in_order_and_gives_results(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)

    told = client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 6 * 7")}))

    assert told.steps == [(None, NOWHERE), (1, (pipeline_name, None, None)), (100, path)]
    assert {each["NOTIFICATION_TYPE"] for each in told.said} == {"NORMAL"}
    assert [each["NOTIFICATION_TAG"] for each in told.said] == [
        None,
        "PIPELINE_OK",
        "PLUGIN_CONFIG_OK",
    ]
    payload = client.result(node.address, path, 42)
    assert payload["EE_EVENT_TYPE"] == "PAYLOAD"
    assert payload["EXEC_ERRORS"] is None
    assert (payload["PIPELINE"], payload["STREAM_NAME"]) == (pipeline_name, pipeline_name)
    assert (payload["SIGNATURE"], payload["INSTANCE_ID"]) == (CUSTOM_EXEC, "one")
    assert (payload["SESSION_ID"], payload["INITIATOR_ID"]) == (client.name, client.name)
    assert payload["INITIATOR_ADDR"] == client.address


def test_a_node_takes_commands_under_its_name_too(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    pipeline = pipeline_object(pipeline_name, {"one": run_once("return 'by name'")})

    client.deploy(node, pipeline, target=node.name)

    client.result(node.address, instance_path(pipeline_name), "by name")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("return [plugin.cfg_factor * n for n in range(3)]", [0, 2.5, 5.0]),
        ("result = 'žluť ✓'", "žluť ✓"),
        ("_result = {'a': 1e20, 'b': 1.5e-10, 'c': -0.0}", {"a": 1e20, "b": 1.5e-10, "c": -0.0}),
    ],
    ids=["function", "script", "odd floats"],
)
def test_both_forms_of_code_give_results_that_verify(
    client: WireClient, node: KnownNode, pipeline_name: str, text: str, value: Any
) -> None:
    settings = run_once(text, FACTOR=2.5)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))

    client.result(node.address, instance_path(pipeline_name), value)


def test_a_second_instance_comes_and_goes_with_the_whole_pipeline(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    first, second = run_once("return 1"), run_once("return 2")
    client.deploy(node, pipeline_object(pipeline_name, {"one": first}))

    told = client.deploy(node, pipeline_object(pipeline_name, {"one": first, "two": second}))
    client.result(node.address, instance_path(pipeline_name, "two"), 2)
    client.node_when(
        node.address, lambda known: instances_of(known, pipeline_name) == ["one", "two"]
    )
    removed = client.deploy(node, pipeline_object(pipeline_name, {"one": first}))

    assert told.steps[:2] == [(None, NOWHERE), (1, (pipeline_name, None, None))]
    assert set(told.steps[2:]) == {
        (100, instance_path(pipeline_name, "one")),
        (100, instance_path(pipeline_name, "two")),
    }
    assert removed.steps[1] == (1, (pipeline_name, None, None))
    client.node_when(node.address, lambda known: instances_of(known, pipeline_name) == ["one"])


def instances_of(node: KnownNode, pipeline: str) -> list[str] | None:
    stored = node.pipelines.get(pipeline)
    if stored is None:
        return None
    return [each["INSTANCE_ID"] for plugin in stored["PLUGINS"] for each in plugin["INSTANCES"]]


def test_a_client_that_attaches_finds_the_pipeline_and_may_send_it_back(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    client.deploy(
        node,
        pipeline_object(
            pipeline_name, {"one": run_once("return plugin.cfg_x", X=1, PROCESS_DELAY=0.1)}
        ),
    )
    known = client.node_when(node.address, lambda known: pipeline_name in known.pipelines)
    found = dict(known.pipelines[pipeline_name])
    kept = {"SESSION_ID": found["SESSION_ID"], "VALIDATED": found["VALIDATED"]}
    for key in ("INITIATOR_ADDR", "INITIATOR_ID", "MODIFIED_BY_ADDR", "MODIFIED_BY_ID"):
        assert found.pop(key) in (client.address, client.name)
    del found["LAST_UPDATE_TIME"]
    found["PLUGINS"][0]["INSTANCES"][0]["X"] = 2

    client.deploy(node, found)

    assert found["TYPE"] == "Void"
    assert kept == {"SESSION_ID": client.name, "VALIDATED": True}
    client.result(node.address, instance_path(pipeline_name), 2)


def test_an_archived_pipeline_is_gone(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}))
    client.node_when(node.address, lambda known: pipeline_name in known.pipelines)

    told = client.archive(node, pipeline_name)

    whole = (pipeline_name, None, None)
    assert told.steps == [(None, whole), (4, whole)]
    client.node_when(node.address, lambda known: pipeline_name not in known.pipelines)


def test_archiving_what_is_not_there_is_denied(client: WireClient, node: KnownNode) -> None:
    told = client.archive(node, "never-there")

    assert told.steps == [(-4, ("never-there", None, None))]
    assert told.said[0]["NOTIFICATION_TYPE"] == "ABNORMAL FUNCTIONING"
    assert told.said[0]["ERROR_CODE"] == -4


def test_a_deleted_pipeline_is_gone_without_a_code(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}))
    client.node_when(node.address, lambda known: pipeline_name in known.pipelines)
    before = len(client.notifications)

    client.send(node.address, "DELETE_CONFIG", pipeline_name)

    client.node_when(node.address, lambda known: pipeline_name not in known.pipelines)
    assert {each["NOTIFICATION_CODE"] for each in client.notifications[before:]} == {None}


def test_deleting_what_is_not_there_is_told_without_a_code(
    client: WireClient, node: KnownNode
) -> None:
    client.send(node.address, "DELETE_CONFIG", "never-there", "delete nothing")

    told = client.notification(lambda each: each["SESSION_ID"] == "delete nothing")
    assert told["EE_PAYLOAD_PATH"] == [node.name, "never-there", None, None]
    assert told["NOTIFICATION_TYPE"] == "ABNORMAL FUNCTIONING"
    assert (told["NOTIFICATION_CODE"], told["ERROR_CODE"]) == (None, None)


def test_archive_all_confirms_each_pipeline(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    names = {pipeline_name, f"{pipeline_name}-b"}
    for name in names:
        client.deploy(node, pipeline_object(name, {"one": run_once("return 1")}))

    expected = [Expected(4, (name, None, None)) for name in names]
    told = client.ask(node, "ARCHIVE_CONFIG_ALL", None, expected)

    assert {step for step in told.steps if step[0]} == {(4, (name, None, None)) for name in names}
    client.node_when(node.address, lambda known: not names & known.pipelines.keys())


def test_delete_all_leaves_nothing(client: WireClient, node: KnownNode, pipeline_name: str) -> None:
    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}))
    client.node_when(node.address, lambda known: pipeline_name in known.pipelines)

    client.send(node.address, "DELETE_CONFIG_ALL", None)

    client.node_when(node.address, lambda known: known.pipelines.keys() <= {"admin_pipeline"})


# --- instances ------------------------------------------------------------------------------------


@pytest.fixture
def instance(client: WireClient, node: KnownNode, pipeline_name: str) -> tuple[str, str, str]:
    """The path of an instance that says X again and again."""
    settings = run_once("return ['X', plugin.cfg_x]", X=1, PROCESS_DELAY=0.1)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    return instance_path(pipeline_name)


def test_a_batch_update_is_confirmed_in_order_and_applied(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    told = client.batch_update(node, {instance: {"X": 2, "NEW_KEY": [1, 2.5, "x"]}})

    assert told.steps == [(1, instance), (None, NOWHERE), (100, instance)]
    assert "BATCH_UPDATE_PIPELINE_INSTANCE" in told.said[1]["NOTIFICATION"]
    client.result(node.address, instance, ["X", 2])


def test_a_batch_update_of_two_instances_confirms_both(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    both = [instance_path(pipeline_name, each) for each in ("one", "two")]
    settings = run_once("return plugin.cfg_x", X=0, PROCESS_DELAY=0.1)
    client.deploy(node, pipeline_object(pipeline_name, {"one": settings, "two": settings}))

    told = client.batch_update(node, {path: {"X": n} for n, path in enumerate(both, 1)})

    assert told.steps[:3] == [(1, both[0]), (1, both[1]), (None, NOWHERE)]
    assert set(told.steps[3:]) == {(100, both[0]), (100, both[1])}
    client.result(node.address, both[0], 1)
    client.result(node.address, both[1], 2)


def test_an_update_of_one_instance_is_applied(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    told = client.update_instance(node, instance, {"X": 3})

    assert told.steps == [(1, instance), (100, instance)]
    client.result(node.address, instance, ["X", 3])


def test_an_update_of_code_replaces_it(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    client.batch_update(node, {instance: code("return 'other code'")})

    client.result(node.address, instance, "other code")


def test_an_update_of_an_instance_that_is_not_there_is_denied(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)

    told = client.update_instance(node, path, {"X": 3})

    assert told.steps == [(-1, path)]
    assert told.said[0]["NOTIFICATION_TYPE"] == "EXCEPTION"


def test_an_instance_command_is_confirmed_under_its_own_session_id(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    command = {"extra": "meta", "COMMAND_PARAMS": {"a": 1, "RESTART": True}}

    told = client.command_instance(node, instance, command, "explicit-session-id")

    assert told.sent["SESSION_ID"] == "explicit-session-id"
    assert told.steps == [(1, instance), (101, instance)]


def test_an_instance_command_changes_no_setting(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    client.command_instance(node, instance, {"COMMAND_PARAMS": {"X": True}})

    client.batch_update(node, {instance: {"Y": 1}})

    known = client.node_when(
        node.address, lambda known: stored_instance(known, instance).get("Y") == 1
    )
    assert "INSTANCE_COMMAND" not in stored_instance(known, instance)
    assert stored_instance(known, instance)["X"] == 1


def stored_instance(node: KnownNode, path: tuple[str, str, str]) -> Message:
    stored = node.pipelines.get(path[0], {"PLUGINS": []})
    for plugin in stored["PLUGINS"]:
        for each in plugin["INSTANCES"]:
            if each["INSTANCE_ID"] == path[2]:
                return dict(each)
    return {}


def test_a_pipeline_command_is_answered_without_a_code(
    client: WireClient, node: KnownNode, instance: tuple[str, str, str]
) -> None:
    whole = (instance[0], None, None)
    before = len(client.notifications)
    command = {"START": True, "k": 1, "COMMAND_PARAMS": {"z": 2}}

    client.send(
        node.address, "PIPELINE_COMMAND", {"NAME": instance[0], "PIPELINE_COMMAND": command}
    )

    answer = client.wait_for(
        lambda: next(iter(client.notifications[before:]), None), "an answer to the command"
    )
    assert (answer["NOTIFICATION_CODE"], answer["EE_PAYLOAD_PATH"]) == (None, [node.name, *whole])
    assert answer["NOTIFICATION_TYPE"] == "NORMAL"
    assert (answer["SESSION_ID"], answer["INITIATOR_ID"]) == (client.name, client.name)


@pytest.mark.parametrize("encrypt_payload", [False, True])
@pytest.mark.parametrize("formatter", ["raw", "aixp1", "cavi2"])
def test_payloads_in_each_formatter_are_read(
    client: WireClient,
    node: KnownNode,
    pipeline_name: str,
    formatter: str,
    *,
    encrypt_payload: bool,
) -> None:
    settings = run_once("return [1, 2.5]", EE_FORMATTER=formatter, ENCRYPT_PAYLOAD=encrypt_payload)
    path = instance_path(pipeline_name)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))

    payload = client.result(node.address, path, [1, 2.5])
    assert (payload["EE_ID"], payload["STREAM"]) == (node.name, pipeline_name)
    assert (payload["SIGNATURE"], payload["INSTANCE_ID"]) == path[1:]
    assert (payload["SESSION_ID"], payload["INITIATOR_ID"]) == (client.name, client.name)
    assert payload["_P_PROCESS_DELAY"] == 60


def test_an_encrypted_payload_is_read_by_its_initiator_alone(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = run_once("return 'a secret'", ENCRYPT_PAYLOAD=True)
    bystander = Bystander()

    with WireConnection(client.url, "bystander", ["naeural/payloads"], bystander.hear):
        client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
        payload = client.result(node.address, path, "a secret")
        seen = bystander.take(pipeline_name)

    assert payload["EE_ID"] == node.name
    assert seen["EE_IS_ENCRYPTED"] is True
    assert "a secret" not in json.dumps(seen)
    open_keys = {"EE_ENCRYPTED_DATA", "EE_IS_ENCRYPTED", "EE_PAYLOAD_PATH", "EE_VERSION"}
    open_keys |= {"EE_EVENT_TYPE", "SESSION_ID", "INITIATOR_ID", "INITIATOR_ADDR"}
    open_keys |= {"MODIFIED_BY_ID", "MODIFIED_BY_ADDR", "EE_TIMESTAMP", "EE_TIMEZONE", "EE_TZ"}
    open_keys |= {"SB_IMPLEMENTATION", "EE_MESSAGE_ID", "EE_SENDER", "EE_SIGN", "EE_HASH"}
    assert seen.keys() == open_keys


class Bystander:
    """Somebody who reads all payloads and has no key."""

    def __init__(self) -> None:
        self._seen: list[Message] = []
        self._changed = threading.Condition()

    def hear(self, topic: str, data: bytes) -> None:
        with self._changed:
            self._seen.append(json.loads(data))
            self._changed.notify_all()

    def take(self, pipeline: str) -> Message:
        """The first payload of a pipeline."""

        def found() -> list[Message]:
            return [each for each in self._seen if each["EE_PAYLOAD_PATH"][1] == pipeline]

        with self._changed:
            assert self._changed.wait_for(found, 30)
            return found()[0]


# --- the node as a whole --------------------------------------------------------------------------


def test_a_node_that_is_told_to_stop_says_goodbye_and_ends(
    lone_node: tuple[NodeProcess, WireClient],
) -> None:
    running, client = lone_node
    client.meet(running.address)

    client.send(running.address, "STOP", None)

    goodbye = client.wait_for(
        lambda: next((h for h in client.heartbeats if h["DEVICE_STATUS"] != "ONLINE"), None),
        "a goodbye",
    )
    assert goodbye["EE_SENDER"] == running.address
    assert running.process.wait(30) == 0


@pytest.mark.parametrize("action", ["RESTART", "RELOAD_CONFIG_FROM_DISK"])
def test_pipelines_go_on_after(action: str, lone_node: tuple[NodeProcess, WireClient]) -> None:
    running, client = lone_node
    node = client.meet(running.address)
    name = f"wire-{uuid.uuid4().hex[:8]}"
    client.deploy(node, pipeline_object(name, {"one": run_once("return 'here'")}))
    client.result(node.address, instance_path(name), "here")
    expected = [Expected(1, (name, None, None)), Expected(100, instance_path(name))]

    told = client.ask(node, action, None, expected)

    assert told.steps[0] == (None, NOWHERE)
    assert [step for step in told.steps if step[0]] == [
        (1, (name, None, None)),
        (100, instance_path(name)),
    ]
    assert name in client.meet(node.address).pipelines
