"""What was sent and that the broker has not confirmed yet.

Sans-I/O: it keeps entries in order and says which are due; the connection publishes them.
"""

from __future__ import annotations

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
        done: resolved when the broker has it.
        conflate: entries of the same key replace each other while they wait; None for never.
        under_way: whether the transport has it now.
    """

    channel: Channel
    data: bytes
    conflate: str | None = None
    done: Future[None] = field(factory=Future)
    under_way: bool = False


class Outbox:
    """Entries in the order in which they were sent, until the broker has confirmed them."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Whether nothing more should be added."""
        return len(self._entries) >= MAX_ENTRIES or self._bytes >= MAX_BYTES

    def add(self, entry: Entry) -> None:
        """Keep an entry; one that waits under the same conflation key gives way to it."""
        if entry.conflate is not None:
            self._drop_waiting(entry.conflate)
        self._entries[id(entry)] = entry
        self._bytes += len(entry.data)

    def _drop_waiting(self, key: str) -> None:
        for old in list(self._entries.values()):
            if old.conflate == key and not old.under_way:
                self.confirm(old)

    def confirm(self, entry: Entry) -> None:
        """Forget an entry that the broker has, or that a newer one replaced."""
        if self._entries.pop(id(entry), None) is None:
            return
        self._bytes -= len(entry.data)
        if entry.done.set_running_or_notify_cancel():
            entry.done.set_result(None)

    def give_up(self, entry: Entry, error: BaseException) -> None:
        """Forget an entry that will never be sent, with the reason."""
        if self._entries.pop(id(entry), None) is None:
            return
        self._bytes -= len(entry.data)
        if entry.done.set_running_or_notify_cancel():
            entry.done.set_exception(error)

    def due(self) -> list[Entry]:
        """Entries that the transport does not have, in order."""
        return [entry for entry in self._entries.values() if not entry.under_way]

    def pending(self) -> list[Entry]:
        """All entries, in order."""
        return list(self._entries.values())
