"""How records leave the node: as many as are ready in one payload, large ones by themselves.

Where more answers are to come, some milliseconds lie between two payloads, and what becomes ready
meanwhile leaves together. Where calls wait for a slot, so do answers, for a moment, until there are
a third as many: the node has work meanwhile. So a call alone is answered at once, and of a thousand
a hundred at a time. What is too large for one message goes in parts; between any two of them goes
what is small, unless it belongs to the same call, whose records keep their order.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.messages import (
    FIELD,
    MOST_RECORDS,
    PART_SIZE,
    Item,
    Raised,
    Value,
    as_text,
    cut,
    pack,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pye2_calls.messages import Holds, NodeRecord

LARGE: Final = 256 * 1024
"""Bytes of a record that leaves by itself, and about what those have that leave together."""

SPACING: Final = 0.003
"""Seconds between two payloads, as long as more answers are to come."""

LONGEST_SPACING: Final = 0.25
"""The same, at most, as long as calls wait for a slot and few answers are ready beside them."""

ENOUGH: Final = 1 / 3
"""Answers that are ready for each call that waits for a slot: then they leave, so that their client
sends more before the node has nothing to do."""

MOST_UNSENT: Final = 32 * 1024 * 1024
"""Bytes that wait here before generators are held up."""

_SMALLEST: Final = 64
"""Bytes that any record counts for."""


class Outgoing:
    """Records of one run of the node's side, on their way to the client.

    Args:
        emit: sends a payload.
        run: tells this run from others.
        under_way: how many answers are to come soon.
        waiting: how many calls wait for a slot.
        on_change: called when there is much more to send than before, or less.
        holds: makes the answer to who asks what is held here.

    Attributes:
        run: the same.
        speaks_text: whether the client was last heard to write messages as text.
        unsent: bytes that wait here.
    """

    def __init__(
        self,
        emit: Callable[[Mapping[str, Any]], Awaitable[None]],
        run: str,
        *,
        under_way: Callable[[], int],
        waiting: Callable[[], int],
        on_change: Callable[[], None],
        holds: Callable[[], Holds],
    ) -> None:
        self.speaks_text = False
        self.unsent = 0
        self._under_way = under_way
        self._waiting = waiting
        self._on_change = on_change
        self._holds = holds
        self._is_asked = False
        self._sent_at = float("-inf")
        self._emit = emit
        self.run = run
        self._small: deque[NodeRecord] = deque()
        self._large: deque[NodeRecord] = deque()
        self._behind: Counter[int] = Counter()
        """Of each call that has something large under way, how many of its records are there."""
        self._parts: deque[bytes] = deque()
        self._sending: NodeRecord | None = None
        self._messages = 0
        self._ready = asyncio.Event()
        self._enough = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def add(self, record: NodeRecord) -> None:
        """Send a record, soon."""
        size = _size_of(record)
        call = getattr(record, "id", None)
        if size >= LARGE or (call is not None and call in self._behind):
            self._large.append(record)
            if call is not None:
                self._behind[call] += 1
        else:
            self._small.append(record)
        self.unsent += size
        if self.unsent > MOST_UNSENT:
            self._room.clear()
        if size >= LARGE:
            self._on_change()
        if self._is_to_leave(record, size):
            self._enough.set()
        self._ready.set()

    def _is_to_leave(self, record: NodeRecord, size: int) -> bool:
        """Whether a record is not to wait for more."""
        is_answer = isinstance(record, Value | Raised)  # on all else somebody may wait
        return not is_answer or size >= LARGE or len(self._small) >= ENOUGH * self._waiting()

    @property
    def large_answers(self) -> set[int]:
        """The calls of which something large is still to be sent."""
        return set(self._behind)

    def say_holds(self) -> None:
        """Say what is held here, once for all who have asked by then.

        It is looked at when all that is small was sent: what was answered before is known there.
        """
        self._is_asked = True
        self._enough.set()
        self._ready.set()

    async def room(self) -> None:
        """Wait until not too much waits."""
        await self._room.wait()

    def clear(self) -> None:
        """Send nothing of what waits."""
        self._small.clear()
        self._large.clear()
        self._parts.clear()
        self._sending = None
        self.unsent = 0

    async def send_all(self) -> None:
        """Send records as they come, until cancelled."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._small or self._is_asked or self._large or self._parts:
                if self._small or self._is_asked:
                    await self._gather()
                    await self._send(pack(self._next_small(), self.run))
                if self._large or self._parts:
                    await self._send(self._next_large())
                    self._note_large_sent()

    async def _gather(self) -> None:
        """Wait for more to send, where more is to come and something was sent just now."""
        if not self._under_way():
            return
        left = self._sent_at + SPACING - asyncio.get_running_loop().time()
        if left > 0:
            await asyncio.sleep(left)
        if self._large or self._parts:
            return  # these do not wait for what is small
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._sent_at + LONGEST_SPACING):
                await self._enough.wait()

    def _next_small(self) -> list[NodeRecord]:
        taken: list[NodeRecord] = []
        size = 0
        while self._small and size < LARGE and len(taken) < MOST_RECORDS:
            taken.append(self._small.popleft())
            size += _size_of(taken[-1])
        if not self._small:
            self._enough.clear()
        if self._is_asked and not self._small and len(taken) < MOST_RECORDS:
            self._is_asked = False
            taken.append(self._holds())
        self._note_sent(size)
        return taken

    def _next_large(self) -> bytes:
        """The next message of what leaves by itself: a part, or a whole record."""
        if not self._parts:
            self._sending = self._large.popleft()
            message = pack([self._sending], self.run)
            if len(message) > PART_SIZE:
                self._messages += 1
                parts = cut(message, self._messages, PART_SIZE)
                self._parts.extend(pack([part], self.run) for part in parts)
            else:
                self._parts.append(message)
        return self._parts.popleft()

    def _note_large_sent(self) -> None:
        record = self._sending
        if self._parts or record is None:
            return
        self._sending = None
        self._note_sent(_size_of(record))
        call = getattr(record, "id", None)
        if call is not None:
            self._behind[call] -= 1
            if not self._behind[call]:
                del self._behind[call]

    def _note_sent(self, size: int) -> None:
        self.unsent -= size
        if self.unsent <= MOST_UNSENT:
            self._room.set()
        self._on_change()

    async def _send(self, message: bytes) -> None:
        self._sent_at = asyncio.get_running_loop().time()
        if not self.speaks_text:
            try:
                await self._emit({FIELD: message})
            except TypeError:  # what goes to everybody is in a dialect that carries no bytes
                self.speaks_text = True
            else:
                return
        await self._emit({FIELD: as_text(message)})


def _size_of(record: NodeRecord) -> int:
    size = _SMALLEST + sum(len(getattr(record, name, "")) for name in _TEXTS)
    if isinstance(record, Value | Item):
        size += len(record.data)
    elif isinstance(record, Raised):
        failure = record.failure
        size += len(failure.message) + len(failure.traceback) + len(failure.exception)
        size += _SMALLEST * len(failure.frames)
    return size


_TEXTS: Final = ("printed", "message", "reason", "text")
"""Fields of records that may be long."""
