"""Checks and opens what arrives, and hands it to whoever listens.

Everything here is hostile until it is opened: whatever a message provokes costs only that message,
never the thread that brought it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from pye2core.abc import MAX_MESSAGE, ChannelKind
from pye2core.connection.rejections import Rejections
from pye2core.errors import MessageRejected
from pye2core.identity import same_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel, Delivery, SealedMessage
    from pye2core.connection.dialects import Dialects
    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

    Handler = Callable[[Message, Callable[[], None]], None]
    Gate = Callable[[SealedMessage], None]
    Interest = Callable[[SealedMessage], bool]
    OnUnreadable = Callable[[SealedMessage, MessageRejected], None]
    TakesProof = Callable[[Channel, bytes], bool]

_log = logging.getLogger("pye2core.connection")

_FOR_COMMANDS = frozenset({ChannelKind.CONFIG, ChannelKind.ROLL_CALL})

_SHOWN = 200
"""Characters of an unforeseen error's text that are shown: it may quote the whole message."""


def _nobody_answers(sealed: SealedMessage, error: MessageRejected) -> None:
    """A session need not say that it could not read something."""
    del sealed, error


def _nobody_waits() -> None:
    """Who acts on each message as it comes has nothing to do after the last."""


def _nothing_to_prove(channel: Channel, data: bytes) -> bool:
    del channel, data
    return False


@define(eq=False)
class _Acknowledgement:
    """Tells the broker once, whoever asks how often; never raises."""

    _delivery: Delivery
    _first: threading.Lock = field(factory=threading.Lock, init=False)

    def __call__(self) -> None:
        if not self._first.acquire(blocking=False):
            return
        try:
            self._delivery.ack()
        except Exception as error:  # noqa: BLE001 - at worst the message comes again
            _log.info("could not acknowledge a message, it may come again: %s", error)


@frozen
class Listener:
    """Somebody who listens on a channel.

    Attributes:
        handler: takes the messages.
        wanted: tells of a message that was not checked yet whether it is of use; what is not is
            dropped unread, for checking it would only cost time. None: all are.
        without_it: what is lost where the broker forbids the channel, in words. None: everything.
    """

    handler: Handler
    wanted: Interest | None = None
    without_it: str | None = None


