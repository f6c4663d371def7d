"""A worker does for a main node only what it would do for the client who asked that.

Real nodes on a real broker (PyE2 wire protocol, section 20).
"""

from __future__ import annotations

import queue
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from node_process import NodeProcess
from test_wire_client_runs_jobs import chain_job
from wire_client import CHAIN_DIST, WireClient, pipeline_object
from wire_format import WireKey

from pye2_broker import EmbeddedBroker
from pye2_wire.serializer import Pye2Serializer
from pye2core import Session
from pye2core.abc import Channel
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code import encode
from pye2core.connection import Connection, ConnectionSettings, Dialects
from pye2core.delegations import DelegatedWork, code_digest, delegation_for
from pye2core.errors import JobFailedError
from pye2core.identity import Identity, load_or_create_key
from pye2core.messages import (
    Action,
    Command,
    InstanceConfig,
    Notification,
    PipelineConfig,
    Requester,
)
from pye2core.plugins import installed_plugins
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 30.0
DELEGATED = encode("return 'what was delegated'")
EXCHANGED = encode("return 'something else'")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two clients' keys: one is allowed everywhere, one on the main node only."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def client(keys: Path) -> Identity:
    return load_or_create_key(keys / "client.pem")


@pytest.fixture(scope="module")
def wire_key() -> WireKey:
    return WireKey()


@pytest.fixture(scope="module")
def main(
    url: str, keys: Path, client: Identity, wire_key: WireKey, tmp_path_factory: Any
) -> Iterator[NodeProcess]:
    """The main node, which allows all of them."""
    guest = load_or_create_key(keys / "guest.pem")
    allowed = (client.address, guest.address, wire_key.address)
    with NodeProcess(url, tmp_path_factory.mktemp("main"), "main", allowed) as running:
        yield running


@pytest.fixture(scope="module")
def worker(
    url: str, client: Identity, main: NodeProcess, tmp_path_factory: Any
) -> Iterator[NodeProcess]:
    """A worker that allows the client, and the main node as whom it takes for a person."""
    allowed = (client.address, main.address)
    with NodeProcess(url, tmp_path_factory.mktemp("worker"), "worker", allowed) as running:
        yield running


def numbers(
    session: Session,
    main: NodeProcess,
    heard: queue.Queue[Any],
    code: str = "return [1, 2, 3]",
    **asked: Any,
) -> None:
    """Have one worker count, until it has sent something."""
    assert session.wait_for_node(main.address, timeout=PATIENCE, verbose=False)
    session.create_chain_dist_custom_job(
        node=main.address,
        worker_node_code=code,
        worker_node_plugin_config=asked,
        nr_remote_worker_nodes=1,
        main_node_process_real_time_collected_data="return data",
        main_node_finish_condition="return bool(collected_data[0])",
        main_node_finish_condition_kwargs={},
        main_node_aggregate_collected_data="return collected_data[0][:3]",
        on_data=lambda _pipeline, each: heard.put(each),
        deploy=True,
        node_wait_timeout=12,
    )


def last_of(heard: queue.Queue[Any]) -> Any:
    while True:
        payload = heard.get(timeout=PATIENCE)
        if payload.get("PROGRESS") == 100 or payload.get("STATE") == "FAILED":
            return payload


def test_a_job_runs_where_its_client_is_allowed(
    url: str, keys: Path, main: NodeProcess, worker: NodeProcess
) -> None:
    heard: queue.Queue[Any] = queue.Queue()

    with Session(broker=url, key_file=keys / "client.pem", silent=True) as session:
        numbers(session, main, heard)
        last = last_of(heard)

    assert last["DATA"] == [1, 2, 3]
    assert {each["NODE"] for each in last["PROGRESS_BY_NODE"].values()} <= {worker.address}


def test_a_client_who_is_allowed_on_the_main_node_only_is_told_whom_the_worker_would_have_to_allow(
    url: str, keys: Path, main: NodeProcess, worker: NodeProcess
) -> None:
    guest = load_or_create_key(keys / "guest.pem").address
    heard: queue.Queue[Any] = queue.Queue()

    with Session(broker=url, key_file=keys / "guest.pem", silent=True) as session:
        numbers(session, main, heard)
        with pytest.raises(JobFailedError, match="worker does not take work of") as failed:
            session.run(wait=PATIENCE, close_session=False)

    assert f"pye2 node allow {guest} --name worker" in failed.value.reason


def test_workers_give_the_job_what_its_client_is_granted_there(
    url: str, keys: Path, client: Identity, main: NodeProcess, worker: NodeProcess
) -> None:
    """The main node is granted nothing; and to it go the results."""
    worker.allow_too(client.address, "--module", "fractions")
    heard: queue.Queue[Any] = queue.Queue()
    code = "import fractions\nreturn [int(fractions.Fraction(n)) for n in (4, 5, 6)]"

    with Session(broker=url, key_file=keys / "client.pem", silent=True) as session:
        numbers(session, main, heard, code, GRANTS={"modules": ["fractions"]})
        last = last_of(heard)

    assert (last.get("ERROR"), last["DATA"]) == (None, [4, 5, 6])


