"""What the tests on the wire share: brokers, nodes of ours on them, and peers that are not ours."""

from __future__ import annotations

import logging
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from pye2_cli.fleet import Fleet
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.identity import load_or_create_key

# In pytest's importlib mode test files find each other only by the path.
sys.path.append(str(Path(__file__).parent))

from node_process import NodeProcess
from our_client import PATIENCE, Rejections
from wire_client import KnownNode, WireClient
from wire_format import WireKey
from wire_node import Habits, WireNode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core import Pipeline

BROKERS = ["embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)]


@pytest.fixture(scope="session", params=BROKERS)
def broker_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Each broker, empty at first."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "mosquitto":
        require_mosquitto()
        with Mosquitto(folder) as mosquitto:
            yield mosquitto.url
        return
    from pye2_broker import EmbeddedBroker

    with EmbeddedBroker(folder) as embedded:
        yield embedded.url


@pytest.fixture(scope="session")
def wire_key() -> WireKey:
    """The key of the client that is not ours."""
    return WireKey()


@pytest.fixture(scope="session")
def our_key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key file of our client."""
    path = tmp_path_factory.mktemp("client") / "key.pem"
    load_or_create_key(path)
    return path


@pytest.fixture(scope="session")
def fleet(
    broker_url: str,
    wire_key: WireKey,
    our_key_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Fleet]:
    """Three nodes of ours that allow both clients, and take each other's word for PyE2's."""
    allowed = (wire_key.address, load_or_create_key(our_key_file).address)
    with Fleet(
        tmp_path_factory.mktemp("fleet"), 3, broker_url, allowed, may_delegate=True
    ) as running:
        yield running


@pytest.fixture(scope="session", params=["encrypted", "clear"])
def connected_client(
    request: pytest.FixtureRequest, broker_url: str, wire_key: WireKey
) -> Iterator[WireClient]:
    """A client that is not ours, whose commands are encrypted or not."""
    encrypts = request.param == "encrypted"
    with WireClient(broker_url, key=wire_key, encrypts=encrypts) as connected:
        yield connected


@pytest.fixture
def client(connected_client: WireClient) -> Iterator[WireClient]:
    """A client that is not ours; nothing that it hears may be unsigned or deafen it."""
    connected_client.forget()
    yield connected_client
    assert connected_client.unverified == []
    assert connected_client.deafened_by == []


@pytest.fixture
def node(client: WireClient, fleet: Fleet) -> KnownNode:
    """The node of ours that is driven, as its heartbeats tell of it."""
    address = fleet.nodes[0].address
    return client.nodes.get(address) or client.meet(address)


@pytest.fixture
def pipeline_name(client: WireClient, node: KnownNode) -> Iterator[str]:
    """The name of a pipeline; whatever is deployed under it is archived in the end."""
    name = f"wire-{uuid.uuid4().hex[:8]}"
    yield name
    client.archive(node, name)


@pytest.fixture
def lone_node(
    broker_url: str, tmp_path: Path, wire_key: WireKey
) -> Iterator[tuple[NodeProcess, WireClient]]:
    """A node of ours that the test may stop, and a client that is not ours."""
    name = f"lone-{uuid.uuid4().hex[:6]}"
    with (
        WireClient(broker_url, key=wire_key) as client,
        NodeProcess(broker_url, tmp_path / "node", name, (wire_key.address,)) as running,
    ):
        yield running, client
    assert client.deafened_by == []


# --- our client, and a node that is not ours ------------------------------------------------------


@pytest.fixture
def own_address(our_key_file: Path) -> str:
    """The address of our client."""
    return load_or_create_key(our_key_file).address


@pytest.fixture
def habits() -> Habits:
    """What the foreign node does otherwise than ours; to be replaced."""
    return Habits()


@pytest.fixture
def foreign_node(broker_url: str, own_address: str, habits: Habits) -> Iterator[WireNode]:
    """A node that is not ours and allows our client."""
    name = f"foreign-{uuid.uuid4().hex[:6]}"
    # A copy: a test may have its node change them.
    with WireNode(broker_url, name, allow=[own_address], habits=evolve(habits)) as running:
        yield running
    assert running.dropped == []


@pytest.fixture(params=["encrypted", "clear"])
def session(
    request: pytest.FixtureRequest, broker_url: str, our_key_file: Path, foreign_node: WireNode
) -> Iterator[Session]:
    """A session of ours that knows the foreign node; commands encrypted or not."""
    encrypts = request.param == "encrypted"
    with Session(
        broker=broker_url, key_file=our_key_file, silent=True, encrypt_comms=encrypts
    ) as connected:
        assert connected.wait_for_node(foreign_node.name, timeout=PATIENCE, verbose=False)
        yield connected


@pytest.fixture
def pipeline(session: Session, foreign_node: WireNode) -> Pipeline:
    """A pipeline of ours on the foreign node, not deployed yet."""
    return session.create_pipeline(node=foreign_node.name, name=f"ours-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def rejections() -> Iterator[Rejections]:
    """What our client does not act on from now."""
    handler, logger = Rejections(), logging.getLogger("pye2core.connection")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)
