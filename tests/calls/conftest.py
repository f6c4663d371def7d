"""What the tests of calls share: a broker, three nodes, and a client that they allow."""

from __future__ import annotations

import sys
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING

import pytest

from pye2_testing.fixtures import require_mosquitto

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode adds no folder

from call_network import PATIENCE, CallNetwork, wait_until_stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from pye2core import Session


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallNetwork]:
    """Three node processes on a Mosquitto."""
    require_mosquitto()
    granted = ["sklearn", "pye2_joblib"]
    with CallNetwork(tmp_path_factory.mktemp("calls"), modules=granted) as running:
        yield running


@pytest.fixture(scope="session")
def session(network: CallNetwork) -> Iterator[Session]:
    """The session of most tests."""
    with network.session() as connected:
        yield connected


@pytest.fixture
def executor(session: Session) -> Iterator[Executor]:
    with session.executor() as made:
        yield made


@pytest.fixture
def endless(session: Session) -> Iterator[Future[None]]:
    """A call that runs and does not end by itself."""
    printed: Queue[str] = Queue()
    with session.executor(on_output=printed.put) as made:
        future = made.submit(wait_until_stopped)
        printed.get(timeout=PATIENCE)
        yield future
        future.cancel()
