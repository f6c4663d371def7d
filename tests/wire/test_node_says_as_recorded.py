"""What a node of ours says has every field that the recorded engine says, and of the same type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wire_client import (
    CUSTOM_EXEC,
    NOWHERE,
    KnownNode,
    WireClient,
    instance_path,
    pipeline_object,
    run_once,
)

Message = dict[str, Any]

RECORDING = Path(__file__).parents[1] / "data/captures/engine_plain.json"

CONFIG_IN_PAUSE, SHIFT_START = 120, 112
BATCH = "BATCH_UPDATE_PIPELINE_INSTANCE"


@pytest.fixture(scope="module")
def recorded() -> list[Message]:
    """What the engine said, message by message."""
    messages = json.loads(RECORDING.read_text("utf-8"))["messages"]
    return [json.loads(each["raw_utf8"]) for each in messages]


def differences(ours: Message, theirs: Message) -> dict[str, Any]:
    """Keys of theirs that ours lacks or has of another type; what either leaves open is alike."""
    return {
        key: (ours.get(key, "missing"), value)
        for key, value in theirs.items()
        if key not in ours
        or (None not in (value, ours[key]) and type(ours[key]) is not type(value))
    }


def test_a_payload_of_custom_code(
    client: WireClient, node: KnownNode, pipeline_name: str, recorded: list[Message]
) -> None:
    theirs = next(each for each in recorded if each.get("EXEC_RESULT"))
    settings = run_once("return {'msg': 'hello'}", PROCESS_DELAY=2.0)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    ours = client.payload(node.address, instance_path(pipeline_name))

    assert differences(ours, theirs) == {}
    said = {key: value for key, value in theirs.items() if key.startswith(("_P_", "IMG", "debug"))}
    varying = {"_P_ALIVE_TIME_MINS", "_P_VERSION"}
    assert len(said) > 12
    assert {key: ours[key] for key in said.keys() - varying} == {
        key: said[key] for key in said.keys() - varying
    }


def test_how_often_an_instance_sends_is_measured(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = run_once("return 1", PROCESS_DELAY=0.1, PLUGIN_LOOP_RESOLUTION=5)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    first, later = (
        client.payload(
            node.address,
            instance_path(pipeline_name),
            lambda each, number=number: each["ID"] == number,
        )
        for number in (1, 3)
    )

    # What it says exactly is what it is asked for: how late it runs is for its machine to say.
    assert [each["_P_PROCESS_DELAY"] for each in (first, later)] == [0.1, 0.1]
    assert [each["_P_PLUGIN_LOOP_RESOLUTION"] for each in (first, later)] == [5, 5]
    assert first["_P_PLUGIN_REAL_RESOLUTION"] is None
    assert later["_P_PLUGIN_REAL_RESOLUTION"] > 0


def test_a_payload_with_an_image_says_that_it_has_one(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = run_once("return 'aGVsbG8='", RESULT_KEY="IMG")

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))

    assert client.payload(node.address, instance_path(pipeline_name))["IMG_IN_PAYLOAD"] is True


def the_recorded(
    recorded: list[Message], code: int | None, begins: str = "", signature: str | None = None
) -> Message:
    """The first notification that the engine sent with this code, and such words."""
    return next(
        each
        for each in recorded
        if each.get("EE_EVENT_TYPE") == "NOTIFICATION"
        and each["NOTIFICATION_CODE"] == code
        and each["NOTIFICATION"].startswith(begins)
        and each["EE_PAYLOAD_PATH"][2] == signature
    )


def flags(message: Message) -> Message:
    """What a notification says of how it is to be taken."""
    return {
        key: message.get(key)
        for key in ("DISPLAYED", "PLUGIN_RUNNING", "USE_LOCAL_COMMS_ONLY", "NOTIFICATION_TYPE")
    }


def test_the_notifications_of_a_deployment(
    client: WireClient, node: KnownNode, pipeline_name: str, recorded: list[Message]
) -> None:
    always = {"WORKING_HOURS": [["00:00", "24:00"]]}
    path = instance_path(pipeline_name)

    told = client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("1", **always)}))

    received, stored, begun, applied = told.said
    compared = [
        (received, the_recorded(recorded, None, "Received VALIDATED command for new")),
        (stored, the_recorded(recorded, 1)),
        (begun, the_recorded(recorded, SHIFT_START, signature=CUSTOM_EXEC)),
        (applied, the_recorded(recorded, 100, signature=CUSTOM_EXEC)),
    ]
    for ours, theirs in compared:
        assert differences(ours, theirs) == {}
        assert flags(ours) == flags(theirs)
    assert told.steps[-2:] == [(SHIFT_START, path), (100, path)]


def test_the_notifications_of_updates_and_commands(
    client: WireClient, node: KnownNode, pipeline_name: str, recorded: list[Message]
) -> None:
    path = instance_path(pipeline_name)
    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1")}))

    batch = client.batch_update(node, {path: {"X": 1}})
    command = client.command_instance(node, path, {"COMMAND_PARAMS": {"RESTART": True}})
    paused = client.update_instance(node, path, {"FORCED_PAUSE": True})
    client.send(node.address, "PIPELINE_COMMAND", {"NAME": pipeline_name, "PIPELINE_COMMAND": {}})
    piped = client.notification(
        lambda each: (
            each["EE_PAYLOAD_PATH"][1:] == [pipeline_name, None, None]
            and each["NOTIFICATION_CODE"] is None
        )
    )

    summary = next(each for each in batch.said if BATCH in each)
    compared = [
        (summary, the_recorded(recorded, None, "Successfully updated 1 pipelines")),
        (batch.said[0], the_recorded(recorded, 1, signature=CUSTOM_EXEC)),
        (command.said[-1], the_recorded(recorded, 101, signature=CUSTOM_EXEC)),
        (paused.said[-2], the_recorded(recorded, CONFIG_IN_PAUSE, signature=CUSTOM_EXEC)),
        (piped, the_recorded(recorded, None, "Prepared pipeline command")),
    ]
    for ours, theirs in compared:
        assert differences(ours, theirs) == {}
        assert flags(ours) == flags(theirs)
    assert summary[BATCH] == [list(path)]
    assert tuple(summary["EE_PAYLOAD_PATH"][1:]) == NOWHERE


def test_what_an_instance_says_by_itself_has_its_version(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = [node.name, *instance_path(pipeline_name)]

    client.deploy(node, pipeline_object(pipeline_name, {"one": run_once("return 1 / 0")}))
    told = client.notification(
        lambda each: each["EE_PAYLOAD_PATH"] == path and each["NOTIFICATION_TYPE"] == "EXCEPTION"
    )

    payload = client.payload(node.address, instance_path(pipeline_name))
    assert told["VERSION"] == payload["_P_VERSION"]
    assert told["USE_LOCAL_COMMS_ONLY"] is False
