"""The processes that run one client's functions.

A process runs one call at a time and is kept for the next; after a while without one it is ended,
and at once where another process is to be started and there are as many as the node has slots.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pye2core.abc import Sandbox, Slots

IDLE_SECONDS: Final = 60.0
"""For so long a process that has nothing to do is kept."""

MOST_CODES: Final = 100
"""Functions that one process may know before another takes its place."""


@define(eq=False)
class Child:
    """A process for calls.

    Attributes:
        sandbox: the process.
        knows: digests of the functions that it has.
        idle: ends it after a while without a call.
        leave_idle: says that it is not idle any more.
    """

    sandbox: Sandbox
    knows: set[str] = field(factory=set)
    idle: asyncio.TimerHandle | None = None
    leave_idle: Callable[[], None] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it can take another call."""
        return self.sandbox.is_alive and len(self.knows) < MOST_CODES


class Children:
    """The processes of one client.

    Args:
        open_sandbox: starts one.
        slots: the node's, which say when one that is idle has to go.
        idle_seconds: for so long one is kept that has nothing to do.
    """

    def __init__(
        self,
        open_sandbox: Callable[[], Awaitable[Sandbox]],
        slots: Slots,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._open_sandbox = open_sandbox
        self._slots = slots
        self._idle_seconds = idle_seconds
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._ending: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._all)

    async def take(self, digest: str) -> Child:
        """A process for a call: one that knows the function, if there is one, or a new one.

        Raises:
            GrantMissing: it may not have what it asks for any more.
            NodeError: none could be started.
        """
        while self._idle:
            knowing = (each for each in reversed(self._idle) if digest in each.knows)
            child = next(knowing, self._idle[-1])
            self._take_from_idle(child)
            if child.is_usable or (digest in child.knows and child.sandbox.is_alive):
                return child
            self.end(child)
        self._slots.make_room()
        child = Child(await self._open_sandbox())
        self._all.add(child)
        return child

    def give_back(self, child: Child) -> None:
        """Keep a process for the next call, for a while."""
        if not child.sandbox.is_alive:
            self.end(child)
            return
        loop = asyncio.get_running_loop()
        child.idle = loop.call_later(self._idle_seconds, self._end_idle, child)
        child.leave_idle = self._slots.keep(lambda: self._end_idle(child))
        self._idle.append(child)

    def _take_from_idle(self, child: Child) -> None:
        self._idle.remove(child)
        if child.idle is not None:
            child.idle.cancel()
        if child.leave_idle is not None:
            child.leave_idle()

    def _end_idle(self, child: Child) -> None:
        self._take_from_idle(child)
        self.end(child)

    def end(self, child: Child) -> None:
        """End a process, whatever it does; nobody needs to wait for that."""
        if child in self._all:
            self._all.remove(child)
            ending = asyncio.get_running_loop().create_task(child.sandbox.stop(grace=0))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def end_all(self) -> None:
        """End all of them."""
        for child in list(self._idle):
            self._take_from_idle(child)
        for child in list(self._all):
            self.end(child)
        if self._ending:
            await asyncio.wait(self._ending)