@pytest.mark.parametrize("way", ["create_pipeline", "update_full_configuration"])
def test_a_job_that_is_written_in_pye2s_form_is_delegated_too(
    url: str, keys: Path, main: NodeProcess, worker: NodeProcess, way: str
) -> None:
    heard: queue.Queue[Any] = queue.Queue()
    job = {"INSTANCE_ID": "job", **chain_job(1, 5), "NODE_WAIT_TIMEOUT": 12}
    plugins = [{"SIGNATURE": CHAIN_DIST, "INSTANCES": [job]}]
    at_once = plugins if way == "create_pipeline" else []

    with Session(broker=url, key_file=keys / "client.pem", silent=True) as session:
        assert session.wait_for_node(main.address, timeout=PATIENCE, verbose=False)
        pipeline = session.create_pipeline(
            node=main.address,
            name=f"written-{way}",
            plugins=at_once,
            on_data=lambda _pipeline, _signature, _instance, each: heard.put(each),
        )
        if not at_once:
            pipeline.update_full_configuration(plugins=plugins)
        pipeline.deploy(timeout=PATIENCE)
        last = last_of(heard)
        pipeline.close()

    assert (last.get("ERROR"), last["DATA"]) == (None, list(range(5)))


# --- a main node that cheats ----------------------------------------------------------------------


class Rogue:
    """A main node that is none of ours, and sends workers what it likes."""

    def __init__(self, url: str) -> None:
        self.identity = Identity.generate()
        self.heard: queue.Queue[Notification] = queue.Queue()
        self.connection = Connection(
            ConnectionSettings(parse_broker_url(url), f"rogue-{uuid.uuid4().hex[:6]}"),
            self.identity,
            Dialects([Pye2Serializer()]),
            installed_plugins(),
        )
        self.connection.listen(Channel.notif(), self._hear)
        self.connection.start()

    def _hear(self, message: Any, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        if message.requester.address == self.identity.address:
            self.heard.put(message)

    def deploy(
        self, worker: NodeProcess, code: str, delegation: str | None, pipeline: str
    ) -> Notification:
        """Send it; gives the answer that settles it."""
        config = PipelineConfig(
            pipeline, instances=(InstanceConfig("CUSTOM_EXEC_01", "Default", {"CODE": code}),)
        )
        requester = Requester(self.identity.address, "rogue", f"rogue_{pipeline}")
        command = Command(Action.UPDATE_PIPELINE, config, worker.address, requester, delegation)
        self.connection.send(
            command, Channel.config(worker.address), encrypt_for=worker.address
        ).result(PATIENCE)
        while True:
            said = self.heard.get(timeout=PATIENCE)
            is_this = said.requester.session_id == f"rogue_{pipeline}"
            if is_this and (said.failed or said.code == 100):
                return said

    def close(self) -> None:
        self.connection.close()


@pytest.fixture
def rogue(url: str) -> Iterator[Rogue]:
    running = Rogue(url)
    yield running
    running.close()


def test_a_main_node_cannot_exchange_the_code_nor_use_what_is_for_another_job_or_node(
    client: Identity, worker: NodeProcess, rogue: Rogue
) -> None:
    work = DelegatedWork(("CUSTOM_EXEC_01",), (code_digest(DELEGATED),))
    signed = delegation_for(
        work,
        job="theirs",
        main_node=rogue.identity.address,
        client=client,
        now=SYSTEM_CLOCK.now(),
    )
    for_another = delegation_for(
        work,
        job="theirs",
        main_node=Identity.generate().address,
        client=client,
        now=SYSTEM_CLOCK.now(),
    )

    exchanged = rogue.deploy(worker, EXCHANGED, signed.text, "theirs_w_0")
    elsewhere = rogue.deploy(worker, DELEGATED, signed.text, "another_w_0")
    stolen = rogue.deploy(worker, DELEGATED, for_another.text, "theirs_w_1")
    without = rogue.deploy(worker, DELEGATED, "none", "theirs_w_2")
    as_signed = rogue.deploy(worker, DELEGATED, signed.text, "theirs_w_3")

    assert "not the one that was delegated" in exchanged.text
    assert "none of its workers" in elsewhere.text
    assert "is for the main node" in stolen.text
    assert "--may-delegate" in without.text
    assert (as_signed.code, as_signed.path.pipeline) == (100, "theirs_w_3")


# --- PyE2's clients, which cannot sign a delegation -----------------------------------------------


def test_the_job_of_a_pye2_client_runs_where_the_owner_trusts_the_main_nodes_word(
    url: str,
    client: Identity,
    main: NodeProcess,
    worker: NodeProcess,
    wire_key: WireKey,
    tmp_path: Path,
) -> None:
    settings = {**chain_job(1, 5), "NODE_WAIT_TIMEOUT": 8}

    def result_of(wire: WireClient, name: str) -> Any:
        known = wire.meet(main.address)
        wire.deploy(known, pipeline_object(name, {"job": settings}, CHAIN_DIST))
        return wire.payload(
            main.address,
            (name, CHAIN_DIST, "job"),
            lambda each: each.get("PROGRESS") == 100 or each.get("STATE") == "FAILED",
        )

    with WireClient(url, key=wire_key) as wire:
        refused = result_of(wire, "before")
        with NodeProcess(url, tmp_path / "kind", "kind", (client.address,)) as kind:
            kind.allow_too(main.address, "--may-delegate")
            done = result_of(wire, "after")

    assert refused["STATE"] == "FAILED"
    assert f"pye2 node allow {main.address} --may-delegate --name worker" in refused["ERROR"]
    assert done["DATA"] == list(range(5))
