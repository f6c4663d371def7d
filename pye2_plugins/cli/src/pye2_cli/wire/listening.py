"""Listens to a whole network: its shared channels, all nodes' config and all inboxes.

You are in ``pye2 wire``. Where the transport has no wildcards, or the broker forbids one, own
channels are followed one by one instead: nodes are learnt from their verified heartbeats, and
whoever sends a verified command has an inbox. Deliveries come from the transport's threads; all
else happens on the thread that runs :meth:`Listener.run`.
"""

from __future__ import annotations

import os
import queue
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pye2core.abc import (
    Channel,
    ChannelKind,
    ConnectionState,
    Delivery,
    Transport,
    TransportOptions,
)
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import NotConnected, TransportError
from pye2core.identity import is_address, with_prefix
from pye2core.messages import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from pye2_cli.wire.reading import Reader, Reading
    from pye2core import PluginRegistry
    from pye2core.clock import Clock
    from pye2core.settings import ClientSettings

TIMEOUT = 10.0
"""Seconds for connecting and for each subscription."""

RETRY_SECONDS = 2.0

MOST_CHANNELS = 4096
"""Channels that are listened on: names are easily made up."""

_CLOSING_SECONDS = 2.0

_SHARED = (Channel.ctrl(), Channel.notif(), Channel.payloads(), Channel.roll_call())
_OF_ALL = (Channel.every_config(), Channel.every_inbox())

_FOLLOWED_FROM = {
    ChannelKind.CONFIG: "commands to a node are heard from its first verified heartbeat on",
    ChannelKind.INBOX: "results in a client's own inbox are heard from its first command on",
}
"""From when on an own channel is heard where there is no wildcard for all of its kind."""


@frozen
class _Loss:
    """The connection was lost, for this reason."""

    reason: str


