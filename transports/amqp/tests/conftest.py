"""A RabbitMQ that all tests share, clients of it, and a relay on the way that can be meddled with.

Each test has an exchange of its own, and with it queues of its own.
"""

from __future__ import annotations

import queue
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pika
import pytest
from attrs import define, evolve, frozen

from pye2_amqp.settings import AmqpSettings
from pye2_amqp.transport import AmqpTransport
from pye2_testing.certificates import Authority, CertificateFiles
from pye2_testing.child import free_port
from pye2_testing.fixtures import require_rabbitmq
from pye2_testing.rabbitmq import RabbitMq
from pye2core.abc import Channel, ConnectionState, Delivery, TransportOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pika.adapters.blocking_connection import BlockingChannel

    from pye2core.settings import BrokerAddress

PATIENCE = 30.0

USER, PASSWORD = "pye2", "s3cret & ü:/@"


@define(eq=False)
class Told:
    """A transport and what it has told."""

    transport: AmqpTransport
    deliveries: queue.Queue[Delivery]
    states: queue.Queue[tuple[ConnectionState, str]]

    def take(self) -> Delivery:
        return self.deliveries.get(timeout=PATIENCE)

    def subscribe(self, *channels: Channel) -> Told:
        for channel in channels:
            self.transport.subscribe(channel, PATIENCE)
        return self

    def publish(self, channel: Channel, *messages: bytes) -> None:
        for future in [self.transport.publish(channel, one) for one in messages]:
            future.result(PATIENCE)

    def wait_for_loss(self) -> str:
        state, reason = self.states.get(timeout=PATIENCE)
        assert state is ConnectionState.LOST
        return reason


@frozen
class Certificates:
    """Authorities, and what they have signed."""

    ours: Authority
    other: Authority
    broker: CertificateFiles
    client: CertificateFiles
    stranger: CertificateFiles


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ours, other = Authority(folder, "ours"), Authority(folder, "other")
    client, stranger = ours.issue("client", passphrase="a word"), other.issue("stranger")
    return Certificates(ours, other, ours.issue("broker"), client, stranger)


@pytest.fixture(scope="session")
def tls_port() -> int:
    """Where the broker listens for encrypted connections."""
    return free_port()


@pytest.fixture(scope="session")
def broker(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates, tls_port: int
) -> Iterator[RabbitMq]:
    """A RabbitMQ with the virtual hosts "/" and "lab/1", and a listener for TLS."""
    require_rabbitmq()
    options = [
        f"listeners.ssl.1 = 127.0.0.1:{tls_port}",
        f"ssl_options.cacertfile = {certificates.ours.certificate}",
        f"ssl_options.certfile = {certificates.broker.certificate}",
        f"ssl_options.keyfile = {certificates.broker.key}",
    ]
    folder = tmp_path_factory.mktemp("rabbitmq")
    with RabbitMq(
        folder, user=USER, password=PASSWORD, vhosts=("/", "lab/1"), options=options
    ) as running:
        yield running


@pytest.fixture
def settings() -> AmqpSettings:
    """Names of this test alone."""
    return AmqpSettings(exchange=f"test-{uuid4().hex[:8]}")


@pytest.fixture
def make_transport(settings: AmqpSettings):
    """Makes transports and ends them after the test."""
    made: list[AmqpTransport] = []

    def make(address: BrokerAddress, client_id: str = "client", **options: Any) -> Told:
        deliveries: queue.Queue[Delivery] = queue.Queue()
        states: queue.Queue[tuple[ConnectionState, str]] = queue.Queue()
        transport = AmqpTransport(
            TransportOptions(address, client_id, **{"settings": settings, **options}),
            deliveries.put,
            lambda state, reason: states.put((state, reason)),
        )
        made.append(transport)
        return Told(transport, deliveries, states)

    yield make
    for transport in made:
        transport.close(PATIENCE)


@pytest.fixture
def connected(broker: RabbitMq, make_transport):
    """Makes transports that are connected."""

    def make(client_id: str = "client", **options: Any) -> Told:
        told = make_transport(options.pop("address", broker.address), client_id, **options)
        told.transport.connect(PATIENCE)
        return told

    return make


@pytest.fixture
def raw(broker: RabbitMq) -> Iterator[BlockingChannel]:
    """The broker as pika alone sees it."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    yield connection.channel()
    connection.close()


@define(eq=False)
class Line:
    """One connection through the relay."""

    near: socket.socket
    far: socket.socket
    said: bytes = b""
    stalled: bool = False


class Relay:
    """Passes connections to a broker, and can be told to pass nothing more on one of them."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lines: list[Line] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def line(self, name: str) -> Line:
        """The connection that called itself so at its beginning."""
        (found,) = [line for line in self.lines if f"({name})".encode() in line.said]
        return found

    def cut(self, name: str) -> None:
        """Lose one connection, as seen by the client."""
        _shut(self.line(name).near)

    def remove(self) -> None:
        _shut(self._listener)
        self._threads[0].join()
        for line in self.lines:
            _shut(line.near)
            _shut(line.far)
        for thread in self._threads:
            thread.join()
        for line in self.lines:
            line.near.close()
            line.far.close()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            line = Line(near, socket.create_connection(("127.0.0.1", self._to_port)))
            self.lines.append(line)
            for pass_on in (self._pass_out, self._pass_in):
                self._threads.append(threading.Thread(target=pass_on, args=(line,), daemon=True))
                self._threads[-1].start()

    def _pass_out(self, line: Line) -> None:
        with suppress(OSError):  # the relay was removed, or the broker hung up
            while (data := line.near.recv(1 << 12)) and not line.stalled:
                line.said = (line.said + data)[:4096]
                line.far.sendall(data)
        if not line.stalled:
            _shut(line.far)

    def _pass_in(self, line: Line) -> None:
        with suppress(OSError):  # as above
            while data := line.far.recv(1 << 16):
                line.near.sendall(data)
        _shut(line.near)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it may be shut already
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay(broker: RabbitMq) -> Iterator[Relay]:
    made = Relay(broker.port)
    yield made
    made.remove()


@pytest.fixture
def by_relay(broker: RabbitMq, relay: Relay) -> BrokerAddress:
    """The broker's address through the relay."""
    return evolve(broker.address, port=relay.port)
