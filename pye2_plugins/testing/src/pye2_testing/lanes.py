"""The queue of one session for one kind of traffic, and the thread that delivers from it.

Payloads have a lane of their own, so that an unacknowledged payload holds up nothing else. Knows
neither brokers nor transports.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2_testing.plugin import FEATURES
from pye2core.abc import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel

_log = logging.getLogger(__name__)


@frozen(eq=False)
class Message:
    """Bytes on their way to one session.

    Attributes:
        channel: where they were published.
        data: the bytes.
    """

    channel: Channel
    data: bytes = field(repr=False)


class Lane:
    """Delivers in order, at most ``max_unacknowledged`` ahead of the acknowledgements."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._best_effort: deque[Message] = deque()
        self._unacknowledged: dict[int, Message] = {}
        self._number = 0
        self._receiver: Receiver | None = None

    def put(self, message: Message) -> None:
        """Deliver ``message`` in its turn, now or when a receiver is there."""
        with self._condition:
            self._waiting.append(message)
            self._condition.notify_all()

    def put_best_effort(self, message: Message) -> None:
        """Deliver ``message`` if a receiver is there; nobody acknowledges it."""
        with self._condition:
            if self._receiver is not None:
                self._best_effort.append(message)
                self._condition.notify_all()

    def attach(self, receiver: Receiver) -> None:
        """Deliver to ``receiver`` from now on, first what was never acknowledged."""
        with self._condition:
            self._receiver = receiver
            self._waiting.extendleft(reversed(self._unacknowledged.values()))
            self._unacknowledged.clear()
            self._best_effort.clear()
            self._condition.notify_all()

    def detach(self, receiver: Receiver) -> None:
        """Deliver to ``receiver`` no more."""
        with self._condition:
            if self._receiver is receiver:
                self._receiver = None
                self._condition.notify_all()

    def next_for(self, receiver: Receiver) -> Delivery | None:
        """Wait for what is next; None once ``receiver`` is detached."""
        with self._condition:
            while self._receiver is receiver:
                if self._best_effort:
                    message = self._best_effort.popleft()
                    return Delivery(message.channel, message.data, _nothing_to_acknowledge)
                if self._waiting and len(self._unacknowledged) < FEATURES.max_unacknowledged:
                    return self._deliver(self._waiting.popleft(), receiver)
                self._condition.wait()
        return None

    def _deliver(self, message: Message, receiver: Receiver) -> Delivery:
        self._number += 1
        number = self._number
        self._unacknowledged[number] = message
        return Delivery(message.channel, message.data, lambda: self._acknowledge(number, receiver))

    def _acknowledge(self, number: int, receiver: Receiver) -> None:
        """Count ``number`` as taken care of, unless its connection is gone: then it comes again."""
        with self._condition:
            if self._receiver is receiver and self._unacknowledged.pop(number, None) is not None:
                self._condition.notify_all()


class Receiver:
    """The thread that brings what one lane has to one connection.

    Args:
        lane: where messages come from.
        on_message: called for each; what it raises is logged.
        on_end: called at the end by the thread.
        name: the thread's name.
    """

    def __init__(
        self,
        lane: Lane,
        on_message: Callable[[Delivery], None],
        on_end: Callable[[], None],
        name: str,
    ) -> None:
        self._lane = lane
        self._on_message = on_message
        self._on_end = on_end
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Deliver from now on, unless :meth:`stop` was quicker."""
        self._lane.attach(self)
        if self._stopped:
            self._lane.detach(self)
        self._thread.start()

    def stop(self) -> None:
        """Begin no further delivery."""
        self._stopped = True
        self._lane.detach(self)

    def join(self, timeout: float) -> None:
        """Wait for the delivery that is going on."""
        if self._thread is not threading.current_thread() and self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        while (delivery := self._lane.next_for(self)) is not None:
            try:
                self._on_message(delivery)
            except Exception:  # noqa: BLE001 - a handler's fault must not end the connection
                _log.exception("A message on %s could not be handled", delivery.channel)
        self._on_end()


def _nothing_to_acknowledge() -> None:
    """For heartbeats, which nobody waits for."""
