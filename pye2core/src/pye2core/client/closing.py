"""The end of a session: what is closed, in which order, and what the user is told of it.

You are in the client room, behind ``session``, which begins things and leaves their end to this. A
session that nobody closes is closed at the end of the program.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pye2core.client.transactions import State
from pye2core.errors import NotConnected, Pye2Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2core.client.callbacks import CallbackThread
    from pye2core.client.session import Session
    from pye2core.client.transactions import Transaction
    from pye2core.connection import Connection

_log = logging.getLogger("pye2core.client")

CLOSING_SECONDS = 10.0
"""How long nodes are given to confirm that pipelines are closed."""

DRAINING_SECONDS = 2.0
"""How long callbacks are given for what waits when a session is closed."""

_UNSENT_TOLD = 10
"""As many commands are named that were not sent."""


class Closing:
    """The end of a session, which comes once.

    Args:
        session: whose end it is.
        connection: the session's; closed with it.
        thread: the session's own thread for callbacks; ended with it.
    """

    def __init__(self, session: Session, connection: Connection, thread: CallbackThread) -> None:
        self._session = session
        self._connection = connection
        self._thread = thread
        self._lock = threading.Lock()
        self._has_begun = False
        self._process = os.getpid()
        self._at_exit = _closing_if_it_exists(weakref.ref(session))

    def come_at_exit(self) -> None:
        """Have the session closed at the end of the program, if it still exists then.

        Otherwise the broker would keep its subscriptions, and what arrives for them, for ever.
        """
        atexit.register(self._at_exit)

    def close(self, *, close_pipelines: bool, wait: bool) -> bool:
        """Send what waits, disconnect for good and end the callbacks.

        Not in a process that was forked from the one that connected: the connection is that one's,
        which goes on with it.

        Args:
            close_pipelines: whether to close the session's own pipelines first.
            wait: whether to wait until nodes have confirmed that.

        Returns:
            Whether this was the end; False if it had come before, or is another process's.
        """
        if os.getpid() != self._process:
            return False
        with self._lock:
            if self._has_begun:
                return False
            self._has_begun = True
        atexit.unregister(self._at_exit)
        self._session.end_calls()
        self._end_single_runs()
        try:
            if close_pipelines:
                self.close_pipelines(wait=wait)
        finally:
            self._connection.close()
            self._tell_of_unsent()
            transactions = self._session.commands.transactions
            transactions.fail_all("the session was closed before it was confirmed")
            self._end_callbacks()
        return True

    def _end_single_runs(self) -> None:
        url = self._connection.settings.broker.url
        error = NotConnected("the session was closed before the code was done", broker=url)
        for pipeline in self._session.known_pipelines.all():
            pipeline.end_temporary(error)

    def close_pipelines(self, *, wait: bool) -> None:
        """Close the pipelines that the session made or attached to.

        Args:
            wait: whether to wait until nodes have confirmed that; who does not is only told of.
        """
        own = [each for each in self._session.known_pipelines.all() if each.is_own]
        transactions: list[Transaction] = []
        for pipeline in own:
            if pipeline.replaced_by is not None:
                self._session.warn(
                    f"{pipeline} is not closed: all of it is {pipeline.replaced_by}'s by now"
                )
                continue
            try:
                sent = pipeline.close(wait_confirmation=False, timeout=CLOSING_SECONDS)
            except Pye2Error as error:
                _log.warning("pipeline %s may still run: %s", pipeline.name, error)
            else:
                transactions += sent or []
        if wait:
            self._wait_for(transactions)

    def _wait_for(self, transactions: list[Transaction]) -> None:
        commands = self._session.commands
        for transaction in transactions:
            outcome = commands.transactions.result(transaction)
            if not outcome.ok:
                reason = outcome.reason or (
                    "its node did not confirm that it was closed."
                    f" {commands.why_silent(transaction)}"
                )
                told = "failed" if outcome.state is State.FAILED else "timed out"
                _log.warning("closing pipeline %s %s: %s", transaction.pipeline, told, reason)

    def _tell_of_unsent(self) -> None:
        unsent = self._session.commands.never_sent()
        if unsent:
            count = "1 command was" if len(unsent) == 1 else f"{len(unsent):,} commands were"
            self._session.warn(
                f"{count} never sent: {_listed(unsent)}. The session was closed before the broker"
                f" {self._connection.settings.broker.url} had taken everything"
            )

    def _end_callbacks(self) -> None:
        threads = [self._thread]
        self._thread.finish()
        for pipeline in self._session.known_pipelines.all():
            threads += pipeline.callback_threads()
            pipeline.end_callbacks()
        clock = self._session.clock
        deadline = clock.monotonic() + DRAINING_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - clock.monotonic()))


def _listed(unsent: list[str]) -> str:
    more = f" and {len(unsent) - _UNSENT_TOLD:,} more" if len(unsent) > _UNSENT_TOLD else ""
    return ", ".join(unsent[:_UNSENT_TOLD]) + more


def _closing_if_it_exists(session: weakref.ref[Session]) -> Callable[[], None]:
    def close() -> None:
        forgotten = session()
        if forgotten is not None:
            forgotten.close()

    return close


@contextmanager
def second_to(error: BaseException | None) -> Iterator[None]:
    """Let nothing that goes wrong at the end hide the error that led to it, if one did."""
    try:
        yield
    except Exception as second:
        if error is None:
            raise
        _log.warning("besides, the session could not be closed in good order", exc_info=second)
        error.add_note(f"besides, the session could not be closed in good order: {second}")
