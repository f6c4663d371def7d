"""Where a connection goes, and the paho client that goes there.

You are below ``connection``, whose thread drives the client. What is different from paho's own
client is here: it writes from that thread alone, at once, and copies little of what is large.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

import paho.mqtt.client as paho
from attrs import field, frozen
from paho.mqtt.enums import CallbackAPIVersion

from pye2_mqtt.buffered_socket import BufferedSocket

if TYPE_CHECKING:
    import ssl

    from pye2core.settings import BrokerAddress

_NO_LIMIT = 0
"""For paho's count of messages in flight: the kernel bounds what it publishes, and the broker
acknowledges as fast as it can. With a limit, paho searches all waiting messages at each answer."""

_LARGE = 64 * 1024
"""Bytes of a packet that a socket may take in several pieces."""


@frozen
class Will:
    """What the broker is to publish when a connection ends without a goodbye.

    Attributes:
        topic: where.
        data: the bytes, at most 65,535.
        qos: how safely; it is never retained.
    """

    topic: str
    data: bytes = field(repr=False)
    qos: int


@frozen
class Endpoint:
    """Where a connection goes and as whom.

    Attributes:
        broker: host and credentials.
        port: the port, never None.
        client_id: identifies the session at the broker.
        clean: whether the broker forgets the session when the connection ends.
        keepalive: seconds of silence after which the two sides ask each other for a sign of life.
        tls: checks the broker's certificate; None for an unencrypted connection.
        will: announces the connection's loss; None for no announcement.
    """

    broker: BrokerAddress
    port: int
    client_id: str
    clean: bool
    keepalive: int
    tls: ssl.SSLContext | None = None
    will: Will | None = None


class BufferedClient(paho.Client):
    """paho's client, on a socket with buffers."""

    def _create_socket(self) -> BufferedSocket:
        # Nothing public lets one give paho a socket.
        return BufferedSocket(cast("socket.socket", super()._create_socket()))

    def _packet_queue(self, command: int, packet: bytes | bytearray, *rest: Any) -> Any:
        # Of what a socket does not take at once, paho would copy all that is left, each time.
        if len(packet) > _LARGE:
            packet = cast("bytearray", memoryview(packet))
        return super()._packet_queue(command, packet, *rest)

    @property
    def connected(self) -> BufferedSocket | None:
        """The socket, while there is a connection."""
        current = self.socket()
        return current if isinstance(current, BufferedSocket) else None


def client_for(endpoint: Endpoint) -> BufferedClient:
    """A client that is not connected yet."""
    client = BufferedClient(
        CallbackAPIVersion.VERSION2,
        client_id=endpoint.client_id,
        clean_session=endpoint.clean,
        protocol=paho.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages_set(_NO_LIMIT)
    if endpoint.broker.user is not None:
        client.username_pw_set(endpoint.broker.user, endpoint.broker.password)
    if endpoint.tls is not None:
        client.tls_set_context(endpoint.tls)
    if endpoint.will is not None:
        client.will_set(endpoint.will.topic, endpoint.will.data, endpoint.will.qos)
    client.on_socket_open = _send_at_once
    client.on_socket_register_write = _leave_writing_to_loop
    return client


def _send_at_once(_client: paho.Client, _data: Any, connected: Any) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_writing_to_loop(_client: paho.Client, _data: Any, _connected: Any) -> None:
    """Is there so that paho does not write from the publisher's thread, beside the loop."""
