"""How many calls of code a node runs at once, whose is next, and what each client may keep for it.

On the node's loop. Instances that have work ask for a slot for each piece of it. All instances of
one client (an address) count together, so that nobody has more for making many: which client holds
fewest is served first, of several the one that was served longest ago, and so among its instances.

What is kept beside that is shared in the same way: of each kind a client may keep as much as is
left free by all together, so that there is always something for the next one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from attrs import define

from pye2_node.memory import trim
from pye2_node.settings import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.settings import OwnersChoices

MOST_SET_ASIDE: Final = 128
"""Processes of all clients that have begun, wait for their client and hold no slot."""

MOST_UNSENT: Final = 64 * MEBIBYTE
"""Bytes of results on their way to one client, after which nothing more of its is begun."""

_TRIM_AT: Final = 64 * MEBIBYTE
"""Bytes that are not kept any more, after which the node looks for memory that it can give back."""

_TRIM_AFTER: Final = 3.0
"""Seconds from then, so that what is kept instead has come and gone."""

LEAST_ROOM: Final = 512 * MEBIBYTE
"""Bytes that may be kept for calls of all clients together, where calls are not very large."""

_OF_A_CALL: Final = MEBIBYTE
"""Bytes that the largest call may take besides its arguments."""


@define(eq=False)
class _Client:
    """What all instances of one client have together."""

    held: int = 0
    served: int = 0
    set_aside: int = 0
    kept: int = 0
    unsent: int = 0


class SlotDesk:
    """The slots of one node.

    Args:
        total: how many there are.
        room: bytes that may be kept for calls, of all clients together.
        largest: bytes that any client may keep, whatever the others do.

    Attributes:
        total: how many there are.
        kept: bytes that are kept for calls.
    """

    def __init__(self, total: int, room: int = LEAST_ROOM, largest: int = 0) -> None:
        self.total = total
        self._room = room
        self._largest = largest
        self._clients: WeakValueDictionary[str, _Client] = WeakValueDictionary()
        self._askers: dict[InstanceSlots, None] = {}
        """Those that hold or want one."""
        self._idle: dict[Kept, None] = {}
        """Processes that are kept for their clients' next call, the longest unused first."""
        self.kept = 0
        self._turns = 0
        self._freed = 0

    def for_instance(self, client: str = "") -> InstanceSlots:
        """The slots as one instance sees them.

        Args:
            client: whose it is, as one address; "" for nobody's.
        """
        return InstanceSlots(self, self._clients.setdefault(client, _Client()))

    @property
    def busy(self) -> int:
        """How many are held."""
        return sum(each.held for each in self._askers)

    @property
    def waiting(self) -> int:
        """How many calls wait for one."""
        return sum(each.waiting for each in self._askers)

    @property
    def set_aside(self) -> int:
        """How many processes are set aside."""
        return sum(each.set_aside for each in list(self._clients.values()))

    def may_keep(self, kept: int, more: int) -> bool:
        """Whether a client may keep more bytes: then as many at most as all together leave free."""
        return kept + more <= max(self._largest, self._room - self.kept - more)

    def report(self) -> dict[str, int]:
        """What a heartbeat says of it."""
        return {"total": self.total, "busy": self.busy, "waiting": self.waiting}

    def serve(self) -> None:
        """Give what is free to who is next."""
        while self.busy < self.total:
            asking = [each for each in self._askers if each.is_asking]
            if not asking:
                return
            self._turns += 1
            min(asking, key=InstanceSlots.place).grant(self._turns)

    def enlist(self, asker: InstanceSlots) -> None:
        """Know an asker that holds or wants one."""
        self._askers.setdefault(asker, None)

    def changed(self, asker: InstanceSlots) -> None:
        """Serve others, and forget an asker that neither holds nor wants one."""
        if not (asker.held or asker.waiting or asker.wants_one):
            self._askers.pop(asker, None)
        self.serve()

    def note_freed(self, size: int) -> None:
        """So many bytes are not kept any more; what took them is to go back to the system."""
        self._freed += size
        if self._freed >= _TRIM_AT:
            self._freed = 0
            asyncio.get_running_loop().call_later(_TRIM_AFTER, trim)

    # --- processes that have nothing to do --------------------------------------------------------

    def keep(self, process: Kept) -> None:
        """Know of a process that is kept for the next call."""
        self._idle[process] = None

    def forget(self, process: Kept) -> None:
        """It is used again, or has ended."""
        self._idle.pop(process, None)

    def make_room(self) -> None:
        """End what is kept and unused as far as a new process would be one more than slots."""
        while self._idle and self.busy + len(self._idle) > self.total:
            next(iter(self._idle)).end()


