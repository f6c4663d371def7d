"""A PyE2 client that is not ours pauses instances on a node of ours (sections 7, 9 and 10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from wire_client import (
    NOWHERE,
    KnownNode,
    Path,
    WireClient,
    code,
    instance_path,
    pipeline_object,
    run_once,
)

Message = dict[str, Any]

PAUSE, RESUME, SHIFT_START, SHIFT_END, CONFIG_IN_PAUSE = 110, 111, 112, 113, 120

BUSY = {**code("return plugin.cfg_v"), "PROCESS_DELAY": 0.02, "V": 1}
"""Sends its setting V again and again."""

ALWAYS = [["00:00", "24:00"]]


def hours_from_now(start: int, end: int) -> list[list[str]]:
    """Working hours that begin and end so many hours from now."""
    now = datetime.now(UTC)
    return [[f"{now + timedelta(hours=hours):%H:%M}" for hours in (start, end)]]


def active(node: KnownNode, path: Path) -> Message | None:
    """What a node's heartbeat tells of an instance."""
    told = node.status["ACTIVE_PLUGINS"]
    found = [
        each for each in told if (each["STREAM_ID"], each["SIGNATURE"], each["INSTANCE_ID"]) == path
    ]
    return found[0] if found else None


def results_of(client: WireClient, path: Path) -> list[Any]:
    return [
        each["EXEC_RESULT"]
        for each in client.payloads
        if tuple(each["EE_PAYLOAD_PATH"][1:]) == path and "EXEC_RESULT" in each
    ]


def test_a_forced_pause_stops_an_instance_until_it_is_over(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    client.deploy(node, pipeline_object(pipeline_name, {"one": BUSY}))
    client.result(node.address, path, 1)

    paused = client.update_instance(node, path, {"FORCED_PAUSE": True, "V": 2})
    client.command_instance(node, path, {"SDK_REQUEST": "0badcafe"})
    client.payload(node.address, path, lambda each: "COMMAND_PARAMS" in each)
    before = results_of(client, path)
    resumed = client.update_instance(node, path, {"FORCED_PAUSE": False})

    client.result(node.address, path, 2)
    codes = [(1, path), (PAUSE, path), (CONFIG_IN_PAUSE, path), (100, path)]
    assert paused.steps == codes
    assert [each.get("PLUGIN_RUNNING") for each in paused.said] == [None, None, None, False]
    assert set(before) == {1}
    assert resumed.steps == [(1, path), (RESUME, path), (100, path)]
    assert resumed.said[-1]["PLUGIN_RUNNING"] is True


def test_a_paused_instance_sends_nothing_while_others_do(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    instances = {"one": {**BUSY, "FORCED_PAUSE": True}, "two": run_once("return 'two'")}

    told = client.deploy(node, pipeline_object(pipeline_name, instances))
    client.result(node.address, instance_path(pipeline_name, "two"), "two")

    assert [step for step in told.steps if step[1] == path] == [
        (PAUSE, path),
        (CONFIG_IN_PAUSE, path),
        (100, path),
    ]
    assert results_of(client, path) == []


def test_an_instance_outside_of_its_working_hours_does_not_run_and_heartbeats_say_so(
    client: WireClient, node: KnownNode, pipeline_name: str
) -> None:
    path = instance_path(pipeline_name)
    settings = {**BUSY, "WORKING_HOURS": hours_from_now(2, 4)}

    told = client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))
    known = client.node_when(node.address, lambda known: active(known, path))
    ran = results_of(client, path)
    changed = client.update_instance(node, path, {"WORKING_HOURS": hours_from_now(-2, 2)})
    client.result(node.address, path, 1)
    later = client.node_when(
        node.address,
        lambda known: (seen := active(known, path)) and not seen["OUTSIDE_WORKING_HOURS"],
    )

    assert told.steps == [
        (None, NOWHERE),
        (1, (pipeline_name, None, None)),
        (SHIFT_END, path),
        (CONFIG_IN_PAUSE, path),
        (100, path),
    ]
    assert all("outside of its working hours" in each["NOTIFICATION"] for each in told.said[2:])
    assert (active(known, path) or {})["OUTSIDE_WORKING_HOURS"] is True
    assert "outside of its working hours" in (active(known, path) or {})["INFO"]
    assert ran == []
    assert changed.steps == [(1, path), (SHIFT_START, path), (100, path)]
    assert (active(later, path) or {})["INFO"] == "running"


@pytest.mark.parametrize(
    "hours",
    [
        ALWAYS,
        dict.fromkeys(("Mon", "TUE", "wednesday", "Thu", "FRIDAY", "sat", "Sunday"), ALWAYS),
    ],
    ids=["list", "object"],
)
def test_an_instance_that_begins_within_its_working_hours_says_so(
    client: WireClient, node: KnownNode, pipeline_name: str, hours: Any
) -> None:
    path = instance_path(pipeline_name)
    settings = run_once("return 1", WORKING_HOURS=hours, WORKING_HOURS_TIMEZONE="America/New_York")

    told = client.deploy(node, pipeline_object(pipeline_name, {"one": settings}))

    assert told.steps[2:] == [(SHIFT_START, path), (100, path)]
    client.result(node.address, path, 1)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"WORKING_HOURS": [["8", "17"]]}, "WORKING_HOURS"),
        ({"WORKING_HOURS": {"FUNDAY": ALWAYS}}, "MON to SUN"),
        ({"WORKING_HOURS_TIMEZONE": "Nowhere/City"}, "WORKING_HOURS_TIMEZONE"),
        ({"FORCED_PAUSE": "perhaps"}, "FORCED_PAUSE must be true or false"),
    ],
    ids=["span", "weekday", "time zone", "pause"],
)
def test_what_cannot_be_understood_is_denied_with_its_reason(
    client: WireClient, node: KnownNode, pipeline_name: str, settings: Message, reason: str
) -> None:
    pipeline = pipeline_object(pipeline_name, {"one": {**BUSY, **settings}})

    told = client.deploy(node, pipeline)

    assert told.steps[-1] == (-100, instance_path(pipeline_name))
    assert reason in told.said[-1]["NOTIFICATION"] + told.said[-1]["INFO"]
