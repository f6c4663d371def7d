"""What the scheduler knows of each node, of its doors, and of the calls that wait.

Beside ``scheduler``, and as free of I/O. How much a node is given ahead of time is decided here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from pye2_calls.client.demands import Demand, NodeFacts
    from pye2_calls.client.plans import Flow, Pending

WORK_AHEAD: Final = 0.25
"""Seconds of work that a node is given beyond what its slots are busy with."""

MOST_WORK_AHEAD: Final = 1.0
"""The same where much waits: fewer messages take it there."""

_SHARE: Final = 0.25
"""Of the work that waits for each slot, what is given ahead of time: so no node is left with much
to do when the others have ended."""

MOST_AHEAD: Final = 500
"""Calls beyond its slots that one node is given, however short they are."""

MOST_ASKED_AHEAD: Final = 2_000
"""The same where a caller says how many are to be given at once. Nodes let 4,096 wait."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of arguments that one node is given; a call larger than that goes alone."""


@define(eq=False)
class Node:
    """A node that takes calls, and what it has been given.

    Attributes:
        facts: what it tells of itself.
        running: the calls that it has, in the order in which it was given them.
        bytes: those of their arguments.
        giving: how many of them are generators that have given an item: these wait for their reader
            without a slot.
        short: how many of the others are expected to be short.
        missing_since: when it went away; None while it is there.
        is_fed: whether it was given all that it is to have, and has more than half of that still.
        refusals: why it did not take calls with some grants, and until when that counts.
    """

    facts: NodeFacts
    running: OrderedDict[int, Pending] = field(factory=OrderedDict)
    bytes: int = 0
    giving: int = 0
    short: int = 0
    missing_since: float | None = None
    is_fed: bool = False
    refusals: dict[str, tuple[str, float]] = field(factory=dict)

    @property
    def load(self) -> float:
        """How much it has to do for each of its slots."""
        return max(self._at_work, self.facts.busy) / self.facts.slots

    @property
    def _at_work(self) -> int:
        return len(self.running) - self.giving

    def take(self, call: Pending, seconds: float | None) -> None:
        """It is given a call, which is expected to take so long."""
        self.running[call.id] = call
        self.bytes += call.size
        call.is_short = _is_short(seconds)
        self.short += call.is_short
        if call.flow is not None:
            call.flow.under_way += 1

    def lose(self, call: Pending) -> None:
        """It does not have a call any more, if it had it."""
        if self.running.pop(call.id, None) is None:
            return
        self.bytes -= call.size
        self._count_as_short_no_more(call)
        if call.is_giving:
            call.is_giving = False
            self.giving -= 1
        if call.flow is not None:
            call.flow.under_way -= 1

    def note_item(self, call: Pending) -> bool:
        """A generator has given an item; whether it is its first, so that there is room again."""
        if call.is_giving or call.id not in self.running:
            return False
        self._count_as_short_no_more(call)
        call.is_giving = True
        self.giving += 1
        return True

    def _count_as_short_no_more(self, call: Pending) -> None:
        self.short -= call.is_short
        call.is_short = False

    def has_room(self, call: Pending, seconds: float | None, waiting: float) -> bool:
        """Whether it is to be given a call now.

        Args:
            call: which one.
            seconds: how long it is expected to take; None where nothing is known.
            waiting: how many calls like it there are for each slot that can take them.
        """
        if not self.running:
            self.is_fed = False
            return True
        if self.bytes + call.size > min(MOST_BYTES, self.facts.largest):
            return False
        ahead = self._ahead(call, seconds, waiting)
        enough = ahead // 2 if self.is_fed else ahead
        # Short calls are soon done, but given ahead again and again: others would have no turn.
        at_work = self._at_work - (0 if _is_short(seconds) else self.short)
        self.is_fed = at_work >= self.facts.slots + enough
        return not self.is_fed

    def _ahead(self, call: Pending, seconds: float | None, waiting: float) -> int:
        slots = self.facts.slots
        asked_for = min(MOST_ASKED_AHEAD, slots * (call.together - 1))
        if seconds is None or not _is_short(seconds):
            return asked_for
        work = min(max(WORK_AHEAD, _SHARE * waiting * seconds), MOST_WORK_AHEAD)
        short = min(MOST_AHEAD, math.ceil(slots * work / max(seconds, 1e-6)))
        return max(asked_for, short)


def _is_short(seconds: float | None) -> bool:
    """Whether a call that is expected to take so long may be given ahead of time."""
    return seconds is not None and seconds <= WORK_AHEAD


@define(eq=False)
class Door:
    """A way to have a node run calls, as far as it matters for what is sent when."""

    is_open: bool = False
    waiting: list[Pending] = field(factory=list)


@define(eq=False)
class Lane:
    """Calls of one function with one demand, in their order, as long as they are wanted."""

    function: str
    demand: Demand
    flow: Flow | None
    calls: OrderedDict[int, Pending] = field(factory=OrderedDict)
    stuck_since: float | None = None

    @property
    def first(self) -> Pending:
        """The call whose turn is next."""
        return next(iter(self.calls.values()))

    def append(self, call: Pending) -> None:
        """A call waits behind all others."""
        self.calls[call.id] = call

    def appendleft(self, call: Pending) -> None:
        """A call waits before all others."""
        self.calls[call.id] = call
        self.calls.move_to_end(call.id, last=False)

    def popleft(self) -> Pending:
        """Take the call whose turn it is."""
        return self.calls.popitem(last=False)[1]
