"""What the scheduler is told and says: calls, the places where they run, and what is to be done.

Values only, but for what changes of a call from its being asked for to its end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from pye2_calls.client.demands import Demand, NodeFacts


MOST_UNTAKEN: Final = 128 * 1024 * 1024
"""Bytes of values that have come and that nobody has taken yet, after which no more of that map's
calls are given to nodes."""


@define(eq=False)
class Flow:
    """The calls of one map, whose values wait here until they are taken.

    Who takes them writes ``taken`` and ``is_waited_for`` without a lock, and looks at ``is_held``
    after that; whoever plans does it the other way round. So one of both sees what the other does.

    Attributes:
        under_way: how many of them nodes have.
        came: bytes of the values that have come.
        taken: bytes of those that were taken.
        is_waited_for: whether somebody waits for a value that has not come.
        is_held: whether no more of them are given to nodes for now.
    """

    under_way: int = 0
    came: int = 0
    taken: int = 0
    is_waited_for: bool = False
    is_held: bool = False

    def has_room(self, expected: float) -> bool:
        """Whether another call may go to a node.

        While somebody waits, one always may: it can be the one whose value is waited for.

        Args:
            expected: bytes that the value of a call is expected to have.
        """
        self.is_held = True
        untaken = self.came - self.taken
        has_room = untaken + self.under_way * expected < MOST_UNTAKEN
        is_first = not self.under_way and (self.is_waited_for or not untaken)
        self.is_held = not (has_room or is_first)
        return not self.is_held


@define(eq=False)
class Pending:
    """A call that has not ended.

    Attributes:
        id: tells it from all others of its session.
        function: tells it from calls of other functions, which may take much longer.
        demand: what it asks of its node.
        size: bytes of its arguments.
        retries: how often it may be tried again after being lost with its node or process.
        together: how many such calls a slot of a node is given at least, however long they take.
        subject: what the scheduler carries along and never looks at.
        asked_at: when it was asked for.
        losses: how often it was lost.
        refusals: how often nodes did not take it for now.
        avoided: the nodes on which its process died.
        node: where it is; None while it waits.
        flow: the map that it is one of, if it is of one.
        is_withdrawn: whether it is wanted no more unless it has begun.
        has_given: whether it is a generator that has given an item, and so cannot begin anew.
        is_giving: whether it is a generator that has given an item, where it is.
        is_short: whether it was expected to be short when its node was given it.
    """

    id: int
    function: str
    demand: Demand
    size: int
    retries: int
    subject: Any
    together: int = 1
    asked_at: float = -math.inf
    losses: int = 0
    refusals: int = 0
    avoided: frozenset[str] = frozenset()
    node: str | None = None
    flow: Flow | None = None
    is_withdrawn: bool = False
    has_given: bool = False
    is_giving: bool = False
    is_short: bool = False


@frozen
class Place:
    """Where calls of one demand run on one node: its address, and what they are granted."""

    address: str
    grants: str


@frozen
class Lost:
    """A call that is lost for good.

    Attributes:
        call: which one.
        address: the last node that had it.
        why: what happened to it there; "it" is the node. Empty where that is no longer to be had.
    """

    call: Pending
    address: str
    why: str


@define
class Plan:
    """What is to be done.

    Attributes:
        close: the places that are of no use any more.
        open: the places that are to be opened for calls.
        send: calls by place, in their order.
        unplaceable: calls that no node can run, each with the reason; empty where there is none
            that takes calls, or none of those that were named.
        too_large: calls with arguments that no node takes, each with the one that takes most.
        lost: calls that were lost too often.
        dropped: calls that were withdrawn and had not begun.
        back: calls that a node had, and that wait again.
        look_again_at: the time at which to ask for another plan at the latest.
    """

    close: list[Place] = field(factory=list)
    open: list[Place] = field(factory=list)
    send: dict[Place, list[Pending]] = field(factory=dict)
    unplaceable: list[tuple[Pending, str]] = field(factory=list)
    too_large: list[tuple[Pending, NodeFacts]] = field(factory=list)
    lost: list[Lost] = field(factory=list)
    dropped: list[Pending] = field(factory=list)
    back: list[Pending] = field(factory=list)
    look_again_at: float = math.inf

    def __bool__(self) -> bool:
        """Whether there is anything to be done now."""
        return bool(self.open or self.send or self.unplaceable or self.too_large or self.lost)
