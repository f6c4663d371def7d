"""Benches: a running broker of some kind, what can be done to it, and clients on it.

You are where a contract's tests get what they need. They see no more of a transport than this, so
that they are the same for all. A broker in a process of its own is a :class:`ProcessBench`; for
anything else, subclass :class:`Bench`.
"""

from __future__ import annotations

import os
import queue
import signal
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, Self

from attrs import define, evolve

from pye2_testing.child import free_port
from pye2_testing.contracts.transport.cable import Cable
from pye2core.abc import Channel, ConnectionState, Delivery, Transport, TransportOptions
from pye2core.errors import BrokerUnreachable
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pye2core.abc import LastWill
    from pye2core.settings import BrokerAddress

PATIENCE = 30.0
"""Seconds after which what has not happened counts as not happening at all."""

_ATTEMPTS = 5


@define(eq=False)
class Client:
    """A transport, and what it has told so far.

    Attributes:
        transport: what is under test.
        deliveries: what came and was not taken yet.
        states: what it told of its connection, and the reasons.
        acknowledges: whether :meth:`take` acknowledges.
        cable: what its connection passes through, if that can be cut.
    """

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
        """Subscribe to each, one after the other."""
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
        for _ in range(_ATTEMPTS):
            with suppress(BrokerUnreachable):
                return self.transport.connect(PATIENCE)
        raise AssertionError("the broker turns us away again and again")

    def wait_for_loss(self) -> str:
        """Wait until it tells that its connection is lost; the reason."""
        state, reason = self.states.get(timeout=PATIENCE)
        assert state is ConnectionState.LOST
        assert reason.strip(), "a loss is told with its reason"
        return reason


class Bench(ABC):
    """A broker, and clients on it.

    Args:
        transport: what is under test.
        settings: what its clients are given as ``TransportOptions.settings``.
    """

    def __init__(self, transport: type[Transport], settings: Any = None) -> None:
        self.transport = transport
        self._settings = settings
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.detach_clients()
        self.stop()

    def detach_clients(self) -> None:
        """End all clients; enough at the end of a test whose broker others use after it."""
        for client in self._clients:
            client.transport.detach(PATIENCE)
            if client.cable:
                client.cable.remove()

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
    def thaw(self) -> None:
        """Have it go on after :meth:`freeze`."""

    @abstractmethod
    def kill(self) -> None:
        """End it without a word."""

    @abstractmethod
    def stop(self) -> None:
        """End it in good order; harmless if it has ended."""

    @abstractmethod
    def restart(self) -> None:
        """Have it run again where it was, with what it has kept."""

    @abstractmethod
    def sever(self, client: Client) -> None:
        """Lose the connection of a client without a word."""

    def client(
        self,
        client_id: str,
        *,
        persistent: bool = False,
        acknowledges: bool = True,
        severable: bool = False,
        connected: bool = True,
        address: BrokerAddress | None = None,
        root: str = "naeural",
        last_will: Callable[[], LastWill | None] | None = None,
    ) -> Client:
        """A client; ``severable`` ones can be given to :meth:`sever`."""
        address = address or self.address
        cable = self.lay_cable() if severable else None
        options = TransportOptions(
            evolve(address, port=cable.port) if cable else address,
            client_id,
            persistent,
            root,
            settings=self._settings,
            last_will=last_will,
        )
        deliveries: queue.Queue[Delivery] = queue.Queue()
        states: queue.Queue[tuple[ConnectionState, str]] = queue.Queue()
        transport = self.transport(
            options, deliveries.put, lambda state, reason: states.put((state, reason))
        )
        client = Client(transport, deliveries, states, acknowledges, cable)
        self._clients.append(client)
        if connected:
            transport.connect(PATIENCE)
        return client

    def lay_cable(self) -> Cable | None:
        """Something between client and broker that can be cut, where there is a network."""
        return None


class BrokerProcess(Protocol):
    """A broker in a process of its own, on 127.0.0.1."""

    @property
    def url(self) -> str:
        """Where it is reached, the same after a restart."""

    @property
    def pid(self) -> int:
        """Its process."""

    def start(self) -> None:
        """Start it, or start it again with what it has kept."""

    def stop(self) -> None:
        """Ask it to end, and wait for that; harmless if it has ended."""

    def kill(self) -> None:
        """End it without a chance to save or say anything, and wait for that."""


class ProcessBench(Bench):
    """A broker in a process of its own, started here and ended with the bench.

    Args:
        transport: what is under test.
        broker: the broker, not started yet.
        user: who may connect; None for everybody.
        password: that user's.
        settings: what its clients are given as ``TransportOptions.settings``.
    """

    def __init__(
        self,
        transport: type[Transport],
        broker: BrokerProcess,
        *,
        user: str | None = None,
        password: str | None = None,
        settings: Any = None,
    ) -> None:
        super().__init__(transport, settings)
        self._broker = broker
        self._user, self._password = user, password
        broker.start()

    @property
    def address(self) -> BrokerAddress:
        """Where it is, with good credentials if it wants some."""
        return evolve(parse_broker_url(self._broker.url), user=self._user, password=self._password)

    @property
    def nowhere(self) -> BrokerAddress:
        """A port on which nobody listens."""
        return evolve(self.address, port=free_port())

    def freeze(self) -> None:
        """Stop its process, which the system still keeps connected."""
        os.kill(self._broker.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self._broker.pid, os.WSTOPPED)  # its threads go on for a moment

    def thaw(self) -> None:
        """Let its process go on."""
        os.kill(self._broker.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End its process."""
        self._broker.kill()

    def stop(self) -> None:
        """End it in good order; harmless if it has ended."""
        self._broker.stop()

    def restart(self) -> None:
        """Start it again where it was."""
        self._broker.start()

    def sever(self, client: Client) -> None:
        """Cut the cable of a client."""
        assert client.cable is not None, "only severable clients have a cable"
        client.cable.cut()

    def lay_cable(self) -> Cable:
        """A way to the broker that can be cut."""
        port = self.address.port
        assert port is not None, "the broker's url names its port"
        return Cable(port)
