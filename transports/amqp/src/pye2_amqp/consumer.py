"""Takes messages from one queue and hands them on, in a thread of its own.

However long a handler takes, the loop goes on, and so do the connection's signs of life and all
other consumers. No more waits here than the broker leaves unacknowledged.
"""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_amqp.amqp_channel import AmqpChannel
    from pye2_amqp.loop_thread import LoopThread

_log = logging.getLogger(__name__)


@frozen(eq=False)
class Inbound:
    """A message as the broker delivered it.

    Attributes:
        key: where it was published.
        data: its bytes.
        ack: acknowledges it; from any thread, harmless when repeated or too late.
    """

    key: str
    data: bytes = field(repr=False)
    ack: Callable[[], None] = field(repr=False)


class Acknowledged:
    """Says of acknowledgements in any order which of them can be given in one.

    Example:
        >>> acknowledged = Acknowledged()
        >>> acknowledged.add([1, 2, 4]), acknowledged.add([3, 5])
        ((2, [4]), (5, []))
    """

    def __init__(self) -> None:
        self._all_up_to = 0
        self._beyond: set[int] = set()

    def add(self, numbers: list[int]) -> tuple[int | None, list[int]]:
        """Take the numbers of messages, each for the first time.

        Returns:
            The number up to which the broker can take all as acknowledged, None if there is none;
            and the numbers that it has to be told each for itself.
        """
        self._beyond.update(numbers)
        while self._all_up_to + 1 in self._beyond:
            self._all_up_to += 1
            self._beyond.discard(self._all_up_to)
        # Of what was acknowledged before, the broker knows no number any more.
        together = max((one for one in numbers if one <= self._all_up_to), default=None)
        return together, [one for one in numbers if one > self._all_up_to]


class Consumer:
    """Hands on what is in one queue.

    Args:
        thread: owns the channel.
        channel: the channel that it alone uses.
        on_message: called for each message by the consumer's thread; what it raises is logged.
        name: the thread's name.
    """

    def __init__(
        self,
        thread: LoopThread,
        channel: AmqpChannel,
        on_message: Callable[[Inbound], None],
        name: str,
    ) -> None:
        self._loop_thread = thread
        self._channel = channel
        self._on_message = on_message
        self._arrived: SimpleQueue[Inbound | None] = SimpleQueue()
        self._unacknowledged: set[int] = set()
        self._lock = threading.Lock()
        self._to_acknowledge: list[int] = []
        self._acknowledged = Acknowledged()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # --- from any thread ----------------------------------------------------------------------

    def stop(self) -> None:
        """Hand on nothing more."""
        self._stopped = True
        self._arrived.put(None)

    def join(self, timeout: float) -> bool:
        """Wait for the handler that is running; whether it has returned."""
        if self.runs_here or self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within a handler."""
        return self._thread is threading.current_thread()

    def _acknowledge(self, number: int) -> None:
        with self._lock:
            if number not in self._unacknowledged:
                return
            self._unacknowledged.discard(number)
            is_first = not self._to_acknowledge
            self._to_acknowledge.append(number)
        if is_first:
            self._loop_thread.call(self._send_acknowledgements)

    # --- on the loop --------------------------------------------------------------------------

    async def begin(self, queue: str, prefetch: int) -> None:
        """Take from ``queue``.

        Args:
            queue: its name.
            prefetch: how many messages the broker leaves unacknowledged.

        Raises:
            Refused: the broker says no.
            Gone: the connection was lost.
        """
        raw = self._channel.raw
        await self._channel.ask(raw.basic_qos, prefetch_count=prefetch)
        self._thread.start()
        try:
            await self._channel.ask(raw.basic_consume, queue, self._received)
        except BaseException:
            self.stop()
            raise

    def _received(self, _channel: object, method: Any, _properties: object, data: bytes) -> None:
        number = method.delivery_tag
        self._unacknowledged.add(number)
        self._arrived.put(Inbound(method.routing_key, data, lambda: self._acknowledge(number)))

    def _send_acknowledgements(self) -> None:
        with self._lock:
            numbers, self._to_acknowledge = self._to_acknowledge, []
        if not self._channel.is_open:
            return
        together, single = self._acknowledged.add(numbers)
        if together is not None:
            self._channel.raw.basic_ack(together, multiple=True)
        for number in single:
            self._channel.raw.basic_ack(number)

    # --- the consumer's thread ----------------------------------------------------------------

    def _run(self) -> None:
        while (message := self._arrived.get()) is not None and not self._stopped:
            try:
                self._on_message(message)
            except Exception:  # noqa: BLE001 - a handler's fault must not deafen the consumer
                _log.exception("A message to %r could not be handled", message.key)
