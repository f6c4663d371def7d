"""Fixtures of the node's tests. What tests import by name is in ``node_support``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pye2_node.allow_file import Guest, allow
from pye2_node.context import Facilities
from pye2_node.home import Home
from pye2_node.settings import NodeSettings
from pye2_node.store import Store
from pye2_testing import MemoryTransport, fixtures
from pye2core.abc import TransportOptions
from pye2core.clock import SYSTEM_CLOCK, ManualClock
from pye2core.identity import Identity
from pye2core.settings import parse_broker_url

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))

from node_support import FRIEND, LONG_AGO, SECONDS, Client, Outlet, Registry, RunningNode

if TYPE_CHECKING:
    from collections.abc import Iterator

memory_broker = fixtures.memory_broker
mosquitto = fixtures.mosquitto


@pytest.fixture
def log() -> list[str]:
    """What was done with the puppets, in order."""
    return []


@pytest.fixture
def registry(log: list[str]) -> Registry:
    return Registry(log)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timesync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where systemd-timesyncd would tell of what it does; it is not there yet."""
    folder = tmp_path / "timesync"
    monkeypatch.setattr("pye2_node.node_clock._TIMESYNC", folder)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Home.open(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    opened = Store(home.database, SYSTEM_CLOCK)
    yield opened
    opened.close()


@pytest.fixture
def outlet() -> Outlet:
    return Outlet()


@pytest.fixture
def facilities(home: Home, store: Store, registry: Any, outlet: Outlet) -> Facilities:
    """What instances share, without a broker."""
    return Facilities(
        settings=NodeSettings("n1", parse_broker_url("mqtt://nowhere"), home.path),
        address=Identity.from_words(["node"]).address,
        clock=SYSTEM_CLOCK,
        registry=registry,
        home=home,
        store=store,
        pool=None,  # type: ignore[arg-type]  # these tests run no custom code
        network=None,  # type: ignore[arg-type]  # these tests have no other nodes
        send_payload=outlet.send_payload,
        announce=outlet.announce,
    )


# --- whole nodes on a broker within this process ---


@pytest.fixture
def broker(memory_broker):
    return memory_broker


@pytest.fixture
def start(broker, tmp_path, registry):
    """Starts a node that allows the friend; its home is named after it."""
    running = []

    def start_node(name="n1", guests=(FRIEND.address,), delegating=(), **options):
        home = tmp_path / name
        home.mkdir(exist_ok=True)
        listed = [Guest(guest) for guest in guests]
        listed += [Guest(each, may_delegate=True) for each in delegating]
        allow(home / "allow.toml", listed, LONG_AGO)
        running.append(RunningNode(broker.url, home, registry, name, **options))
        return running[-1].__enter__()

    yield start_node
    for node in running:
        node.stop()


@pytest.fixture
def connect(broker):
    """Connects a client, by default the friend's."""
    clients = []

    def connect_client(identity=FRIEND, dialects=None):
        clients.append(Client(broker.url, identity, dialects))
        return clients[-1]

    yield connect_client
    for client in clients:
        client.close()


@pytest.fixture
def friend(connect):
    return connect()


@pytest.fixture
def raw(broker):
    """Publishes bytes as they are."""
    transport = MemoryTransport(
        TransportOptions(parse_broker_url(broker.url), "raw"), lambda _: None, lambda *_: None
    )
    transport.connect(SECONDS)
    yield transport
    transport.close(SECONDS)
