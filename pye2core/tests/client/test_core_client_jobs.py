"""Distributed jobs: what the installed job plugin is told, and on which node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode

from pye2core.client import jobs
from pye2core.client.deployment import DeployedPipeline
from pye2core.errors import (
    ConfirmationTimeout,
    DeployFailed,
    NodeNotOnline,
    NoNodeOnline,
    NotConnected,
    PresetParameterError,
    UnknownPreset,
)
from pye2core.messages import Action, PipelineConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core import Session

JOB: dict[str, Any] = {
    "main_node_process_real_time_collected_data": "return data",
    "main_node_finish_condition": "return True",
    "main_node_finish_condition_kwargs": {"X": 1},
    "main_node_aggregate_collected_data": "return 2",
    "worker_node_code": "return 3",
    "nr_remote_worker_nodes": 2,
}
AS_SETTINGS = {name.upper(): value for name, value in JOB.items()}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long for nodes that never come."""
    monkeypatch.setattr(jobs.least_busy_node, "__defaults__", (0.01,))


@pytest.mark.parametrize("argument", ["node", "node_addr"])
def test_a_job_is_a_pipeline_with_one_instance_on_the_main_node(
    session: Session, node: FakeNode, argument: str
) -> None:
    heard = Calls()

    pipeline, instance = session.create_chain_dist_custom_job(
        **JOB, **{argument: node.address}, on_data=heard, deploy=True, node_timeout=9
    )
    node.say(instance.path, PROGRESS=50)

    assert instance.config == {**AS_SETTINGS, "NODE_TIMEOUT": 9}
    assert len(pipeline.name) == 8
    found, payload = heard.next()
    assert (found, payload["PROGRESS"]) == (pipeline, 50)


def test_its_arguments_may_be_given_by_position(session: Session, node: FakeNode) -> None:
    _, instance = session.create_chain_dist_custom_job(
        *JOB.values(), node.address, {"SPEED": 1}, {"stream_type": "Void"}
    )

    assert instance.proposed_config == {
        **AS_SETTINGS,
        "WORKER_NODE_PLUGIN_CONFIG": {"SPEED": 1},
        "WORKER_NODE_PIPELINE_CONFIG": {"stream_type": "Void"},
    }
    assert node.commands.empty()


def test_node_and_node_addr_are_one_argument(session: Session, node: FakeNode) -> None:
    with pytest.raises(TypeError, match="node or node_addr"):
        session.create_chain_dist_custom_job(**JOB, node=node.name, node_addr=node.address)


def test_without_a_node_the_least_busy_one_that_allows_the_client_is_taken(
    session: Session, node: FakeNode, add_node: Callable[..., FakeNode]
) -> None:
    node.running = {"p": PipelineConfig("p")}
    node.beat()
    idle, stranger = add_node("idle"), add_node("stranger")
    idle.allowed = (session.address,)
    for other in (idle, stranger):
        assert session.wait_for_node(other.address, PATIENCE, verbose=False)
    assert session.peers.wait_until(lambda: busy(session, node), PATIENCE)

    pipeline, _ = session.create_chain_dist_custom_job(**JOB)

    assert pipeline.node_addr == idle.address


def busy(session: Session, node: FakeNode) -> bool:
    return bool(session.peers.online()[node.address].pipelines)


def test_without_any_node_it_says_what_to_check(
    open_session: Callable[..., Session], quick: None
) -> None:
    with pytest.raises(NoNodeOnline, match="pye2 up"):
        open_session().create_chain_dist_custom_job(**JOB)


def test_with_nodes_that_do_not_allow_the_client_it_says_how_to_be_allowed(
    open_session: Callable[..., Session], add_node: Callable[..., FakeNode], quick: None
) -> None:
    session, stranger = open_session(), add_node("stranger")
    assert session.wait_for_node(stranger.address, PATIENCE, verbose=False)

    with pytest.raises(NoNodeOnline, match=f"stranger: .*pye2 node allow {session.address}"):
        session.create_chain_dist_custom_job(**JOB)


def test_a_job_on_an_unknown_node_is_refused(session: Session) -> None:
    with pytest.raises(NodeNotOnline, match="naeural-1"):
        session.create_chain_dist_custom_job(**JOB, node="nobody")


