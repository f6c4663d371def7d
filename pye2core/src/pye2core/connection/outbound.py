"""Hands messages to the transport, in order, until the broker has confirmed them.

The lock here is never held while the transport or a future's callback runs: the transport's threads
hold locks of their own when they tell what became of a message, and would wait for ours.
"""

from __future__ import annotations

import functools
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from pye2core.connection.outbox import Outbox
from pye2core.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel
    from pye2core.connection.outbox import Entry


class Outbound:
    """One thread at a time publishes, whatever others post meanwhile too: that keeps the order.

    It holds everything back until :meth:`resume` is called.

    Args:
        publish: the transport's ``publish``.
        broker: the broker's URL without its password, for errors.
    """

    def __init__(self, publish: Callable[[Channel, bytes], Future[None]], broker: str) -> None:
        self._transport_publish = publish
        self._broker = broker
        self._changed = threading.Condition()
        self._outbox = Outbox()
        self._publisher: int | None = None
        self._flowing = False
        self._was_lost = False
        self._closing = False

    def post(self, entry: Entry) -> Future[None]:
        """Publish an entry, at once or when the connection is back; the future of that.

        Raises:
            NotConnected: the connection is closed, or too much waits for the broker.
        """
        done = self._keep(entry)
        self._publish_waiting()
        return done

    def _keep(self, entry: Entry) -> Future[None]:
        with self._changed:
            if self._closing:
                raise self._not_sent("the connection is closed")
            newer = self._outbox.replace(entry)
            if newer is not None:
                return newer.done
            if self._outbox.full:
                raise self._not_sent(f"{len(self._outbox):,} messages wait for it already")
            self._outbox.add(entry)
            return entry.done

    def hold(self, timeout: float = 0.0) -> None:
        """Publish nothing more for now, as the connection is gone.

        Args:
            timeout: seconds to wait for what another thread is publishing at this moment.
        """
        with self._changed:
            self._was_lost = self._was_lost or self._flowing
            self._flowing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._publisher is None, timeout)

    def resume(self) -> None:
        """Publish everything that is not confirmed, on a new connection.

        After a loss, what could have been replaced by something newer is dropped and fails: it told
        how things were before.
        """
        with self._changed:
            self._outbox.renew()
            outdated = self._outbox.drop_outdated() if self._was_lost else []
            self._was_lost = False
            self._flowing = True
        self._fail(outdated, "the connection was lost, and what it says may be outdated")
        self._publish_waiting()

    def refuse(self) -> None:
        """Take no more entries: the connection is being closed."""
        with self._changed:
            self._closing = True

    def finish(self, timeout: float) -> None:
        """Wait until the transport has everything, or the connection is gone."""
        self._publish_waiting()
        with self._changed:
            if self._publisher == threading.get_ident():
                return  # This is called from within publish: waiting for it would never end.
            self._changed.wait_for(
                lambda: not self._flowing or (self._publisher is None and not self._outbox.waiting),
                timeout,
            )

    def give_up(self) -> None:
        """Fail whatever the broker has not confirmed."""
        with self._changed:
            self._flowing = False
            unsent = self._outbox.clear()
        self._fail(unsent, "the connection was closed before")

    def _fail(self, entries: list[Entry], why: str) -> None:
        for entry in entries:
            if entry.claim():
                entry.done.set_exception(self._not_sent(why))

    def _not_sent(self, why: str) -> NotConnected:
        return NotConnected(
            f"the message was not sent to {self._broker}: {why}", broker=self._broker
        )

    def _publish_waiting(self) -> None:
        while (entry := self._next_entry()) is not None:
            self._publish(entry).add_done_callback(functools.partial(self._published, entry))

    def _next_entry(self) -> Entry | None:
        with self._changed:
            if self._publisher is not None or not self._flowing:
                return None
            entry = self._outbox.take()
            if entry is not None:
                self._publisher = threading.get_ident()
            return entry

    def _publish(self, entry: Entry) -> Future[None]:
        published = None
        try:
            published = self._give_to_transport(entry)
            return published
        finally:
            with self._changed:
                entry.published = published
                self._publisher = None
                self._changed.notify_all()

    def _give_to_transport(self, entry: Entry) -> Future[None]:
        try:
            return self._transport_publish(entry.channel, entry.data)
        except Exception as error:  # noqa: BLE001 - the entry's future tells it
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed

    def _published(self, entry: Entry, published: Future[None]) -> None:
        error = None if published.cancelled() else published.exception()
        if published.cancelled() or isinstance(error, NotConnected):
            return  # It stays in the outbox and is published again on the next connection.
        with self._changed:
            if not self._outbox.remove(entry):
                return
        if error is None:
            entry.done.set_result(None)
        else:
            entry.done.set_exception(error)
