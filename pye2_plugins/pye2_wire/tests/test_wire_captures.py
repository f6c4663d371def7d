"""Recorded conversations of PyE2 with an emulated node and the real engine are understood."""

import json
from pathlib import Path
from typing import Any

import pytest

from pye2_wire.sealed import Pye2SealedMessage
from pye2_wire.serializer import Pye2Serializer
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstanceUpdate,
    Notification,
    NotificationCode,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
)

CAPTURES = Path(__file__).parents[3] / "tests/data/captures"
NAMES = ["client_plain", "client_encrypted", "engine_plain"]
DIALECT = Pye2Serializer()

# The real engine ran on NumPy 2, which spoils PyE2's hash of every payload with a numpy.float64:
# of those that know how often their instance runs (PyE2 wire protocol, section 3.1, Q2).
SPOILT = [1, 2, 12, 16, 46, 55, 56, 64, 65, 66, 71, 72, 84, 85, 86, 88, 89, 90, 95]

KIND_OF_TOPIC = {
    "config": Command,
    "ctrl": Heartbeat,
    "notif": Notification,
    "payloads": PayloadMessage,
}


def capture(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    return content


def identity_in(content: dict[str, Any], who: str) -> Identity:
    der = content["keys"][who]["pkcs8_der_base64"]
    pem = f"-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n"
    return Identity.from_pem(pem.encode())


def parsed(record: dict[str, Any]) -> Pye2SealedMessage:
    data = record["raw_utf8"].encode()
    assert DIALECT.recognises(data)
    return DIALECT.parse(data)


def verifies(sealed: Pye2SealedMessage) -> bool:
    try:
        sealed.verify()
    except MessageRejected:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_every_message_verifies_but_those_that_pye2_spoils(name: str) -> None:
    records = capture(name)["messages"]

    failed = [record["n"] for record in records if not verifies(parsed(record))]

    assert failed == (SPOILT if name == "engine_plain" else [])


def test_pye2_spoils_payloads_that_say_how_often_their_instance_runs() -> None:
    contents = [json.loads(each["raw_utf8"]) for each in capture("engine_plain")["messages"]]
    numbers = [each["n"] for each in capture("engine_plain")["messages"]]

    with_a_rate = [
        number
        for number, content in zip(numbers, contents, strict=True)
        if content.get("_P_PLUGIN_REAL_RESOLUTION") is not None
    ]

    assert with_a_rate == SPOILT


@pytest.mark.parametrize("name", NAMES)
def test_every_message_opens_to_what_its_topic_says(name: str) -> None:
    content = capture(name)
    node = identity_in(content, "node")

    for record in content["messages"]:
        if name == "engine_plain" and record["n"] == 91:
            continue  # encrypted for the second node, whose key is not in the recording
        opened = parsed(record).open(node)

        assert type(opened) is KIND_OF_TOPIC[record["topic"].rpartition("/")[2]]
        assert opened.origin is not None
        assert opened.origin.digest == json.loads(record["raw_utf8"])["EE_HASH"] or (
            record["n"] in SPOILT
        )


def test_what_is_for_another_node_does_not_open() -> None:
    content = capture("engine_plain")
    (record,) = [each for each in content["messages"] if each["n"] == 91]
    sealed = parsed(record)
    sealed.verify()

    with pytest.raises(MessageRejected) as rejection:
        sealed.open(identity_in(content, "node"))

    assert rejection.value.reason == "decryption"


def commands_of(name: str) -> list[Command]:
    content = capture(name)
    node = identity_in(content, "node")
    sealed = [parsed(each) for each in content["messages"] if each["topic"].endswith("/config")]
    opened = [each.open(node) for each in sealed]
    return [each for each in opened if isinstance(each, Command)]


@pytest.mark.parametrize("name", ["client_plain", "client_encrypted"])
def test_the_clients_commands_are_understood(name: str) -> None:
    commands = commands_of(name)
    pipeline = commands[0].body
    assert isinstance(pipeline, PipelineConfig)
    assert commands[0].requester.name == "capSDK"

    assert [command.action for command in commands][:8] == [
        Action.UPDATE_PIPELINE,
        Action.UPDATE_INSTANCES,
        Action.UPDATE_INSTANCE,
        Action.UPDATE_INSTANCE,
        Action.UPDATE_INSTANCE,
        Action.PIPELINE_COMMAND,
        Action.UPDATE_PIPELINE,
        Action.UPDATE_PIPELINE,
    ]
    names = (pipeline.name, "CUSTOM_EXEC_01", "inst01")
    assert [command.body for command in commands[1:6]] == [
        (InstanceUpdate(*names, {"PROCESS_DELAY": 3, "NEW_KEY": [1, 2.5, "x"]}),),
        InstanceUpdate(*names, {"ANOTHER": 5}),
        InstanceUpdate(
            *names,
            {"INSTANCE_COMMAND": {"extra": "meta", "COMMAND_PARAMS": {"a": 1, "RESTART": True}}},
        ),
        InstanceUpdate(
            *names,
            {"INSTANCE_COMMAND": {"node": "x", "request": "history", "COMMAND_PARAMS": {}}},
        ),
        PipelineCommand(pipeline.name, {"START": True, "k": 1, "COMMAND_PARAMS": {"z": 2}}),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_pipeline_is_understood(name: str) -> None:
    pipeline = commands_of_first(name).body

    assert isinstance(pipeline, PipelineConfig)
    (instance,) = pipeline.instances
    assert (pipeline.data_source, pipeline.settings) == (
        "Void",
        {"CAP_RESOLUTION": 1.0, "LIVE_FEED": False},
    )
    assert isinstance(instance, InstanceConfig)
    assert (instance.signature, instance.instance_id) == ("CUSTOM_EXEC_01", "inst01")
    assert instance.settings["TEXT"] == 'žluť ✓ \n"q"'
    assert (instance.settings["TINY"], instance.settings["BIG"]) == (1e-07, 1e20)


def commands_of_first(name: str) -> Command:
    content = capture(name)
    record = next(each for each in content["messages"] if each["topic"].endswith("/config"))
    opened = parsed(record).open(identity_in(content, "node"))
    assert isinstance(opened, Command)
    return opened


def test_the_workers_pipeline_of_a_distributed_job_is_understood() -> None:
    *_, start, stop = commands_of("client_encrypted")

    assert isinstance(start.body, PipelineConfig)
    assert start.body.instances[0].settings["RESULT_KEY"] == "DATA"
    assert (stop.action, stop.body) == (Action.ARCHIVE_PIPELINE, start.body.name)


def test_the_engines_heartbeat_is_understood() -> None:
    content = capture("engine_plain")
    client = identity_in(content, "client")
    node = content["keys"]["node"]["address"]
    records = [each for each in content["messages"] if each["topic"].endswith("/ctrl")]

    heartbeats = [parsed(record).open(client) for record in records]

    for record, heartbeat in zip(records, heartbeats, strict=True):
        assert isinstance(heartbeat, Heartbeat)
        assert client.address in heartbeat.allowed
        assert not heartbeat.secured
        assert json.loads(record["decoded_heartbeat_utf8"]).items() <= heartbeat.status.items()
        assert heartbeat.pipelines is not None
        assert "admin_pipeline" in {pipeline.name for pipeline in heartbeat.pipelines}
    assert node in {
        heartbeat.address for heartbeat in heartbeats if isinstance(heartbeat, Heartbeat)
    }


def test_the_engines_confirmations_are_understood() -> None:
    content = capture("engine_plain")
    client = identity_in(content, "client")
    records = [each for each in content["messages"] if each["topic"].endswith("/notif")]

    for record in records:
        notification = parsed(record).open(client)

        assert isinstance(notification, Notification)
        wire = json.loads(record["raw_utf8"])
        assert notification.code == wire["NOTIFICATION_CODE"]
        if isinstance(notification.code, NotificationCode):
            assert notification.code.name == wire["NOTIFICATION_TAG"]
        assert [notification.origin and notification.origin.name, notification.path.pipeline] == (
            wire["EE_PAYLOAD_PATH"][:2]
        )


def test_the_engines_results_are_understood() -> None:
    content = capture("engine_plain")
    client = identity_in(content, "client")
    (record,) = [each for each in content["messages"] if each["n"] == 9]

    payload = parsed(record).open(client)

    assert isinstance(payload, PayloadMessage)
    assert payload.fields["EXEC_RESULT"] == {"msg": "héllo", "x": [0, 1, 4]}
    assert payload.requester.address == client.address
    assert payload.path.instance_id == "inst01"
    assert payload.origin is not None
    assert payload.origin.sent_at is not None
    assert payload.origin.sent_at.timestamp() == pytest.approx(record["t"], abs=1.0)