@define(eq=False)
class Inbound:
    """Takes deliveries: size, shape, interest, signature, gate, decryption; then the handler.

    What a node encrypted for somebody else is of no interest here, whoever listens.

    Attributes:
        identity: opens what is encrypted for it.
        dialects: the wire dialects.
        registry: the plugins that observe.
        gate: raises ``MessageRejected`` for verified messages that must not be acted on.
        tolerated: reasons for which a message that does not verify is handed on all the same, its
            ``origin.verified`` being False.
        on_unreadable: told of a message that was verified and let in, and cannot be opened.
        on_settled: told, on the thread that brings the messages, when what came together was handed
            over; never raises.
        listeners: who listens on each channel; who listens on a wildcard hears what nobody listens
            to on the channel itself.
        takes_proof: whether a delivery is what was published here only to see whether it arrives.
        rejections: what was not acted on.
    """

    identity: Identity
    dialects: Dialects
    registry: PluginRegistry
    gate: Gate
    tolerated: frozenset[str] = frozenset()
    on_unreadable: OnUnreadable = _nobody_answers
    on_settled: Callable[[], None] = _nobody_waits
    takes_proof: TakesProof = _nothing_to_prove
    listeners: dict[Channel, Listener] = field(factory=dict)
    rejections: Rejections = field(factory=Rejections)

    def receive(self, delivery: Delivery) -> None:
        """Take one delivery; never raises, and acknowledges whatever no handler took."""
        try:
            self._take(delivery)
        finally:
            if not delivery.is_in_batch:
                self.on_settled()

    def _take(self, delivery: Delivery) -> None:
        acknowledge = _Acknowledgement(delivery)
        if self.takes_proof(delivery.channel, delivery.data):
            acknowledge()
            return
        listener = self._listener_of(delivery.channel)
        if listener is None:
            _log.debug("nobody listens on %s", delivery.channel)
            acknowledge()
            return
        try:
            message = self._open(delivery, listener)
        except Exception as error:  # noqa: BLE001 - it is counted, logged and announced
            acknowledge()
            self._turn_down(delivery, error)
            return
        if message is None:
            acknowledge()
            return
        self._hand_over(message, listener.handler, delivery, acknowledge)

    def _listener_of(self, channel: Channel) -> Listener | None:
        return self.listeners.get(channel) or self.listeners.get(channel.for_all_owners)

    def _open(self, delivery: Delivery, listener: Listener) -> Message | None:
        """The message in a delivery; None if it is of no use."""
        size = len(delivery.data)
        if size > MAX_MESSAGE:
            message = f"it has {size:,} bytes and a message may have {MAX_MESSAGE:,}"
            raise MessageRejected(message, reason="size")
        place, sealed = self.dialects.parse(delivery.data)
        if sealed.is_command is not (delivery.channel.kind in _FOR_COMMANDS):
            message = f"such a message does not belong on {delivery.channel.kind.value}"
            raise MessageRejected(message, reason="shape", sender=sealed.sender)
        if self._is_for_another(sealed):
            return None
        if listener.wanted is not None and not listener.wanted(sealed):
            return None
        verified = self._is_verified(sealed)
        self.gate(sealed)
        opened = self._opened(sealed, place, verified=verified)
        if verified:
            self.dialects.heard(sealed.sender, place)
            self.dialects.take_in(opened, place)
        origin = opened.origin
        if origin is None or (origin.size == size and origin.verified is verified):
            return opened
        return evolve(opened, origin=evolve(origin, size=size, verified=verified))

    def _opened(self, sealed: SealedMessage, place: int, *, verified: bool) -> Message:
        try:
            if verified:
                self.dialects.require_strength(sealed, place)
            return sealed.open(self.identity)
        except MessageRejected as error:
            if verified:
                self.on_unreadable(sealed, error)
            raise

    def _is_for_another(self, sealed: SealedMessage) -> bool:
        """Whether a node encrypted it for somebody else; of a command, the gate judges that."""
        if sealed.is_command or sealed.recipient is None:
            return False
        return not same_address(sealed.recipient, self.identity.address)

    def _is_verified(self, sealed: SealedMessage) -> bool:
        """Whether its signature is good; False only for what is tolerated here.

        Raises:
            MessageRejected: it is not, and that is not tolerated.
        """
        try:
            sealed.verify()
        except MessageRejected as error:
            if error.reason not in self.tolerated:
                raise
            return False
        return True

    def _turn_down(self, delivery: Delivery, error: Exception) -> None:
        if isinstance(error, MessageRejected):
            self.reject(error, delivery.channel, len(delivery.data))
            return
        why = f"reading it raised {type(error).__name__}: {str(error)[:_SHOWN]}"
        rejected = MessageRejected(why, reason="shape")
        self.reject(rejected, delivery.channel, len(delivery.data), defect=error)

    def _hand_over(
        self, message: Message, handler: Handler, delivery: Delivery, acknowledge: _Acknowledgement
    ) -> None:
        size = len(delivery.data)
        self.registry.observe(
            "pye2_message_received", message=message, channel=delivery.channel, size=size
        )
        try:
            handler(message, acknowledge)
        except MessageRejected as error:
            acknowledge()
            self.reject(error, delivery.channel, size)
        except Exception:  # noqa: BLE001 - a message that was not acknowledged comes for ever
            acknowledge()
            _log.exception("the handler of %s failed; its message is dropped", delivery.channel)

    def reject(
        self,
        error: MessageRejected,
        channel: Channel,
        size: int,
        *,
        defect: Exception | None = None,
    ) -> None:
        """Count, log and announce a message that is not acted on.

        Args:
            error: why.
            channel: where it came.
            size: its bytes.
            defect: what was raised that nobody foresaw, logged with its traceback.
        """
        self.rejections.add(error, channel.kind.value, defect)
        self.registry.observe("pye2_message_rejected", error=error, channel=channel, size=size)
