"""What channels are called on an AMQP broker, and which queues a client has there.

All messages go to one topic exchange. The routing key says which channel:

============  ===========================
config        ``<root>.config.<node>``
every config  ``<root>.config.*``
ctrl          ``<root>.ctrl``
notif         ``<root>.notif``
payloads      ``<root>.payloads``
inbox         ``<root>.inbox.<address>``
every inbox   ``<root>.inbox.*``
roll call     ``<root>.rollcall``
============  ===========================

Beside them, who connects says so at ``<root>.claims.<client id>``, by which an older connection of
that id learns that it has to give way. Owners and client ids are percent-encoded but for letters of
ASCII, digits, ``_``, ``-`` and ``~``: a dot would make two words of one.

Pure text; nothing here knows of connections.
"""

from __future__ import annotations

from enum import Enum
from typing import Any
from urllib.parse import quote, unquote

from attrs import field, frozen

from pye2_amqp.settings import AmqpSettings
from pye2core.abc import Channel, ChannelKind

_OWNED = frozenset({ChannelKind.CONFIG, ChannelKind.INBOX})
_KINDS = {kind.value: kind for kind in ChannelKind}
_LONGEST = 255
"""Bytes of a name or key in AMQP."""

_RESERVED = "amq."
_MOST_PASSING = 10_000
_MOST_DEAD_LETTERS = 1_000
_MOST_DEAD_BYTES = 1024**3


class Traffic(Enum):
    """Kinds of messages with a queue, and a consumer, each of their own."""

    COMMANDS = "commands"
    NOTIFICATIONS = "notifications"
    PAYLOADS = "payloads"
    INBOXES = "inboxes"
    PASSING = "passing"

    @property
    def is_bulky(self) -> bool:
        """Whether it is kept off the connection that the rest has."""
        return self in {Traffic.PAYLOADS, Traffic.INBOXES}


KEPT = frozenset({Traffic.COMMANDS, Traffic.NOTIFICATIONS, Traffic.PAYLOADS, Traffic.INBOXES})
"""What the broker keeps for who is away. Heartbeats and roll calls pass."""

_TRAFFIC = {
    ChannelKind.CONFIG: Traffic.COMMANDS,
    ChannelKind.NOTIF: Traffic.NOTIFICATIONS,
    ChannelKind.PAYLOADS: Traffic.PAYLOADS,
    ChannelKind.INBOX: Traffic.INBOXES,
    ChannelKind.CTRL: Traffic.PASSING,
    ChannelKind.ROLL_CALL: Traffic.PASSING,
}


def traffic_of(channel: Channel) -> Traffic:
    """The queue that messages of ``channel`` are in."""
    return _TRAFFIC[channel.kind]


@frozen
class Queue:
    """A queue as it is declared.

    Attributes:
        name: what it is called.
        durable: whether it survives a restart of the broker.
        exclusive: whether it ends with the connection that declares it.
        arguments: what RabbitMQ wants to know beyond that.
    """

    name: str
    durable: bool
    exclusive: bool
    arguments: dict[str, Any] = field(factory=dict)


