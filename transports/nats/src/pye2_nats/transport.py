"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``link`` holds the connections. Nothing is queued,
repeated or reconnected here: that is the kernel's.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_nats import failures
from pye2_nats.link import Link
from pye2_nats.names import Names
from pye2_nats.plugin import DEFAULT_PORT, FEATURES
from pye2_nats.settings import NatsSettings
from pye2core.abc import ChannelKind, ConnectionState, Transport
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel, Delivery, TransportOptions

_log = logging.getLogger(__name__)

_CLOSED = "the transport is closed"
_NOT_OPEN = "there is no connection"


class NatsTransport(Transport):
    """A NATS server: commands are kept by its JetStream, all else passes.

    ``on_message`` is called by two threads: one brings payloads and what goes to inboxes, the other
    all else.
    """

    features = FEATURES

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        broker = evolve(options.broker, port=options.broker.port or DEFAULT_PORT)
        super().__init__(evolve(options, broker=broker), on_message, on_state)
        self._settings: NatsSettings = options.settings or NatsSettings()
        self._names = Names(options.root)
        self._clock = SYSTEM_CLOCK
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._has_session = False
        self._closed = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Raises:
            BrokerUnreachable: no NATS server with JetStream answers within ``timeout`` seconds.
            CredentialsRefused: it does not let us in.
            NotConnected: the transport was closed.
            SettingsError: the file with the server's authority cannot be used.
        """
        deadline = self._clock.monotonic() + timeout
        link = self._make_link()
        try:
            before = self._adopt(link)
            if before is not None:
                before.drop("a new connection replaces it")
            was_found = link.open(self._left(deadline))
        except Pye2Error:
            self._forget(link)
            link.drop("the connection could not be made")
            if self._closed:
                raise self._refuse_connecting() from None
            raise
        was_kept, self._has_session = self._has_session, was_found
        if was_kept and not was_found:
            self.on_state(ConnectionState.FORGOTTEN, failures.forgotten(self.options.broker))

    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the server has confirmed.

        Raises:
            NotConnected: the connection was lost, or the server did not confirm in time.
            CredentialsRefused: its permissions forbid it.
            TransportError: the channel's owner cannot be part of a subject.
        """
        subject = self._subject_of(channel)
        self._current(channel).subscribe(channel, subject, timeout)
        if channel.kind is ChannelKind.CONFIG and self.options.persistent:
            self._has_session = True

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the server.

        Returns:
            A future that is done when the server has read the message (commands: when JetStream
            has stored it), and fails with ``NotConnected`` when the connection is lost before that,
            with ``MessageTooLarge``, with ``CredentialsRefused`` where its permissions forbid it,
            or, for a wildcard and for a channel that NATS cannot have, with ``TransportError``.
        """
        try:
            subject = self._subject_of(channel)
            if channel.is_wildcard:
                raise failures.impossible(
                    self.options.broker,
                    channel,
                    "it stands for all owners at once, to whom nothing is published",
                )
            link = self._current(channel)
            self._check_size(data, link)
        except TransportError as error:
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed
        return link.publish(channel, subject, data)

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        ``on_message`` and ``on_state`` are not called after it has returned. Takes at most
        ``timeout`` seconds; what could not be sent or ended by then is logged.
        """
        self._disconnect(timeout, forget=self._has_session)

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the server goes on keeping commands for the next start."""
        self._disconnect(timeout, forget=False)

    # --- making and ending connections --------------------------------------------------------

    def _make_link(self) -> Link:
        return Link(self.options, self._settings, self._names, self.on_message, self._lost)

    def _adopt(self, link: Link) -> Link | None:
        """Make ``link`` the current one; returns the one before it."""
        with self._lock:
            if self._closed:
                raise self._refuse_connecting()
            before, self._link = self._link, link
            return before

    def _forget(self, link: Link) -> bool:
        """Whether ``link`` was the current one, which it is no more."""
        with self._lock:
            if self._link is not link:
                return False
            self._link = None
            return True

    def _lost(self, link: Link, reason: str) -> None:
        if link.was_taken_over:
            self._has_session = False  # it is the other's now
        if self._forget(link):
            self.on_state(ConnectionState.LOST, reason)

    def _refuse_connecting(self) -> TransportError:
        return failures.disconnected(self.options.broker, "A new connection", _CLOSED)

    def _disconnect(self, timeout: float, *, forget: bool) -> None:
        with self._lock:
            self._closed = True
            self._has_session = False
            link, self._link = self._link, None
        if link is not None and link.runs_here:
            # The callback that we are in must return before its loop can send the rest.
            link.silence()
            threading.Thread(
                target=self._leave,
                args=(link, timeout),
                kwargs={"forget": forget},
                name=f"pye2-nats-{self.options.client_id}-leaving",
            ).start()
        else:
            self._leave(link, timeout, forget=forget)

    def _leave(self, link: Link | None, timeout: float, *, forget: bool) -> None:
        deadline = self._clock.monotonic() + timeout
        if link is not None and not link.leave(timeout):
            _log.warning(
                "Closed the connection to %s before all messages were confirmed",
                self.options.broker.url,
            )
        if forget:
            self._end_session(deadline)

    def _end_session(self, deadline: float) -> None:
        """Connect as ourselves once more, to have the server forget us."""
        link = Link(self.options, self._settings, self._names, _ignore, _ignore)
        try:
            link.open(self._left(deadline))
            link.forget(self._left(deadline))
        except Pye2Error as error:
            _log.warning(
                "The NATS server %s still keeps commands for %s: %s",
                self.options.broker.url,
                self.options.client_id,
                error,
            )
        finally:
            link.drop(_CLOSED)

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), 0)

    # --- messages -----------------------------------------------------------------------------

    def _current(self, channel: Channel) -> Link:
        """The connection for something on ``channel``."""
        link = self._link
        if link is None or not link.is_open:
            raise failures.disconnected(
                self.options.broker,
                f"What was asked on {channel}",
                _CLOSED if self._closed else _NOT_OPEN,
            )
        return link

    def _subject_of(self, channel: Channel) -> str:
        try:
            return self._names.subject(channel)
        except ValueError as error:  # UnicodeError is one
            raise failures.impossible(self.options.broker, channel, str(error)) from None

    def _check_size(self, data: bytes, link: Link) -> None:
        limit = min(self.features.max_message, link.limit)
        if len(data) > limit:
            raise failures.too_large(self.options.broker, len(data), limit)


def _ignore(*_: object) -> None:
    """Nothing is told of a connection that only ends a session."""
