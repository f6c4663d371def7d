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

_log = logging.getLogger("pye2core.connection")

_SHOWN = 200
"""Characters of an unforeseen error's text that are shown: it may quote the whole message."""


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
    """

    handler: Handler
    wanted: Interest | None = None


@define(eq=False)
class Inbound:
    """Takes deliveries: size, shape, interest, signature, gate, decryption; then the handler.

    Attributes:
        identity: opens what is encrypted for it.
        dialects: the wire dialects.
        registry: the plugins that observe.
        gate: raises ``MessageRejected`` for verified messages that must not be acted on.
        listeners: who listens on each channel.
        rejections: what was not acted on.
    """

    identity: Identity
    dialects: Dialects
    registry: PluginRegistry
    gate: Gate
    listeners: dict[Channel, Listener] = field(factory=dict)
    rejections: Rejections = field(factory=Rejections)

    def receive(self, delivery: Delivery) -> None:
        """Take one delivery; never raises, and acknowledges whatever no handler took."""
        acknowledge = _Acknowledgement(delivery)
        listener = self.listeners.get(delivery.channel)
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

    def _open(self, delivery: Delivery, listener: Listener) -> Message | None:
        """The message in a delivery; None if it is of no use."""
        size = len(delivery.data)
        if size > MAX_MESSAGE:
            message = f"it has {size:,} bytes and a message may have {MAX_MESSAGE:,}"
            raise MessageRejected(message, reason="size")
        place, sealed = self.dialects.parse(delivery.data)
        if sealed.is_command is not (delivery.channel.kind is ChannelKind.CONFIG):
            message = f"such a message does not belong on {delivery.channel.kind.value}"
            raise MessageRejected(message, reason="shape", sender=sealed.sender)
        if listener.wanted is not None and not listener.wanted(sealed):
            return None
        sealed.verify()
        self.gate(sealed)
        opened = sealed.open(self.identity)
        self.dialects.heard(sealed.sender, place)
        if opened.origin is None or opened.origin.size == size:
            return opened
        return evolve(opened, origin=evolve(opened.origin, size=size))

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