class Listener:
    """Hears what passes on a network until the thread that runs it is interrupted.

    Args:
        settings: where the broker is.
        registry: the installed plugins.
        reader: reads what is heard.
        show: called with each message and when it was heard.
        tell: called with a line for whoever runs it: what is listened to, a loss.
        clock: says when a message was heard.
    """

    def __init__(
        self,
        settings: ClientSettings,
        registry: PluginRegistry,
        reader: Reader,
        show: Callable[[Reading, datetime], None],
        tell: Callable[[str], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._place = f"{settings.broker.url}, root topic {settings.root_topic!r}"
        self._reader = reader
        self._show = show
        self._tell = tell
        self._clock = clock
        self._events: queue.SimpleQueue[Delivery | _Loss] = queue.SimpleQueue()
        self._channels: dict[Channel, None] = {}
        self._known: tuple[Channel, ...] = ()
        self._followed: set[ChannelKind] = set()
        self._transport = self._make_transport(settings, registry)

    def _make_transport(self, settings: ClientSettings, registry: PluginRegistry) -> Transport:
        broker = settings.broker
        descriptor = registry.transport(broker.scheme)
        options = TransportOptions(
            broker=evolve(broker, port=broker.port or descriptor.default_ports.get(broker.scheme)),
            client_id=f"pye2-wire_{os.urandom(4).hex()}",
            root=settings.root_topic,
            settings=registry.settings_of(descriptor, settings.environment),
        )
        made: Transport = registry.make(
            Transport,
            descriptor,
            descriptor.implementation,
            options,
            self._events.put,
            self._on_state,
        )
        return made

    def _on_state(self, state: ConnectionState, reason: str) -> None:
        if state is ConnectionState.LOST:
            self._events.put(_Loss(reason))

    def run(self, nodes: Iterable[str] = ()) -> None:
        """Listen; ends by an exception alone.

        Args:
            nodes: names and addresses whose own channels are listened on from the start, even
                without wildcards.

        Raises:
            BrokerUnreachable: nothing answers at the broker's address.
            CredentialsRefused: the broker says no.
        """
        self._known = (
            *(Channel.config(with_prefix(node) if is_address(node) else node) for node in nodes),
            *(Channel.inbox(key.address) for key in self._reader.keys),
        )
        self._choose_channels()
        try:
            self._establish()
            self._tell(f"listening at {self._place}; Ctrl-C ends")
            while True:
                self._take(self._events.get())
        finally:
            self._transport.close(_CLOSING_SECONDS)

    def _choose_channels(self) -> None:
        self._channels = dict.fromkeys(_SHARED)
        if self._transport.features.wildcards:
            self._channels.update(dict.fromkeys(_OF_ALL))
            return
        self._tell("this transport cannot listen to all nodes and clients at once")
        for channel in _OF_ALL:
            self._follow_one_by_one(channel.kind)

    def _follow_one_by_one(self, kind: ChannelKind) -> None:
        """Listen on the channels of a kind as their owners become known."""
        self._tell(_FOLLOWED_FROM[kind])
        self._followed.add(kind)
        self._channels.update((channel, None) for channel in self._known if channel.kind is kind)

    # --- the connection ---------------------------------------------------------------------------

    def _establish(self) -> None:
        self._transport.connect(TIMEOUT)
        asked: set[Channel] = set()
        # A wildcard that is refused leaves others in its place.
        while waiting := [channel for channel in self._channels if channel not in asked]:
            for channel in waiting:
                self._subscribe(channel)
            asked.update(waiting)

    def _subscribe(self, channel: Channel) -> bool:
        """Whether what passes on a channel will be heard."""
        try:
            self._transport.subscribe(channel, TIMEOUT)
        except NotConnected:
            raise
        except TransportError as error:
            self._channels.pop(channel, None)
            self._tell(f"cannot listen on {_called(channel)}: {error}")
            if channel.is_wildcard:
                self._follow_one_by_one(channel.kind)
            return False
        return True

    def _come_back(self, reason: str) -> None:
        self._tell(f"lost the broker {self._place}: {reason}; what passes meanwhile is not heard")
        while True:
            try:
                self._establish()
            except TransportError as error:
                self._tell(f"still no broker: {error}")
                self._rest()
            else:
                self._tell(f"listening again at {self._place}")
                return

    def _rest(self) -> None:
        """Let some time pass, or until there is a message that came before the loss."""
        try:
            event = self._events.get(timeout=RETRY_SECONDS)
        except queue.Empty:
            return
        if isinstance(event, Delivery):
            self._hear(event)

    # --- what is heard ----------------------------------------------------------------------------

    def _take(self, event: Delivery | _Loss) -> None:
        try:
            if isinstance(event, _Loss):
                self._come_back(event.reason)
            else:
                self._follow(self._hear(event))
        except NotConnected as error:
            self._come_back(str(error))

    def _hear(self, delivery: Delivery) -> Reading:
        heard_at = self._clock.now()
        reading = self._reader.read(delivery.data).heard_on(delivery.channel)
        self._show(reading, heard_at)
        # Not before it was shown: so the broker sends no faster than it can be shown.
        delivery.ack()
        return reading

    def _follow(self, reading: Reading) -> None:
        """Listen to whoever this message made known."""
        new = [
            channel
            for channel in _channels_of(reading)
            if channel.kind in self._followed and channel not in self._channels
        ]
        if len(self._channels) + len(new) > MOST_CHANNELS:
            return
        self._channels.update(dict.fromkeys(new))
        heard = [_called(channel) for channel in new if self._subscribe(channel)]
        if heard:
            self._tell(f"now listening on {', '.join(heard)} too")


def _channels_of(reading: Reading) -> Iterator[Channel]:
    """The own channels of whoever a verified message made known."""
    if not reading.verified or reading.sender is None or not is_address(reading.sender):
        return
    if isinstance(reading.message, Heartbeat):
        yield Channel.config(reading.sender)
        yield Channel.config(reading.message.name)
    if reading.kind in ("heartbeat", "command"):
        yield Channel.inbox(reading.sender)


def _called(channel: Channel) -> str:
    if channel.is_wildcard:
        return f"every {channel.kind.value}"
    return f"{channel.kind.value} of {channel.owner}" if channel.owner else channel.kind.value
