"""The contract of a transport: what carries bytes over a broker, and what it is told and tells.

You are among the contracts. The kernel's connection calls a transport and owns everything that is
the same for all of them: reconnection, back-off, queues, size checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.settings import BrokerAddress

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes that one encoded message may have, checked before sending and on receipt."""


class ChannelKind(Enum):
    """The kinds of channel of a network."""

    CONFIG = "config"
    CTRL = "ctrl"
    NOTIF = "notif"
    PAYLOADS = "payloads"
    INBOX = "inbox"


@frozen
class Channel:
    """A transport-neutral address; each transport maps it to its own.

    Attributes:
        kind: which channel.
        owner: the node (config) or receiver (inbox) it belongs to; None for the shared ones.
    """

    kind: ChannelKind
    owner: str | None = None

    @classmethod
    def config(cls, node: str) -> Channel:
        """Where a node takes commands, by its address or its name."""
        return cls(ChannelKind.CONFIG, node)

    @classmethod
    def ctrl(cls) -> Channel:
        """Where all nodes' heartbeats go."""
        return cls(ChannelKind.CTRL)

    @classmethod
    def notif(cls) -> Channel:
        """Where all nodes' notifications go."""
        return cls(ChannelKind.NOTIF)

    @classmethod
    def payloads(cls) -> Channel:
        """Where all nodes' payloads go."""
        return cls(ChannelKind.PAYLOADS)

    @classmethod
    def inbox(cls, address: str) -> Channel:
        """Where one receiver alone listens."""
        return cls(ChannelKind.INBOX, address)


@frozen
class Delivery:
    """Bytes that arrived.

    Attributes:
        channel: where they arrived.
        data: the bytes.
        ack: tells the broker that they are taken care of; from any thread, at most once. A
            transport without manual acknowledgement gives a function that does nothing.
    """

    channel: Channel
    data: bytes
    ack: Callable[[], None]


@frozen
class TransportFeatures:
    """What a transport can do; what needs a missing feature refuses, or does without and says so.

    Attributes:
        durable: commands for a node that is away are kept by the broker.
        ordered: messages of one publisher on one channel keep their order.
        last_will: the broker announces the death of a connection.
        manual_ack: a message whose handler died is delivered again.
        max_message: bytes that one message may have.
        max_unacknowledged: how many deliveries the broker is known to keep unacknowledged before it
            stops delivering.
    """

    durable: bool = False
    ordered: bool = True
    last_will: bool = False
    manual_ack: bool = False
    max_message: int = MAX_MESSAGE
    max_unacknowledged: int = 20


class ConnectionState(Enum):
    """What a transport tells about its connection."""

    CONNECTED = "connected"
    LOST = "lost"
    CLOSED = "closed"


@frozen
class TransportOptions:
    """What the kernel tells a transport when it makes one.

    Attributes:
        broker: where to connect, with credentials and TLS settings.
        client_id: identifies this connection to the broker.
        persistent: whether the broker is to keep subscriptions and messages while it is away.
        root: the root of all channel names.
        settings: the plugin's own settings object, if its descriptor names a class.
    """

    broker: BrokerAddress
    client_id: str
    persistent: bool = False
    root: str = "naeural"
    settings: Any = None


class Transport(ABC):
    """Carries bytes over a broker.

    One object serves one client for its whole life: the kernel calls :meth:`connect` again after a
    loss, subscribes anew and publishes again what was not confirmed. A transport never reconnects,
    queues or retries by itself.
    """

    features = TransportFeatures()

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        """Keep what is given; connect to nothing yet.

        Args:
            options: where and as whom to connect.
            on_message: called for every delivery, from a thread of the transport's; returns soon.
            on_state: called when a connection is lost, with the reason.
        """
        self.options = options
        self.on_message = on_message
        self.on_state = on_state

    @abstractmethod
    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss or an unconfirmed subscription.

        What is left of an earlier connection is dropped first.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
        """

    @abstractmethod
    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
        """

    @abstractmethod
    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker, without waiting for it; called by one thread at a time.

        Returns:
            A future that is done when the broker has taken the message, and fails with
            ``NotConnected`` when the connection is lost before that: no later than
            :meth:`connect` is called again, as the kernel then publishes it anew.
        """

    @abstractmethod
    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        May be called from any thread, also from within ``on_message``, while :meth:`connect` runs
        in another, without a connection, and again.

        ``on_message`` and ``on_state`` are not called after it has returned.
        """

    @abstractmethod
    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""
