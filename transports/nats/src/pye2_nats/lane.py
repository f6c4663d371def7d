"""Calls handlers, away from the event loop: a slow one must not starve the server's pings.

A lane is a thread; what came by one line is handed over by one lane, in order.
"""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

from attrs import define

from pye2core.abc import Channel, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_MOST_MESSAGES = 100_000
_MOST_BYTES = 512 * 1024 * 1024


@define(eq=False)  # one for every message: made in a third of the time that a frozen one takes
class Arrival:
    """What came, and was not handed over yet.

    Attributes:
        channel: where it was published.
        data: the bytes.
        ack: what acknowledges it; None where the server does not wait for that, and so will not
            send it again.
    """

    channel: Channel
    data: bytes
    ack: Callable[[], None] | None = None


class Lane:
    """Hands deliveries to a handler, one after the other.

    Args:
        name: its thread's.
        on_message: the handler.
    """

    def __init__(self, name: str, on_message: Callable[[Delivery], None]) -> None:
        self._on_message = on_message
        self._arrivals: SimpleQueue[Arrival | None] = SimpleQueue()
        self._is_lost = False
        self._is_stopped = False
        self._bytes_put = 0  # written by the loop's thread only
        self._bytes_taken = 0  # written by the lane's thread only
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Hand over what comes."""
        self._thread.start()

    def put(self, arrival: Arrival) -> None:
        """Queue what came; called by the loop.

        The kernel takes what it is handed within a millisecond and bounds its own queues, so a
        queue as long as this means that a handler is stuck.
        """
        waiting = self._bytes_put - self._bytes_taken
        is_full = (
            self._arrivals.qsize() >= _MOST_MESSAGES or waiting + len(arrival.data) > _MOST_BYTES
        )
        if is_full and arrival.ack is None:
            self._drop(arrival)
            return
        self._bytes_put += len(arrival.data)
        self._arrivals.put(arrival)

    def lose(self) -> None:
        """The connection is gone: hand over what the server will not send again, then end."""
        self._is_lost = True
        self._arrivals.put(None)

    def stop(self) -> None:
        """Hand over nothing more."""
        self._is_stopped = True
        self._arrivals.put(None)

    def join(self, timeout: float) -> None:
        """Wait until it has ended, unless that is asked from within a handler."""
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _drop(self, arrival: Arrival) -> None:
        self._dropped += 1
        if self._dropped.bit_count() == 1:  # the 1st, 2nd, 4th, 8th …
            _log.warning(
                "%d messages were dropped, the last on %s: %d others (%d MiB) wait for a handler"
                " that does not return",
                self._dropped,
                arrival.channel,
                self._arrivals.qsize(),
                (self._bytes_put - self._bytes_taken) >> 20,
            )

    def _run(self) -> None:
        while (arrival := self._arrivals.get()) is not None and not self._is_stopped:
            self._bytes_taken += len(arrival.data)
            if self._is_lost and arrival.ack is not None:
                continue  # it comes again on the next connection
            try:
                self._on_message(
                    Delivery(arrival.channel, arrival.data, arrival.ack or _acknowledge_nothing)
                )
            except Exception:  # noqa: BLE001 - the kernel's; whatever it is must not end the lane
                _log.exception("A message on %s could not be handled", arrival.channel)


def _acknowledge_nothing() -> None:
    """Core NATS does not wait for acknowledgements."""