def desk_chosen(choices: OwnersChoices) -> SlotDesk:
    """The slots as a node's owner chose them; a client alone may keep two of the largest calls."""
    largest = choices.call_megabytes * MEBIBYTE
    return SlotDesk(choices.slots, max(LEAST_ROOM, 4 * largest), largest + _OF_A_CALL)


class Kept:
    """A process that is kept for the next call; see ``InstanceSlots.keep``.

    Args:
        desk: who may have it ended.
        end: ends it.
    """

    def __init__(self, desk: SlotDesk, end: Callable[[], None]) -> None:
        self._desk = desk
        self._end = end
        desk.keep(self)

    def end(self) -> None:
        """Its room is needed."""
        self.forget()
        self._end()

    def forget(self) -> None:
        """It is used again, or has ended."""
        self._desk.forget(self)


class InstanceSlots:
    """The node's slots as one instance sees them; implements ``pye2core.abc.Slots``.

    Attributes:
        held: how many it holds.
        waiting: how many of its calls wait, as it says.
    """

    def __init__(self, desk: SlotDesk, client: _Client) -> None:
        self.held = 0
        self.waiting = 0
        self._desk = desk
        self._client = client
        self._served = 0
        self._set_aside = 0
        self._kept = 0
        self._unsent = 0
        self._asking: list[asyncio.Future[None]] = []
        self._is_over = False

    @property
    def total(self) -> int:
        """How many the node has, for all of its instances together."""
        return self._desk.total

    @property
    def wants_one(self) -> bool:
        """Whether it waits for one."""
        return any(not each.done() for each in self._asking)

    @property
    def is_asking(self) -> bool:
        """Whether it is to be given one: not while its client has not taken what there is."""
        return self._client.unsent <= MOST_UNSENT and self.wants_one

    def place(self) -> tuple[int, int, int, int]:
        """Its place in the queue: the lowest is next."""
        client = self._client
        return client.held, client.served, self.held, self._served

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

    def grant(self, turn: int) -> None:
        """Take one that is free; the desk's decision."""
        granted = next(each for each in self._asking if not each.done())
        self._asking.remove(granted)
        self._served = self._client.served = turn
        self._hold(1)
        granted.set_result(None)

    def _hold(self, more: int) -> None:
        self.held += more
        self._client.held += more

    def release(self) -> None:
        """Give one back; none is left to give when the instance is over."""
        if self.held:
            self._hold(-1)
        self._desk.changed(self)

    # --- what it keeps ----------------------------------------------------------------------------

    def make_room(self) -> None:
        """Another process is about to be started: what others keep unused may have to go."""
        self._desk.make_room()

    def keep(self, end: Callable[[], None]) -> Callable[[], None]:
        """Keep a process for the next call, until its room is needed."""
        return Kept(self._desk, end).forget

    def set_aside(self) -> bool:
        """Have a process wait without a slot; False if there is no room for that."""
        if self._is_over or self._client.set_aside >= MOST_SET_ASIDE - self._desk.set_aside:
            return False
        self._note_set_aside(1)
        return True

    def take_up(self) -> None:
        """A process that was set aside goes on, or has ended."""
        self._note_set_aside(-min(1, self._set_aside))

    def _note_set_aside(self, more: int) -> None:
        self._set_aside += more
        self._client.set_aside += more

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may be kept for its client."""
        return self._desk.may_keep(self._client.kept, size)

    def tell_kept(self, kept: int, unsent: int) -> None:
        """Say how many bytes are kept for calls, and how many are on their way to the client."""
        if self._is_over:
            return
        more_kept, more_unsent = kept - self._kept, unsent - self._unsent
        self._kept, self._unsent = kept, unsent
        self._desk.kept += more_kept
        self._client.kept += more_kept
        self._client.unsent += more_unsent
        if more_kept < 0 or more_unsent < 0:
            self._desk.note_freed(max(0, -more_kept) + max(0, -more_unsent))
        if more_unsent < 0:
            self._desk.serve()

    def close(self) -> None:
        """Give everything back: the instance is over."""
        self._hold(-self.held)
        self._note_set_aside(-self._set_aside)
        self.waiting = 0
        for granted in self._asking:
            granted.cancel()
        self._asking.clear()
        self.tell_kept(0, 0)
        self._is_over = True
        self._desk.changed(self)
