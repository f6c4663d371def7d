"""What a node makes of messages that are broken, forged or far too large: it goes on."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from pye2_cli.fleet import Fleet
from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def node_on_mosquitto(
    mosquitto_url: str, tmp_path_factory: pytest.TempPathFactory, client_key: Path
) -> Iterator[Fleet]:
    """One node on Mosquitto, which carries messages of any size."""
    client = load_or_create_key(client_key).address
    with Fleet(tmp_path_factory.mktemp("hostile"), 1, mosquitto_url, (client,)) as running:
        yield running


def publish(url: str, topic: str, data: bytes) -> None:
    """Publish by raw paho at QoS 1 and wait until the broker has it."""
    connected = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"hostile-{os.urandom(4).hex()}")
    client.on_connect = lambda *_: connected.set()
    parts = urlsplit(url)
    client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
    client.loop_start()
    assert connected.wait(10)
    client.publish(topic, data, qos=1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def forged_command(node: str) -> dict[str, Any]:
    """A command whose signature belongs to nothing."""
    return {
        "ACTION": "ARCHIVE_CONFIG_ALL",
        "PAYLOAD": None,
        "EE_IS_ENCRYPTED": False,
        "EE_ID": node,
        "SESSION_ID": "x",
        "INITIATOR_ID": "x",
        "EE_SENDER": node,
        "TIME": "2026-01-01 00:00:00.000000",
        "EE_SIGN": "MEUCIQDiCGPD5MesKQg-gpi3phUoeJy01YlyxjgD_ElWZYPhvQIgAiNoBaWyT86f",
        "EE_HASH": "0" * 64,
    }


def hostile_messages(node: str) -> dict[str, bytes]:
    """By name, what is thrown at the node."""
    forged = json.dumps(forged_command(node)).encode()
    return {
        "a broken signature": forged,
        "truncated JSON": forged[: len(forged) // 2],
        "nothing": b"",
        "JSON that is no object": b"[1, 2, 3]",
        "deep nesting": b'{"EE_SENDER":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "10 MB of noise": os.urandom(10 * MEGABYTE),
        "a 40 MB message": b'{"EE_SENDER": "' + b"x" * (40 * MEGABYTE) + b'"}',
    }


@pytest.mark.mosquitto
@pytest.mark.parametrize("name", sorted(hostile_messages("")))
def test_a_node_goes_on_after(name: str, node_on_mosquitto: Fleet, client_key: Path) -> None:
    node = node_on_mosquitto.nodes[0].address
    results = []
    arrived = threading.Event()

    def on_data(pipeline: Any, result: Any, payload: Any) -> None:
        results.append(result)
        arrived.set()

    with Session(broker=node_on_mosquitto.url, key_file=client_key, silent=True) as session:
        assert session.wait_for_node(node, timeout=20, verbose=False)

        publish(node_on_mosquitto.url, f"naeural/{node}/config", hostile_messages(node)[name])
        publish(node_on_mosquitto.url, "naeural/ctrl", hostile_messages(node)[name])
        publish(node_on_mosquitto.url, "naeural/payloads", hostile_messages(node)[name])

        pipeline = session.create_pipeline(node=node, name="after")
        pipeline.create_custom_plugin_instance(
            instance_id="one", custom_code="return 42", on_data=on_data, process_delay=60
        )
        pipeline.deploy(timeout=30)
        assert arrived.wait(30)
        pipeline.close()
    assert results == [42]


@pytest.mark.mosquitto
def test_refused_credentials_say_so(protected_mosquitto_url: str, client_key: Path) -> None:
    from pye2core.errors import CredentialsRefused

    parts = urlsplit(protected_mosquitto_url)

    with pytest.raises(CredentialsRefused, match="password"):
        Session(f"mqtt://somebody:wrong@{parts.hostname}:{parts.port}", key_file=client_key)
