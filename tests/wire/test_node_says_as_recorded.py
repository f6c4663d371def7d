"""What a node of ours says has every field that the recorded engine says, and of the same type."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from node_process import NodeProcess
from wire_client import (
    CUSTOM_EXEC,
    NOWHERE,
    KnownNode,
    WireClient,
    instance_path,
    pipeline_object,
    run_once,
)
from wire_format import unpacked

if TYPE_CHECKING:
    from wire_format import WireKey

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
        or (None not in (value, ours[key]) and kind_of(ours[key]) is not kind_of(value))
    }


def kind_of(value: Any) -> type:
    """The type of a value as JSON has it: it knows one kind of number."""
    return float if type(value) is int else type(value)


# --- heartbeats (section 9) -----------------------------------------------------------------------

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
EXACT_MOMENT = re.compile(MOMENT.pattern + r"\.\d{6}")

LEFT_OPEN = {
    *("CONDA_ENV", "GIT_BRANCH", "IN_KB", "OUT_KB", "TIMERS", "DEVICE_LOG", "ERROR_LOG"),
    *("INITIATOR_ADDR", "INITIATOR_ID", "MODIFIED_BY_ADDR", "MODIFIED_BY_ID", "SESSION_ID"),
    *("EE_FORMATTER", "SB_IMPLEMENTATION"),
}
"""What a node of ours does not measure, or a heartbeat answers nobody with: null."""


@pytest.fixture(scope="module")
def recorded_status(recorded: list[Message]) -> Message:
    """What the engine said of itself while it ran custom code; see section 9 for the rest."""
    statuses = [
        {**each, **json.loads(unpacked(each["ENCODED_DATA"]))}
        for each in recorded
        if each.get("EE_EVENT_TYPE") == "HEARTBEAT"
    ]
    return next(each for each in statuses if "cap_plain" in str(each["ACTIVE_PLUGINS"]))


def active(status: Message, pipeline: str) -> Message:
    return next(each for each in status["ACTIVE_PLUGINS"] if each["STREAM_ID"] == pipeline)


def check_heartbeat(heard: Message, recorded_status: Message) -> None:
    """That each field of a status is there, of its type, and says what can be measured here."""
    theirs = {key: value for key, value in recorded_status.items() if key != "ENCODED_DATA"}
    different = differences(heard, theirs)
    # Where the engine has no graphics card it says so in words; ours has an empty list of them.
    assert different.keys() == {"GPUS"}
    assert heard["GPUS"] == []
    assert {key for key in theirs if heard[key] is None} <= LEFT_OPEN
    assert {key: kind_of(value) for key, value in heard["TEMPERATURE_INFO"].items()} == {
        key: kind_of(value) for key, value in theirs["TEMPERATURE_INFO"].items()
    }
    assert re.fullmatch(r"\d{20}", heard["TIMESTAMP"])
    assert EXACT_MOMENT.fullmatch(heard["CURRENT_TIME"])
    memory = psutil.virtual_memory()
    assert heard["MACHINE_MEMORY"] == pytest.approx(memory.total / 2**30, abs=0.001)
    assert 0 < heard["AVAILABLE_MEMORY"] <= heard["MACHINE_MEMORY"]
    assert 0 < heard["PROCESS_MEMORY"] < heard["MACHINE_MEMORY"]
    assert 0 < heard["AVAILABLE_DISK"] <= heard["TOTAL_DISK"]
    assert 0 <= heard["CPU_USED"] <= 100
    assert heard["UPTIME"] > 0
    assert heard["PY_VER"] == platform.python_version()
    assert heard["EE_PAYLOAD_PATH"] == [heard["EE_ID"], None, None, None]


def test_a_heartbeat_and_its_active_plugins(
    client: WireClient, node: KnownNode, pipeline_name: str, recorded_status: Message
) -> None:
    theirs = active(recorded_status, "cap_plain")
    text = "return 1 if plugin.exec_iter == 0 else None"
    settings = run_once(text, PROCESS_DELAY=0.2, SEND_MANIFEST_EACH=60)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    client.payload(node.address, instance_path(pipeline_name))
    heard = client.when_asked(
        node.address,
        lambda known: active(known.status, pipeline_name)["CURRENT_EXEC_ITERATION"] > 1,
    ).status

    ours = active(heard, pipeline_name)
    check_heartbeat(heard, recorded_status)
    assert (heard["HEARTBEAT_VERSION"], "ENCODED_DATA" in heard) == ("v2", True)
    assert list(ours) == list(theirs)
    assert differences(ours, theirs) == {}
    assert (ours["SIGNATURE"], ours["INSTANCE_ID"]) == (CUSTOM_EXEC, "one")
    assert (ours["PROCESS_DELAY"], ours["FREQUENCY"]) == (0.2, 5.0)
    for key in ("INIT_TIMESTAMP", "EXEC_TIMESTAMP", "LAST_CONFIG_TIMESTAMP"):
        assert EXACT_MOMENT.fullmatch(ours[key]), key
    assert MOMENT.fullmatch(ours["LAST_PAYLOAD_TIME"])
    assert (ours["FIRST_ERROR_TIME"], ours["LAST_ERROR_TIME"]) == (None, None)
    assert ours["OUTSIDE_WORKING_HOURS"] is False
    assert ours["CURRENT_PROCESS_ITERATION"] == ours["CURRENT_EXEC_ITERATION"]
    assert ours["TOTAL_PAYLOAD_COUNT"] == 1
    stored, recorded_pipeline = (
        next(each for each in status["CONFIG_STREAMS"] if each["NAME"] == name)
        for status, name in ((heard, pipeline_name), (recorded_status, "cap_plain"))
    )
    own = {"CAP_RESOLUTION", "LIVE_FEED", "PIPELINE_COMMAND", "URL"}
    assert differences(stored, recorded_pipeline).keys() == own
    assert EXACT_MOMENT.fullmatch(stored["LAST_UPDATE_TIME"])


def test_an_error_is_noted_on_the_active_plugin(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    settings = run_once("return 1 / 0", ERROR_DELAY=0.1, PROCESS_DELAY=0.1)

    client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    client.payload(
        node.address, instance_path(pipeline_name), lambda each: each.get("EXEC_ITER") == 2
    )
    ours = active(client.meet(node.address).status, pipeline_name)

    assert EXACT_MOMENT.fullmatch(ours["FIRST_ERROR_TIME"])
    assert ours["FIRST_ERROR_TIME"] < ours["LAST_ERROR_TIME"]


@pytest.mark.parametrize("broker_url", ["embedded"], indirect=True)
def test_a_heartbeat_of_the_first_version_says_the_same_in_clear(
    broker_url: str,
    wire_key: WireKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recorded_status: Message,
) -> None:
    monkeypatch.setenv("PYE2_WIRE_HEARTBEAT_VERSION", "v1")
    with (
        WireClient(broker_url, key=wire_key) as client,
        NodeProcess(broker_url, tmp_path / "node", "first-version", (wire_key.address,)) as running,
    ):
        node = client.meet(running.address)
        client.deploy(node, pipeline_object("p", {"one": run_once("return 1")}))
        heard = client.node_when(node.address, lambda known: known.status["ACTIVE_PLUGINS"]).status
        client.archive(node, "p")
        unverified = list(client.unverified)

    check_heartbeat(heard, recorded_status)
    assert heard["HEARTBEAT_VERSION"] == "v1"
    assert "ENCODED_DATA" not in heard
    assert active(heard, "p").keys() == active(recorded_status, "cap_plain").keys()
    assert unverified == []


# --- payloads (section 11) ------------------------------------------------------------------------


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


# --- notifications (section 10) -------------------------------------------------------------------


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
