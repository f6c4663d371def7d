"""Asks the broker for the channels that are listened to, and knows which of them it forbids.

Brokers have access rules, and many know PyE2's channels only. Who listens says which channels a
connection can do without.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from pye2core.errors import BrokerUnreachable, NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pye2core.abc import Channel, Transport
    from pye2core.connection.inbound import Listener

_log = logging.getLogger("pye2core.connection")


class Subscriptions:
    """A connection's subscriptions.

    Args:
        transport: carries them to the broker.
        listeners: who listens, by channel.
        broker: the broker's URL without its password, for errors.
        timeout: seconds for each.
    """

    def __init__(
        self,
        transport: Transport,
        listeners: Mapping[Channel, Listener],
        *,
        broker: str,
        timeout: float,
    ) -> None:
        self._transport = transport
        self._listeners = listeners
        self._broker = broker
        self._timeout = timeout
        self._lock = threading.Lock()
        self._forbidden: set[Channel] = set()
        self._silent: set[Channel] = set()

    def renew(self, channels: Iterable[Channel]) -> None:
        """Ask for channels anew, on a new connection.

        Raises:
            NotConnected, TransportError: as :meth:`make`.
        """
        # Those of all owners come first, as they make the owners' own superfluous.
        for channel in sorted(channels, key=lambda each: not each.is_wildcard):
            self.make(channel)

    def make(self, channel: Channel) -> None:
        """Ask for a channel; what the connection can do without may be forbidden.

        What arrives through the wildcard of a channel is not asked for besides: brokers may deliver
        what is in both twice.

        Raises:
            NotConnected: the broker did not confirm in time.
            TransportError: there cannot be such a channel, or the broker forbids it.
        """
        if self._is_covered(channel):
            return
        try:
            self.require_possible(channel)
            self._transport.subscribe(channel, self._timeout)
        except (NotConnected, BrokerUnreachable):
            raise
        except TransportError as error:
            without_it = self._listeners[channel].without_it
            if without_it is None:
                raise
            self._do_without(channel, without_it, error)
        else:
            self._have(channel)

    def require_possible(self, channel: Channel) -> None:
        """See that the transport has such channels.

        Raises:
            TransportError: it has not.
        """
        if not channel.is_wildcard or self._transport.features.wildcards:
            return
        kind = channel.kind.value
        raise TransportError(
            f"the transport for {self._broker} cannot listen on the {kind} channels of all owners"
            f" at once; listen on Channel.{kind}(address) of each, or use a broker that can (MQTT)",
            broker=self._broker,
        )

    def is_forbidden(self, channel: Channel) -> bool:
        """Whether the connection does without ``channel``, as the broker does not let it listen."""
        return channel in self._forbidden and not self._is_covered(channel)

    def note_silence(self, channel: Channel) -> None:
        """Say once that nothing arrives on a channel, though the broker granted it."""
        with self._lock:
            is_news = channel not in self._silent
            self._silent.add(channel)
        level = logging.WARNING if is_news else logging.DEBUG
        listener = self._listeners.get(channel)
        without_it = (listener and listener.without_it) or f"{channel} is not heard"
        _log.log(
            level,
            "%s: %s lets us subscribe there and delivers nothing; see its access rules",
            without_it,
            self._broker,
        )

    def _is_covered(self, channel: Channel) -> bool:
        wildcard = channel.for_all_owners
        is_heard = wildcard in self._listeners and wildcard not in self._forbidden
        return wildcard != channel and is_heard

    def _do_without(self, channel: Channel, without_it: str, error: TransportError) -> None:
        with self._lock:
            is_news = channel not in self._forbidden
            self._forbidden.add(channel)
        level = logging.WARNING if is_news else logging.DEBUG
        _log.log(level, "%s: %s", without_it, error)

    def _have(self, channel: Channel) -> None:
        with self._lock:
            was_forbidden = channel in self._forbidden
            self._forbidden.discard(channel)
        if was_forbidden:
            _log.warning("the broker lets us listen on %s now", channel)