def test_a_job_whose_functions_are_refused_leaves_nothing_behind(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from client_puppets import Job

    def refuse(**_: Any) -> dict[str, Any]:
        raise ValueError("bad code")

    monkeypatch.setattr(Job, "settings_from", refuse)

    with pytest.raises(ValueError, match="bad code"):
        session.create_chain_dist_custom_job(**JOB, node=node.name)

    assert session.known_pipelines.all() == []


def test_a_job_that_the_node_does_not_confirm_is_closed_on_it(
    session: Session, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DeployedPipeline.deploy.__kwdefaults__, "timeout", 0.05)
    node.answer = node.ignore

    with pytest.raises(ConfirmationTimeout):
        session.create_chain_dist_custom_job(**JOB, node=node.name, deploy=True)

    sent, closed = node.next_command(), node.next_command()
    assert isinstance(sent.body, PipelineConfig)
    assert (closed.action, closed.body) == (Action.ARCHIVE_PIPELINE, sent.body.name)


def test_a_job_that_cannot_even_be_closed_is_told_and_fails_as_it_did(
    session: Session,
    node: FakeNode,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def deploy(_: DeployedPipeline) -> None:
        raise DeployFailed("no", node=node.address, pipeline="p", reason="no")

    def close(_: DeployedPipeline, **__: Any) -> None:
        raise NotConnected("the session was closed", broker="b")

    monkeypatch.setattr(DeployedPipeline, "deploy", deploy)
    monkeypatch.setattr(DeployedPipeline, "close", close)

    with pytest.raises(DeployFailed):
        session.create_chain_dist_custom_job(**JOB, node=node.name, deploy=True)

    assert "may still run: the session was closed" in caplog.text


def test_a_job_that_the_node_refuses_is_closed_on_it(session: Session, node: FakeNode) -> None:
    node.answer = node.refuse("no")

    with pytest.raises(DeployFailed):
        session.create_chain_dist_custom_job(**JOB, node=node.name, deploy=True)

    refused, closed = node.next_command(), node.next_command()
    assert isinstance(refused.body, PipelineConfig)
    assert (closed.action, closed.body) == (Action.ARCHIVE_PIPELINE, refused.body.name)


# --- whole-job presets ----------------------------------------------------------------------------


def test_a_whole_job_preset_brings_all_its_functions(session: Session, node: FakeNode) -> None:
    _, instance = session.create_job("counting", node=node.name, upto=5, workers=3)

    assert instance.config == {
        "MAIN_NODE_PROCESS_REAL_TIME_COLLECTED_DATA": "return data",
        "MAIN_NODE_FINISH_CONDITION": "return True",
        "MAIN_NODE_FINISH_CONDITION_KWARGS": {"X": 5},
        "MAIN_NODE_AGGREGATE_COLLECTED_DATA": "return 2",
        "WORKER_NODE_CODE": "return 1",
        "WORKER_NODE_PLUGIN_CONFIG": {},
        "NR_REMOTE_WORKER_NODES": 3,
    }


@pytest.mark.parametrize(
    ("parameters", "parameter", "message"),
    [
        ({}, "upto", "needs the parameter 'upto'; it takes: upto, workers"),
        ({"upto": 1, "size": 2}, "size", "has no parameter 'size'; it takes: upto, workers"),
        ({"upto": "many"}, "upto", "cannot use its parameters: 'upto' must be"),
    ],
)
def test_a_preset_names_the_parameter_that_it_cannot_use(
    session: Session, node: FakeNode, parameters: Any, parameter: str, message: str
) -> None:
    with pytest.raises(PresetParameterError, match=message) as caught:
        session.create_job("counting", node=node.name, **parameters)

    assert (caught.value.preset, caught.value.parameter) == ("counting", parameter)


def test_an_unknown_preset_is_refused_with_one_of_a_similar_name(session: Session) -> None:
    with pytest.raises(UnknownPreset, match="COUNTING"):
        session.create_job("countin")


def test_one_function_of_a_job_is_no_whole_job(session: Session) -> None:
    with pytest.raises(PresetParameterError, match="create_chain_dist_custom_job"):
        session.create_job("KEEP_ALL")
