"""Two clients of ours that change, close and make one pipeline of a node that is a process."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from node_process import NodeProcess

from pye2core import Session
from pye2core.errors import ConfirmationTimeout, PipelineNotFound
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pye2core import Instance, Pipeline

PATIENCE = 30.0
PATHS = "return [plugin.cfg_x, plugin.cfg_y]"


class Client:
    """A session of its own address, and a way to wait for what it comes to know."""

    def __init__(self, url: str, key_file: Path) -> None:
        self._heard = threading.Condition()
        self._beats = 0
        self.session = Session(
            broker=url, key_file=key_file, silent=True, on_heartbeat=self._on_heartbeat
        )

    def _on_heartbeat(self, *_: Any) -> None:
        with self._heard:
            self._beats += 1
            self._heard.notify_all()

    def comes_to_know(self, fact: Callable[[], object]) -> bool:
        """Whether something becomes known with one of the next heartbeats."""
        with self._heard:
            return bool(self._heard.wait_for(fact, PATIENCE))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Two key files."""
    files = tmp_path / "one.pem", tmp_path / "other.pem"
    for each in files:
        load_or_create_key(each)
    return files


@pytest.fixture
def node(broker_url: str, tmp_path: Path, keys: tuple[Path, Path]) -> Iterator[NodeProcess]:
    """A node that allows both, and says little unless something changes."""
    allow = tuple(load_or_create_key(each).address for each in keys)
    name = f"shared-{uuid.uuid4().hex[:6]}"
    with NodeProcess(broker_url, tmp_path / "node", name, allow) as running:
        yield running


@pytest.fixture
def clients(
    broker_url: str, keys: tuple[Path, Path], node: NodeProcess
) -> Iterator[tuple[Client, Client]]:
    """Both of them, who know the node."""
    both = Client(broker_url, keys[0]), Client(broker_url, keys[1])
    for each in both:
        assert each.session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
    yield both
    for each in both:
        each.session.close()


@pytest.fixture
def one(clients: tuple[Client, Client]) -> Client:
    """Who makes the pipeline."""
    return clients[0]


@pytest.fixture
def other(clients: tuple[Client, Client]) -> Client:
    """Who attaches to it."""
    return clients[1]


@pytest.fixture
def results() -> list[Any]:
    """What the code returned, to who made the pipeline."""
    return []


@pytest.fixture
def made(one: Client, node: NodeProcess, results: list[Any]) -> Pipeline:
    """The pipeline as it was made, with one instance."""
    pipeline = one.session.create_pipeline(node=node.address, name="shared", place="here")
    pipeline.create_custom_plugin_instance(
        instance_id="i",
        custom_code=PATHS,
        on_data=lambda _pipeline, result, _payload: results.append(result),
        process_delay=60,
        x=1,
        y=1,
    )
    pipeline.deploy(timeout=PATIENCE)
    return pipeline


@pytest.fixture
def attached(made: Pipeline, other: Client, node: NodeProcess) -> Pipeline:
    """The same pipeline in the hands of the other one."""
    return other.session.attach_to_pipeline(
        node=node.address, name="shared", max_wait_time=PATIENCE
    )


def the_instance(pipeline: Pipeline) -> Instance:
    return next(each for each in pipeline.instances if each.instance_id == "i")


def test_each_follows_the_other_and_a_deployment_keeps_what_the_other_changed(
    one: Client, other: Client, made: Pipeline, attached: Pipeline
) -> None:
    mine, theirs = the_instance(made), the_instance(attached)
    code = mine.config["CODE"]
    mine.update_instance_config(x=2)

    theirs.update_instance_config(y=9)
    attached.create_custom_plugin_instance(
        instance_id="theirs", custom_code="return 0", process_delay=60
    )
    attached.deploy(timeout=PATIENCE)
    assert one.comes_to_know(lambda: mine.config["Y"] == 9)
    assert (mine.config["CODE"], mine.proposed_config) == (code, {"X": 2})
    made.deploy(timeout=PATIENCE)
    made.update_acquisition_parameters(place="there")
    made.deploy(timeout=PATIENCE)

    assert other.comes_to_know(lambda: attached.config["PLACE"] == "there")
    assert (theirs.config["X"], theirs.config["Y"]) == (2, 9)
    assert [each.instance_id for each in made.instances] == ["i", "theirs"]
    assert [each.instance_id for each in attached.instances] == ["i", "theirs"]
    assert other.session.get_active_pipelines(attached.node_addr) == {"shared": attached}


def test_what_the_other_closed_is_not_made_anew_unless_that_is_asked_for(
    one: Client, made: Pipeline, attached: Pipeline, node: NodeProcess
) -> None:
    the_instance(made).update_instance_config(x=2)

    attached.close(timeout=PATIENCE)
    assert one.comes_to_know(lambda: made.is_gone)

    with pytest.raises(PipelineNotFound, match=r"another client closed it.*create_pipeline"):
        made.deploy(timeout=PATIENCE)
    assert one.session.get_active_pipelines(node.address) == {}
    anew = one.session.create_pipeline(node=node.address, name="shared")
    anew.deploy(timeout=PATIENCE)
    assert one.session.get_active_pipelines(node.address) == {"shared": anew}


def test_what_was_confirmed_is_never_undone_by_a_heartbeat_of_before(
    one: Client, node: NodeProcess
) -> None:
    """Each deployment is made while heartbeats of the one before are under way."""
    for number in range(20):
        pipeline = one.session.create_pipeline(node=node.address, name=f"quick-{number % 2}")
        one.session.commands.ask_for_heartbeat(node.address)
        pipeline.deploy(timeout=PATIENCE)
        one.session.commands.ask_for_heartbeat(node.address)
        for value in range(3):
            pipeline.update_acquisition_parameters(value=value)
            pipeline.deploy(timeout=PATIENCE)
            assert pipeline.config["VALUE"] == value
        pipeline.close(timeout=PATIENCE)


def test_what_was_not_confirmed_in_time_is_known_when_the_node_has_done_it(
    one: Client, made: Pipeline
) -> None:
    instance = the_instance(made)
    instance.update_instance_config(x=5)
    with pytest.raises(ConfirmationTimeout):
        made.deploy(timeout=1e-6)

    assert one.comes_to_know(lambda: instance.config["X"] == 5)

    assert made.deploy(timeout=PATIENCE) is None
    assert made.configurations.unanswered is None
