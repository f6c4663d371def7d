"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``bundle`` holds the connections. Nothing is queued,
repeated or reconnected here: that is the kernel's.
"""

from __future__ import annotations

import logging
import ssl
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_mqtt import failures
from pye2_mqtt.bundle import Bundle
from pye2_mqtt.connection import Endpoint, Will
from pye2_mqtt.plugin import DEFAULT_PORTS, FEATURES
from pye2_mqtt.topics import Topics
from pye2core.abc import ChannelKind, ConnectionState, Delivery, Transport, broker_failures
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error, TransportError
from pye2core.settings import TlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_mqtt.connection import Connection, Inbound
    from pye2core.abc import Channel, TransportOptions

_log = logging.getLogger(__name__)

_FLEETING_KINDS = frozenset({ChannelKind.CTRL, ChannelKind.ROLL_CALL})

_WILL_QOS = 1
"""More than a heartbeat's: nothing newer follows soon."""

_KEEPALIVE = 30
_PAYLOAD_KEEPALIVE = 120
"""Seconds. Longer, because a ping waits behind a payload that is being written: with 30 s, 16 MiB
over less than 4 Mbit/s would lose the connection again and again."""

_FORGOTTEN = (
    "It was restarted without what it knew, or keeps sessions for a shorter time than that. Have it"
    " keep them on disk; for a Mosquitto, put these lines into mosquitto.conf: `persistence true`,"
    " `persistence_location /var/lib/mosquitto/`, `autosave_interval 60`."
)
"""Why a broker has no session any more that it was to keep, and what helps."""

_CLOSED = "the transport is closed"
_NOT_OPEN = "there is no connection"


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
        self._lock = threading.Lock()
        self._bundle: Bundle | None = None
        self._has_sessions = False
        self._kept: set[str] = set()
        """The sessions in which the broker is to keep messages for us, by client id."""
        self._was_forgotten = False
        self._closed = False

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
            before = self._adopt(bundle)
            if before is not None:
                before.drop("a new connection replaces it")
            bundle.open(timeout)
        except TransportError:
            self._forget(bundle)
            bundle.drop("the connection could not be made")
            if self._closed:
                raise self._refuse_connecting() from None
            raise
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
        connection = self._connection_for(channel)
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
            connection = self._connection_for(channel)
        except TransportError as error:
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed
        return connection.publish(topic, data, _qos_of(channel))

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        ``on_message`` and ``on_state`` are not called after it has returned. Takes at most
        ``timeout`` seconds; what could not be sent or ended by then is logged.
        """
        self._disconnect(timeout, self._end_sessions if self._has_sessions else _end_no_sessions)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""
        self._disconnect(timeout, _end_no_sessions)

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
        return Bundle(main, payloads, inboxes, self._received, self._lost, self._clock)

    def _adopt(self, bundle: Bundle) -> Bundle | None:
        """Make ``bundle`` the current one; returns the one before it."""
        with self._lock:
            if self._closed:
                raise self._refuse_connecting()
            before, self._bundle = self._bundle, bundle
            return before

    def _forget(self, bundle: Bundle) -> bool:
        """Whether ``bundle`` was the current one, which it is no more."""
        with self._lock:
            if self._bundle is not bundle:
                return False
            self._bundle = None
            return True

    def _note_forgotten(self, begun_anew: set[str]) -> None:
        forgotten = self._kept & begun_anew
        self._kept -= forgotten
        self._was_forgotten = self._was_forgotten or bool(forgotten)

    def _lost(self, bundle: Bundle, reason: str) -> None:
        if self._forget(bundle):
            self.on_state(ConnectionState.LOST, reason)

    def _refuse_connecting(self) -> TransportError:
        return failures.disconnected(self.options.broker, "A new connection", _CLOSED)

    def _disconnect(self, timeout: float, end_sessions: Callable[[float], None]) -> None:
        with self._lock:
            self._closed = True
            self._has_sessions = False
            bundle, self._bundle = self._bundle, None
        if bundle is not None and bundle.runs_here:
            # The callback that we are in must return before its connection can send the rest.
            bundle.silence()
            threading.Thread(
                target=self._leave,
                args=(bundle, timeout, end_sessions),
                name=f"pye2-mqtt-{self.options.client_id}-leaving",
            ).start()
        else:
            self._leave(bundle, timeout, end_sessions)

    def _leave(
        self, bundle: Bundle | None, timeout: float, end_sessions: Callable[[float], None]
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        if bundle is not None and not bundle.leave(timeout):
            _log.warning(
                "Closed the connection to %s before all messages were confirmed",
                self.options.broker.url,
            )
        end_sessions(max(deadline - self._clock.monotonic(), 0))

    def _end_sessions(self, timeout: float) -> None:
        """Connect as ourselves with nothing to keep; the broker then forgets what it has kept."""
        deadline = self._clock.monotonic() + timeout
        try:
            bundle = self._make_bundle(clean=True)
            try:
                bundle.open(timeout)
                bundle.leave(max(deadline - self._clock.monotonic(), 0))
            finally:
                bundle.drop(_CLOSED)
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
        self.on_message(Delivery(channel, message.data, message.ack))

    def _connection_for(self, channel: Channel) -> Connection:
        bundle = self._bundle
        if bundle is None:
            raise failures.disconnected(
                self.options.broker,
                f"What was asked on {self._filter_of(channel)!r}",
                _CLOSED if self._closed else _NOT_OPEN,
            )
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
        return TransportError(
            f"No {channel.kind.value} channel can be had over MQTT: {why}."
            " Use the node's address, or a name of letters, digits, '_' and '-'.",
            broker=self.options.broker.url,
        )

    def _check_size(self, data: bytes) -> None:
        limit = self.features.max_message
        if len(data) > limit:
            raise broker_failures.too_large(self.options.broker, len(data), limit)


def _qos_of(channel: Channel) -> int:
    """Heartbeats are soon followed by newer ones, roll calls answered at once or not at all."""
    return 0 if channel.kind in _FLEETING_KINDS else 1


def _end_no_sessions(_timeout: float) -> None:
    """For sessions that the broker is to keep, or has never had."""


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
