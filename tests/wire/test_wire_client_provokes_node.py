"""What a node of ours makes of the mistakes of a PyE2 client that is not ours: it goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wire_client import (
    CUSTOM_EXEC,
    KnownNode,
    WireClient,
    instance_path,
    named,
    pipeline_object,
    run_once,
)
from wire_format import WireKey, packed, wire_time

Message = dict[str, Any]


def test_an_error_in_custom_code_is_told(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)

    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1 / 0")}))

    payload = client.payload(node.address, path, lambda each: each.get("EXEC_ERRORS"))
    told = client.notification(
        lambda each: (
            each["EE_PAYLOAD_PATH"] == [node.name, *path]
            and each["NOTIFICATION_TYPE"] == "EXCEPTION"
        )
    )
    assert payload["EXEC_RESULT"] is None
    assert "ZeroDivisionError" in str(payload["EXEC_ERRORS"])
    assert told["NOTIFICATION_CODE"] is None
    assert "ZeroDivisionError" in told["INFO"]


@pytest.mark.parametrize(
    ("signature", "settings"),
    [
        ("NOT_KNOWN_01", {}),
        (CUSTOM_EXEC, {"CODE": packed("import os")}),
        (CUSTOM_EXEC, {"CODE": None}),
        (CUSTOM_EXEC, {"CODE": "not packed"}),
    ],
    ids=["unknown signature", "forbidden code", "no code", "garbled code"],
)
def test_an_instance_that_cannot_start_is_denied(
    client: WireClient, node: KnownNode, pipeline_name: str, signature: str, settings: Message
) -> None:
    """PyE2's own engine is silent (docs/differences.md)."""
    pipeline = pipeline_object(pipeline_name, {"one": settings}, signature)

    told = client.deploy(node, pipeline)

    assert told.steps[-1] == (-100, (pipeline_name, signature, "one"))
    assert told.said[-1]["NOTIFICATION_TYPE"] == "EXCEPTION"
    assert told.said[-1]["NOTIFICATION"]


def test_an_instance_that_is_slowed_down_because_it_fails_says_for_how_long(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = run_once("while True: pass", EXEC_TIMEOUT=0.2, PROCESS_DELAY=0.01)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))

    told = client.notification(lambda each: each["NOTIFICATION_CODE"] == -999)
    assert told["EE_PAYLOAD_PATH"] == [node.name, *path]
    assert told["NOTIFICATION_TAG"] == "PLUGIN_DELAYED"
    assert (told["SESSION_ID"], told["INITIATOR_ID"]) == (client.name, client.name)
    assert told["DELAY_SECONDS"] == 1
    assert "1 s" in told["NOTIFICATION"]


MALFORMED_COMMANDS: dict[str, tuple[str, Any]] = {
    "no payload": ("UPDATE_CONFIG", None),
    "a pipeline that is a list": ("UPDATE_CONFIG", []),
    "a pipeline without a name": ("UPDATE_CONFIG", {"TYPE": "Void", "PLUGINS": []}),
    "a pipeline without a type": ("UPDATE_CONFIG", {"NAME": "x", "PLUGINS": []}),
    "plugins that are no list": ("UPDATE_CONFIG", {"NAME": "x", "TYPE": "Void", "PLUGINS": 5}),
    "a plugin without a signature": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"INSTANCES": [{"INSTANCE_ID": "a"}]}]},
    ),
    "a plugin without instances": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"SIGNATURE": CUSTOM_EXEC, "INSTANCES": []}]},
    ),
    "an instance without an id": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"SIGNATURE": CUSTOM_EXEC, "INSTANCES": [{}]}]},
    ),
    "the node's own pipeline": ("UPDATE_CONFIG", pipeline_object("admin_pipeline", {})),
    "another data source": ("UPDATE_CONFIG", {"NAME": "x", "TYPE": "VideoStream", "PLUGINS": []}),
    "a batch that is no list": ("BATCH_UPDATE_PIPELINE_INSTANCE", {"NAME": "x"}),
    "a batch of texts": ("BATCH_UPDATE_PIPELINE_INSTANCE", ["x", None]),
    "an update without a path": ("UPDATE_PIPELINE_INSTANCE", {"INSTANCE_CONFIG": {}}),
    "an update whose path is numbers": (
        "UPDATE_PIPELINE_INSTANCE",
        {"NAME": 1, "SIGNATURE": 2, "INSTANCE_ID": 3, "INSTANCE_CONFIG": {}},
    ),
    "an update whose settings are a text": (
        "UPDATE_PIPELINE_INSTANCE",
        {**named(("x", CUSTOM_EXEC, "one")), "INSTANCE_CONFIG": "x"},
    ),
    "a pipeline command without a name": ("PIPELINE_COMMAND", {"PIPELINE_COMMAND": {}}),
    "an archive of an object": ("ARCHIVE_CONFIG", {"NAME": "x"}),
    "an archive of the node's own pipeline": ("ARCHIVE_CONFIG", "admin_pipeline"),
    "an action that nobody knows": ("DANCE", {"NAME": "x"}),
    "an action that is a number": (5, None),  # type: ignore[dict-item] # malformed on purpose
}


