"""The targets of MQTT: what a broker sends, however it is cut, and what goes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fuzz_pieces import joined, pieces

from pye2_mqtt.buffered_socket import BufferedSocket
from pye2_mqtt.client import Endpoint
from pye2_mqtt.connection import Connection
from pye2core.settings import BrokerAddress

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pye2_mqtt.connection import Inbound


class Connected:
    """What a socket is connected to: it has sent so much, and takes so much."""

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.went = bytearray()
        self.room = 2**40
        self.is_over = False

    def recv(self, size: int) -> bytes:
        if not self.arrived and not self.is_over:
            raise BlockingIOError
        taken = bytes(self.arrived[:size])
        del self.arrived[:size]
        return taken

    def send(self, data: bytes | bytearray) -> int:
        taken = min(len(data), self.room)
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.went += data[:taken]
        return taken

    def close(self) -> None:
        """Nothing is to be given back."""


def buffered(connected: Connected) -> BufferedSocket:
    return BufferedSocket(cast("socket.socket", connected))


# --- the socket -----------------------------------------------------------------------------------


def mqtt_socket(data: bytes) -> None:
    """Whatever is read and written in whatever pieces, no byte is lost, doubled or moved."""
    connected = Connected()
    between = buffered(connected)
    came, read, written = bytearray(), bytearray(), bytearray()
    for number, piece in pieces(data):
        much = piece * 2 ** (number >> 4)
        match number % 8:
            case 0 | 1:
                came += much
                connected.arrived += much
            case 2 | 3 if much:
                read += _taken(between, len(much))
            case 4 | 5:
                written += much[: _given(between, much)]
            case 6:
                connected.room = len(much)
            case _:
                between.gathers = not between.gathers
                between.flush()
    connected.is_over, connected.room = True, 2**40
    between.flush()
    while rest := between.recv(1000):
        read += rest
    assert not between.has_unsent
    assert not between.has_more
    assert (read, connected.went) == (came, written)


def _taken(between: BufferedSocket, size: int) -> bytes:
    had_more = between.has_more
    try:
        taken = between.recv(size)
    except BlockingIOError:
        assert not had_more
        return b""
    assert 0 < len(taken) <= size
    return taken


def _given(between: BufferedSocket, data: bytes) -> int:
    try:
        return between.send(data)
    except BlockingIOError:
        return 0


# --- what a broker sends --------------------------------------------------------------------------


class Listening:
    """A connection whose bytes are given to it here, without a thread of its own."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._connected = Connected()
        self._between = buffered(self._connected)
        self._connection = Connection(ENDPOINT, self._hear, lambda: None, lambda _: None)
        self._connection._client._sock = self._between

    def _hear(self, message: Inbound) -> None:
        self.heard.append((message.topic, message.data))
        message.ack()

    def take(self, data: bytes) -> bool:
        """Read what comes; whether there is still a connection."""
        self._connected.arrived += data
        client = self._connection._client
        before = -1
        while client.connected is not None and len(self._connected.arrived) != before:
            before = len(self._connected.arrived)
            self._connection._read(self._between)
        while client.connected is not None and self._between.has_more:
            self._connection._read(self._between)
        return client.connected is not None

    def close(self) -> None:
        self._connection.drop("it is over")


def mqtt_messages(data: bytes) -> None:
    """Messages at any topic, in packets as they have to be: each is heard, or left out."""
    whole = b"".join(_published(number, piece) for number, piece in pieces(data))
    listening = Listening()
    try:
        assert listening.take(whole), "it gave up the connection"
        for topic, payload in listening.heard:
            assert topic.encode() in whole
            assert payload in whole
    finally:
        listening.close()


def _published(number: int, piece: bytes) -> bytes:
    """A PUBLISH packet: its QoS and flags, the length of its topic, that and the payload."""
    qos = number >> 1 & 1
    topic, payload = piece[1 : 1 + (piece[:1] or b"\0")[0]], piece[1 + (piece[:1] or b"\0")[0] :]
    if not topic or b"\0" in topic or set(topic) & set(b"#+"):
        return b""  # which no broker takes
    numbered = b"\0" + bytes([number | 1]) if qos else b""
    body = len(topic).to_bytes(2, "big") + topic + numbered + payload
    first = 0x30 | number & 1 | qos << 1 | (number & 8 if qos else 0)
    length = (
        bytes([len(body)]) if len(body) < 128 else bytes([len(body) & 127 | 128, len(body) >> 7])
    )
    return bytes([first]) + length + body


ENDPOINT = Endpoint(BrokerAddress("mqtt", "broker"), 1883, "fuzzed", clean=True, keepalive=60)

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (mqtt_socket, mqtt_messages)
}
SEEDS = {
    "mqtt_socket": [
        joined((0, b"abc"), (2, b"x"), (4, b"def"), (6, b"x"), (7, b""), (2, b"xx"), (4, b"g")),
        joined(
            (0xA0, b"a" * 99), (0xA2, b"x" * 99), (0xA4, b"d" * 99), (6, b""), (0xA4, b"e" * 99)
        ),
    ],
    "mqtt_messages": [
        joined((0, b"\7n/c/d/epayload"), (3, b"\3n/cpayload"), (11, b"\3n/cpayload")),
        joined((2, b"\2\xff\xfe")),
    ],
}
