"""The transport to a ``MemoryBroker``: the same contract as over a network, without one.

Each connection has two threads that deliver, one for payloads and inboxes and one for all else.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from pye2_testing.lanes import Receiver
from pye2_testing.memory_broker import MemoryBroker
from pye2_testing.plugin import FEATURES
from pye2core.abc import ConnectionState, Transport, broker_failures
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    NotConnected,
    TransportError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_testing.memory_broker import Session
    from pye2core.abc import Channel, Delivery, LastWill, TransportOptions

_log = logging.getLogger(__name__)


class MemoryTransport(Transport):
    """Carries bytes to a broker of this process, found by the URL's host name."""

    features = FEATURES

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        super().__init__(options, on_message, on_state)
        self._clock = SYSTEM_CLOCK
        self._lock = threading.Lock()
        self._connection: _Connection | None = None
        self._latest: _Connection | None = None
        self._unconfirmed: set[Future[None]] = set()
        self._closed = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Raises:
            BrokerUnreachable: no broker of that name runs.
            CredentialsRefused: the broker says no.
            NotConnected: the transport was closed.
        """
        del timeout  # an answer within a process is there at once
        address = self.options.broker
        self._drop_connection()
        broker = MemoryBroker.find(address.host)
        if broker is None:
            raise BrokerUnreachable(
                f"No memory broker named {address.host!r} runs in this process."
                f' Start one: `with MemoryBroker("{address.host}"):`.',
                broker=address.url,
            )
        if not broker.admits(address.user, address.password):
            raise CredentialsRefused(
                f"The broker {broker.url} refuses user {address.user!r}. Give user and password in"
                " the address, memory://user:password@name.",
                broker=address.url,
            )
        last_will = self._last_will()
        with self._lock:
            if self._closed:
                raise self._not_connected("A new connection")
            self._connection = self._latest = _Connection(broker, self, last_will)
            self._connection.open()

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``.

        Raises:
            NotConnected: there is no connection.
        """
        del timeout
        connection = self._connection
        if connection is None or not connection.alive:
            raise self._not_connected(f"The subscription to {channel}")
        connection.broker.subscribe(connection.session, channel)

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker.

        Returns:
            A future that is done when the broker has taken it; fails with ``NotConnected``,
            ``MessageTooLarge`` or, for a wildcard, with ``TransportError``.
        """
        if channel.is_wildcard:
            return _failed(self._no_publishing_to(channel))
        connection = self._connection
        if connection is None or not connection.alive:
            return _failed(self._not_connected(f"A message on {channel}"))
        limit = self.features.max_message
        if len(data) > limit:
            return _failed(broker_failures.too_large(self.options.broker, len(data), limit))
        future = connection.broker.publish(connection.session, channel, data)
        self._unconfirmed.add(future)
        future.add_done_callback(self._unconfirmed.discard)
        return future

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well."""
        self._leave(timeout, self._forget)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""
        self._leave(timeout, _nothing)

    def _leave(self, timeout: float, then: Callable[[], None]) -> None:
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
        if connection is None or not connection.broker.confirms_here:
            self._part_from(connection, timeout, then)
            return
        name = f"pye2-memory-{self.options.client_id}-leaving"
        threading.Thread(
            target=self._part_from, args=(connection, timeout, then), name=name
        ).start()

    def _part_from(
        self, connection: _Connection | None, timeout: float, then: Callable[[], None]
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        if connection is not None:
            wait(list(self._unconfirmed), timeout)
            connection.end()
            connection.join(max(deadline - self._clock.monotonic(), 0))
        then()

    def _forget(self) -> None:
        if self._latest is not None:
            self._latest.broker.forget(self._latest.session)

    def _drop_connection(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()

    def _last_will(self) -> LastWill | None:
        """What is to be published if the next connection is lost."""
        will = self.options.last_will() if self.options.last_will else None
        if will is not None and will.channel.is_wildcard:
            _log.warning("Connecting without a last will: %s", self._no_publishing_to(will.channel))
            return None
        return will

    def lose(self, connection: _Connection, reason: str) -> None:
        """Tell that ``connection`` is gone, unless it was given up."""
        with self._lock:
            if self._connection is not connection:
                return
            self._connection = None
        self.on_state(ConnectionState.LOST, reason)

    def _not_connected(self, what: str) -> NotConnected:
        why = "the transport is closed" if self._closed else "there is no connection"
        return NotConnected(
            f"{what} did not reach {self.options.broker.url}: {why}.",
            broker=self.options.broker.url,
        )

    def _no_publishing_to(self, channel: Channel) -> TransportError:
        return TransportError(
            f"Nothing can be published on the {channel.kind.value} channels of all owners at once:"
            " they can only be subscribed to. Publish on that of one owner.",
            broker=self.options.broker.url,
        )


class _Connection:
    """From one ``connect`` to its end: the session and the threads that deliver from it."""

    def __init__(
        self, broker: MemoryBroker, transport: MemoryTransport, last_will: LastWill | None
    ) -> None:
        options = transport.options
        self.broker = broker
        self._transport = transport
        self._reason: str | None = None
        self._on_lost = self._lost
        self.session: Session = broker.connect(
            options.client_id,
            self._on_lost,
            persistent=options.persistent,
            root=options.root,
            last_will=last_will,
        )
        name = f"pye2-memory-{options.client_id}"
        on_message = transport.on_message
        self._main = Receiver(self.session.main, on_message, self._tell, name)
        self._payloads = Receiver(self.session.payloads, on_message, _nothing, f"{name}-p")

    @property
    def alive(self) -> bool:
        return self.session.on_lost is self._on_lost

    def open(self) -> None:
        self._main.start()
        self._payloads.start()

    def end(self) -> None:
        self.broker.disconnect(self.session, self._on_lost)
        self._stop()

    def abandon(self) -> None:
        self.broker.lose(self.session, self._on_lost)
        self._stop()

    def join(self, timeout: float) -> None:
        self._main.join(timeout)
        self._payloads.join(timeout)

    def _lost(self, reason: str) -> None:
        self._reason = reason
        self._stop()

    def _stop(self) -> None:
        self._main.stop()
        self._payloads.stop()

    def _tell(self) -> None:
        if self._reason is not None:
            self._transport.lose(self, self._reason)


def _nothing() -> None:
    """The main thread tells of the end, once is enough; and a session that is kept has none."""


def _failed(error: TransportError) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(error)
    return future
