"""Brokers whose access rules know PyE2's topics only: nodes and sessions work all the same."""

from __future__ import annotations

import queue
import signal
from typing import TYPE_CHECKING, Any

import pytest

from pye2_broker.program import find_server
from pye2_cli.fleet import Fleet
from pye2_testing.child import Child, free_port
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0

MOSQUITTO_RULES = """\
topic readwrite naeural/ctrl
topic readwrite naeural/notif
topic readwrite naeural/payloads
topic readwrite naeural/+/config
"""

NATS_CONFIGURATION = """
server_name: "access-rules"
listen: "127.0.0.1:-1"
jetstream {{ store_dir: "{folder}" }}
mqtt {{ host: "127.0.0.1", port: {port} }}
accounts {{ A {{ jetstream: enabled, users: [ {{ user: "u", password: "p", permissions: {{
  publish: ["naeural.ctrl", "naeural.notif", "naeural.payloads", "naeural.*.config"],
  subscribe: ["naeural.ctrl", "naeural.notif", "naeural.payloads", "naeural.*.config",
              "$MQTT.sub.>", "$MQTT.>"] }} }} ] }} }}
"""


def delivering_nothing(folder: Path) -> Iterator[str]:
    """Mosquitto grants every subscription, and delivers what its rules allow."""
    require_mosquitto()
    folder.mkdir()
    rules = folder / "rules"
    rules.write_text(MOSQUITTO_RULES, encoding="utf-8")
    with Mosquitto(folder, options=[f"acl_file {rules}"]) as running:
        yield running.url


def refusing(folder: Path) -> Iterator[str]:
    """nats-server refuses subscriptions."""
    folder.mkdir()
    port = free_port()
    configuration = folder / "nats.conf"
    configuration.write_text(
        NATS_CONFIGURATION.format(folder=folder / "store", port=port), encoding="utf-8"
    )
    server = Child(
        [str(find_server()), "-c", str(configuration)],
        lambda line: b"Server is ready" in line,
    )
    assert server.failure(PATIENCE) is None
    yield f"mqtt://u:p@127.0.0.1:{port}"
    server.end([signal.SIGTERM, signal.SIGKILL])


@pytest.fixture(params=[delivering_nothing, refusing], ids=lambda kind: kind.__name__)
def strict_broker_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A broker that lets nobody use what PyE2 has not."""
    yield from request.param(tmp_path / "broker")


@pytest.mark.parametrize(
    "callbacks", [{}, {"on_payload": lambda *_: None}], ids=["own results", "everything"]
)
def test_results_arrive_where_the_broker_knows_pye2s_topics_only(
    strict_broker_url: str, tmp_path: Path, client_key: Path, callbacks: Any
) -> None:
    client = load_or_create_key(client_key).address
    results: queue.Queue[Any] = queue.Queue()
    capabilities: queue.Queue[Any] = queue.Queue()
    callbacks = {
        **callbacks,
        "on_heartbeat": lambda *said: capabilities.put(said[-1]["PYE2_CAPABILITIES"]),
    }

    with (
        Fleet(tmp_path / "fleet", 1, strict_broker_url, (client,)) as fleet,
        Session(broker=strict_broker_url, key_file=client_key, **callbacks) as session,
    ):
        (node,) = fleet.nodes
        assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
        pipeline = session.create_pipeline(node=node.address, name="strict")
        pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code="return 1",
            process_delay=0.2,
            on_data=lambda _pipeline, payload, *_: results.put(payload),
        )
        pipeline.deploy(timeout=PATIENCE)

        assert results.get(timeout=PATIENCE) is not None
        assert "roll-call" not in capabilities.get(timeout=PATIENCE)
        pipeline.close()
