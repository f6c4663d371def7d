"""The other end of the raw MQTT echo: a process that sends back what it is sent, by paho alone."""

from __future__ import annotations

import os
import sys
import threading
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED = "echo/asked"
ECHOED = "echo/echoed"


def connected_client(url: str, topic: str, on_message: Callable[..., Any]) -> Client:
    """A raw paho client that is connected and subscribed to ``topic`` at QoS 1."""
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id=f"echo-{os.getpid()}")
    # As our transport does: with its usual limit, paho searches all that waits at each answer.
    client.max_inflight_messages_set(0)
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    # As our transport does; without it an echo takes 40 ms, and anything would look fast beside it.
    client.on_socket_open = lambda *given: given[-1].setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    parts = urlsplit(url)
    client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
    client.loop_start()
    client.subscribe(topic, qos=1)
    if not subscribed.wait(10):
        raise TimeoutError(url)
    return client


def main() -> None:
    """Echo until the process is ended."""
    client = connected_client(
        sys.argv[1], ASKED, lambda client, _, message: client.publish(ECHOED, message.payload, 1)
    )
    print("ready", flush=True)
    threading.Event().wait()
    client.disconnect()


if __name__ == "__main__":
    main()
