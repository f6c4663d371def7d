"""The hello world over RabbitMQ and NATS, where nodes can leave no last will."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pye2_cli.fleet import Fleet
from pye2_testing import NatsServer, RabbitMq
from pye2_testing.fixtures import require_nats_server, require_rabbitmq
from pye2core import Session
from pye2core.identity import load_or_create_key
from pye2core.messages import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KINDS = {
    "rabbitmq": (require_rabbitmq, RabbitMq),
    "nats": (require_nats_server, NatsServer),
}


@pytest.fixture(scope="module", params=KINDS)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RabbitMq | NatsServer]:
    """A private broker of each kind."""
    require, kind = KINDS[request.param]
    require()
    with kind(tmp_path_factory.mktemp(request.param)) as running:
        yield running


def test_the_demo_finds_the_primes(broker: RabbitMq | NatsServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pye2_cli", "demo", "primes", "--broker", broker.url, "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["count"] == 168


def test_a_node_on_a_broker_without_last_wills_says_so_and_runs(
    broker: RabbitMq | NatsServer, tmp_path: Path
) -> None:
    key = tmp_path / "client.pem"
    client = load_or_create_key(key).address
    with (
        Fleet(tmp_path, 1, broker.url, (client,)) as fleet,
        Session(broker=broker.url, key_file=key, silent=True) as session,
    ):
        node = fleet.nodes[0].address
        assert session.wait_for_node(node, timeout=20, verbose=False)

        heartbeat = session.peers.online()[node]

    assert Capability.LAST_WILL not in heartbeat.capabilities
    assert Capability.ROLL_CALL in heartbeat.capabilities
