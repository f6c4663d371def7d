"""Whether there is a connection at this moment, since when, and whether it is to go on.

You are behind ``connection``. Whoever waits for the broker to come, to go, or for the end waits
here, on one condition. It guards what is known here, and nothing else happens while it is held.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.clock import Clock
    from pye2core.connection.backoff import Backoff


class Lifeline:
    """The state of a connection.

    Args:
        clock: says how long a connection lasted.
        backoff: how long to wait before the next attempt; told how long each lasted.
    """

    def __init__(self, clock: Clock, backoff: Backoff) -> None:
        self._clock = clock
        self._backoff = backoff
        self._changed = threading.Condition()
        self._is_there = False
        self._was_lost_meanwhile = False
        self._made_at = 0.0
        self._lost_at = 0.0
        self._is_closing = False

    # --- what is known ----------------------------------------------------------------------------

    @property
    def is_there(self) -> bool:
        """Whether the broker is there at this moment."""
        return self._is_there

    @property
    def is_closing(self) -> bool:
        """Whether there is to be no connection any more."""
        return self._is_closing

    @property
    def seconds_lost(self) -> float | None:
        """Seconds since the connection was lost; None while there is one."""
        return None if self._is_there else self._clock.monotonic() - self._lost_at

    def was_made_since(self, moment: float) -> bool:
        """Whether the connection of now was made after a moment of the clock's monotonic time."""
        return self._is_there and self._made_at > moment

    # --- what happens to it -----------------------------------------------------------------------

    def begin(self) -> None:
        """A connection is being made: a loss from now on is the loss of that one."""
        with self._changed:
            self._was_lost_meanwhile = False

    def note_made(self) -> None:
        """A connection was made, with all that belongs to it, unless it is lost already."""
        with self._changed:
            self._is_there = not self._was_lost_meanwhile
            self._made_at = self._clock.monotonic()
            self._changed.notify_all()

    def note_lost(self) -> bool:
        """The transport has lost the broker; whether there was a connection, and was to be one."""
        with self._changed:
            self._was_lost_meanwhile = True
            if self._is_closing or not self._is_there:
                return False
            self._is_there = False
            self._lost_at = self._clock.monotonic()
            self._backoff.connection_ended(self._lost_at - self._made_at)
            self._changed.notify_all()
            return True

    def begin_closing(self) -> bool:
        """There is to be no connection any more; whether that is news."""
        with self._changed:
            if self._is_closing:
                return False
            self._is_closing = True
            self._changed.notify_all()
            return True

    def note_closed(self) -> None:
        """The transport has disconnected for good."""
        self._is_there = False

    # --- waiting for it ---------------------------------------------------------------------------

    def wait_until_there(self, timeout: float) -> bool:
        """Whether there is a connection, or is within ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_there or self._is_closing, timeout)
            return self._is_there and not self._is_closing

    def wait_until_over(self, timeout: float | None = None) -> bool:
        """Whether it is lost or to be closed, or is within ``timeout`` seconds; None for ever."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing or not self._is_there, timeout)

    def wait_to_try_again(self) -> bool:
        """Wait as long as before each attempt; False if there is to be no further one."""
        return not self._closes_within(self._backoff.next_delay())

    def _closes_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing, seconds)
