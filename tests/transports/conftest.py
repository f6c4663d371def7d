"""Benches: a running broker of some kind, what can be done to it, and clients on it.

The contract's tests see no more of a transport than this, so that they are the same for all.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve

from pye2_testing import fixtures
from pye2_testing.memory_broker import MemoryBroker
from pye2_testing.memory_transport import MemoryTransport
from pye2_testing.mosquitto import Mosquitto
from pye2core.abc import Channel, ConnectionState, Delivery, Transport, TransportOptions
from pye2core.errors import BrokerUnreachable
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pye2core.abc import LastWill
    from pye2core.settings import BrokerAddress

PATIENCE = 30.0
"""Seconds after which what has not happened counts as not happening at all."""

USER, PASSWORD = "pye2", "s3cret & ü:/@"


@define(eq=False)
class Client:
    """A transport, and what it has told so far."""

    transport: Transport
    deliveries: queue.Queue[Delivery]
    states: queue.Queue[tuple[ConnectionState, str]]
    acknowledges: bool = True
    cable: Cable | None = None

    def take(self, count: int = 1) -> list[Delivery]:
        """The next deliveries, acknowledged where the client does that."""
        taken = []
        for _ in range(count):
            delivery = self.deliveries.get(timeout=PATIENCE)
            if self.acknowledges:
                delivery.ack()
            taken.append(delivery)
        return taken

    def data(self, count: int = 1) -> list[bytes]:
        """What the next deliveries say."""
        return [delivery.data for delivery in self.take(count)]

    def subscribe(self, *channels: Channel) -> Client:
        for channel in channels:
            self.transport.subscribe(channel, PATIENCE)
        return self

    def publish(self, channel: Channel, *messages: bytes) -> None:
        """Publish, and wait until the broker has taken all of it."""
        for future in [self.transport.publish(channel, one) for one in messages]:
            future.result(PATIENCE)

    def settle(self) -> None:
        """Wait until the broker has read what was acknowledged: it answers this after that."""
        self.subscribe(Channel.config("nobody"), Channel.inbox("nobody"))

    def reconnect_persistently(self) -> None:
        """Connect again, and again if turned away, as the kernel does.

        nats-server holds for a second, then turns away, who twice within a second takes over a
        connection that it has not yet seen end.
        """
        for _ in range(5):
            with suppress(BrokerUnreachable):
                return self.transport.connect(PATIENCE)
        raise AssertionError("the broker turns us away again and again")

    def wait_for_loss(self) -> str:
        state, reason = self.states.get(timeout=PATIENCE)
        assert state is ConnectionState.LOST
        return reason


class Bench(ABC):
    """A broker, and clients on it."""

    implementation: type[Transport]

    def __init__(self) -> None:
        self._clients: list[Client] = []

    @property
    @abstractmethod
    def address(self) -> BrokerAddress:
        """Where it is, with good credentials if it wants some."""

    @property
    @abstractmethod
    def nowhere(self) -> BrokerAddress:
        """Where no broker is."""

    @abstractmethod
    def freeze(self) -> None:
        """Have it take and confirm nothing."""

    @abstractmethod
    def kill(self) -> None:
        """End it without a word."""

    @abstractmethod
    def restart(self) -> None:
        """Have it run again where it was."""

    def client(
        self,
        client_id: str,
        *,
        persistent: bool = False,
        acknowledges: bool = True,
        severable: bool = False,
        connected: bool = True,
        address: BrokerAddress | None = None,
        last_will: Callable[[], LastWill | None] | None = None,
    ) -> Client:
        """A client; ``severable`` ones can be given to :meth:`sever`."""
        address = address or self.address
        cable = self.lay_cable() if severable else None
        options = TransportOptions(
            evolve(address, port=cable.port) if cable else address,
            client_id,
            persistent,
            last_will=last_will,
        )
        deliveries: queue.Queue[Delivery] = queue.Queue()
        states: queue.Queue[tuple[ConnectionState, str]] = queue.Queue()
        transport = self.implementation(
            options, deliveries.put, lambda state, reason: states.put((state, reason))
        )
        client = Client(transport, deliveries, states, acknowledges, cable)
        self._clients.append(client)
        if connected:
            transport.connect(PATIENCE)
        return client

    def require(self, feature: str) -> None:
        """Skip the test where the transport does not claim to have that feature."""
        if not getattr(self.implementation.features, feature):
            pytest.skip(f"{self.implementation.__name__} does not have the feature {feature!r}")

    def lay_cable(self) -> Cable | None:
        """Something between client and broker that can be cut, where there is a network."""
        return None

    def sever(self, client: Client) -> None:
        """Lose the connection of a client without a word."""
        assert client.cable is not None
        client.cable.cut()

    def close(self) -> None:
        for client in self._clients:
            client.transport.detach(PATIENCE)
            if client.cable:
                client.cable.remove()


class MemoryBench(Bench):
    implementation = MemoryTransport

    def __init__(self, name: str, user: str | None = None, password: str | None = None) -> None:
        super().__init__()
        self._broker = MemoryBroker(name, user=user, password=password)
        self._broker.start()
        self._credentials = {"user": user, "password": password}

    @property
    def address(self) -> BrokerAddress:
        return evolve(parse_broker_url(self._broker.url), **self._credentials)

    @property
    def nowhere(self) -> BrokerAddress:
        return parse_broker_url("memory://nowhere")

    def sever(self, client: Client) -> None:
        self._broker.drop(client.transport.options.client_id)

    def freeze(self) -> None:
        self._broker.stall()

    def kill(self) -> None:
        self._broker.stop()

    def restart(self) -> None:
        self._broker.start()

    def close(self) -> None:
        super().close()
        self._broker.stop()


class NetworkBench(Bench):
    """What brokers in a process of their own have in common."""

    from pye2_mqtt.transport import MqttTransport as implementation  # noqa: N813 - the attribute's name

    @property
    @abstractmethod
    def port(self) -> int:
        """Where the broker listens."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The broker's process."""

    @property
    def address(self) -> BrokerAddress:
        return parse_broker_url(f"mqtt://127.0.0.1:{self.port}")

    @property
    def nowhere(self) -> BrokerAddress:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return evolve(self.address, port=probe.getsockname()[1])

    def lay_cable(self) -> Cable:
        return Cable(self.port)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)  # its threads go on for a moment


