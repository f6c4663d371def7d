"""What the kernel uses: channels, errors and states. What nats-py does is below, in ``link``."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

from attrs import evolve
from nats.errors import Error

from pye2_nats.connecting import tls_context
from pye2_nats.faults import not_connected, unreachable
from pye2_nats.link import Link
from pye2_nats.names import Names
from pye2_nats.plugin import DEFAULT_PORT, FEATURES
from pye2_nats.settings import NatsSettings
from pye2core.abc import ChannelKind, ConnectionState, Transport
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import MessageTooLarge, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel, Delivery, TransportOptions

_log = logging.getLogger(__name__)

_FORGOTTEN = (
    "The NATS server no longer knows this client: commands that were published meanwhile may be"
    " lost. It forgets clients that are away for PYE2_NATS_KEEP_DAYS, and everything if the"
    " folder of its JetStream (store_dir) does not outlive a restart."
)


class NatsTransport(Transport):
    """Carries bytes over a NATS server; commands are kept by its JetStream.

    There is a new link for every attempt to connect. What an old one tells changes nothing.
    """

    features = FEATURES

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        super().__init__(options, on_message, on_state)
        if options.broker.port is None:
            self.options = evolve(options, broker=evolve(options.broker, port=DEFAULT_PORT))
        self._broker = self.options.broker
        self._settings: NatsSettings = options.settings or NatsSettings()
        self._names = Names(options.root)
        self._has_session = False
        self._lock = threading.Lock()  # guards what follows
        self._link: Link | None = None
        self._is_open = False
        self._is_closed = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again.

        Raises:
            BrokerUnreachable: no NATS server with JetStream answers within ``timeout`` seconds.
            CredentialsRefused: it does not let us in.
            NotConnected: the transport is closed.
            SettingsError: the authority's file cannot be used.
        """
        deadline = SYSTEM_CLOCK.monotonic() + timeout
        tls = tls_context(self._broker)
        link = self._new_link()
        with self._lock:
            if self._is_closed:
                raise not_connected(self._broker, "A new connection", "the transport is closed")
            before, self._link, self._is_open = self._link, link, False
        if before is not None:
            before.drop("a new connection replaces it")
        was_found = link.open(max(deadline - SYSTEM_CLOCK.monotonic(), 0.01), tls)
        if self._has_session and not was_found:
            self._has_session = False
            self.on_state(ConnectionState.FORGOTTEN, _FORGOTTEN)
        with self._lock:
            if self._is_closed:
                raise not_connected(self._broker, "A new connection", "the transport is closed")
            if link.has_ended:
                raise unreachable(self._broker, "it was there, and is gone again")
            self._is_open = True

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the server has confirmed.

        Raises:
            NotConnected: the connection is lost, or the server did not confirm in time.
            CredentialsRefused: its permissions forbid it.
            TransportError: there cannot be such a channel.
        """
        subject = self._subject(channel)
        self._open_link(f"The subscription to {channel}").subscribe(channel, subject, timeout)
        if channel.kind is ChannelKind.CONFIG and self.options.persistent:
            self._has_session = True

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the server, without waiting for it."""
        try:
            subject = self._subject(channel)
            if channel.is_wildcard:
                raise self._no_such_publication(channel)
            link = self._open_link(f"A message on {channel}")
            self._check_size(data, link)
        except TransportError as error:
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed
        return link.publish(channel, subject, data)

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; the session ends."""
        self._leave(timeout, forget=self.options.persistent)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the server goes on keeping commands for this client."""
        self._leave(timeout, forget=False)

    def _new_link(self) -> Link:
        def on_loss(reason: str) -> None:
            self._lost(link, reason)

        link = Link(self.options, self._settings, self._names, self.on_message, on_loss)
        return link

    def _lost(self, link: Link, reason: str) -> None:
        with self._lock:
            if self._link is not link or not self._is_open:
                return  # of no interest any more, or `connect` tells it
            self._is_open = False
        self.on_state(ConnectionState.LOST, reason)

    def _leave(self, timeout: float, *, forget: bool) -> None:
        deadline = SYSTEM_CLOCK.monotonic() + timeout
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            link, was_open, self._is_open = self._link, self._is_open, False
        if link is None:
            return
        link.stop_lanes(timeout)
        if was_open and not was_closed:
            self._say_goodbye(link, max(deadline - SYSTEM_CLOCK.monotonic(), 0.01), forget=forget)
        link.drop("the transport is closed")
        needs_another = forget and self._has_session and not link.was_taken_over
        if needs_another and not was_closed and not was_open:
            self._forget_anew(max(deadline - SYSTEM_CLOCK.monotonic(), 0.01))

    def _say_goodbye(self, link: Link, timeout: float, *, forget: bool) -> None:
        try:
            link.finish(timeout, forget=forget)
        except (TimeoutError, CancelledError, Error) as error:
            if forget and self._has_session:
                self._log_unforgotten(error)

    def _forget_anew(self, timeout: float) -> None:
        """Connect once more, only to end the session."""
        deadline = SYSTEM_CLOCK.monotonic() + timeout
        link = Link(self.options, self._settings, self._names, _ignore, _ignore)
        link.stop_lanes(0)
        try:
            link.open(timeout, tls_context(self._broker))
            link.finish(max(deadline - SYSTEM_CLOCK.monotonic(), 0.01), forget=True)
        except (TransportError, TimeoutError, CancelledError, Error) as error:
            self._log_unforgotten(error)
        finally:
            link.drop("the session is ended")

    def _log_unforgotten(self, error: BaseException) -> None:
        _log.warning(
            "The NATS server could not be told that %s is gone for good (%s): it keeps commands for"
            " it for %d days",
            self.options.client_id,
            str(error) or type(error).__name__,
            self._settings.keep_days,
        )

    def _open_link(self, what: str) -> Link:
        link = self._link
        if link is None or not self._is_open:
            why = "the transport is closed" if self._is_closed else "there is no connection"
            raise not_connected(self._broker, what, why)
        return link

    def _subject(self, channel: Channel) -> str:
        try:
            return self._names.subject(channel)
        except ValueError as error:  # UnicodeError is one
            raise TransportError(
                f"There can be no such channel on NATS, {channel.kind.value} of"
                f" {channel.owner!r:.80}: {error}.",
                broker=self._broker.url,
            ) from error

    def _no_such_publication(self, channel: Channel) -> TransportError:
        return TransportError(
            f"Nothing can be published on the {channel.kind.value} channels of all owners at once."
            " Publish on that of one owner.",
            broker=self._broker.url,
        )

    def _check_size(self, data: bytes, link: Link) -> None:
        limit = min(self.features.max_message, link.limit)
        if len(data) <= limit:
            return
        remedy = (
            " Set max_payload in the server's configuration."
            if limit < self.features.max_message
            else ""
        )
        raise MessageTooLarge(
            f"A message of {len(data):,} bytes was not sent: {self._broker.url} takes at most"
            f" {limit:,}.{remedy}",
            broker=self._broker.url,
            size=len(data),
            limit=limit,
        )


def _ignore(_: object) -> None:
    """Nothing is told by a connection that only ends a session."""