@frozen
class Topology:
    """The names of one client's network.

    Attributes:
        root: the root of all channel names: "naeural".
        client_id: who it is, for others that say they are the same.
        owner: stands for the client in the names of its queues.
        connection: tells a connection from earlier ones of the same client.
        persistent: whether the broker is to keep queues while the client is away.
        settings: the user's.

    Example:
        >>> Topology("naeural", "me", "me", "1f").key_of(Channel.config("node.1"))
        'naeural.config.node%2E1'
    """

    root: str
    client_id: str
    owner: str
    connection: str
    persistent: bool = False
    settings: AmqpSettings = field(factory=AmqpSettings)

    # --- keys ---------------------------------------------------------------------------------

    @property
    def exchange(self) -> str:
        """The topic exchange."""
        return self.settings.exchange or self.root

    def key_of(self, channel: Channel) -> str:
        """Where ``channel`` is published.

        Raises:
            ValueError: it is a wildcard, or its owner cannot be part of a key; says why.
        """
        if channel.is_wildcard:
            raise ValueError("it stands for all owners at once, to whom nothing is published")
        return self.binding_of(channel)

    def binding_of(self, channel: Channel) -> str:
        """What to bind a queue with for what is published on ``channel``, which may be a wildcard.

        Raises:
            ValueError: its owner cannot be part of a key; says why.
        """
        key = f"{self._prefix}{channel.kind.value}"
        if channel.is_wildcard:
            return f"{key}.*"
        if channel.kind not in _OWNED:
            return key
        if not channel.owner:
            raise ValueError("the channel has no owner")
        return _short(f"{key}.{_word(channel.owner)}")

    def channel_of(self, key: str) -> Channel | None:
        """The channel that is published with ``key``; None where it is none of ours."""
        below = key.removeprefix(self._prefix)
        if below == key:
            return None
        name, _, word = below.partition(".")
        kind = _KINDS.get(name)
        if kind is None or "." in word or bool(word) is not (kind in _OWNED):
            return None
        return Channel(kind, unquote(word)) if word else Channel(kind)

    @property
    def _prefix(self) -> str:
        # A star or a hash would be a wildcard in a binding; dots may be there.
        return quote(self.settings.routing_key or self.root, safe="/") + "."

    # --- queues -------------------------------------------------------------------------------

    @property
    def claims(self) -> Queue:
        """Where this connection hears of others that connect under its client id.

        Raises:
            ValueError: its name is longer than it may be.
        """
        name = _short(f"{self._network}.{self.client_id}.claims.{self.connection}")
        return Queue(name, durable=False, exclusive=True)

    @property
    def claims_key(self) -> str:
        """Where whoever connects under this client id says so.

        Raises:
            ValueError: it is longer than it may be, or the client id cannot be part of a key.
        """
        return _short(f"{self._prefix}claims.{_word(self.client_id)}")

    def require_names(self) -> None:
        """Find out whether all its names can be had.

        Raises:
            ValueError: one is longer than it may be; says which.
        """
        for name in (self.exchange, self.claims.name, self.claims_key, self.dead_letters.name):
            _short(name)
        for traffic in Traffic:
            self.queue_of(traffic)

    @property
    def keeps(self) -> bool:
        """Whether the broker keeps anything for this client while it is away."""
        return self.persistent and not self.settings.queue_exclusive

    def queue_of(self, traffic: Traffic) -> Queue:
        """The queue for some traffic.

        Raises:
            ValueError: its name is longer than it may be.
        """
        if traffic in KEPT and self.keeps:
            return self._kept(traffic)
        name = _short(f"{self._queue_prefix}.{traffic.value}.{self.connection}")
        limits = {"x-max-length-bytes": self.settings.queue_max_bytes}
        if traffic is Traffic.PASSING:
            limits["x-max-length"] = _MOST_PASSING
        return Queue(name, durable=False, exclusive=True, arguments=limits)

    def _kept(self, traffic: Traffic) -> Queue:
        arguments: dict[str, Any] = {
            "x-expires": int(self.settings.queue_expires * 1000),
            "x-max-length-bytes": self.settings.queue_max_bytes,
            # A connection that takes over from one that the broker believes alive must not share.
            "x-single-active-consumer": True,
        }
        is_quorum = self.settings.queue_type == "quorum"
        if is_quorum:
            arguments["x-queue-type"] = "quorum"
        if traffic is Traffic.COMMANDS:
            arguments["x-dead-letter-exchange"] = self.dead_letters.name
            if is_quorum:
                arguments["x-delivery-limit"] = self.settings.delivery_limit
        name = _short(f"{self._queue_prefix}.{traffic.value}")
        return Queue(name, self.settings.queue_durable, exclusive=False, arguments=arguments)

    @property
    def dead_letters(self) -> Queue:
        """Where commands end that could not be delivered; its exchange has the same name.

        All clients of a network share it, whatever their settings are.
        """
        return Queue(
            _short(f"{self._network}.dead-letters"),
            durable=True,
            exclusive=False,
            arguments={
                "x-max-length": _MOST_DEAD_LETTERS,
                "x-max-length-bytes": _MOST_DEAD_BYTES,
            },
        )

    @property
    def _network(self) -> str:
        """What names on the broker begin with, so that networks on one exchange do not meet."""
        keys = self.settings.routing_key or self.root
        # Names that begin with amq. are the broker's own.
        if self.exchange == keys or self.exchange.startswith(_RESERVED):
            return keys
        return f"{self.exchange}.{keys}"

    @property
    def _queue_prefix(self) -> str:
        given = self.settings.queue or self._network
        return given.replace("{}", self.owner) if "{}" in given else f"{given}.{self.owner}"


def _word(name: str) -> str:
    """``name`` as one word of a key."""
    try:
        return quote(name, safe="").replace(".", "%2E")
    except UnicodeEncodeError:
        raise ValueError(f"the name {name!r} is not valid Unicode") from None


def _short(name: str) -> str:
    if len(name.encode()) > _LONGEST:
        raise ValueError(f"the name {name[:40]!r}… is longer than {_LONGEST} bytes")
    return name