class MosquittoBench(NetworkBench):
    def __init__(self, folder: Path, user: str | None = None, password: str | None = None) -> None:
        super().__init__()
        fixtures.require_mosquitto()
        self._broker = Mosquitto(folder, user=user, password=password)
        self._credentials = {"user": user, "password": password}
        self._broker.start()

    @property
    def address(self) -> BrokerAddress:
        return evolve(super().address, **self._credentials)

    @property
    def port(self) -> int:
        return self._broker.port

    @property
    def pid(self) -> int:
        return self._broker.pid

    def kill(self) -> None:
        self._broker.kill()

    def restart(self) -> None:
        self._broker.start()

    def close(self) -> None:
        super().close()
        self._broker.stop()


class EmbeddedBench(NetworkBench):
    def __init__(self, folder: Path) -> None:
        from pye2_broker import EmbeddedBroker

        super().__init__()
        self._ended = threading.Event()
        self._broker = EmbeddedBroker(folder, redeliver_after=1.0)
        self._broker.watch(lambda failure: self._ended.set())
        self._broker.start()

    @property
    def port(self) -> int:
        port = parse_broker_url(self._broker.url).port
        assert port is not None
        return port

    @property
    def pid(self) -> int:
        assert self._broker.pid is not None
        return self._broker.pid

    def kill(self) -> None:
        self._ended.clear()
        os.kill(self.pid, signal.SIGKILL)
        assert self._ended.wait(PATIENCE)

    def restart(self) -> None:
        self._broker.start()

    def close(self) -> None:
        super().close()
        self._broker.stop()


class Cable:
    """A TCP connection to a broker that passes through here, where it can be cut."""

    def __init__(self, to_port: int) -> None:
        self._to_port = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Lose what is connected; new connections can be made."""
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            _shut(end)

    def remove(self) -> None:
        """Cut it for good."""
        _shut(self._listener)
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._ends += [near, far]
            passing = threading.Thread(target=_pass_both, args=(near, far), daemon=True)
            self._threads.append(passing)
            passing.start()


def _pass_both(near: socket.socket, far: socket.socket) -> None:
    back = threading.Thread(target=_pass, args=(far, near), daemon=True)
    back.start()
    _pass(near, far)
    back.join()
    near.close()
    far.close()


def _pass(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
    except OSError:
        pass  # cut
    finally:
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it may be shut already
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=["memory", "mosquitto", "embedded"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each kind of broker, without credentials."""
    made: Bench
    if request.param == "memory":
        made = MemoryBench("contract")
    elif request.param == "mosquitto":
        made = MosquittoBench(tmp_path)
    else:
        made = EmbeddedBench(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["memory", "mosquitto"])
def guarded_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Each kind of broker that can ask for a user and a password."""
    made: Bench
    if request.param == "memory":
        made = MemoryBench("contract", USER, PASSWORD)
    else:
        made = MosquittoBench(tmp_path, USER, PASSWORD)
    yield made
    made.close()
