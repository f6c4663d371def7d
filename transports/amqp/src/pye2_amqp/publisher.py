"""Publishes over one connection, and tells when the broker has what was published.

Locks: ``_lock`` guards what both the callers' threads and the loop touch. Neither pika nor anybody
else's code is called under it.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pika
from attrs import field, frozen

from pye2_amqp import failures
from pye2_amqp.strand import Strand

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.spec import BasicProperties

    from pye2_amqp.amqp_channel import AmqpChannel
    from pye2_amqp.endpoint import Endpoint
    from pye2_amqp.loop_thread import LoopThread
    from pye2_amqp.topology import Topology

_log = logging.getLogger(__name__)

_MOST_IN_FLIGHT = 16 * 1024 * 1024
"""Bytes that may be unconfirmed before more is handed to pika, which keeps all of it in memory."""

_AT_ONCE = 200
"""Messages that are handed to pika before the loop turns to what else there is."""

_MOST_WARNINGS = 100

_KEPT = pika.BasicProperties(delivery_mode=2)
_PASSING = pika.BasicProperties(delivery_mode=1)


@frozen(eq=False)
class Message:
    """What is to be published.

    Attributes:
        key: where.
        data: the bytes.
        durable: whether it survives a restart of the broker, where its queue does.
        wants_queue: whether it matters if no queue takes it.
        taken: done when the broker has it.
    """

    key: str
    data: bytes = field(repr=False)
    durable: bool
    wants_queue: bool
    taken: Future[None] = field(factory=Future)

    @property
    def properties(self) -> BasicProperties:
        """What the broker is told about it."""
        return _KEPT if self.durable else _PASSING


class Publisher(Strand):
    """Publishes in order, over a channel whose broker confirms."""

    def __init__(
        self,
        endpoint: Endpoint,
        topology: Topology,
        thread: LoopThread,
        on_end: Callable[[str], None],
    ) -> None:
        super().__init__(endpoint, topology, thread, on_end)
        self._exchange = topology.exchange
        self._broker = endpoint.broker
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._unconfirmed: dict[int, Message] = {}
        self._in_flight = 0
        self._number = 0
        self._pumping = False
        self._ended: str | None = None
        self._channel: AmqpChannel | None = None
        self._lost_keys: set[str] = set()

    # --- from any thread ----------------------------------------------------------------------

    def publish(self, message: Message) -> Future[None]:
        """Send a message; the future is done when the broker has it."""
        message.taken.set_running_or_notify_cancel()
        with self._lock:
            ended = self._ended
            if ended is None:
                self._waiting.append(message)
            begin = ended is None and not self._pumping
            self._pumping = self._pumping or begin
        if ended is not None:
            self._fail(message, ended)
        elif begin:
            self._thread.call(self._pump)
        return message.taken

    def outstanding(self) -> list[Future[None]]:
        """The futures of what the broker has not confirmed yet."""
        with self._lock:
            return [one.taken for one in (*self._unconfirmed.values(), *self._waiting)]

    def end(self, reason: str) -> None:
        """Fail what is not confirmed, and whatever comes."""
        with self._lock:
            if self._ended is not None:
                return
            self._ended = reason
            unconfirmed = [*self._unconfirmed.values(), *self._waiting]
            self._unconfirmed.clear()
            self._waiting.clear()
        for message in unconfirmed:
            self._fail(message, reason)

    # --- on the loop --------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, and publish from now on.

        Raises:
            BrokerUnreachable, CredentialsRefused, NotConnected, TransportError: see
                :meth:`Strand.open`.
        """
        await super().open()
        channel = await self._new_channel()
        await self._answer(
            "confirmations", channel.ask(channel.raw.confirm_delivery, self._answered)
        )
        channel.raw.add_on_return_callback(self._returned)
        channel.on_close = self._on_end
        self._channel = channel
        with self._lock:
            self._pumping = True
        self._pump()

    def _pump(self) -> None:
        """Hand over what may be in flight."""
        if self._channel is None or not self._channel.is_open:
            return  # :meth:`open` or :meth:`end` comes
        messages = self._take()
        with self._link.gathering():
            for message in messages:
                self._channel.raw.basic_publish(
                    self._exchange,
                    message.key,
                    message.data,
                    message.properties,
                    mandatory=message.wants_queue,
                )
        if messages:
            self._thread.call(self._pump)

    def _take(self) -> list[Message]:
        """What is to be handed over next; nothing ends the pumping."""
        taken: list[Message] = []
        with self._lock:
            while self._waiting and self._in_flight < _MOST_IN_FLIGHT and len(taken) < _AT_ONCE:
                message = self._waiting.popleft()
                self._number += 1
                self._unconfirmed[self._number] = message
                self._in_flight += len(message.data)
                taken.append(message)
            self._pumping = bool(taken)
        return taken

    def _answered(self, frame: Any) -> None:
        """The broker has one message, or all up to that one; or it does not want them."""
        answer = frame.method
        messages, begin = self._settle(answer.delivery_tag, multiple=answer.multiple)
        taken = isinstance(answer, pika.spec.Basic.Ack)
        for message in messages:
            if taken:
                message.taken.set_result(None)
            else:
                message.taken.set_exception(failures.not_taken(self._broker, message.key))
        if begin:
            self._pump()

    def _settle(self, number: int, *, multiple: bool) -> tuple[list[Message], bool]:
        """What is answered with ``number``, and whether there is something to hand over again."""
        with self._lock:
            numbers = [number]
            if multiple:  # they are in the order of their numbers
                numbers = list(takewhile(lambda one: one <= number, self._unconfirmed))
            found = [self._unconfirmed.pop(one, None) for one in numbers]
            messages = [one for one in found if one is not None]
            self._in_flight -= sum(len(one.data) for one in messages)
            begin = bool(self._waiting) and not self._pumping
            self._pumping = self._pumping or begin
            return messages, begin

    def _returned(self, _channel: object, method: Any, _properties: object, _data: bytes) -> None:
        """A message that wants a queue found none; the broker confirms it all the same."""
        key = method.routing_key
        is_news = key not in self._lost_keys
        if len(self._lost_keys) >= _MOST_WARNINGS:
            self._lost_keys.clear()
        self._lost_keys.add(key)
        _log.log(
            logging.WARNING if is_news else logging.DEBUG,
            "A message to %r reached nobody: nobody has ever listened there on the broker %s, or"
            " who did has been away for too long. Is the name right?",
            key,
            self._broker.url,
        )

    def _fail(self, message: Message, reason: str) -> None:
        what = f"A message to {message.key!r}"
        message.taken.set_exception(failures.disconnected(self._broker, what, reason))
