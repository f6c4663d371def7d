"""What the end-to-end tests share: real nodes on a real broker, and a client that they allow."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from pye2_cli.fleet import Fleet
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2core import Pipeline


@pytest.fixture(scope="session")
def client_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A client's key file."""
    path = tmp_path_factory.mktemp("client") / "key.pem"
    load_or_create_key(path)
    return path


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, client_key: Path) -> Iterator[Fleet]:
    """Three node processes on the embedded broker, which allow the client."""
    client = load_or_create_key(client_key).address
    with Fleet(tmp_path_factory.mktemp("fleet"), 3, None, (client,)) as running:
        yield running


@pytest.fixture
def session(fleet: Fleet, client_key: Path) -> Iterator[Session]:
    """A session that has heard from all nodes of the fleet."""
    with Session(broker=fleet.url, key_file=client_key, silent=True) as connected:
        for node in fleet.nodes:
            assert connected.wait_for_node(node.address, timeout=20, verbose=False)
        yield connected


@pytest.fixture
def pipeline(session: Session, fleet: Fleet) -> Iterator[Pipeline]:
    """A new pipeline on the first node, closed in the end."""
    new = session.create_pipeline(node=fleet.nodes[0].address, name=f"test-{uuid.uuid4().hex[:8]}")
    yield new
    if new.is_deployed:
        new.close()


@pytest.fixture(scope="session")
def mosquitto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private Mosquitto that lets everybody in."""
    require_mosquitto()
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as running:
        yield running.url


@pytest.fixture
def protected_mosquitto_url(tmp_path: Path) -> Iterator[str]:
    """A private Mosquitto that lets nobody in without the right password."""
    require_mosquitto()
    with Mosquitto(tmp_path / "mosquitto", user="pye2", password="secret") as running:
        yield running.url
