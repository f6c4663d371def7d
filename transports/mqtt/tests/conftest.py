"""A broker that says what a test tells it to, byte by byte, and clients of it."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define

from pye2_mqtt.transport import MqttTransport
from pye2_testing import fixtures
from pye2core.abc import ConnectionState, Delivery, TransportOptions
from pye2core.settings import BrokerAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 1, 3, 4, 8, 14

mosquitto = fixtures.mosquitto
embedded_broker = fixtures.embedded_broker


@define(eq=False)
class Line:
    """One connection, as the broker's side sees it."""

    connected: socket.socket
    lines: object

    def read(self) -> tuple[int, bytes]:
        """The next packet: its type and what follows the length; (0, b"") at the end."""
        head = self.lines.read(1)
        if not head:
            return 0, b""
        length = shift = 0
        while True:
            (byte,) = self.lines.read(1)
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return head[0] >> 4, self.lines.read(length)

    def await_packet(self, kind: int) -> bytes:
        """The content of the next packet of that kind; others are passed over."""
        while True:
            found, content = self.read()
            assert found, "the client hung up"
            if found == kind:
                return content

    def send(self, data: bytes) -> None:
        self.connected.sendall(data)

    def accept(self, code: int = 0, *, knows: bool = False) -> str:
        """Answer the greeting, with or without a session from before; the client's id."""
        content = self.await_packet(CONNECT)
        self.send(bytes([0x20, 2, knows, code]))
        size = struct.unpack(">H", content[10:12])[0]
        return content[12 : 12 + size].decode()

    def grant(self, code: int = 1) -> str:
        """Answer a subscription; its topic."""
        content = self.await_packet(SUBSCRIBE)
        self.send(bytes([0x90, 3]) + content[:2] + bytes([code]))
        return content[4:-1].decode()

    def publish(self, topic: str, data: bytes, mid: int, *, again: bool = False) -> None:
        """Deliver a message of QoS 1."""
        self.send(_published(topic, data, mid, again=again))

    def publish_together(self, topic: str, *messages: bytes) -> None:
        """Deliver messages of QoS 1 so that they arrive at once."""
        self.send(b"".join(_published(topic, each, mid) for mid, each in enumerate(messages, 1)))

    def hang_up(self) -> None:
        with suppress(OSError):  # the client may have been first
            self.connected.shutdown(socket.SHUT_RDWR)


def _published(topic: str, data: bytes, mid: int, *, again: bool = False) -> bytes:
    content = struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", mid) + data
    return bytes([0x3A if again else 0x32, len(content)]) + content


class ScriptedBroker:
    """Takes connections and leaves what is said to the test."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lines: list[Line] = []

    def line(self) -> Line:
        """The next connection."""
        self._listener.settimeout(PATIENCE)
        connected, _ = self._listener.accept()
        connected.settimeout(PATIENCE)
        line = Line(connected, connected.makefile("rb"))
        self._lines.append(line)
        return line

    def welcome(self, *, knows: bool = False) -> tuple[Line, Line, Line]:
        """Accept a client's connections: the main one, those for payloads and for inboxes."""
        lines = {}
        for _ in range(3):
            line = self.line()
            lines[line.accept(knows=knows)[-2:]] = line
        payloads, inboxes = lines.pop("-p"), lines.pop("-i")
        (main,) = lines.values()
        return main, payloads, inboxes

    def close(self) -> None:
        for line in self._lines:
            line.hang_up()
            line.lines.close()
            line.connected.close()
        self._listener.close()


@define(eq=False)
class Told:
    """A transport and what it has told."""

    transport: MqttTransport
    deliveries: queue.Queue[Delivery]
    states: queue.Queue[tuple[ConnectionState, str]]

    def take(self) -> Delivery:
        return self.deliveries.get(timeout=PATIENCE)

    def connect_aside(self) -> threading.Thread:
        """Connect in another thread, while this one plays the broker."""
        thread = threading.Thread(target=self.transport.connect, args=(PATIENCE,))
        thread.start()
        return thread


@pytest.fixture
def scripted() -> Iterator[ScriptedBroker]:
    broker = ScriptedBroker()
    yield broker
    broker.close()


@pytest.fixture
def make_transport():
    """Makes transports and ends them after the test."""
    made: list[MqttTransport] = []

    def make(address: BrokerAddress, client_id: str = "client", **options: Any) -> Told:
        deliveries: queue.Queue[Delivery] = queue.Queue()
        states: queue.Queue[tuple[ConnectionState, str]] = queue.Queue()
        transport = MqttTransport(
            TransportOptions(address, client_id, **options),
            deliveries.put,
            lambda state, reason: states.put((state, reason)),
        )
        made.append(transport)
        return Told(transport, deliveries, states)

    yield make
    for transport in made:
        transport.detach(0)


@pytest.fixture
def client(scripted: ScriptedBroker, make_transport) -> Told:
    """A client of the scripted broker, not connected yet."""
    return make_transport(BrokerAddress("mqtt", "127.0.0.1", scripted.port))
