"""The whole life of each signature on a PyE2 node that is not ours, driven by our client.

And what such a node must be given or believed whatever it writes: code in each form, addresses in
each form, payloads that NumPy 2 spoilt, a name that is pinned. Sections are those of the PyE2 wire
protocol.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from our_client import PATIENCE, SMALL_JOB, Heard, Rejections
from wire_format import LEGACY_PREFIX, unpacked, without_prefix
from wire_node import CHAIN_DIST, REST_CUSTOM_EXEC, Habits, WireNode

from pye2core import Session
from pye2core.errors import Pye2Error
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from pathlib import Path

    from pye2core import Instance, Pipeline

Message = dict[str, Any]


@pytest.fixture
def node(foreign_node: WireNode) -> WireNode:
    """The one that is driven is not ours."""
    return foreign_node


def asked(instance: Instance) -> None:
    """Send a command and wait for its answer."""
    answer = instance.send_instance_command_and_wait_for_response_payload(
        "LOOK", payload={"k": 1}, command_params={"a": 2}, timeout_response_payload=PATIENCE
    )
    assert answer is not None
    assert answer["COMMAND_PARAMS"]["k"] == 1
    assert answer["SAID"] == {"a": 2, "LOOK": True}


def closed(node: WireNode, pipeline: Pipeline) -> None:
    """Close a pipeline, which archives it."""
    pipeline.close(timeout=PATIENCE)
    assert node.wait_for_command("ARCHIVE_CONFIG")["PAYLOAD"] == pipeline.name
    assert pipeline.name not in node.pipelines


# --- each signature (section 13) ------------------------------------------------------------------


def test_code_that_runs_once_lives_through_all_commands(node: WireNode, pipeline: Pipeline) -> None:
    payloads = Heard()

    def request(text: str, when: str) -> Message:
        return {"DATA": {"CODE": pipeline.str_to_base64(text)}, "TIMESTAMP": when}

    instance = pipeline.create_plugin_instance(
        signature=REST_CUSTOM_EXEC,
        instance_id="one",
        config={"REQUEST": request("return 1", "first")},
        on_data=payloads,
    )
    pipeline.deploy(timeout=PATIENCE)
    first = payloads.wait_for(lambda each: each.get("TIMESTAMP") == "first")
    instance.update_instance_config(request=request("return 2", "second"))
    pipeline.deploy(timeout=PATIENCE)
    second = payloads.wait_for(lambda each: each.get("TIMESTAMP") == "second")
    asked(instance)
    closed(node, pipeline)

    assert [each["EXEC_RESULT"]["text"] for each in (first, second)] == ["return 1", "return 2"]
    (update,) = node.wait_for_command("BATCH_UPDATE_PIPELINE_INSTANCE")["PAYLOAD"]
    assert update["SIGNATURE"] == REST_CUSTOM_EXEC
    assert update["INSTANCE_CONFIG"].keys() == {"INSTANCE_ID", "REQUEST"}


def test_a_distributed_job_lives_through_all_commands(session: Session, node: WireNode) -> None:
    payloads = Heard()

    pipeline, instance = session.create_chain_dist_custom_job(
        node=node.name,
        **SMALL_JOB,
        on_data=lambda _pipeline, payload: payloads(payload),
        deploy=True,
    )
    path = (pipeline.name, CHAIN_DIST, instance.instance_id)
    last = payloads.wait_for(lambda each: each.get("PROGRESS") == 100)
    asked(instance)
    instance.update_instance_config(finish_condition_kwargs={"X": 2})
    pipeline.deploy(timeout=PATIENCE)
    settings = node.instances[path].settings
    closed(node, pipeline)

    assert last["DATA"] == ["return [1, 2]"]
    assert settings["FINISH_CONDITION_KWARGS"] == {"X": 2}
    (update,) = node.wait_for_command("BATCH_UPDATE_PIPELINE_INSTANCE")["PAYLOAD"]
    assert update["SIGNATURE"] == CHAIN_DIST
    assert update["INSTANCE_CONFIG"] == {
        "INSTANCE_ID": instance.instance_id,
        "FINISH_CONDITION_KWARGS": {"X": 2},
    }
    assert path not in node.instances


# --- custom code (section 12) ---------------------------------------------------------------------


def user_function(plugin: Any) -> Any:
    for part in plugin.cfg_parts:
        if part > 1:
            return part
    return None


def process(plugin: Any, job_id: int, collected_data: Any, data: Any) -> Any:
    return [job_id, data]


FUNCTION = "for part in plugin.cfg_parts:\n    if part > 1:\n        return part\nreturn None"
BODY = "x = 1\nreturn x"
SCRIPT = "result = len(plugin.cfg_parts)"


def test_code_in_each_form_is_sent_as_text_without_its_def(
    node: WireNode, session: Session, pipeline: Pipeline, tmp_path: Path
) -> None:
    """A function, a file, a text; what has a ``return`` and what is a script."""
    (tmp_path / "body.py").write_text(BODY)
    (tmp_path / "script.py").write_text(SCRIPT)
    forms = {
        "function": (user_function, FUNCTION),
        "body": (BODY, BODY),
        "script": (SCRIPT, SCRIPT),
        "file with a body": (str(tmp_path / "body.py"), BODY),
        "file with a script": (str(tmp_path / "script.py"), SCRIPT),
    }
    results = {name: Heard() for name in forms}

    for name, (form, _) in forms.items():
        pipeline.create_custom_plugin_instance(
            instance_id=name,
            custom_code=form,
            parts=[1, 2, 3],
            on_data=lambda _pipeline, result, _payload, name=name: results[name](result),
        )
    pipeline.deploy(timeout=PATIENCE)
    once = pipeline.wait_exec(custom_code=user_function, timeout=PATIENCE)
    _, job = session.create_chain_dist_custom_job(
        node=node.name,
        main_node_process_real_time_collected_data=process,
        main_node_finish_condition=str(tmp_path / "body.py"),
        main_node_finish_condition_kwargs={},
        main_node_aggregate_collected_data=("AGGREGATE_COLLECTED_DATA___AGGREGATE_COLLECTED_DATA"),
        nr_remote_worker_nodes=1,
        worker_node_code=user_function,
        deploy=True,
    )

    for name, (_, text) in forms.items():
        assert results[name].wait_for()["text"] == text, name
    assert once[0]["text"] == FUNCTION
    settings = node.instances[job.pipeline.name, CHAIN_DIST, job.instance_id].settings
    sent = {key: value for key, value in settings.items() if key.startswith("CUSTOM_CODE_")}
    unpacked_of = {key.removeprefix("CUSTOM_CODE_"): unpacked(text) for key, text in sent.items()}
    assert unpacked_of["REMOTE_NODE"] == FUNCTION
    assert unpacked_of["PROCESS_REAL_TIME_COLLECTED_DATA"] == "return [job_id, data]"
    assert unpacked_of["FINISH_CONDITION"] == BODY
    assert "return" in unpacked_of["AGGREGATE_COLLECTED_DATA"]
    assert "AGGREGATE_COLLECTED_DATA___" not in unpacked_of["AGGREGATE_COLLECTED_DATA"]


# --- addresses (section 2) ------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", [LEGACY_PREFIX, ""], ids=["old prefix", "no prefix"])
def test_a_node_may_be_named_by_an_older_form_of_its_address(
    broker_url: str, our_key_file: Path, node: WireNode, prefix: str
) -> None:
    """A node compares what commands call it letter by letter, and listens to one form alone."""
    named = prefix + without_prefix(node.address)
    results = Heard()

    with Session(broker=broker_url, key_file=our_key_file, silent=True) as session:
        assert session.wait_for_node(named, timeout=PATIENCE, verbose=False)
        pipeline = session.create_pipeline(node=named, name=f"old-{uuid.uuid4().hex[:8]}")
        instance = pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code="return 1",
            on_data=lambda _pipeline, result, _payload: results(result),
        )
        pipeline.deploy(timeout=PATIENCE)
        results.wait_for()
        asked(instance)
        closed(node, pipeline)
        name, is_online = session.get_node_name(named), session.check_node_online(named)

    assert {each["EE_ID"] for each in node.commands} == {node.address}
    assert (name, is_online) == (node.name, True)


@pytest.mark.parametrize(
    "habits",
    [
        Habits(prefix=LEGACY_PREFIX, heartbeat_version="v1"),
        Habits(prefix=LEGACY_PREFIX),
        Habits(prefix=""),
    ],
    ids=["old prefix, v1", "old prefix, v2", "no prefix"],
)
def test_a_node_that_writes_its_address_in_an_older_form_is_driven_as_any(
    node: WireNode, pipeline: Pipeline
) -> None:
    payloads = Heard()

    instance = pipeline.create_custom_plugin_instance(
        instance_id="one",
        custom_code="return 1",
        encrypt_payload=True,
        on_data=lambda _pipeline, _result, payload: payloads(payload),
    )
    pipeline.deploy(timeout=PATIENCE)
    assert payloads.wait_for()["EXEC_RESULT"]["text"] == "return 1"
    asked(instance)
    closed(node, pipeline)

    assert pipeline.node_addr == node.address


# --- what is believed (sections 2, 3 and 5.3) -----------------------------------------------------


@pytest.mark.parametrize("habits", [Habits(signs_like_numpy_two=True)], ids=["NumPy 2"])
def test_payloads_signed_as_under_numpy_two_are_taken_where_the_session_is_told_to(
    broker_url: str, our_key_file: Path, node: WireNode
) -> None:
    results = Heard()
    with Session(
        broker=broker_url, key_file=our_key_file, silent=True, accept_numpy2_payloads=True
    ) as session:
        assert session.wait_for_node(node.name, timeout=PATIENCE, verbose=False)
        pipeline = session.create_pipeline(node=node.name, name=f"spoilt-{uuid.uuid4().hex[:8]}")
        instance = pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code="return 1",
            on_data=lambda _pipeline, _result, payload: results(payload),
        )
        pipeline.deploy(timeout=PATIENCE)
        payload = results.wait_for()
        node.habits.signs_like_numpy_two = False
        instance.update_instance_config(x=5)
        pipeline.deploy(timeout=PATIENCE)
        good = results.wait_for(lambda each: each["EXEC_RESULT"]["x"] == 5)
        pipeline.close(timeout=PATIENCE)

    assert payload["EXEC_RESULT"]["text"] == "return 1"
    assert payload["_P_PLUGIN_REAL_RESOLUTION"] == 19.5
    assert (payload.verified, good.verified) == (False, True)


def test_a_pinned_name_is_nobody_elses_even_if_they_are_heard_first(
    broker_url: str, our_key_file: Path, own_address: str, node: WireNode, rejections: Rejections
) -> None:
    pins = {node.name: LEGACY_PREFIX + without_prefix(node.address)}
    with WireNode(broker_url, node.name, allow=[own_address]) as impostor:
        with Session(
            broker=broker_url, key_file=our_key_file, silent=True, pinned_nodes=pins
        ) as session:
            impostor.beat()
            line = rejections.next_of(impostor.address)
            known_first = session.check_node_online(impostor.address)
            node.beat()
            assert session.wait_for_node(node.name, timeout=PATIENCE, verbose=False)
            pipeline = session.create_pipeline(node=node.name, name=f"mine-{uuid.uuid4().hex[:8]}")
            pipeline.create_custom_plugin_instance(instance_id="one", custom_code="return 1")
            pipeline.deploy(timeout=PATIENCE)
            closed(node, pipeline)

        assert "name-taken" in line
        assert not known_first
        assert pipeline.node_addr == node.address
        # What is sent goes to the address alone, so that whoever uses the name hears none of it.
        assert impostor.commands == []


def test_a_pinned_name_without_its_node_is_not_there(
    broker_url: str, our_key_file: Path, own_address: str, rejections: Rejections
) -> None:
    name, absent = f"absent-{uuid.uuid4().hex[:6]}", load_or_create_key(our_key_file).address
    with (
        WireNode(broker_url, name, allow=[own_address]) as impostor,
        Session(
            broker=broker_url, key_file=our_key_file, silent=True, pinned_nodes={name: absent}
        ) as session,
    ):
        impostor.beat()
        rejections.next_of(impostor.address)

        assert not session.wait_for_node(name, timeout=0.2, verbose=False)
        with pytest.raises(Pye2Error):
            session.create_pipeline(node=name, name="never", max_wait_time=0)
        assert impostor.pipelines == {}
