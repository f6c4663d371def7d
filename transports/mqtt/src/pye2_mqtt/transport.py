"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``bundle`` holds the connections. Nothing is queued,
repeated or reconnected here: that is the kernel's.
"""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_mqtt import failures
from pye2_mqtt.bundle import Bundle
from pye2_mqtt.client import Endpoint, Will
from pye2_mqtt.plugin import DEFAULT_PORTS, FEATURES
from pye2_mqtt.topics import Topics
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
from pye2core.settings import TlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2_mqtt.connection import Connection, Inbound
    from pye2core.abc import Channel, TransportOptions

_log = logging.getLogger(__name__)

_WILL_QOS = 1
"""More than a heartbeat's: nothing newer follows soon."""

_KEEPALIVE = 30
_PAYLOAD_KEEPALIVE = 120
"""Seconds. Longer, because a ping waits behind a payload that is being written: with 30 s, 16 MiB
over less than 4 Mbit/s would lose the connection again and again."""

_FORGOTTEN = (
    "It was restarted without what it knew, or keeps sessions for a shorter time than that. Have it"
    " keep them on disk; for a Mosquitto, put these lines into mosquitto.conf: `persistence true`,"
    " `persistence_location /var/lib/mosquitto/`, `autosave_interval 60`, and see that it may write"
    " there: its log says so if not."
)
"""Why a broker has no session any more that it was to keep, and what helps."""


