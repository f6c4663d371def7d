"""Which connection of a transport counts, where each ``connect`` makes a new one.

You are among the contracts, beside ``transports``: a part that authors need not write again. Opens
and ends connections by what their owner gives; knows no broker and no message.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pye2core.abc.broker_failures import disconnected
from pye2core.abc.transports import ConnectionState
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc.transports import Transport
    from pye2core.clock import Clock
    from pye2core.errors import NotConnected

_log = logging.getLogger(__name__)


class Link(Protocol):
    """A connection to a broker, or some that live and die together; made for one ``connect``.

    How it is opened, and what it does while it is open, is between it and its transport. When it is
    lost after it was open it calls :meth:`CurrentLink.lost`, while it holds no lock.
    """

    @property
    def runs_here(self) -> bool:
        """Whether this thread is its own and must return before :meth:`leave` can be done."""

    def drop(self, reason: str) -> None:
        """End at once, without a goodbye; what is not confirmed fails before this returns.

        From any thread, and harmless: before it is opened, while another thread opens it (which
        then fails soon), once it has ended, and again.
        """

    def silence(self) -> None:
        """Hand over nothing more but what is being handed over now."""

    def leave(self, timeout: float) -> bool:
        """Send what was published, say goodbye and end; never called where it :attr:`runs_here`.

        Returns:
            Whether all of it was confirmed. After at most ``timeout`` seconds, nothing is called
            any more but what is running now.
        """


L = TypeVar("L", bound=Link)
T = TypeVar("T")


class CurrentLink(Generic[L]):
    """The link that counts: of a transport's life, what is the same with every broker.

    Whatever an old link still does changes nothing; a loss is told once; whoever opens a link while
    the transport is closed is told so, and leaves nothing behind.

    Args:
        transport: whose it is.
        clock: where time-outs are measured.

    Example:
        The transport of a broker whose connection is a ``Line``::

            class PostTransport(Transport):
                def __init__(self, options, on_message, on_state):
                    super().__init__(options, on_message, on_state)
                    self._current = CurrentLink[Line](self)

                def connect(self, timeout):
                    line = Line(self.options, self.on_message, self._current.lost)
                    self._current.open(line, lambda: line.open(timeout))

                def subscribe(self, channel, timeout):
                    name = name_of(channel)
                    self._current.at(name).subscribe(name, timeout)

                def close(self, timeout):
                    self._current.leave(timeout)
    """

    def __init__(self, transport: Transport, clock: Clock = SYSTEM_CLOCK) -> None:
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()  # guards what follows; not held while others' code runs
        self._link: L | None = None
        self._open: L | None = None
        self._closed = False

    def open(self, link: L, opening: Callable[[], T]) -> T:
        """Open ``link`` in place of the one before, which is dropped first.

        Args:
            link: a new one. It is dropped if it cannot be opened.
            opening: opens it.

        Returns:
            What ``opening`` returns.

        Raises:
            NotConnected: the transport was closed, perhaps meanwhile.
        """
        try:
            self._replace(link)
            opened = opening()
        except BaseException as error:
            self._let_go(link)
            link.drop("the connection could not be made")
            if self._closed and isinstance(error, Pye2Error):
                raise self._not_connected("A new connection") from None
            raise
        with self._lock:
            self._open = self._link  # none, if it was lost or left meanwhile
        return opened

    def at(self, name: str) -> L:
        """The link, to do something at what the broker calls ``name``.

        Raises:
            NotConnected: there is none that is open.
        """
        link = self._open
        if link is None:
            raise self._not_connected(f"What was asked on {name!r}")
        return link

    def lost(self, link: L, reason: str) -> None:
        """Tell the transport's user that ``link`` is gone, if that one still counted."""
        if self._let_go(link):
            self._transport.on_state(ConnectionState.LOST, reason)

    def leave(self, timeout: float, then: Callable[[float], None] | None = None) -> None:
        """Leave the link for good: the transport is closed. Nothing happens if it was before.

        Called from within the link, it goes on in another thread once this one has returned.

        Args:
            timeout: seconds for all of it; what is not confirmed by then is logged.
            then: what else has to be done at the broker; it is given the seconds that are left.
        """
        with self._lock:
            was_closed, self._closed = self._closed, True
            link, self._link, self._open = self._link, None, None
        if was_closed:
            return
        if link is None or not link.runs_here:
            self._part_from(link, timeout, then)
            return
        link.silence()
        options = self._transport.options
        threading.Thread(
            target=self._part_from,
            args=(link, timeout, then),
            name=f"pye2-{options.broker.scheme}-{options.client_id}-leaving",
        ).start()

    def _replace(self, link: L) -> None:
        with self._lock:
            if self._closed:
                raise self._not_connected("A new connection")
            before, self._link, self._open = self._link, link, None
        if before is not None:
            before.drop("a new connection replaces it")

    def _let_go(self, link: L) -> bool:
        """Whether ``link`` was the one that counted, which it is no more."""
        with self._lock:
            if self._link is not link:
                return False
            self._link = self._open = None
            return True

    def _part_from(
        self, link: L | None, timeout: float, then: Callable[[float], None] | None
    ) -> None:
        deadline = self._clock.monotonic() + timeout
        if link is not None and not link.leave(timeout):
            _log.warning(
                "Closed the connection to %s before all messages were confirmed",
                self._transport.options.broker.url,
            )
        if then is not None:
            then(max(deadline - self._clock.monotonic(), 0))

    def _not_connected(self, what: str) -> NotConnected:
        why = "the transport is closed" if self._closed else "there is no connection"
        return disconnected(self._transport.options.broker, what, why)
