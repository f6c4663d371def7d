"""A connection's life: connects, sends, listens, survives the loss of the broker, closes.

Threads: whoever sends, the transport's own, and that of ``reconnecting``. What they all have to
know, whether the broker is there, is in ``lifeline``. No lock is held while the transport runs.
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.abc import (
    MAX_LAST_WILL,
    MAX_MESSAGE,
    ConnectionState,
    LastWill,
    Transport,
    TransportOptions,
)
from pye2core.clock import SYSTEM_CLOCK
from pye2core.connection.backoff import Backoff
from pye2core.connection.clear_text import warn_of_readable_password
from pye2core.connection.forgetting import Forgetting
from pye2core.connection.inbound import Inbound, Listener
from pye2core.connection.lifeline import Lifeline
from pye2core.connection.outbound import Outbound
from pye2core.connection.outbox import Entry
from pye2core.connection.proofs import Proofs
from pye2core.connection.reconnecting import Reconnecting
from pye2core.connection.subscriptions import Subscriptions
from pye2core.errors import MessageTooLarge, NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.abc import Channel, SealedMessage, TransportFeatures
    from pye2core.clock import Clock
    from pye2core.connection.dialects import Dialects
    from pye2core.connection.inbound import Gate, Handler, Interest, OnUnreadable
    from pye2core.connection.rejections import Rejections
    from pye2core.connection.settings import ConnectionSettings
    from pye2core.errors import MessageRejected
    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2core.connection")


def _open_gate(sealed: SealedMessage) -> None:
    del sealed


class Connection:
    """A sealed connection to a network.

    Handlers are called from the transport's threads with the opened message and a function that
    acknowledges it, from any thread and at any time; they return soon. One that raises
    ``MessageRejected`` has its message counted and announced like those that were never opened.
    After any error the message is acknowledged, or it would come again for ever.

    Args:
        settings: how to connect.
        identity: signs what is sent and opens what is encrypted for it.
        dialects: the wire dialects.
        registry: installed plugins, for the transport and the observers.
        gate: called for each verified message before it is decrypted; raises ``MessageRejected``
            for those that must not be acted on (recipient, replay, allow-list).
        tolerated: reasons of ``MessageRejected`` for which a message that does not verify is handed
            on all the same, its ``origin.verified`` being False, if the gate lets it pass. None by
            default, and never any for a node, which acts on what it is told.
        on_unreadable: told of a message that was verified and let in by the gate, and cannot be
            opened; it is rejected all the same. Called from the transport's threads.
        on_settled: told, on one of the transport's threads, when all messages that came together
            were handed over. It returns soon and never raises.
        rng: for the jitter of reconnection.
        clock: says how long a connection lasted.
        last_will: what the broker is to say for us, and where, should the connection be lost. Asked
            for anew, from whatever thread connects, at each attempt to connect. A transport that
            cannot leave one with its broker does without.
        on_connected: called after each connecting, the first one included, by the thread that
            connected, when everything is subscribed to and messages flow again. What could be
            replaced by something newer was dropped at the loss: this is the time to say it anew.
            It returns soon; what it raises is logged.
        on_forgotten: told in words, by the thread that connected, when messages flow again and the
            broker has kept nothing while the connection was lost, though it was to. Logged as a
            warning where nobody is to be told. It returns soon; what it raises is logged.

    Raises:
        UnknownTransport: no installed plugin serves the broker's scheme.
        PluginBroken: the plugin that does cannot be used.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        identity: Identity,
        dialects: Dialects,
        registry: PluginRegistry,
        *,
        gate: Gate = _open_gate,
        tolerated: frozenset[str] = frozenset(),
        on_unreadable: OnUnreadable | None = None,
        on_settled: Callable[[], None] | None = None,
        rng: random.Random | None = None,
        clock: Clock = SYSTEM_CLOCK,
        last_will: Callable[[], tuple[Message, Channel]] | None = None,
        on_connected: Callable[[], None] | None = None,
        on_forgotten: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.identity = identity
        self._dialects = dialects
        self._registry = registry
        self._last_will = last_will
        self._on_connected = on_connected
        jitter = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._lifeline = Lifeline(clock, Backoff(jitter))
        self._started = False
        self._proofs = Proofs(self._seal_for)
        self._inbound = Inbound(identity, dialects, registry, gate, tolerated)
        self._inbound.takes_proof = self._proofs.take
        if on_unreadable is not None:
            self._inbound.on_unreadable = on_unreadable
        self._transport = self._make_transport()
        if on_settled is not None:
            self._inbound.on_settled = self._transport.on_batch_end = on_settled
        self._subscriptions = Subscriptions(
            self._transport,
            self._inbound.listeners,
            broker=settings.broker.url,
            timeout=settings.connect_timeout,
        )
        self._outbound = Outbound(self._transport.publish, settings.broker.url)
        self._forgetting = Forgetting(
            self._transport,
            self._inbound.listeners,
            broker=settings.broker.url,
            tell=on_forgotten,
        )
        self._reconnecting = Reconnecting(
            self._lifeline,
            settings.broker.url,
            establish=self._establish,
            on_lasting=self._give_up_proofs,
        )

    def _make_transport(self) -> Transport:
        broker = self.settings.broker
        descriptor = self._registry.transport(broker.scheme)
        warn_of_readable_password(broker, descriptor.secured_schemes)
        options = TransportOptions(
            broker=evolve(broker, port=broker.port or descriptor.default_ports.get(broker.scheme)),
            client_id=self.settings.client_id,
            persistent=self.settings.persistent,
            root=self.settings.root,
            settings=self._registry.settings_of(descriptor, self.settings.environment),
            last_will=self._seal_last_will if self._last_will else None,
        )
        transport: Transport = self._registry.make(
            Transport,
            descriptor,
            descriptor.implementation,
            options,
            self._inbound.receive,
            self._on_state,
        )
        if self._last_will and not transport.features.last_will:
            _log.info(
                "the transport for %s leaves no last will: should this connection be lost, others"
                " notice only that nothing more comes",
                broker.url,
            )
        return transport

    # --- what can be asked ------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the broker is there at this moment."""
        return self._lifeline.is_there

    @property
    def seconds_lost(self) -> float | None:
        """Seconds since the connection was lost; None while there is one."""
        return self._lifeline.seconds_lost

    def was_made_since(self, moment: float) -> bool:
        """Whether the connection of now was made after a moment of the clock's monotonic time."""
        return self._lifeline.was_made_since(moment)

    @property
    def features(self) -> TransportFeatures:
        """What its transport can do."""
        return self._transport.features

    @property
    def rejections(self) -> Rejections:
        """What arrived and was not acted on."""
        return self._inbound.rejections

    # --- sending and receiving --------------------------------------------------------------------

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
            conflate: of messages that wait for one channel under the same key, only the last is
                sent, in the place of the first; they have one future. What waits like that when
                the connection is lost, or until it is back, is dropped: its future fails.

        Returns:
            A future that is done when the broker has the message. While the message waits it can be
            cancelled, which withdraws the message. It fails with ``NotConnected`` if the connection
            is closed before the broker has the message, or lost for one with ``conflate``; with
            another ``TransportError`` if nothing can be published on that channel.

        Raises:
            MessageTooLarge: it is larger than a message may be.
            NotConnected: the connection is closed, or too much waits for the broker.
            DialectUnusable: the receiver speaks a dialect in which it cannot be spoken to now.
            InvalidAddress: ``encrypt_for`` is not an address.
            TypeError: the message holds what the dialect cannot carry.
        """
        data = self._seal_for(message, encrypt_for)
        self._check_size(len(data), MAX_MESSAGE)
        done = self._outbound.post(Entry(channel, data, conflate))
        self._registry.observe(
            "pye2_message_sent", message=message, channel=channel, size=len(data)
        )
        return done

    def _seal_for(self, message: Message, receiver: str | None) -> bytes:
        return self._dialects.seal(message, self.identity, receiver)

    def _check_size(self, size: int, most: int) -> None:
        limit = min(most, self._transport.features.max_message)
        if size <= limit:
            return
        raise MessageTooLarge(
            f"the encoded message has {size:,} bytes and a message may have {limit:,}; send less at"
            " once, or in pieces",
            broker=self.settings.broker.url,
            size=size,
            limit=limit,
        )

    def listen(
        self,
        channel: Channel,
        handler: Handler,
        *,
        wanted: Interest | None = None,
        without_it: str | None = None,
    ) -> None:
        """Hand every message that arrives on ``channel`` to ``handler``, after a loss as well.

        Before :meth:`start` this is only noted. That is the time for it where the broker keeps
        messages: it delivers them as soon as it is connected to. Not to be called from a handler,
        for it waits for the broker.

        Args:
            channel: where to listen. Whoever listens to all owners at once hears what nobody
                listens to on the owner's own channel.
            handler: takes the messages.
            wanted: tells of a message that was not checked yet whether it is of use; what is not is
                dropped unread. Called from the transport's threads.
            without_it: what is lost where this channel cannot be listened to, in words. The
                connection then does without, logs a warning that says so, and tries again whenever
                it connects. None: the channel is needed.

        Raises:
            NotConnected: the broker did not confirm in time; it is asked again when it is back.
            TransportError: there cannot be such a channel, or the broker forbids it; not for a
                channel that the connection can do without.
        """
        if without_it is None:
            self._subscriptions.require_possible(channel)
        self._inbound.listeners[channel] = Listener(handler, wanted, without_it)
        if not self._started:
            return
        if not self._lifeline.wait_until_there(self.settings.connect_timeout):
            url = self.settings.broker.url
            raise NotConnected(f"cannot listen on {channel}: {url} is away", broker=url)
        try:
            self._subscriptions.make(channel)
        except NotConnected:
            raise
        except TransportError:
            del self._inbound.listeners[channel]  # or no reconnection would ever succeed
            raise

    def is_forbidden(self, channel: Channel) -> bool:
        """Whether it does without a channel, as the broker does not let it listen there."""
        return self._subscriptions.is_forbidden(channel)

    def prove(self, channel: Channel, on_settled: Callable[[bool], None] | None = None) -> None:
        """Find out, whenever it connects, whether what is published on ``channel`` arrives here.

        For who listens to it and has to know: brokers may grant that and deliver nothing, of which
        a warning is logged once. Something that nobody can read is published there. To be called
        before :meth:`start`.

        Args:
            channel: the channel, which is listened to.
            on_settled: told whether it does: True after one round trip, False where nothing has
                come within ``PROOF_SECONDS``. Called once on each connection that is not lost
                before, from any thread; returns soon.
        """
        self._proofs.want(channel, on_settled)

    def hears(self, channel: Channel, timeout: float = 0.0) -> bool:
        """Whether what is published on ``channel`` was shown to arrive here.

        Args:
            channel: one that is to be proven, see :meth:`prove`.
            timeout: seconds to wait for that.
        """
        return self._proofs.has(channel, timeout)

    def reject(self, error: MessageRejected, channel: Channel, size: int) -> None:
        """Count, log and announce a message that is not acted on."""
        self._inbound.reject(error, channel, size)

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected from then on.

        Raises:
            BrokerUnreachable: nothing answers at the broker's address.
            CredentialsRefused: the broker says no.
            NotConnected: the broker did not confirm a subscription in time.
            TransportError: a channel that is listened on cannot be, or the broker forbids it.
        """
        self._started = True
        self._establish()
        _log.info("connected to the broker %s", self.settings.broker.url)
        self._reconnecting.start()

    def close(self, *, keep_session: bool = False, timeout: float = 5.0) -> None:
        """Send what waits, then disconnect for good; what could not be sent fails.

        Args:
            keep_session: leave the persistent session at the broker, for the next start.
            timeout: seconds that each of these may take: ending an attempt to reconnect, sending,
                disconnecting.
        """
        if not self._lifeline.begin_closing():
            return
        self._outbound.refuse()
        end = self._transport.detach if keep_session else self._transport.close
        try:
            self._reconnecting.end(lambda: end(timeout), timeout)
            self._outbound.finish(timeout)
            end(timeout)
        finally:
            self._lifeline.note_closed()
            self._outbound.give_up()

    def _on_state(self, state: ConnectionState, reason: str) -> None:
        if state is ConnectionState.FORGOTTEN:
            self._forgetting.note(reason)
        if state is ConnectionState.LOST and self._lifeline.note_lost():
            self._outbound.hold()
            _log.warning("lost the broker %s: %s; reconnecting", self.settings.broker.url, reason)

    def _give_up_proofs(self) -> None:
        for channel in self._proofs.give_up():
            if not self.is_forbidden(channel):
                self._subscriptions.note_silence(channel)

    def _seal_last_will(self) -> LastWill | None:
        """What the broker is to publish should the next connection be lost; None if that fails."""
        assert self._last_will is not None
        try:
            message, channel = self._last_will()
            data = self._seal_for(message, None)
            self._check_size(len(data), MAX_LAST_WILL)
        except Exception:  # noqa: BLE001 - whatever it is, it is no reason not to connect
            _log.exception("connecting to %s without a last will", self.settings.broker.url)
            return None
        return LastWill(channel, data)

    def _establish(self) -> None:
        """Connect, subscribe, and publish again what was not confirmed."""
        timeout = self.settings.connect_timeout
        self._outbound.hold(timeout)
        self._proofs.begin_anew()
        self._lifeline.begin()
        self._transport.connect(timeout)
        self._subscriptions.renew(list(self._inbound.listeners))
        self._lifeline.note_made()
        self._outbound.resume()
        if self._lifeline.is_there:
            self._begin_to_talk()

    def _begin_to_talk(self) -> None:
        """Say what has to be said on each connection."""
        try:
            for channel, data in self._proofs.made():
                if not self.is_forbidden(channel):
                    self._outbound.post(Entry(channel, data, conflate="proof"))
            if self._on_connected is not None:
                self._on_connected()
            self._forgetting.tell()
        except Exception:  # noqa: BLE001 - others' code; the connection is there all the same
            _log.exception("not all was said after connecting to %s", self.settings.broker.url)
