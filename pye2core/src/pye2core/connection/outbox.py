"""What was sent and that the broker has not confirmed yet.

Sans-I/O: it keeps entries in order and says which is next; the connection publishes them, guards
the outbox with its lock and resolves the entries' futures outside of that lock.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from pye2core.abc import Channel

MAX_ENTRIES = 50_000
MAX_BYTES = 256 * 1024 * 1024


@define(eq=False)
class Entry:
    """One encoded message on its way.

    Attributes:
        channel: where it goes.
        data: its bytes.
        conflate: while it waits, a newer message of the same key takes its place; None for never.
            What can be replaced tells how things are at this moment, and is of no use later.
        done: resolved when the broker has it.
        number: its place among all entries.
        published: what the transport says of it; None before the transport was given it.
    """

    channel: Channel
    data: bytes
    conflate: str | None = None
    done: Future[None] = field(factory=Future)
    number: int = 0
    published: Future[None] | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the broker has it, although its sender may not have been told so yet."""
        published = self.published
        if published is None or not published.done() or published.cancelled():
            return False
        return published.exception() is None

    def claim(self) -> bool:
        """Whether its sender still wants it; from now on its future cannot be cancelled."""
        return self.done.running() or self.done.set_running_or_notify_cancel()


class Outbox:
    """Entries in the order in which they were sent, until the broker has confirmed them."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, Entry] = OrderedDict()
        self._under_way: dict[int, Entry] = {}
        self._bytes = 0
        self._last_number = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._under_way)

    @property
    def full(self) -> bool:
        """Whether nothing more should be added."""
        return len(self) >= MAX_ENTRIES or self._bytes >= MAX_BYTES

    @property
    def waiting(self) -> int:
        """How many entries the transport has not been given."""
        return len(self._waiting)

    def replace(self, entry: Entry) -> Entry | None:
        """Let the newer ``entry`` take the place of one that waits under the same key.

        Returns:
            The entry that now carries the newer bytes; None if none waits under that key.
        """
        if entry.conflate is None:
            return None
        for old in self._waiting.values():
            same = (old.channel, old.conflate) == (entry.channel, entry.conflate)
            if same and not old.done.cancelled():
                self._bytes += len(entry.data) - len(old.data)
                old.data = entry.data
                return old
        return None

    def add(self, entry: Entry) -> None:
        """Keep an entry, behind all others."""
        self._last_number += 1
        entry.number = self._last_number
        self._waiting[entry.number] = entry
        self._bytes += len(entry.data)

    def take(self) -> Entry | None:
        """The first entry that waits and was not cancelled, now under way; None if none does."""
        while self._waiting:
            number, entry = self._waiting.popitem(last=False)
            if entry.claim():
                self._under_way[number] = entry
                return entry
            self._bytes -= len(entry.data)
        return None

    def remove(self, entry: Entry) -> bool:
        """Forget an entry, wherever it is; whether it was still here."""
        found = self._under_way.pop(entry.number, None) or self._waiting.pop(entry.number, None)
        if found is None:
            return False
        self._bytes -= len(entry.data)
        return True

    def renew(self) -> None:
        """Let what is not confirmed wait again, in its order, as its connection is gone."""
        unconfirmed = {n: each for n, each in self._under_way.items() if not each.confirmed}
        self._waiting = OrderedDict(sorted({**unconfirmed, **self._waiting}.items()))
        for number in unconfirmed:
            del self._under_way[number]

    def drop_outdated(self) -> list[Entry]:
        """Forget what tells how things were on a connection that is gone; what that was."""
        outdated = [each for each in self._waiting.values() if each.conflate is not None]
        for each in outdated:
            self.remove(each)
        return outdated

    def clear(self) -> list[Entry]:
        """Forget everything that is not confirmed; what that was, in order."""
        self.renew()
        everything = list(self._waiting.values())
        self._waiting = OrderedDict()
        self._bytes = sum(len(each.data) for each in self._under_way.values())
        return everything