@pytest.mark.parametrize("what", MALFORMED_COMMANDS)
def test_a_node_goes_on_after_a_command_with(
    what: str, client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    action, payload = MALFORMED_COMMANDS[what]

    client.send(node.address, action, payload)

    assert_it_goes_on(client, node, pipeline_name)


UNREADABLE_COMMANDS: dict[str, tuple[str, Any, str | None, str]] = {
    "no payload": ("UPDATE_CONFIG", None, None, "PAYLOAD is missing"),
    "a pipeline without a name": ("UPDATE_CONFIG", {"TYPE": "Void"}, None, "NAME is missing"),
    "a pipeline without a type": ("UPDATE_CONFIG", {"NAME": "x"}, "x", "TYPE is missing"),
    "a plugin without a signature": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"INSTANCES": [{"INSTANCE_ID": "a"}]}]},
        "x",
        "SIGNATURE is missing",
    ),
    "a plugin with empty instances": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"SIGNATURE": CUSTOM_EXEC, "INSTANCES": []}]},
        "x",
        "INSTANCES is missing or empty",
    ),
    "an instance without an id": (
        "UPDATE_CONFIG",
        {"NAME": "x", "TYPE": "Void", "PLUGINS": [{"SIGNATURE": CUSTOM_EXEC, "INSTANCES": [{}]}]},
        "x",
        "INSTANCE_ID is missing",
    ),
    "a list of updates without ids": (
        "BATCH_UPDATE_PIPELINE_INSTANCE",
        [{"NAME": "x", "SIGNATURE": CUSTOM_EXEC, "INSTANCE_CONFIG": {}}],
        "x",
        "INSTANCE_ID is missing",
    ),
    "an archive of an object": ("ARCHIVE_CONFIG", {"NAME": "x"}, "x", "not the name of a pipeline"),
    "an action that nobody knows": ("DANCE", {"NAME": "x"}, "x", "'DANCE' of a command is unknown"),
    "no action": (None, None, None, "ACTION is missing"),  # type: ignore[dict-item] # on purpose
}


@pytest.mark.parametrize("what", UNREADABLE_COMMANDS)
def test_who_is_allowed_is_told_what_is_wrong_with_a_command_with(
    what: str, client: WireClient, node: KnownNode
) -> None:
    """PyE2's own engine is silent (docs/differences.md)."""
    action, payload, pipeline, reason = UNREADABLE_COMMANDS[what]
    session_id = f"unreadable-{what}"

    client.send(node.address, action, payload, session_id)

    told = client.notification(lambda each: each["SESSION_ID"] == session_id)
    assert told["NOTIFICATION_CODE"] == -1
    assert told["NOTIFICATION_TYPE"] == "EXCEPTION"
    assert told["EE_PAYLOAD_PATH"] == [node.name, pipeline, None, None]
    assert told["INITIATOR_ID"] == client.name
    assert reason in told["INFO"]


def test_who_sends_what_was_encrypted_for_another_is_told(
    client: WireClient, node: KnownNode
) -> None:
    sealed = client.key.encrypt('{"ACTION": "STOP", "PAYLOAD": null}', WireKey().address)
    message = {
        "EE_IS_ENCRYPTED": True,
        "EE_ENCRYPTED_DATA": sealed,
        "EE_ID": node.address,
        "SESSION_ID": "for another",
        "INITIATOR_ID": client.name,
        "TIME": wire_time(),
    }

    client.publish(f"{node.address}/config", json.dumps(client.key.signed(message)))

    told = client.notification(lambda each: each["SESSION_ID"] == "for another")
    assert told["NOTIFICATION_CODE"] == -1


