"""What a node says that it cannot run is refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, FakeNode

from pye2core.client import jobs
from pye2core.errors import (
    AlreadyExists,
    DeployFailed,
    NoNodeOnline,
    PipelineNotFound,
    SignatureNotOnNode,
)
from pye2core.messages import InstanceConfig, PipelineConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core import Pipeline, Session

PLAIN = [{"SIGNATURE": "PUPPET_PLAIN_01", "INSTANCES": [{"INSTANCE_ID": "i"}]}]


def let_say(node: FakeNode, session: Session, *signatures: str) -> None:
    """The node says what it can run, and the session has heard it."""
    said = dict.fromkeys(signatures, "1.2")
    node.beat(PYE2_SIGNATURES=said)

    def heard() -> bool:
        heartbeat = session.peers.heartbeat(node.address)
        return heartbeat is not None and heartbeat.signatures == said

    assert session.peers.wait_until(heard, PATIENCE)


@pytest.fixture
def pipeline(session: Session, node: FakeNode) -> Pipeline:
    """One on a node that says that it can run custom code, and nothing else."""
    let_say(node, session, "PUPPET_CODE_01")
    return session.create_pipeline(node=node.name, name="p")


def test_a_new_instance_of_what_the_node_lacks_is_refused_with_what_to_install(
    pipeline: Pipeline, node: FakeNode
) -> None:
    with pytest.raises(SignatureNotOnNode) as caught:
        pipeline.create_plugin_instance(signature="puppet_plain_01", instance_id="i")

    error = caught.value
    for told in (
        f"the node 'naeural-1' ({node.address}) cannot run PUPPET_PLAIN_01",
        "it has PUPPET_CODE_01 1.2",
        "`pip install client-puppets`",
    ):
        assert told in str(error)
    assert isinstance(error, DeployFailed)
    assert (error.node, error.pipeline) == (node.address, "p")
    assert (error.signature, error.offered) == ("PUPPET_PLAIN_01", {"PUPPET_CODE_01": "1.2"})
    assert pipeline.configurations.proposed.instances == ()


def test_a_session_tells_what_a_node_can_run_if_it_says(session: Session, node: FakeNode) -> None:
    before = session.get_node_signatures(node.name)
    let_say(node, session, "PUPPET_CODE_01")

    assert before is None
    for named in (node.name, node.address):
        assert session.get_node_signatures(named) == {"PUPPET_CODE_01": "1.2"}
    assert session.get_node_signatures("nobody") is None


def test_a_node_that_can_run_nothing_says_so(session: Session, node: FakeNode) -> None:
    let_say(node, session)
    pipeline = session.create_pipeline(node=node.name, name="p")

    with pytest.raises(SignatureNotOnNode, match="it has no signatures"):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")


def test_what_the_node_has_is_made_in_any_case(pipeline: Pipeline) -> None:
    instance = pipeline.create_plugin_instance(signature="puppet_code_01", instance_id="i")

    assert instance.signature == "PUPPET_CODE_01"


def test_the_error_names_nodes_that_can(
    pipeline: Pipeline, session: Session, add_node: Callable[..., FakeNode]
) -> None:
    other, stranger = add_node("other"), add_node("stranger")
    other.allowed = (session.address,)
    for each in (other, stranger):
        let_say(each, session, "PUPPET_PLAIN_01")

    with pytest.raises(SignatureNotOnNode, match=r"or use another node: other$"):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")


def test_a_deployment_of_what_the_node_lacks_sends_nothing_and_can_be_tried_again(
    session: Session, node: FakeNode
) -> None:
    let_say(node, session, "PUPPET_CODE_01")
    pipeline = session.create_pipeline(node=node.name, name="p", plugins=PLAIN)

    with pytest.raises(SignatureNotOnNode, match="PUPPET_PLAIN_01"):
        pipeline.deploy()
    assert node.commands.empty()
    let_say(node, session, "PUPPET_CODE_01", "PUPPET_PLAIN_01")
    pipeline.deploy(timeout=PATIENCE)

    assert pipeline.is_deployed


def test_whoever_was_refused_may_begin_again_under_the_same_name(
    pipeline: Pipeline, session: Session, node: FakeNode
) -> None:
    with pytest.raises(SignatureNotOnNode):
        pipeline.create_plugin_instance(signature="PUPPET_PLAIN_01", instance_id="i")

    again = session.create_pipeline(node=node.name, name="p")

    assert again.create_plugin_instance(signature="PUPPET_CODE_01", instance_id="i")
    assert node.commands.empty()
    with pytest.raises(PipelineNotFound, match="closed"):
        pipeline.deploy()
    with pytest.raises(AlreadyExists):
        session.create_pipeline(node=node.name, name="p")


def test_what_the_node_has_begun_to_run_may_be_changed_whatever_it_says(
    session: Session, node: FakeNode
) -> None:
    pipeline = session.create_pipeline(node=node.name, name="p", plugins=PLAIN)
    pipeline.deploy(timeout=PATIENCE)
    let_say(node, session, "PUPPET_CODE_01")

    (instance,) = pipeline.instances
    instance.update_instance_config({"SPEED": 2})
    pipeline.deploy(timeout=PATIENCE)

    assert instance.config == {"SPEED": 2}


def test_code_is_not_run_once_where_the_node_lacks_what_runs_it(
    pipeline: Pipeline, node: FakeNode
) -> None:
    with pytest.raises(SignatureNotOnNode, match="PUPPET_ONCE_01"):
        pipeline.wait_exec("return 1")

    assert node.commands.empty()


# --- the main node of a job -----------------------------------------------------------------------

JOB: dict[str, Any] = {
    "main_node_process_real_time_collected_data": "return data",
    "main_node_finish_condition": "return True",
    "main_node_finish_condition_kwargs": {},
    "main_node_aggregate_collected_data": "return 2",
    "worker_node_code": "return 3",
    "nr_remote_worker_nodes": 2,
}


def test_a_busy_node_that_can_serve_a_job_comes_before_an_idle_one_that_cannot(
    session: Session, node: FakeNode, add_node: Callable[..., FakeNode]
) -> None:
    let_say(node, session, "PUPPET_CODE_01")
    able = add_node("able")
    able.allowed = (session.address,)
    able.running = {"q": PipelineConfig("q", instances=(InstanceConfig("OTHER_01", "i"),))}
    let_say(able, session, "PUPPET_JOB_01")

    pipeline, _ = session.create_chain_dist_custom_job(**JOB)

    assert pipeline.node_addr == able.address


def test_without_a_node_that_can_serve_a_job_it_says_so(session: Session, node: FakeNode) -> None:
    let_say(node, session, "PUPPET_CODE_01")

    with pytest.raises(NoNodeOnline, match=r"naeural-1: online, but none can run PUPPET_JOB_01"):
        jobs.least_busy_node(session.peers, "PUPPET_JOB_01", timeout=0.01)
