"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``bundle`` holds the connections. Nothing is queued,
repeated or reconnected here: that is the kernel's.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import uuid4

from attrs import evolve

from pye2_amqp import failures
from pye2_amqp.bundle import Bundle
from pye2_amqp.endpoint import Endpoint
from pye2_amqp.forgetting import forget
from pye2_amqp.plugin import FEATURES
from pye2_amqp.publisher import Message
from pye2_amqp.settings import AmqpSettings
from pye2_amqp.topology import KEPT, Topology, Traffic, traffic_of
from pye2core.abc import (
    KEPT_KINDS,
    ChannelKind,
    ConnectionState,
    CurrentLink,
    Delivery,
    Transport,
    broker_failures,
)
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2_amqp.consumer import Inbound
    from pye2core.abc import Channel, TransportOptions

_log = logging.getLogger(__name__)

_FOR_SOMEBODY = frozenset({ChannelKind.CONFIG, ChannelKind.INBOX})
"""What is published as mandatory: the broker says if there is no queue for it."""


class AmqpTransport(Transport):
    """RabbitMQ: confirmed by the broker, acknowledged by whoever handles it.

    ``on_message`` is called by a thread for each of commands, notifications, payloads, inboxes,
    and what passes (heartbeats and roll calls).
    """

    features = FEATURES

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        super().__init__(options, on_message, on_state)
        settings = options.settings or AmqpSettings()
        self.features = evolve(
            FEATURES,
            max_unacknowledged=settings.prefetch,
            durable=frozenset() if settings.queue_exclusive else FEATURES.durable,
        )
        self._settings: AmqpSettings = settings
        self._owner = options.client_id if settings.queue_device_specific else _token()
        self._names = self._topology()
        self._clock = SYSTEM_CLOCK
        self._current = CurrentLink[Bundle](self)
        self._kept: frozenset[Traffic] = frozenset()
        self._has_queues = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
            NotConnected: the transport was closed.
            SettingsError: the file with the broker's authority cannot be used.
            TransportError: a name is too long, or the broker has an exchange or queue of ours with
                other properties.
        """
        topology = self._topology()
        self._require_names(topology)
        endpoint = self._endpoint(timeout)
        bundle = Bundle(endpoint, topology, self._received, self._current.lost, self._clock)
        resumed = self._current.open(bundle, bundle.open)
        self._has_queues = topology.keeps
        self._tell_forgotten(self._kept - resumed)

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
            CredentialsRefused: the broker's permissions forbid it.
            TransportError: the channel's owner cannot be part of a routing key, or the queue exists
                with other properties.
        """
        self._current.at(self._binding_of(channel)).subscribe(channel, timeout)
        if self._has_queues:
            self._kept |= {traffic_of(channel)} & KEPT

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker.

        Returns:
            A future that is done when the broker has confirmed, and fails with ``NotConnected``
            when the connection is lost before that, with ``MessageTooLarge`` or, for a wildcard,
            for a channel that AMQP cannot have, and where a queue is full, with
            ``TransportError``.
        """
        try:
            self._check_size(data)
            key = self._key_of(channel)
            bundle = self._current.at(key)
        except TransportError as error:
            return broker_failures.unsent(error)
        durable = self._settings.queue_durable and channel.kind in KEPT_KINDS
        wants_queue = channel.kind in _FOR_SOMEBODY
        return bundle.publish(channel, Message(key, data, durable, wants_queue))

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; kept queues are deleted.

        ``on_message`` and ``on_state`` are not called after it has returned. Takes at most
        ``timeout`` seconds; what could not be sent or ended by then is logged.
        """
        self._current.leave(timeout, self._delete_queues if self._has_queues else None)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps persistent queues for the next start."""
        self._current.leave(timeout)

    # --- making and ending connections --------------------------------------------------------

    def _endpoint(self, timeout: float) -> Endpoint:
        return Endpoint.of(self.options.broker, self._settings, self.options.client_id, timeout)

    def _topology(self) -> Topology:
        return Topology(
            root=self.options.root,
            client_id=self.options.client_id,
            owner=self._owner,
            connection=_token(),
            persistent=self.options.persistent,
            settings=self._settings,
        )

    def _require_names(self, topology: Topology) -> None:
        try:
            topology.require_names()
        except ValueError as error:
            raise TransportError(
                f"No queues can be had over AMQP: {error}. Set a shorter PYE2_AMQP_QUEUE or"
                " PYE2_AMQP_EXCHANGE, or use a shorter root topic.",
                broker=self.options.broker.url,
            ) from None

    def _tell_forgotten(self, gone: frozenset[Traffic]) -> None:
        """Tell of kinds of messages that the broker was to keep and has no queue for."""
        self._kept -= gone
        if gone:
            queues = sorted(self._names.queue_of(traffic).name for traffic in gone)
            expires = self._settings.queue_expires
            why = failures.forgotten(self.options.broker, queues, expires)
            self.on_state(ConnectionState.FORGOTTEN, why)

    def _delete_queues(self, timeout: float) -> None:
        """Have the broker forget what it keeps for us, and us."""
        try:
            forget(self._endpoint(timeout), self._topology())
        except Pye2Error as error:
            _log.warning(
                "The broker %s still keeps the queues of %s: %s",
                self.options.broker.url,
                self.options.client_id,
                error,
            )

    # --- messages -----------------------------------------------------------------------------

    def _received(self, message: Inbound) -> None:
        channel = self._names.channel_of(message.key)
        if channel is None:
            _log.warning("Ignored a message to %r, which is no channel of ours", message.key)
            message.ack()
            return
        self.on_message(Delivery(channel, message.data, message.ack))

    def _key_of(self, channel: Channel) -> str:
        """Where ``channel`` is published."""
        try:
            return self._names.key_of(channel)
        except ValueError as error:
            raise self._impossible(channel, error) from None

    def _binding_of(self, channel: Channel) -> str:
        """What to bind a queue with for ``channel``."""
        try:
            return self._names.binding_of(channel)
        except ValueError as error:
            raise self._impossible(channel, error) from None

    def _impossible(self, channel: Channel, why: ValueError) -> TransportError:
        return broker_failures.impossible(self.options.broker, "AMQP", channel, why)

    def _check_size(self, data: bytes) -> None:
        limit = self.features.max_message
        if len(data) > limit:
            raise broker_failures.too_large(self.options.broker, len(data), limit)


def _token() -> str:
    """Something that nobody else has."""
    return uuid4().hex[:12]
