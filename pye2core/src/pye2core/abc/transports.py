"""The contract of a transport: what carries bytes over a broker, and what it is told and tells.

You are among the contracts. The kernel's connection calls a transport and owns everything that is
the same for all of them: reconnection, back-off, queues, size checks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.settings import BrokerAddress

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes that one encoded message may have, checked before sending and on receipt."""

MAX_LAST_WILL = 65_535
"""Bytes that a last will may have: MQTT counts them in two bytes. The kernel checks it."""


class ChannelKind(Enum):
    """The kinds of channel of a network."""

    CONFIG = "config"
    CTRL = "ctrl"
    NOTIF = "notif"
    PAYLOADS = "payloads"
    INBOX = "inbox"
    ROLL_CALL = "rollcall"


KEPT_KINDS = frozenset(
    {ChannelKind.CONFIG, ChannelKind.NOTIF, ChannelKind.PAYLOADS, ChannelKind.INBOX}
)
"""The kinds of channel on which a broker may keep messages for who is away: all but those on which
only what is new counts."""

_OWNED = frozenset({ChannelKind.CONFIG, ChannelKind.INBOX})


@frozen
class Channel:
    """A transport-neutral address; each transport maps it to its own.

    Attributes:
        kind: which channel.
        owner: the node (config) or receiver (inbox) it belongs to; None for the shared ones, and
            for those of all owners at once, see :attr:`is_wildcard`.
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

    @classmethod
    def roll_call(cls) -> Channel:
        """Where all nodes are asked at once to show themselves.

        As on :meth:`ctrl`, the broker keeps nothing for who is away.
        """
        return cls(ChannelKind.ROLL_CALL)

    @classmethod
    def every_config(cls) -> Channel:
        """The config channels of all nodes, to be subscribed to only."""
        return cls(ChannelKind.CONFIG)

    @classmethod
    def every_inbox(cls) -> Channel:
        """The inboxes of all receivers, to be subscribed to only."""
        return cls(ChannelKind.INBOX)

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for the channels of all owners.

        It can be subscribed to where the transport has ``TransportFeatures.wildcards``. Nothing is
        published to it, and what arrives through it names the channel that it was published to.
        """
        return self.owner is None and self.kind in _OWNED

    @property
    def for_all_owners(self) -> Channel:
        """The wildcard that stands for it; itself where it is shared."""
        return Channel(self.kind)


@frozen
class Delivery:
    """Bytes that arrived.

    Attributes:
        channel: where they were published; never a wildcard.
        data: the bytes.
        ack: tells the broker that they are taken care of; from any thread, at most once. It may be
            told only when all that came before them is, too. A transport without manual
            acknowledgement gives a function that does nothing.
        is_in_batch: whether it is one of several that arrived together, and the transport calls its
            ``on_batch_end`` after the last, on the same thread and without waiting for anything.
    """

    channel: Channel
    data: bytes
    ack: Callable[[], None]
    is_in_batch: bool = False


@frozen
class LastWill:
    """What the broker publishes in our place when a connection ends without a goodbye.

    Attributes:
        channel: where; no wildcard.
        data: the bytes, at most :data:`MAX_LAST_WILL`.
    """

    channel: Channel
    data: bytes = field(repr=False)


@frozen
class TransportFeatures:
    """What a transport can do; what needs a missing feature refuses, or does without and says so.

    Attributes:
        durable: the kinds of channel on which the broker keeps messages for subscribers that are
            away and have persistent sessions; with ``config`` among them, commands wait for a node.
        ordered: messages of one publisher on one channel keep their order.
        last_will: the broker announces the death of a connection, see
            ``TransportOptions.last_will``.
        manual_ack: a message whose handler died is delivered again.
        max_message: bytes that one message may have.
        max_unacknowledged: how many deliveries the broker is known to keep unacknowledged before it
            stops delivering.
        wildcards: all config channels, and all inboxes, can be subscribed to at once.
    """

    durable: frozenset[ChannelKind] = frozenset()
    ordered: bool = True
    last_will: bool = False
    manual_ack: bool = False
    max_message: int = MAX_MESSAGE
    max_unacknowledged: int = 20
    wildcards: bool = False


