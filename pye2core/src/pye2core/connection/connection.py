"""Seals and publishes; receives, checks and opens; survives the loss of the broker."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from pye2core.abc import MAX_MESSAGE, ChannelKind, ConnectionState, TransportOptions
from pye2core.connection.outbox import Entry, Outbox
from pye2core.connection.rejections import Rejections
from pye2core.errors import MessageRejected, MessageTooLarge, NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.abc import Channel, Delivery, SealedMessage, Transport
    from pye2core.connection.dialects import Dialects
    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry
    from pye2core.settings import BrokerAddress

    Handler = Callable[[Message, Callable[[], None]], None]
    Gate = Callable[[SealedMessage], None]

_log = logging.getLogger("pye2core.connection")

FIRST_DELAY = 0.1
LONGEST_DELAY = 30.0
"""Seconds before the first attempt to reconnect, and at most before a later one."""


@frozen
class ConnectionSettings:
    """How to connect.

    Attributes:
        broker: where the broker is.
        client_id: identifies this connection to the broker.
        persistent: whether the broker keeps subscriptions and messages while it is away.
        root: the root of all channel names.
        connect_timeout: seconds for connecting and for each subscription.
    """

    broker: BrokerAddress
    client_id: str
    persistent: bool = False
    root: str = "naeural"
    connect_timeout: float = 10.0


def _open_gate(sealed: SealedMessage) -> None:
    del sealed


@frozen(eq=False)
class _Subscription:
    channel: Channel
    handler: Handler = field(repr=False)


class Connection:
    """A sealed connection to a network.

    Handlers are called from the transport's threads with the opened message and a function that
    acknowledges it; they return soon and do not raise for what the message says.

    Args:
        settings: how to connect.
        identity: signs what is sent and opens what is encrypted for it.
        dialects: the wire dialects.
        registry: installed plugins, for the transport and the observers.
        gate: called for each verified message before it is decrypted; raises ``MessageRejected``
            for those that must not be acted on (recipient, replay, allow-list).
        rng: for the jitter of reconnection.

    Raises:
        UnknownTransport: no installed plugin serves the broker's scheme.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        identity: Identity,
        dialects: Dialects,
        registry: PluginRegistry,
        *,
        gate: Gate = _open_gate,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.identity = identity
        self.rejections = Rejections()
        self._dialects = dialects
        self._registry = registry
        self._gate = gate
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._outbox = Outbox()
        self._subscriptions: dict[Channel, _Subscription] = {}
        self._changed = threading.Condition(threading.RLock())
        self._connected = False
        self._connections = 0
        self._closing = False
        self._transport = self._make_transport()
        self._supervisor = threading.Thread(
            target=self._reconnect_when_lost, name="pye2-reconnect", daemon=True
        )

    def _make_transport(self) -> Transport:
        descriptor = self._registry.transport(self.settings.broker.scheme)
        implementation = self._registry.load(descriptor, descriptor.implementation)
        options = TransportOptions(
            broker=self.settings.broker,
            client_id=self.settings.client_id,
            persistent=self.settings.persistent,
            root=self.settings.root,
            settings=self._plugin_settings(descriptor),
        )
        transport: Transport = implementation(options, self._receive, self._on_state)
        return transport

    def _plugin_settings(self, descriptor: Any) -> Any:
        if descriptor.settings is None:
            return None
        from pye2core.settings.plugin import load_plugin_settings

        settings_class = self._registry.load(descriptor, descriptor.settings)
        return load_plugin_settings(descriptor.name, settings_class)

    # --- life -------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the broker is there at this moment."""
        return self._connected

    @property
    def max_unacknowledged(self) -> int:
        """How many deliveries the broker keeps unacknowledged before it stops delivering."""
        return self._transport.features.max_unacknowledged

    def start(self) -> None:
        """Connect, and stay connected from then on.

        Raises:
            BrokerUnreachable: nothing answers at the broker's address.
            CredentialsRefused: the broker says no.
        """
        self._transport.connect(self.settings.connect_timeout)
        with self._changed:
            self._connected = True
        self._supervisor.start()

    def listen(self, channel: Channel, handler: Handler) -> None:
        """Hand every message that arrives on ``channel`` to ``handler``, after a loss as well.

        Raises:
            NotConnected: the broker did not confirm in time.
        """
        self._subscriptions[channel] = _Subscription(channel, handler)
        self._transport.subscribe(channel, self.settings.connect_timeout)

    def close(self, *, keep_session: bool = False, timeout: float = 5.0) -> None:
        """Send what waits, then disconnect for good.

        Args:
            keep_session: leave the persistent session at the broker, for the next start.
            timeout: seconds that sending and disconnecting may take.
        """
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        if keep_session:
            self._transport.detach(timeout)
        else:
            self._transport.close(timeout)
        with self._changed:
            self._connected = False
            for entry in self._outbox.pending():
                self._outbox.give_up(entry, self._not_connected("the connection was closed"))
        if self._supervisor.is_alive() and threading.current_thread() is not self._supervisor:
            self._supervisor.join(timeout)

    def _on_state(self, state: ConnectionState, reason: str) -> None:
        if state is not ConnectionState.LOST:
            return
        with self._changed:
            if self._closing or not self._connected:
                return
            self._connected = False
            self._changed.notify_all()
        _log.warning("lost the broker %s: %s; reconnecting", self.settings.broker.url, reason)

    def _reconnect_when_lost(self) -> None:
        delay = FIRST_DELAY
        while self._wait_for_loss():
            if self._wait_unless_closing(delay * self._rng.uniform(0.5, 1.0)):
                return
            try:
                self._transport.connect(self.settings.connect_timeout)
                for subscription in list(self._subscriptions.values()):
                    self._transport.subscribe(subscription.channel, self.settings.connect_timeout)
            except TransportError as error:
                _log.info("still no broker: %s", error)
                delay = min(delay * 2, LONGEST_DELAY)
                continue
            delay = FIRST_DELAY
            self._resume()

    def _wait_for_loss(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or not self._connected)
            return not self._closing

    def _wait_unless_closing(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._closing, seconds)

    def _resume(self) -> None:
        with self._changed:
            self._connected = True
            self._connections += 1
            due = self._outbox.due()
            for entry in due:
                self._hand_over(entry)
        _log.warning("back at the broker %s", self.settings.broker.url)

    # --- sending ----------------------------------------------------------------------------------

    def send(
        self,
        message: Message,
        channel: Channel,
        *,
        encrypt_for: str | None = None,
        conflate: str | None = None,
    ) -> Future[None]:
        """Seal a message and hand it to the broker, at once or when the broker is back.

        Args:
            message: what to say.
            channel: where.
            encrypt_for: the address that alone can read it; None for everybody.
            conflate: of messages that wait under the same key, only the last is sent.

        Returns:
            A future that is done when the broker has the message.

        Raises:
            MessageTooLarge: it is larger than a message may be.
            NotConnected: the connection is closed, or too much waits for the broker.
            InvalidAddress: ``encrypt_for`` is not an address.
            TypeError: the message holds what the dialect cannot carry.
        """
        serializer = self._dialects.for_peer(encrypt_for)
        data = serializer.seal(message, self.identity, encrypt_for=encrypt_for)
        self._check_size(len(data))
        entry = Entry(channel, data, conflate)
        with self._changed:
            if self._closing:
                raise self._not_connected("the connection is closed")
            if self._outbox.full:
                raise self._not_connected(f"{len(self._outbox)} messages wait for it already")
            self._outbox.add(entry)
            if self._connected:
                self._hand_over(entry)
        if self._registry.observed("pye2_message_sent"):
            self._registry.observe(
                "pye2_message_sent", message=message, channel=channel, size=len(data)
            )
        return entry.done

    def _check_size(self, size: int) -> None:
        limit = min(MAX_MESSAGE, self._transport.features.max_message)
        if size <= limit:
            return
        raise MessageTooLarge(
            f"the encoded message has {size:,} bytes and a message may have {limit:,}; send less at"
            " once, or in pieces",
            broker=self.settings.broker.url,
            size=size,
            limit=limit,
        )

    def _not_connected(self, why: str) -> NotConnected:
        url = self.settings.broker.url
        return NotConnected(f"the message was not sent to {url}: {why}", broker=url)

    def _hand_over(self, entry: Entry) -> None:
        entry.under_way = True
        published = self._transport.publish(entry.channel, entry.data)
        during = self._connections
        published.add_done_callback(lambda future: self._published(entry, future, during))

    def _published(self, entry: Entry, published: Future[None], during: int) -> None:
        error = published.exception()
        with self._changed:
            entry.under_way = False
            if error is None:
                self._outbox.confirm(entry)
            elif not isinstance(error, NotConnected):
                self._outbox.give_up(entry, error)
            elif self._connected and during != self._connections:
                self._hand_over(entry)
            # Otherwise it stays in the outbox and is sent again after reconnecting.

    # --- receiving --------------------------------------------------------------------------------

    def _receive(self, delivery: Delivery) -> None:
        subscription = self._subscriptions.get(delivery.channel)
        if subscription is None:
            delivery.ack()
            return
        try:
            message = self._open(delivery)
        except MessageRejected as error:
            delivery.ack()
            self.reject(error, delivery.channel, len(delivery.data))
            return
        if self._registry.observed("pye2_message_received"):
            self._registry.observe(
                "pye2_message_received",
                message=message,
                channel=delivery.channel,
                size=len(delivery.data),
            )
        subscription.handler(message, delivery.ack)

    def _open(self, delivery: Delivery) -> Message:
        size = len(delivery.data)
        if size > MAX_MESSAGE:
            message = f"it has {size:,} bytes and a message may have {MAX_MESSAGE:,}"
            raise MessageRejected(message, reason="size")
        place, sealed = self._dialects.parse(delivery.data)
        if sealed.is_command is not (delivery.channel.kind is ChannelKind.CONFIG):
            message = f"such a message does not belong on {delivery.channel.kind.value}"
            raise MessageRejected(message, reason="shape", sender=sealed.sender)
        sealed.verify()
        self._gate(sealed)
        opened = sealed.open(self.identity)
        self._dialects.heard(sealed.sender, place)
        return opened

    def reject(self, error: MessageRejected, channel: Channel, size: int) -> None:
        """Count, log and announce a message that is not acted on."""
        self.rejections.add(error, channel.kind.value)
        self._registry.observe("pye2_message_rejected", error=error, channel=channel, size=size)
