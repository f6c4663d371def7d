"""How nodes and instances are doing, under PyE2's names (PyE2 wire protocol, sections 9 to 11)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from pye2_wire.heartbeats import heartbeat_body
from pye2_wire.notifications import notification_body
from pye2_wire.payloads import payload_body
from pye2_wire.reports import own_fields
from pye2_wire.settings import HeartbeatVersion
from pye2core.messages import (
    Circumstances,
    Heartbeat,
    InstancePath,
    InstanceReport,
    MachineFigures,
    NodeReport,
    Notification,
    NotificationKind,
    PayloadMessage,
    PipelineConfig,
    Provenance,
    Requester,
    Speaker,
)

PATH = InstancePath("p", "CUSTOM_EXEC_01", "i")
NOW = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)

# --- payloads -------------------------------------------------------------------------------------

CIRCUMSTANCES = Circumstances(
    number=7,
    sent_at=NOW,
    alive_seconds=90.0,
    frequency=0.5,
    version="1.2",
    settings={"PROCESS_DELAY": 2, "TAGS": "attic", "ID_TAGS": ["a"]},
)


def body_of(circumstances: Circumstances | None, **fields: Any) -> dict[str, Any]:
    return payload_body(PayloadMessage(PATH, fields, circumstances=circumstances))


def test_a_payload_tells_how_its_instance_stands() -> None:
    body = body_of(CIRCUMSTANCES, EXEC_RESULT=1)

    assert body["EXEC_RESULT"] == 1
    assert (body["ID"], body["TIMESTAMP_EXECUTION"]) == (7, NOW)
    assert (body["TAGS"], body["ID_TAGS"]) == ("attic", ["a"])
    assert {key: body[key] for key in body if key.startswith("_P_")} == {
        "_P_ALERT_HELPER": "A=0, N=0, CT=NA, E=A[]=0.00 vs >=0.50 ",
        "_P_ALIVE_TIME_MINS": 1.5,
        "_P_DATASET_BUILDER_USED": False,
        "_P_DEBUG_SAVE_PAYLOAD": False,
        "_P_DEMO_MODE": False,
        "_P_GRAPH_TYPE": [],
        "_P_PLUGIN_LOOP_RESOLUTION": 20,
        "_P_PLUGIN_REAL_RESOLUTION": 0.5,
        "_P_PROCESS_DELAY": 2,
        "_P_VERSION": "1.2",
    }


def test_a_payload_of_an_instance_has_all_the_keys_that_pye2s_users_read() -> None:
    alerts = {f"IS_ALERT{rest}" for rest in ("", "_NEW_RAISE", "_NEW_LOWER", "_STATUS_CHANGED")}
    keys = {"COLLECTED", "STATUS", "IS_NEW_RAISE", "IS_NEW_LOWER", "LAST_ALERT_DURATION"}
    keys |= {"PLUGIN_CATEGORY", "USE_LOCAL_COMMS_ONLY", "IMG_IN_PAYLOAD", "IMG_ORIG", "TAGS"}

    assert keys | alerts | {"ID_TAGS", "debug_payload_saved"} <= body_of(CIRCUMSTANCES).keys()


def test_what_a_payload_says_by_itself_counts_more_than_what_stands_for_none() -> None:
    body = body_of(CIRCUMSTANCES, STATUS="busy", IS_ALERT=True, ID=1, TAGS="own")

    assert (body["STATUS"], body["IS_ALERT"], body["TAGS"]) == ("busy", True, "own")
    assert body["ID"] == 7, "by which payloads are counted"


@pytest.mark.parametrize(("image", "is_there"), [({}, False), ({"IMG": "…"}, True)])
def test_a_payload_tells_whether_it_has_an_image(image: dict[str, str], is_there: object) -> None:
    assert body_of(CIRCUMSTANCES, **image)["IMG_IN_PAYLOAD"] is is_there


def test_where_nothing_is_known_of_its_instance_a_payload_says_only_what_it_says() -> None:
    body = body_of(None, EXEC_RESULT=1)

    assert not {key for key in body if key.startswith(("_P_", "IS_"))}
    assert "ID" not in body


# --- notifications --------------------------------------------------------------------------------


def said(**fields: Any) -> dict[str, Any]:
    notification = Notification(NotificationKind.NORMAL, "text", path=PATH, **fields)
    return notification_body(notification, "now")


def test_an_instance_that_speaks_says_its_version_where_that_is_known() -> None:
    assert not {"VERSION", "USE_LOCAL_COMMS_ONLY"} & said().keys()
    assert said(speaker=Speaker())["USE_LOCAL_COMMS_ONLY"] is False
    assert "VERSION" not in said(speaker=Speaker())
    assert said(speaker=Speaker("1.2"))["VERSION"] == "1.2"


@pytest.mark.parametrize("shown", [True, False])
def test_whether_a_notification_is_shown_is_told_where_that_is_not_left_to_clients(
    shown: Any,
) -> None:
    assert said(is_displayed=shown)["DISPLAYED"] is shown
    assert "DISPLAYED" not in said()


def test_several_instances_are_told_as_lists_of_steps() -> None:
    told = said(instances=(PATH, evolve(PATH, instance_id="j")))

    steps = [["p", "CUSTOM_EXEC_01", "i"], ["p", "CUSTOM_EXEC_01", "j"]]
    assert told["BATCH_UPDATE_PIPELINE_INSTANCE"] == steps
    assert "BATCH_UPDATE_PIPELINE_INSTANCE" not in said()


# --- heartbeats -----------------------------------------------------------------------------------

MACHINE = MachineFigures(
    python="3.11",
    processor="a processor",
    memory=16.0,
    process_memory=0.04,
    is_short_of_memory=False,
    disk=100.0,
    free_disk=60.0,
    temperatures={"chip.0": 40.0},
    uptime=12.5,
)
INSTANCE = InstanceReport(
    path=PATH,
    process_delay=3,
    doing="running",
    is_outside_working_hours=False,
    payloads=5,
    runs=9,
    started_at=NOW,
    configured_at=NOW,
    last_payload_at=NOW,
    first_failed_at=None,
    last_failed_at=None,
)


def status_of(*instances: InstanceReport, pipelines: tuple[PipelineConfig, ...] = ()) -> Any:
    report = NodeReport(at=NOW, interval=10, machine=MACHINE, instances=instances)
    heartbeat = Heartbeat("n", "0xai_x", report=report, version="9", pipelines=pipelines)
    return heartbeat_body(heartbeat, "now", HeartbeatVersion.OPEN)


def test_a_status_has_all_keys_of_a_pye2_node() -> None:
    keys = {"IN_KB", "OUT_KB", "LOOPS_TIMINGS", "TIMERS", "DEVICE_LOG", "ERROR_LOG", "STOP_LOG"}
    keys |= {"DCT_STATS", "COMM_STATS", "SERVING_PIDS", "GIT_BRANCH", "CONDA_ENV", "GPUS"}
    keys |= {"PY_VER", "MACHINE_IP", "MACHINE_MEMORY", "PROCESS_MEMORY", "UPTIME", "TIMESTAMP"}
    keys |= {"CPU", "GPU_INFO", "DEFAULT_CUDA", "IS_ALERT_RAM", "TOTAL_DISK", "AVAILABLE_DISK"}
    keys |= {"TEMPERATURE_INFO", "EE_HB_TIME", "LOGGER_VERSION", "ACTIVE_PLUGINS", "NR_PAYLOADS"}

    assert keys | {"NR_INFERENCES", "NR_STREAMS_DATA"} <= status_of().keys()


def test_the_machines_figures_are_told() -> None:
    status = status_of()

    assert (status["PY_VER"], status["CPU"]) == ("3.11", "a processor")
    assert (status["MACHINE_MEMORY"], status["PROCESS_MEMORY"]) == (16.0, 0.04)
    assert (status["TOTAL_DISK"], status["AVAILABLE_DISK"]) == (100.0, 60.0)
    assert status["TEMPERATURE_INFO"] == {
        "message": "",
        "temperatures": {"chip.0": 40.0},
        "max_temp": 40.0,
        "max_temp_sensor": "chip.0",
    }
    assert (status["UPTIME"], status["TIMESTAMP"]) == (12.5, "20260105083000000000")
    assert (status["EE_HB_TIME"], status["LOGGER_VERSION"]) == (10, "9")


def test_instances_are_told_with_what_they_did() -> None:
    status = status_of(INSTANCE, evolve(INSTANCE, payloads=2, is_outside_working_hours=True))

    first, second = status["ACTIVE_PLUGINS"]
    path = (first["STREAM_ID"], first["SIGNATURE"], first["INSTANCE_ID"])
    assert path == ("p", "CUSTOM_EXEC_01", "i")
    assert (first["PROCESS_DELAY"], first["FREQUENCY"]) == (3, 0.333)
    assert (first["TOTAL_PAYLOAD_COUNT"], first["INFO"]) == (5, "running")
    assert (first["CURRENT_PROCESS_ITERATION"], first["CURRENT_EXEC_ITERATION"]) == (9, 9)
    assert first["INIT_TIMESTAMP"] == "2026-01-05 08:30:00.000000"
    assert (first["LAST_PAYLOAD_TIME"], first["FIRST_ERROR_TIME"]) == ("2026-01-05 08:30:00", None)
    assert (first["OUTSIDE_WORKING_HOURS"], second["OUTSIDE_WORKING_HOURS"]) == (False, True)
    assert status["NR_PAYLOADS"] == 7


@pytest.mark.parametrize("delay", [None, 0, -1, True, "soon", [1]])
def test_an_odd_delay_has_no_frequency(delay: Any) -> None:
    (active,) = status_of(evolve(INSTANCE, process_delay=delay))["ACTIVE_PLUGINS"]

    assert active["FREQUENCY"] is None


def test_pipelines_are_told_with_who_made_and_changed_them() -> None:
    maker = Requester("0xai_maker", "maker", "first")
    changer = Requester("0xai_changer", "changer", "second")
    pipeline = PipelineConfig("p", provenance=Provenance(maker, changer, NOW))

    (told,) = status_of(pipelines=(pipeline,))["CONFIG_STREAMS"]

    assert (told["INITIATOR_ADDR"], told["INITIATOR_ID"]) == ("0xai_maker", "maker")
    assert (told["MODIFIED_BY_ADDR"], told["MODIFIED_BY_ID"]) == ("0xai_changer", "changer")
    assert (told["SESSION_ID"], told["VALIDATED"]) == ("second", True)
    assert told["LAST_UPDATE_TIME"] == "2026-01-05 08:30:00.000000"


def test_what_every_payload_says_is_nobody_s_own() -> None:
    said = {"EXEC_RESULT": 1, "EXEC_ITER": 3, "ID": 8, "_P_VERSION": "1", "TAGS": "x", "EE_ID": "n"}
    standing = {"debug_payload_saved": False, "IS_ALERT": False, "STREAM": "p", "SESSION_ID": None}

    assert own_fields({**said, **standing, "_C_FPS": 2, "PYE2_X": 1}) == {"EXEC_RESULT": 1}
