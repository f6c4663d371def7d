"""How many calls of code a node runs at once, and whose is next.

On the node's loop. Instances that have work ask for a slot for each piece of it; who holds fewest
is served first, and of several who hold as many, who was served longest ago.
"""

from __future__ import annotations

import asyncio


class SlotDesk:
    """The slots of one node.

    Attributes:
        total: how many there are.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._askers: dict[InstanceSlots, None] = {}
        """Those that hold or want one, who was served longest ago first."""

    def for_instance(self) -> InstanceSlots:
        """The slots as one instance sees them."""
        return InstanceSlots(self)

    @property
    def busy(self) -> int:
        """How many are held."""
        return sum(each.held for each in self._askers)

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return sum(each.waiting for each in self._askers)

    def report(self) -> dict[str, int]:
        """What a heartbeat says of it."""
        return {"total": self.total, "busy": self.busy, "waiting": self.waiting}

    def serve(self) -> None:
        """Give what is free to who is next."""
        while self.busy < self.total:
            asking = [each for each in self._askers if each.is_asking]
            if not asking:
                return
            chosen = min(asking, key=lambda each: each.held)  # the first of those with fewest
            del self._askers[chosen]
            self._askers[chosen] = None
            chosen.grant()

    def enlist(self, asker: InstanceSlots) -> None:
        """Know an asker that holds or wants one."""
        self._askers.setdefault(asker, None)

    def changed(self, asker: InstanceSlots) -> None:
        """Serve others, and forget an asker that neither holds nor wants one."""
        if not (asker.held or asker.waiting or asker.is_asking):
            self._askers.pop(asker, None)
        self.serve()


class InstanceSlots:
    """The node's slots as one instance sees them; implements ``pye2core.abc.Slots``.

    Attributes:
        held: how many it holds.
        waiting: how many of its calls wait, as it says.
    """

    def __init__(self, desk: SlotDesk) -> None:
        self.held = 0
        self.waiting = 0
        self._desk = desk
        self._asking: list[asyncio.Future[None]] = []

    @property
    def total(self) -> int:
        """How many the node has, for all of its instances together."""
        return self._desk.total

    @property
    def is_asking(self) -> bool:
        """Whether it waits for one."""
        return any(not each.done() for each in self._asking)

    def tell_waiting(self, calls: int) -> None:
        """Say how many calls wait, for heartbeats."""
        self.waiting = calls
        self._desk.enlist(self)
        self._desk.changed(self)

    async def acquire(self) -> None:
        """Wait for a slot, and hold it."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asking.append(granted)
        self._desk.enlist(self)
        self._desk.serve()
        try:
            await granted
        except asyncio.CancelledError:
            if granted in self._asking:
                self._asking.remove(granted)
                self._desk.changed(self)
            else:
                self.release()
            raise

    def grant(self) -> None:
        """Take one that is free; the desk's decision."""
        granted = next(each for each in self._asking if not each.done())
        self._asking.remove(granted)
        self.held += 1
        granted.set_result(None)

    def release(self) -> None:
        """Give one back; none is left to give when the instance is over."""
        self.held = max(0, self.held - 1)
        self._desk.changed(self)

    def close(self) -> None:
        """Give everything back: the instance is over."""
        self.held = 0
        self.waiting = 0
        for granted in self._asking:
            granted.cancel()
        self._asking.clear()
        self._desk.changed(self)
