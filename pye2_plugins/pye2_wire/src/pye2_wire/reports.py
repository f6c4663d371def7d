"""How nodes and instances are doing, as PyE2 writes it.

You are in the PyE2 serializer (PyE2 wire protocol, sections 9 to 11). What is measured, or set, is
told as it is; of what our nodes do not do or measure (alerts, images of their own, data sets,
graphics cards, threads), PyE2's words for "none": its users read them by name.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from pye2_wire.times import wire_time_if_any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pye2core.messages import (
        Circumstances,
        InstanceReport,
        MachineFigures,
        NodeReport,
        PayloadMessage,
        Speaker,
    )

# --- instances in what they send ------------------------------------------------------------------

_OF_ALL_INSTANCES: Final[Mapping[str, Any]] = {"USE_LOCAL_COMMS_ONLY": False}

_OF_ALL_PAYLOADS: Final[Mapping[str, Any]] = {
    **_OF_ALL_INSTANCES,
    "COLLECTED": False,
    "STATUS": "N/A",
    "IS_ALERT": False,
    "IS_NEW_RAISE": False,
    "IS_NEW_LOWER": False,
    "IS_ALERT_NEW_RAISE": False,
    "IS_ALERT_NEW_LOWER": False,
    "IS_ALERT_STATUS_CHANGED": False,
    "LAST_ALERT_DURATION": None,
    "PLUGIN_CATEGORY": "general",
    "IMG_ORIG": None,
    "_P_ALERT_HELPER": "A=0, N=0, CT=NA, E=A[]=0.00 vs >=0.50 ",
    "_P_DATASET_BUILDER_USED": False,
    "_P_DEBUG_SAVE_PAYLOAD": False,
    "_P_DEMO_MODE": False,
    "_P_GRAPH_TYPE": [],
    "debug_payload_saved": False,
}

_LOOP_RESOLUTION: Final = 20
"""Runs a second at most, of PyE2's instances that do not say (section 7)."""


_OF_THE_MESSAGE: Final = frozenset(
    {
        *("INITIATOR_ADDR", "INITIATOR_ID", "MODIFIED_BY_ADDR", "MODIFIED_BY_ID", "SESSION_ID"),
        *("INSTANCE_ID", "PIPELINE", "SIGNATURE", "STREAM", "STREAM_NAME", "SB_IMPLEMENTATION"),
    }
)
_OF_THE_STANDING: Final = frozenset(
    {
        *("EXEC_ITER", "EXEC_RUN", "EXEC_SEQ", "ID", "ID_TAGS", "IMG_IN_PAYLOAD", "TAGS"),
        *("FORCED_PAUSE", "IGNORE_WORKING_HOURS", "WORKING_HOURS", "WORKING_HOURS_TIMEZONE"),
        "TIMESTAMP_EXECUTION",
    }
)
_IN_EVERY_PAYLOAD: Final = (
    frozenset(key.upper() for key in _OF_ALL_PAYLOADS) | _OF_THE_MESSAGE | _OF_THE_STANDING
)
_PREFIXES_IN_EVERY_PAYLOAD: Final = ("EE_", "PYE2_", "_P_", "_C_")


def own_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a payload says, what neither tells of the message nor of its instance's standing."""
    return {
        key: value
        for key, value in fields.items()
        if key.upper() not in _IN_EVERY_PAYLOAD and not key.startswith(_PREFIXES_IN_EVERY_PAYLOAD)
    }


def payload_fields(payload: PayloadMessage) -> dict[str, Any]:
    """What a payload says by itself, and how its instance stands; the former counts more."""
    said = payload.fields
    at = payload.circumstances
    if at is None:
        return dict(said)
    return {
        **_OF_ALL_PAYLOADS,
        "IMG_IN_PAYLOAD": said.get("IMG") is not None,
        **_instance_meta(at),
        **said,
        "ID": at.number,
        "TIMESTAMP_EXECUTION": at.sent_at,
    }


def _instance_meta(at: Circumstances) -> dict[str, Any]:
    return {
        "TAGS": at.settings.get("TAGS", ""),
        "ID_TAGS": at.settings.get("ID_TAGS", []),
        "_P_ALIVE_TIME_MINS": round(at.alive_seconds / 60, 2),
        "_P_PLUGIN_LOOP_RESOLUTION": at.settings.get("PLUGIN_LOOP_RESOLUTION", _LOOP_RESOLUTION),
        "_P_PLUGIN_REAL_RESOLUTION": at.frequency,
        "_P_PROCESS_DELAY": at.settings.get("PROCESS_DELAY"),
        "_P_VERSION": at.version,
    }


