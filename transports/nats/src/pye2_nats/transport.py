"""The transport that the kernel uses.

Channels, sizes and states are dealt with here; ``link`` holds the connections. Nothing is queued,
repeated or reconnected here: that is the kernel's.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from pye2_nats import failures
from pye2_nats.link import Link
from pye2_nats.names import Names
from pye2_nats.plugin import DEFAULT_PORT, FEATURES
from pye2_nats.settings import NatsSettings
from pye2core.abc import ChannelKind, ConnectionState, CurrentLink, Transport, broker_failures
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import NotConnected, Pye2Error, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.abc import Channel, Delivery, TransportOptions

_log = logging.getLogger(__name__)


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
        self._current = CurrentLink[Link](self)
        self._has_session = False

    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss.

        Raises:
            BrokerUnreachable: no NATS server with JetStream answers within ``timeout`` seconds.
            CredentialsRefused: it does not let us in.
            NotConnected: the transport was closed.
            SettingsError: the file with the server's authority cannot be used.
        """
        deadline = self._clock.monotonic() + timeout
        link = Link(self.options, self._settings, self._names, self.on_message, self._lost)
        was_found = self._current.open(link, lambda: link.open(self._left(deadline)))
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
        self._current.at(subject).subscribe(channel, subject, timeout)
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
            link = self._current.at(subject)
            self._check_size(data, link)
        except TransportError as error:
            return broker_failures.unsent(error)
        return link.publish(channel, subject, data)

    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        ``on_message`` and ``on_state`` are not called after it has returned. Takes at most
        ``timeout`` seconds; what could not be sent or ended by then is logged.
        """
        if not self._has_session:
            self._current.leave(timeout)
            return
        link = self._open_link()
        if link is not None:
            link.ends_session = True
        self._current.leave(timeout, partial(self._end_session, link))

    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the server goes on keeping commands for the next start."""
        self._current.leave(timeout)

    # --- making and ending connections --------------------------------------------------------

    def _lost(self, link: Link, reason: str) -> None:
        if link.was_taken_over:
            self._has_session = False  # it is the other's now
        self._current.lost(link, reason)

    def _open_link(self) -> Link | None:
        try:
            return self._current.at("the session")
        except NotConnected:
            return None

    def _end_session(self, left: Link | None, timeout: float) -> None:
        """Have the server forget us: connect once more, if that was not done over ``left``."""
        if left is not None and left.has_forgotten:
            return
        deadline = self._clock.monotonic() + timeout
        link = Link(self.options, self._settings, self._names, _ignore, _ignore)
        try:
            link.open(timeout)
            link.forget(self._left(deadline))
        except Pye2Error as error:
            _log.warning(
                "The NATS server %s still keeps commands for %s: %s",
                self.options.broker.url,
                self.options.client_id,
                error,
            )
        finally:
            link.drop("the transport is closed")

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), 0)

    # --- messages -----------------------------------------------------------------------------

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