class ConnectionState(Enum):
    """What a transport tells about its connection.

    ``FORGOTTEN`` is told of a connection that is there again: what the broker was to keep meanwhile
    (``TransportOptions.persistent``) it has not kept, and it is lost.
    """

    CONNECTED = "connected"
    FORGOTTEN = "forgotten"
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
        last_will: makes what the broker is to publish should the connection end without a goodbye;
            None, or a function that returns None, for nothing. A transport without the feature
            ``last_will`` takes no notice of it. Others ask for it anew in every
            :meth:`Transport.connect` and leave it with the broker as they connect; it is kept for
            no later subscriber. It does not raise. A will that cannot be left, because of its
            channel, is logged and not left: that is no reason not to connect.
    """

    broker: BrokerAddress
    client_id: str
    persistent: bool = False
    root: str = "naeural"
    settings: Any = None
    last_will: Callable[[], LastWill | None] | None = None


def _nothing_to_settle() -> None:
    """What ``on_batch_end`` does until the kernel has set it."""


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
            on_state: called when a connection is lost, with the reason; and, while
                :meth:`connect` runs, when the broker has forgotten what it was to keep, with what
                may be the cause and what helps against it, in sentences.
        """
        self.options = options
        self.on_message = on_message
        self.on_state = on_state
        self.on_batch_end: Callable[[], None] = _nothing_to_settle
        """Set by the kernel. Called after the last of several deliveries that arrived together
        (``Delivery.is_in_batch``), so that others are woken once and not by each of them: it makes
        a flood of small messages cheaper. A transport may do without."""

    @abstractmethod
    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss or an unconfirmed subscription.

        What is left of an earlier connection is dropped first, without a goodbye, as is that of
        another process with the same client id. Whether their last will is then published is the
        broker's choice: Mosquitto does so if their session ends with them, nats-server never.

        Where the broker was to keep messages since the connection before and shows that it has
        forgotten the session, ``on_state`` is told so (``ConnectionState.FORGOTTEN``) before this
        returns: once, and never where nothing that is kept was subscribed to.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
        """

    @abstractmethod
    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        ``channel`` is a wildcard only where the transport has the feature ``wildcards``. Wildcards
        overlap with the channels that they stand for. What is published where two subscriptions
        reach arrives once, or once for each: the same bytes, under the channel that they were
        published to, acknowledged each for itself. Whoever subscribes to both must expect to see
        a message twice.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
            CredentialsRefused: the broker's access rules forbid it, and the broker says so.
            TransportError: there cannot be such a channel.
        """

    @abstractmethod
    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker, without waiting for it.

        Called from any thread, also from several at once, from within ``on_message`` and from
        callbacks of what it has returned. What one thread publishes is sent in its order.

        The broker keeps it for subscribers that are away and have persistent sessions, on the
        channels that the feature ``durable`` names. Those are never ``ctrl`` and ``roll_call``:
        there only what is new counts, and who is away must not be handed the old when back.

        Returns:
            A future that is done when the broker has taken the message, and fails with
            ``NotConnected`` when the connection is lost before that: no later than
            :meth:`connect` is called again, as the kernel then publishes it anew. It fails with
            another ``TransportError`` where nothing can be published: to a wildcard, or under a
            name that the transport cannot carry.
        """

    @abstractmethod
    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        The goodbye is said in good order: no last will is published, unless the broker cannot be
        told in time.

        May be called from any thread, also from within ``on_message``, while :meth:`connect` runs
        in another, without a connection, and again.

        ``on_message`` and ``on_state`` are not called after it has returned.
        """

    @abstractmethod
    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""
