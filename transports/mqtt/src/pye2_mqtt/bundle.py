"""Three connections to one broker that live and die together.

One carries payloads, one what goes to inboxes, the third all else: a broker delivers nothing more
on a connection while 20 messages wait there for their acknowledgement, and a payload of some
megabytes holds up what is behind it. Payloads and inboxes are apart because of nats-server: of two
busy subscriptions of one session it delivers some messages late and out of order (those for which
the session had no room, after its ``ack_wait``).

The loss of one is the loss of all, so that their user has one state to mind.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, wait
from typing import TYPE_CHECKING

from pye2_mqtt import failures
from pye2_mqtt.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_mqtt.client import Endpoint
    from pye2_mqtt.connection import Inbound
    from pye2core.clock import Clock

_SHORTEST_WAIT = 0.001
"""Seconds; some waits take no zero."""


class Bundle:
    """The connections, from :meth:`open` to :meth:`leave`, :meth:`drop` or a loss.

    Args:
        main: where and as whom for all but payloads and inboxes.
        payloads: where and as whom for payloads.
        inboxes: where and as whom for what goes to inboxes.
        on_message: called for each message by the thread of its connection.
        on_batch_end: called, likewise, after the last of several that arrived together.
        on_loss: called once with this bundle and the reason when it is lost after it was open.
        clock: where time-outs are measured.

    Attributes:
        main: carries all but payloads and inboxes.
        payloads: carries payloads.
        inboxes: carries what goes to inboxes.
    """

    def __init__(
        self,
        main: Endpoint,
        payloads: Endpoint,
        inboxes: Endpoint,
        on_message: Callable[[Inbound], None],
        on_batch_end: Callable[[], None],
        on_loss: Callable[[Bundle, str], None],
        clock: Clock,
    ) -> None:
        self._endpoint = main
        self._on_message = on_message
        self._on_loss = on_loss
        self._clock = clock
        self._lock = threading.Lock()
        self._open = False
        self._silent = False
        self._failure: str | None = None
        self.main = Connection(main, self._deliver, on_batch_end, self._ended)
        self.payloads = Connection(payloads, self._deliver, on_batch_end, self._ended)
        self.inboxes = Connection(inboxes, self._deliver, on_batch_end, self._ended)

    def open(self, timeout: float) -> None:
        """Connect all, at the same time.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
        """
        opening = [one.open(max(timeout, _SHORTEST_WAIT)) for one in self._all()]
        concluded = wait(opening, timeout, return_when=FIRST_EXCEPTION)
        for one in concluded.done:
            one.result()
        if concluded.not_done:
            raise failures.no_answer(self._endpoint.broker, self._endpoint.port, timeout)
        with self._lock:
            self._open = True
            failure = self._failure
        if failure is not None:
            raise failures.hung_up(self._endpoint.broker, self._endpoint.port, failure)

    def drop(self, reason: str) -> None:
        """End all at once; nothing is called any more but what is running now."""
        self.silence()
        for one in self._all():
            one.drop(reason)

    def begun_anew(self) -> set[str]:
        """The client ids of which the broker had no session from before, as far as it is known."""
        return {one.client_id for one in self._all() if one.begins_anew}

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within a callback."""
        return any(one.runs_here for one in self._all())

    def silence(self) -> None:
        """Call nothing any more but what is running now."""
        self._silent = True

    def leave(self, timeout: float) -> bool:
        """Send what was published, say goodbye and end; not from within a callback.

        Returns:
            Whether all of it was confirmed. After at most ``timeout`` seconds, nothing is called
            any more but what is running now.
        """
        deadline = self._clock.monotonic() + timeout
        with self._lock:
            is_open = self._open
        if not is_open:
            self.drop("the connection is closed")
            return True
        outstanding = [future for one in self._all() for future in one.outstanding()]
        unsent = wait(outstanding, timeout).not_done
        for one in self._all():
            one.leave()
        ended = [one.join(self._left(deadline)) for one in self._all()]
        self.drop("the connection is closed")
        return not unsent and all(ended)

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), _SHORTEST_WAIT)

    def _all(self) -> tuple[Connection, ...]:
        return self.main, self.payloads, self.inboxes

    def _deliver(self, message: Inbound) -> None:
        if not self._silent:
            self._on_message(message)

    def _ended(self, reason: str) -> None:
        """One is lost: give up the others, and tell unless :meth:`open` will."""
        with self._lock:
            if self._failure is not None:
                return
            self._failure = reason
            was_open = self._open
        if was_open:
            self.drop(reason)
            self._on_loss(self, reason)
