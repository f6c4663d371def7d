"""``wait_exec`` of our client on a PyE2 node that is not ours (section 13 of the wire protocol)."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from wire_format import unpacked
from wire_node import REST_CUSTOM_EXEC, Habits, WireNode

from pye2core import Session
from pye2core.errors import CodeRefused, ConfirmationTimeout

if TYPE_CHECKING:
    from pathlib import Path

    from pye2core import Pipeline

Message = dict[str, Any]

PATIENCE = 30.0


@pytest.fixture
def node(foreign_node: WireNode) -> WireNode:
    """The one that is asked is not ours."""
    return foreign_node


def updates(node: WireNode) -> list[Message]:
    """The configurations that were sent, oldest first."""
    return [each["PAYLOAD"] for each in node.commands if each["ACTION"] == "UPDATE_CONFIG"]


def requests_in(update: Message) -> list[Message]:
    """The instances of a configuration that are to run code once."""
    return [
        instance
        for plugin in update["PLUGINS"]
        if plugin["SIGNATURE"] == REST_CUSTOM_EXEC
        for instance in plugin["INSTANCES"]
    ]


def nothing_is_left(node: WireNode) -> None:
    """Wait until each pipeline that was made for a request is closed again."""

    def all_are_closed() -> bool:
        made = {each["NAME"] for each in updates(node) if requests_in(each)}
        closed = {each["PAYLOAD"] for each in node.commands if each["ACTION"] == "ARCHIVE_CONFIG"}
        return bool(made) and made == closed

    node.wait_until(all_are_closed)
    assert not [path for path in node.instances if path[1] == REST_CUSTOM_EXEC]


def test_the_result_comes_back_and_the_instance_is_taken_away(
    node: WireNode, pipeline: Pipeline
) -> None:
    outcome = pipeline.wait_exec(custom_code="return 42", timeout=PATIENCE)

    assert outcome == ({"text": "return 42", "run": 1}, None)
    nothing_is_left(node)
    (update,) = updates(node)
    assert re.fullmatch(re.escape(pipeline.name) + "_[0-9a-f]{8}", update["NAME"])
    assert update["TYPE"] == "Void"
    (sent,) = requests_in(update)
    prefix = re.escape(f"{pipeline.name}_rest_custom_exec_synchronous_")
    assert re.fullmatch(prefix + "[0-9a-f]{8}", sent["INSTANCE_ID"])
    assert unpacked(sent["REQUEST"]["DATA"]["CODE"]) == "return 42"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", sent["REQUEST"]["TIMESTAMP"])
    assert (sent["RESULT_KEY"], sent["ERROR_KEY"]) == (
        "REST_EXECUTION_RESULT",
        "REST_EXECUTION_ERROR",
    )
    assert sent["ALLOW_EMPTY_INPUTS"] is True
    assert sent["RUN_WITHOUT_IMAGE"] is True


def test_what_runs_beside_it_stays_as_it_is(node: WireNode, pipeline: Pipeline) -> None:
    pipeline.create_custom_plugin_instance(instance_id="one", custom_code="return 1")
    pipeline.deploy(timeout=PATIENCE)

    pipeline.wait_exec("return 2", {"x": 5}, timeout=PATIENCE)

    nothing_is_left(node)
    _, added = updates(node)
    assert requests_in(added)[0]["X"] == 5
    assert {path[:1] + path[2:] for path in node.instances} == {(pipeline.name, "one")}


def test_with_input_it_runs_beside_what_gets_it(session: Session, node: WireNode) -> None:
    pipeline = session.create_pipeline(
        node=node.name, name=f"ours-{uuid.uuid4().hex[:8]}", data_source="VideoStream"
    )
    pipeline.create_custom_plugin_instance(instance_id="one", custom_code="return 1")
    pipeline.deploy(timeout=PATIENCE)

    result, error = pipeline.wait_exec("return 2", timeout=PATIENCE)

    node.wait_until(lambda: len(updates(node)) == 3)
    before, added, removed = updates(node)
    assert (result["text"], error) == ("return 2", None)
    assert added["PLUGINS"][:1] == before["PLUGINS"] == removed["PLUGINS"]
    assert requests_in(added)[0]["ALLOW_EMPTY_INPUTS"] is False
    assert {path[2] for path in node.instances} == {"one"}


def test_the_runs_of_two_sessions_do_not_end_each_other(
    session: Session, broker_url: str, our_key_file: Path, node: WireNode, pipeline: Pipeline
) -> None:
    node.habits = Habits(answers_requests=False)
    pipeline.deploy(timeout=PATIENCE)
    with ThreadPoolExecutor() as beside:
        waiting = beside.submit(pipeline.wait_exec, "return 'slow'", timeout=PATIENCE)
        node.wait_until(lambda: len(updates(node)) == 2)
        (slow,) = [path for path in node.instances if path[1] == REST_CUSTOM_EXEC]
        node.habits = Habits()

        with Session(broker=broker_url, key_file=our_key_file) as other:
            assert other.wait_for_node(node.name, timeout=PATIENCE, verbose=False)
            attached = other.attach_to_pipeline(
                node=node.name, name=pipeline.name, max_wait_time=PATIENCE
            )
            result, _ = attached.wait_exec("return 'short'", timeout=PATIENCE)

        assert result["text"] == "return 'short'"
        node.instances[slow].last_request = None
        node.run_all()
        assert waiting.result(PATIENCE)[0]["text"] == "return 'slow'"
    nothing_is_left(node)


def test_an_error_of_the_code_comes_back_at_once(node: WireNode, pipeline: Pipeline) -> None:
    """A PyE2 node confirms the instance only ten seconds later."""
    outcome = pipeline.wait_exec("raise ValueError", timeout=PATIENCE)

    assert outcome == (None, "RuntimeError: raised")
    nothing_is_left(node)


def test_an_encrypted_result_is_read(node: WireNode, pipeline: Pipeline) -> None:
    result, error = pipeline.wait_exec(
        "return 1", instance_config={"encrypt_payload": True}, timeout=PATIENCE
    )

    assert (result["text"], error) == ("return 1", None)


def test_no_result_in_time_is_an_error_and_leaves_nothing(
    node: WireNode, pipeline: Pipeline
) -> None:
    node.habits = Habits(answers_requests=False)

    with pytest.raises(ConfirmationTimeout, match="the result of the code"):
        pipeline.wait_exec("return 1", timeout=2)

    nothing_is_left(node)


def test_code_that_is_refused_is_not_sent(node: WireNode, pipeline: Pipeline) -> None:
    with pytest.raises(CodeRefused):
        pipeline.wait_exec("import os", timeout=PATIENCE)

    assert updates(node) == []


def test_an_instance_that_stays_takes_one_request_after_the_other(
    node: WireNode, pipeline: Pipeline
) -> None:
    results: list[Any] = []
    instance = pipeline.create_plugin_instance(
        signature=REST_CUSTOM_EXEC,
        instance_id="calculator",
        custom_code="return 1",
        on_data=lambda _pipeline, payload: results.append(payload.get("EXEC_RESULT")),
    )
    pipeline.deploy(timeout=PATIENCE)
    instance.update_instance_config(custom_code="return 2")
    pipeline.deploy(timeout=PATIENCE)

    pipeline.session.run(wait=lambda: len(list(filter(None, results))) < 2, close_session=False)

    assert [each["text"] for each in results if each] == ["return 1", "return 2"]