def speaker_fields(speaker: Speaker | None) -> dict[str, Any]:
    """What notifications say in which an instance speaks."""
    if speaker is None:
        return {}
    version = {} if speaker.version is None else {"VERSION": speaker.version}
    return {**_OF_ALL_INSTANCES, **version}


# --- nodes in their heartbeats --------------------------------------------------------------------

_OF_ALL_NODES: Final[Mapping[str, Any]] = {
    "NR_INFERENCES": 0,
    "NR_STREAMS_DATA": 0,
    "MACHINE_IP": "",
    "GPUS": [],
    "GPU_INFO": "",
    "DEFAULT_CUDA": "cpu",
    "STOP_LOG": [],
    "GIT_BRANCH": None,
    "CONDA_ENV": None,
    "DCT_STATS": {},
    "COMM_STATS": {},
    "SERVING_PIDS": [],
    "IN_KB": None,
    "OUT_KB": None,
    "LOOPS_TIMINGS": {},
    "TIMERS": None,
    "DEVICE_LOG": None,
    "ERROR_LOG": None,
}


def report_fields(report: NodeReport | None, version: str | None) -> dict[str, Any]:
    """What a heartbeat's status tells of its node.

    Args:
        report: how the node is doing; None where the heartbeat does not say.
        version: the version of the node's software.
    """
    if report is None:
        return {}
    return {
        **_OF_ALL_NODES,
        **_machine_fields(report.machine),
        "EE_HB_TIME": report.interval,
        "TIMESTAMP": _without_marks(report.at),
        "LOGGER_VERSION": version,
        "ACTIVE_PLUGINS": [_active_plugin(each) for each in report.instances],
        "NR_PAYLOADS": sum(each.payloads for each in report.instances),
    }


def _machine_fields(machine: MachineFigures) -> dict[str, Any]:
    return {
        "PY_VER": machine.python,
        "CPU": machine.processor,
        "MACHINE_MEMORY": machine.memory,
        "PROCESS_MEMORY": machine.process_memory,
        "IS_ALERT_RAM": machine.is_short_of_memory,
        "TOTAL_DISK": machine.disk,
        "AVAILABLE_DISK": machine.free_disk,
        "TEMPERATURE_INFO": _temperatures(machine.temperatures),
        "UPTIME": machine.uptime,
    }


def _temperatures(by_sensor: Mapping[str, float]) -> dict[str, Any]:
    hottest = max(by_sensor, key=by_sensor.__getitem__, default="")
    return {
        "message": "" if by_sensor else "No temperature sensors found",
        "temperatures": dict(by_sensor),
        "max_temp": by_sensor.get(hottest, 0),
        "max_temp_sensor": hottest,
    }


def _without_marks(moment: datetime) -> str:
    """A moment as ``20261122204611821357``."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")


def _active_plugin(instance: InstanceReport) -> dict[str, Any]:
    return {
        "STREAM_ID": instance.path.pipeline,
        "SIGNATURE": instance.path.signature,
        "INSTANCE_ID": instance.path.instance_id,
        "PROCESS_DELAY": instance.process_delay,
        "FREQUENCY": _frequency(instance.process_delay),
        "INIT_TIMESTAMP": wire_time_if_any(instance.started_at),
        "EXEC_TIMESTAMP": wire_time_if_any(instance.last_payload_at),
        "LAST_CONFIG_TIMESTAMP": wire_time_if_any(instance.configured_at),
        "FIRST_ERROR_TIME": wire_time_if_any(instance.first_failed_at),
        "LAST_ERROR_TIME": wire_time_if_any(instance.last_failed_at),
        "OUTSIDE_WORKING_HOURS": instance.is_outside_working_hours,
        "CURRENT_PROCESS_ITERATION": instance.runs,
        "CURRENT_EXEC_ITERATION": instance.runs,
        "LAST_PAYLOAD_TIME": instance.last_payload_at,
        "TOTAL_PAYLOAD_COUNT": instance.payloads,
        "INFO": instance.doing,
    }


def _frequency(delay: Any) -> float | None:
    """Runs a second, if the instance says how long it waits between two."""
    is_number = isinstance(delay, int | float) and not isinstance(delay, bool)
    return round(1 / delay, 3) if is_number and delay > 0 else None