def test_what_cannot_be_read_is_answered_once(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    sent = client.send(node.address, "DANCE", None, "once")

    client.publish(f"{node.address}/config", json.dumps(sent))
    assert_it_goes_on(client, node, pipeline_name)

    assert [each["SESSION_ID"] for each in client.notifications].count("once") == 1


def assert_it_goes_on(client: WireClient, node: KnownNode, pipeline: str) -> None:
    client.deploy(node, pipeline_object(pipeline, {"one": run_once("return 'still here'")}))
    client.result(node.address, instance_path(pipeline), "still here")


MALFORMED_PATHS: list[Any] = [
    None,
    [],
    ["x"],
    ["x", "y", "z"],
    ["x", None, None, None, None],
    "x",
    {"0": "x"},
    [1, 2, 3, 4],
]


@pytest.mark.parametrize("channel", ["ctrl", "notif", "payloads", "config"])
def test_a_node_goes_on_after_signed_messages_with_malformed_paths_on(
    channel: str, client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    events = {"ctrl": "HEARTBEAT", "notif": "NOTIFICATION", "payloads": "PAYLOAD"}
    topic = f"{node.address}/config" if channel == "config" else channel
    # Who signs a heartbeat is a node for good, and no client that acts for itself.
    key = WireKey() if channel == "ctrl" else client.key

    for path in MALFORMED_PATHS:
        message: Message = {"EE_PAYLOAD_PATH": path, "EE_ID": node.name, "TIME": wire_time()}
        if channel in events:
            message["EE_EVENT_TYPE"] = events[channel]
        else:
            message |= {"ACTION": "ARCHIVE_CONFIG", "PAYLOAD": "x", "EE_IS_ENCRYPTED": False}
        client.publish(topic, json.dumps(key.signed(message)))

    assert_it_goes_on(client, node, pipeline_name)


def test_a_command_that_was_changed_on_its_way_is_not_carried_out(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    wanted = pipeline_object(pipeline_name, {"one": run_once("return 1")})
    forged = {**client.envelope(node.address, "UPDATE_CONFIG", wanted), "SESSION_ID": "another"}

    client.publish(f"{node.address}/config", json.dumps(forged))

    assert_it_goes_on(client, node, f"{pipeline_name}-b")
    client.archive(node, f"{pipeline_name}-b")
    assert pipeline_name not in client.meet(node.address).pipelines


def test_a_command_that_cannot_be_decrypted_is_dropped(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    sealed = client.key.encrypt('{"ACTION": "ARCHIVE_CONFIG_ALL"}', WireKey().address)
    message = {
        "EE_IS_ENCRYPTED": True,
        "EE_ENCRYPTED_DATA": sealed,
        "EE_ID": node.address,
        "SESSION_ID": client.name,
        "INITIATOR_ID": client.name,
        "TIME": wire_time(),
    }

    client.publish(f"{node.address}/config", json.dumps(client.key.signed(message)))

    assert_it_goes_on(client, node, pipeline_name)


def test_a_command_that_is_played_again_is_carried_out_once(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    told = client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}))
    client.archive(node, pipeline_name)

    client.publish(f"{node.address}/config", json.dumps(told.sent))

    assert_it_goes_on(client, node, f"{pipeline_name}-b")
    client.archive(node, f"{pipeline_name}-b")
    assert pipeline_name not in client.meet(node.address).pipelines


def test_a_stranger_is_told_that_it_is_not_allowed(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    wanted = pipeline_object(pipeline_name, {"one": run_once("return 1")})

    with WireClient(client.url, encrypts=client.encrypts, name="stranger") as stranger:
        stranger.send(node.address, "UPDATE_CONFIG", wanted)
        told = stranger.notification(lambda each: each["INITIATOR_ADDR"] == stranger.address)
        stranger.encrypts = False  # whoever is not allowed may ask in clear
        known = stranger.meet(node.address)

    assert told["NOTIFICATION_CODE"] == -5000
    assert told["NOTIFICATION_TYPE"] == "ABNORMAL FUNCTIONING"
    assert pipeline_name not in known.pipelines