class MqttTransport(Transport):
    """MQTT 3.1.1: QoS 1 for all but heartbeats and roll calls, acknowledged by whoever handles it.

    ``on_message`` is called by three threads: one brings payloads, one what goes to inboxes, the
    third all else. A session that is kept has three names at the broker: the client id, and the
    client id with ``-p`` and with ``-i``.
    """

    features = FEATURES

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        super().__init__(options, on_message, on_state)
        self._topics = Topics(options.root)
        self._clock = SYSTEM_CLOCK
        self._current = CurrentLink[Bundle](self)
        self._has_sessions = False
        self._kept: set[str] = set()
        """The sessions in which the broker is to keep messages for us, by client id."""
        self._was_forgotten = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Tells ``on_state`` of it if the broker no longer has a session that it was to keep.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
            NotConnected: the transport was closed.
            SettingsError: the file with the broker's authority cannot be used.
        """
        bundle = self._make_bundle(clean=not self.options.persistent, will=self._last_will())
        try:
            self._current.open(bundle, lambda: bundle.open(timeout))
        finally:
            # Of an attempt that fails as well: the next one finds the session that it began.
            self._note_forgotten(bundle.begun_anew())
        self._has_sessions = self.options.persistent
        if self._was_forgotten:
            self._was_forgotten = False
            self.on_state(ConnectionState.FORGOTTEN, _FORGOTTEN)

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
            CredentialsRefused: the broker's access rules forbid it.
            TransportError: the channel's owner cannot be part of a topic.
        """
        topic = self._filter_of(channel)
        connection = self._connection_for(channel, topic)
        granted = connection.subscribe(topic, _qos_of(channel))
        try:
            granted.result(timeout)
        except TimeoutError:
            raise failures.disconnected(
                self.options.broker,
                f"The subscription to {topic!r}",
                f"no answer within {timeout:g} s",
            ) from None
        if self.options.persistent and channel.kind in self.features.durable:
            self._kept.add(connection.client_id)

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker.

        Returns:
            A future that is done when the broker has confirmed (heartbeats and roll calls: when it
            is written), and fails with ``NotConnected`` when the connection is lost before that,
            with ``MessageTooLarge`` or, for a wildcard and for a channel that MQTT cannot have,
            with ``TransportError``.
        """
        try:
            self._check_size(data)
            topic = self._topic_of(channel)
            connection = self._connection_for(channel, topic)
        except TransportError as error:
            return broker_failures.unsent(error)
        return connection.publish(topic, data, _qos_of(channel))

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        ``on_message`` and ``on_state`` are not called after it has returned. Takes at most
        ``timeout`` seconds; what could not be sent or ended by then is logged.
        """
        self._current.leave(timeout, self._end_sessions if self._has_sessions else None)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""
        self._current.leave(timeout)

    # --- making and ending connections --------------------------------------------------------

    def _last_will(self) -> Will | None:
        """What is to be published if the next connection is lost."""
        will = self.options.last_will() if self.options.last_will else None
        if will is None:
            return None
        try:
            return Will(self._topic_of(will.channel), will.data, _WILL_QOS)
        except TransportError as error:
            _log.warning("Connecting without a last will, its channel cannot be had: %s", error)
            return None

    def _make_bundle(self, *, clean: bool, will: Will | None = None) -> Bundle:
        broker = self.options.broker
        encrypted = broker.tls is not None or broker.scheme == "mqtts"
        main = Endpoint(
            broker=broker,
            port=broker.port or DEFAULT_PORTS["mqtts" if encrypted else "mqtt"],
            client_id=self.options.client_id,
            clean=clean,
            keepalive=_KEEPALIVE,
            tls=_tls_context(broker.tls or TlsSettings()) if encrypted else None,
            will=will,
        )
        payloads = evolve(
            main, client_id=f"{main.client_id}-p", keepalive=_PAYLOAD_KEEPALIVE, will=None
        )
        inboxes = evolve(payloads, client_id=f"{main.client_id}-i")
        return Bundle(
            main,
            payloads,
            inboxes,
            self._received,
            self.on_batch_end,
            self._current.lost,
            self._clock,
        )

    def _note_forgotten(self, begun_anew: set[str]) -> None:
        forgotten = self._kept & begun_anew
        self._kept -= forgotten
        self._was_forgotten = self._was_forgotten or bool(forgotten)

    def _end_sessions(self, timeout: float) -> None:
        """Connect as ourselves with nothing to keep; the broker then forgets what it has kept."""
        deadline = self._clock.monotonic() + timeout
        try:
            bundle = self._make_bundle(clean=True)
            try:
                bundle.open(timeout)
                bundle.leave(max(deadline - self._clock.monotonic(), 0))
            finally:
                bundle.drop("the transport is closed")
        except Pye2Error as error:
            _log.warning(
                "The broker %s still keeps the session %s: %s",
                self.options.broker.url,
                self.options.client_id,
                error,
            )

    # --- messages -----------------------------------------------------------------------------

    def _received(self, message: Inbound) -> None:
        channel = self._topics.channel_of(message.topic)
        if channel is None:
            _log.warning("Ignored a message to %r, which is no channel of ours", message.topic)
            message.ack()
            return
        self.on_message(Delivery(channel, message.data, message.ack, message.is_in_batch))

    def _connection_for(self, channel: Channel, topic: str) -> Connection:
        bundle = self._current.at(topic)
        if channel.kind is ChannelKind.PAYLOADS:
            return bundle.payloads
        return bundle.inboxes if channel.kind is ChannelKind.INBOX else bundle.main

    def _topic_of(self, channel: Channel) -> str:
        """Where ``channel`` is published."""
        try:
            return self._topics.topic_of(channel)
        except ValueError as error:
            raise self._impossible(channel, error) from None

    def _filter_of(self, channel: Channel) -> str:
        """What to subscribe to for ``channel``."""
        try:
            return self._topics.filter_of(channel)
        except ValueError as error:
            raise self._impossible(channel, error) from None

    def _impossible(self, channel: Channel, why: ValueError) -> TransportError:
        return broker_failures.impossible(self.options.broker, "MQTT", channel, why)

    def _check_size(self, data: bytes) -> None:
        limit = self.features.max_message
        if len(data) > limit:
            raise broker_failures.too_large(self.options.broker, len(data), limit)


def _qos_of(channel: Channel) -> int:
    """Heartbeats are soon followed by newer ones, roll calls answered at once or not at all."""
    return 1 if channel.kind in KEPT_KINDS else 0


def _tls_context(tls: TlsSettings) -> ssl.SSLContext:
    context = tls.context()
    context.sslsocket_class = _TidySocket
    return context


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the broker is refused; paho would leave it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the base class's
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise
