"""What a message says in a few words: results, refusals, commands told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_cli.wire.names import NameBook
from pye2_cli.wire.reading import Reader
from pye2_cli.wire.telling import as_line, as_object
from pye2_cli.wire.titles import action, title
from pye2_node.notices import not_allowed
from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.messages import (
    Action,
    Command,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationKind,
    PayloadMessage,
    PipelineCommand,
    Requester,
)

RECORDED = Path(__file__).parents[3] / "tests/data/captures/engine_plain.json"
CLIENT, NODE = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2))
NODE_SPEAKS = Pye2Serializer(node_name="attic")
PATH = InstancePath("p1", "CUSTOM_EXEC_01", "i1")
READER = Reader(installed_plugins())


# --- what came out --------------------------------------------------------------------------------


def payload(**fields: Any) -> PayloadMessage:
    return PayloadMessage(PATH, fields, Requester(name="me"))


def heard(fields: dict[str, Any]) -> str:
    """The line of a payload that went over the wire."""
    data = NODE_SPEAKS.seal(PayloadMessage(PATH, fields), NODE)
    return as_line(READER.read(data), NameBook(), None)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"EXEC_RESULT": 42, "EXEC_ERRORS": None, "EXEC_WARNING": []}, "EXEC_RESULT=42"),
        ({"EXEC_RESULT": None, "EXEC_ERRORS": "no: x"}, "EXEC_ERRORS='no: x'"),
        ({"EXEC_RESULT": [], "EXEC_ERRORS": None}, "EXEC_RESULT=[]"),
        ({"EXEC_RESULT": False}, "EXEC_RESULT=False"),
        ({"MY_KEY": {"a": [1, 2]}}, "MY_KEY={'a': [1, 2]}"),
        ({"DATA": 7, "PROGRESS": 50, "STATE": "SPLIT_INPUT"}, "PROGRESS=50  STATE='SPLIT_INPUT'"),
        ({"COMMAND_PARAMS": {"hello": 1}}, "COMMAND_PARAMS={'hello': 1}"),
    ],
)
def test_a_result_or_error_is_shown_under_whatever_key(fields: dict[str, Any], told: str) -> None:
    assert f"{told}  " in heard(fields)


def test_what_every_payload_has_is_not_shown() -> None:
    told = heard({"EXEC_RESULT": 1, "EXEC_ITER": 3, "ID": 8, "_P_VERSION": "1", "TAGS": "x"})

    assert "EXEC_RESULT=1  " in told
    for key in ("EXEC_ITER", "ID=", "_P_VERSION", "TAGS", "EE_", "STREAM"):
        assert key not in told


def test_a_payload_of_a_pye2_node_shows_only_what_is_its_own() -> None:
    messages = json.loads(RECORDED.read_text("utf-8"))["messages"]
    payloads = (
        READER.read(each["raw_utf8"].encode())
        for each in messages
        if each["topic"].endswith("/payloads")
    )
    told = {each.path.signature: title(each.message, each.own_fields) for each in payloads}

    assert "CURRENT_RANKING=[['real-2', 0.0, 1." in told["NET_MON_01"]
    for words in told.values():
        assert "IS_ALERT" not in words
        assert "EE_" not in words


def test_a_long_result_is_shortened_for_people_and_whole_for_programs() -> None:
    data = NODE_SPEAKS.seal(PayloadMessage(PATH, {"EXEC_RESULT": "x" * 5000}), NODE)
    reading = READER.read(data)

    assert len(as_line(reading, NameBook(), None)) < 600
    assert as_object(reading, None)["message"]["fields"]["EXEC_RESULT"] == "x" * 5000


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_the_result_it_is_told_shortly_and_for_whom(result: Any) -> None:
    told = title(payload(EXEC_RESULT=result))

    assert len(told) < 350
    assert told.endswith("for me")


# --- what a node gives as a reason ----------------------------------------------------------------


def test_a_refusal_is_shown_whole_with_its_remedy() -> None:
    data = NODE_SPEAKS.seal(not_allowed(CLIENT.address, "a" * 64), NODE)

    told = as_line(READER.read(data), NameBook(), None)

    assert f"-5000 ABNORMAL FUNCTIONING: {CLIENT.address} is not allowed" in told
    assert f"pye2 node allow {CLIENT.address}" in told
    assert "--home" in told
    assert "…" not in told


def test_a_reason_that_the_wire_cut_is_taken_from_where_it_is_whole() -> None:
    reason = "it cannot be, " * 40 + "do this"
    said = Notification(NotificationKind.EXCEPTION, reason, path=PATH, info=reason)

    assert reason in as_line(READER.read(NODE_SPEAKS.seal(said, NODE)), NameBook(), None)


def test_a_traceback_is_left_to_programs() -> None:
    said = Notification(NotificationKind.EXCEPTION, "it failed", info="it failed\n  line 1")

    assert title(said) == "EXCEPTION: it failed"


# --- commands told apart --------------------------------------------------------------------------


def update(**changes: Any) -> InstanceUpdate:
    return InstanceUpdate("p1", "CUSTOM_EXEC_01", "i1", changes)


@pytest.mark.parametrize(
    ("asked", "body", "words", "told"),
    [
        (Action.UPDATE_INSTANCE, update(PROCESS_DELAY=1), "update instance", "update instance"),
        (
            Action.UPDATE_INSTANCE,
            update(INSTANCE_COMMAND={"hello": 1}),
            "instance command",
            "instance command {'hello': 1}",
        ),
        (
            Action.UPDATE_INSTANCE,
            update(instance_command="RESET"),
            "instance command",
            "instance command 'RESET'",
        ),
        (
            Action.UPDATE_INSTANCE,
            update(INSTANCE_COMMAND="RESET", PROCESS_DELAY=1),
            "update instance with instance command",
            "update instance with instance command 'RESET'",
        ),
        (
            Action.UPDATE_INSTANCES,
            (update(INSTANCE_COMMAND="RESET"), update(A=1)),
            "update instances",
            "update instances, 1 with an instance command",
        ),
        (Action.UPDATE_INSTANCES, (update(A=1),), "update instances", "update instances"),
        (
            Action.PIPELINE_COMMAND,
            PipelineCommand("p1", {"x": 1}),
            "pipeline command",
            "pipeline command {'x': 1}",
        ),
    ],
)
def test_a_command_is_named_as_what_it_is(asked: Action, body: Any, words: str, told: str) -> None:
    data = Pye2Serializer().seal(Command(asked, body, target=NODE.address), CLIENT)
    reading = READER.read(data)

    assert (action(reading.message), title(reading.message)) == (words, told)
    assert as_object(reading, None)["action"] == words


def test_what_is_no_command_asks_for_nothing() -> None:
    assert action(payload()) is None
    assert action(None) is None
