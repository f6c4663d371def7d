"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``pair`` holds the connections. Nothing is queued,
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
from pye2_mqtt.connection import Endpoint
from pye2_mqtt.pair import Pair
from pye2_mqtt.plugin import DEFAULT_PORTS, FEATURES
from pye2_mqtt.topics import Topics
from pye2core.abc import ChannelKind, ConnectionState, Delivery, Transport
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import MessageTooLarge, Pye2Error, SettingsError, TransportError
from pye2core.settings import TlsSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_mqtt.connection import Connection, Inbound
    from pye2core.abc import Channel, TransportOptions

_log = logging.getLogger(__name__)

_PAYLOAD_KINDS = frozenset({ChannelKind.PAYLOADS, ChannelKind.INBOX})

_KEEPALIVE = 30
_PAYLOAD_KEEPALIVE = 120
"""Seconds. Longer, because a ping waits behind a payload that is being written: with 30 s, 16 MiB
over less than 4 Mbit/s would lose the connection again and again."""

_CLOSED = "the transport is closed"
_NOT_OPEN = "there is no connection"


class MqttTransport(Transport):
    """MQTT 3.1.1: QoS 1 for all but heartbeats, acknowledged by whoever handles a delivery.

    ``on_message`` is called by two threads: one brings payloads and inboxes, the other all else.
    A session that is kept has two names at the broker, the client id and the client id with ``-p``.
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
        self._pair: Pair | None = None
        self._has_sessions = False
        self._closed = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
            NotConnected: the transport was closed.
            SettingsError: the file with the broker's authority cannot be used.
        """
        pair = self._make_pair(clean=not self.options.persistent)
        try:
            before = self._adopt(pair)
            if before is not None:
                before.drop("a new connection replaces it")
            pair.open(timeout)
        except TransportError:
            self._forget(pair)
            pair.drop("the connection could not be made")
            if self._closed:
                raise self._refuse_connecting() from None
            raise
        self._has_sessions = self.options.persistent

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
            CredentialsRefused: the broker's access rules forbid it.
            TransportError: the channel's owner cannot be part of a topic.
        """
        topic = self._topic_of(channel)
        granted = self._connection_for(channel).subscribe(topic, _qos_of(channel))
        try:
            granted.result(timeout)
        except TimeoutError:
            raise failures.disconnected(
                self.options.broker,
                f"The subscription to {topic!r}",
                f"no answer within {timeout:g} s",
            ) from None

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker.

        Returns:
            A future that is done when the broker has confirmed (heartbeats: when it is written),
            and fails with ``NotConnected`` when the connection is lost before that, with
            ``MessageTooLarge`` or, for a channel that MQTT cannot have, with ``TransportError``.
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

    def _make_pair(self, *, clean: bool) -> Pair:
        broker = self.options.broker
        encrypted = broker.tls is not None or broker.scheme == "mqtts"
        main = Endpoint(
            broker=broker,
            port=broker.port or DEFAULT_PORTS["mqtts" if encrypted else "mqtt"],
            client_id=self.options.client_id,
            clean=clean,
            keepalive=_KEEPALIVE,
            tls=_tls_context(broker.tls or TlsSettings()) if encrypted else None,
        )
        payloads = evolve(main, client_id=f"{main.client_id}-p", keepalive=_PAYLOAD_KEEPALIVE)
        return Pair(main, payloads, self._received, self._lost, self._clock)

    def _adopt(self, pair: Pair) -> Pair | None:
        """Make ``pair`` the current one; returns the one before it."""
        with self._lock:
            if self._closed:
                raise self._refuse_connecting()
            before, self._pair = self._pair, pair
            return before

    def _forget(self, pair: Pair) -> bool:
        """Whether ``pair`` was the current one, which it is no more."""
        with self._lock:
            if self._pair is not pair:
                return False
            self._pair = None
            return True

    def _lost(self, pair: Pair, reason: str) -> None:
        if self._forget(pair):
            self.on_state(ConnectionState.LOST, reason)

    def _refuse_connecting(self) -> TransportError:
        return failures.disconnected(self.options.broker, "A new connection", _CLOSED)

    def _disconnect(self, timeout: float, end_sessions: Callable[[float], None]) -> None:
        with self._lock:
            self._closed = True
            self._has_sessions = False
            pair, self._pair = self._pair, None
        if pair is not None and pair.runs_here:
            # The callback that we are in must return before its connection can send the rest.
            pair.silence()
            threading.Thread(
                target=self._leave,
                args=(pair, timeout, end_sessions),
                name=f"pye2-mqtt-{self.options.client_id}-leaving",
            ).start()
        else:
            self._leave(pair, timeout, end_sessions)

    def _leave(
        self, pair: Pair | None, timeout: float, end_sessions: Callable[[float], None]
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        if pair is not None and not pair.leave(timeout):
            _log.warning(
                "Closed the connection to %s before all messages were confirmed",
                self.options.broker.url,
            )
        end_sessions(max(deadline - self._clock.monotonic(), 0))

    def _end_sessions(self, timeout: float) -> None:
        """Connect as ourselves with nothing to keep; the broker then forgets what it has kept."""
        deadline = self._clock.monotonic() + timeout
        try:
            pair = self._make_pair(clean=True)
            try:
                pair.open(timeout)
                pair.leave(max(deadline - self._clock.monotonic(), 0))
            finally:
                pair.drop(_CLOSED)
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
        pair = self._pair
        if pair is None:
            raise failures.disconnected(
                self.options.broker,
                f"What was asked on {self._topic_of(channel)!r}",
                _CLOSED if self._closed else _NOT_OPEN,
            )
        return pair.payloads if channel.kind in _PAYLOAD_KINDS else pair.main

    def _topic_of(self, channel: Channel) -> str:
        try:
            return self._topics.topic_of(channel)
        except ValueError as error:
            raise TransportError(
                f"No {channel.kind.value} channel can be had over MQTT: {error}."
                " Use the node's address, or a name of letters, digits, '_' and '-'.",
                broker=self.options.broker.url,
            ) from None

    def _check_size(self, data: bytes) -> None:
        limit = self.features.max_message
        if len(data) > limit:
            raise MessageTooLarge(
                f"A message of {len(data):,} bytes was not sent: at most {limit:,} are allowed."
                " Send it in parts.",
                broker=self.options.broker.url,
                size=len(data),
                limit=limit,
            )


def _qos_of(channel: Channel) -> int:
    """Heartbeats are soon followed by newer ones; all else is confirmed."""
    return 0 if channel.kind is ChannelKind.CTRL else 1


def _end_no_sessions(_timeout: float) -> None:
    """For sessions that the broker is to keep, or has never had."""


def _tls_context(tls: TlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"The authority file {tls.ca_file} cannot be used ({error})."
            " It must hold one or more certificates in PEM form.",
            setting="ca_file",
        ) from error
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
