"""The nodes of a network, as their heartbeats tell: who is online, under which name, with what.

Sans-I/O; used by sessions and nodes alike.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

from pye2core.errors import MessageRejected
from pye2core.identity import is_address, with_prefix
from pye2core.messages import Presence
from pye2core.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.clock import Clock
    from pye2core.messages import Heartbeat

ONLINE_SECONDS = 60.0
"""A node counts as online this long after its last heartbeat (PyE2 wire protocol, section 9)."""

MOST_NODES = 4_096
MOST_NAMES = 65_536
"""Nodes, and names, that are remembered. Keys cost nothing: without a bound, whoever reaches the
broker could fill the memory of everybody on it."""

LONGEST_NAME = 128
"""Characters of a node's name."""

ASK_AGAIN_SECONDS = 5.0
ASKED_A_SECOND = 20
"""A node is asked for a full heartbeat at most so often, and so many nodes in a second."""

LIVES_REMEMBERED = 16
"""Connections of one node that are known to have ended."""


@define
class KnownNode:
    """A node that was heard from.

    Attributes:
        heartbeat: its last full heartbeat, with the figures of the newest one.
        last_seen: when the newest one came, on the monotonic clock, in seconds.
        life: which connection of the node's the newest one came on, if it says.
        lost_at: when the broker said that its connection was lost, if it has not come back.
    """

    heartbeat: Heartbeat
    last_seen: float
    life: str | None = None
    lost_at: float | None = None


@frozen
class Heard:
    """What a heartbeat came to.

    Attributes:
        heartbeat: the last full heartbeat of its node, with the figures of this one.
        is_new: whether its node is online now and was not before.
        is_current: whether that full heartbeat tells how the node is now.
        should_ask: whether to ask the node for another one now.
    """

    heartbeat: Heartbeat
    is_new: bool = False
    is_current: bool = True
    should_ask: bool = False


class PeerBook:
    """Who is on the network; may be read while another thread takes in heartbeats.

    A name belongs to the first address that was heard using it, or that it was pinned to, for as
    long as this book lives; a heartbeat cannot take it over. An address is nobody's name. Where the
    book is full, a new node takes the place of those that are offline; names are kept.

    A node whose connection was lost counts as offline until its next heartbeat, but what is known
    of it is kept: its link may only flicker.

    Args:
        clock: says how long ago a heartbeat was.
        pinned: addresses by name that are known beforehand.
        on_forgotten: told the address of each node that is remembered no longer.
        grace: seconds for which a node whose connection was lost still counts as online.
    """

    def __init__(
        self,
        clock: Clock,
        pinned: dict[str, str] | None = None,
        on_forgotten: Callable[[str], None] | None = None,
        *,
        grace: float = 0.0,
    ) -> None:
        self._clock = clock
        self._grace = grace
        self._on_forgotten = on_forgotten
        self._nodes: dict[str, KnownNode] = {}
        self._ended = EndedLives()
        self._asking = RateLimit(clock, every=ASK_AGAIN_SECONDS, a_second=ASKED_A_SECOND)
        self._address_of = {name: with_prefix(address) for name, address in (pinned or {}).items()}
        self._pinned = frozenset(self._address_of)

    def hear(self, heartbeat: Heartbeat) -> Heard:
        """Take in a heartbeat.

        Raises:
            MessageRejected: reason "name-taken": another address has that name, or is that name;
                "shape": its name is too long; "crowded": there is no room for another node;
                "stale": it comes from an earlier connection of its node.
        """
        self._check_room(heartbeat)
        self._check_life(heartbeat)
        owner = self._owner_of(heartbeat)
        if owner != heartbeat.address:
            raise MessageRejected(
                f"{heartbeat.address} calls itself {heartbeat.name!r}, the name of {owner};"
                f" {self._advice(heartbeat.name)}",
                reason="name-taken",
                sender=heartbeat.address,
            )
        if heartbeat.presence is Presence.ONLINE:
            return self._hear_living(heartbeat)
        return self._hear_end(heartbeat)

    def _hear_living(self, heartbeat: Heartbeat) -> Heard:
        address = heartbeat.address
        before = self._nodes.get(address)
        if before is None:
            full = heartbeat
        elif before.life == heartbeat.life and _is_overtaken(heartbeat, before.heartbeat):
            return Heard(before.heartbeat)
        else:
            self._ended.replaced(address, before.life, heartbeat.life)
            full = _renewed(before.heartbeat, heartbeat) if heartbeat.is_brief else heartbeat
        is_new = before is None or not self._fresh(before)
        is_current = not heartbeat.is_brief or _tells_the_same(full, heartbeat)
        self._nodes[address] = KnownNode(full, self._clock.monotonic(), heartbeat.life)
        should_ask = not is_current and self._asking.permits(address)
        return Heard(full, is_new, is_current, should_ask)

    def _check_life(self, heartbeat: Heartbeat) -> None:
        """Refuse what comes from a connection that has ended.

        Brokers may deliver it late, and anybody can play it again.
        """
        known = self._nodes.get(heartbeat.address)
        is_end = heartbeat.presence is not Presence.ONLINE
        replaced = known is not None and known.life not in {None, heartbeat.life}
        if self._ended.has(heartbeat.address, heartbeat.life) or (is_end and replaced):
            raise MessageRejected(
                f"it comes from a connection of {heartbeat.name!r} that has ended since",
                reason="stale",
                sender=heartbeat.address,
            )

    def _hear_end(self, heartbeat: Heartbeat) -> Heard:
        """A node leaves, or was lost: the connection that it was last heard on has ended."""
        self._ended.add(heartbeat.address, heartbeat.life)
        known = self._nodes.get(heartbeat.address)
        if known is None:
            return Heard(heartbeat)
        if heartbeat.presence is Presence.LEAVING:
            self.forget(heartbeat.address)
        elif known.lost_at is None:
            known.lost_at = self._clock.monotonic()
        return Heard(evolve(known.heartbeat, presence=heartbeat.presence))

    def _check_room(self, heartbeat: Heartbeat) -> None:
        if len(heartbeat.name) > LONGEST_NAME:
            raise MessageRejected(
                f"it is the heartbeat of a node whose name has {len(heartbeat.name):,} characters;"
                f" a name has at most {LONGEST_NAME}",
                reason="shape",
                sender=heartbeat.address,
            )
        address, name = heartbeat.address, heartbeat.name
        if address not in self._nodes and len(self._nodes) >= MOST_NODES:
            self._forget_those_offline()
        no_room = address not in self._nodes and len(self._nodes) >= MOST_NODES
        if no_room or (name not in self._address_of and len(self._address_of) >= MOST_NAMES):
            raise MessageRejected(
                f"there is no room for the node {name!r} among {len(self._nodes):,} nodes and"
                f" {len(self._address_of):,} names; see who makes them up on this broker",
                reason="crowded",
                sender=address,
            )

    def _forget_those_offline(self) -> None:
        for address in [each for each, known in self._nodes.items() if not self._fresh(known)]:
            self.forget(address)

    def _owner_of(self, heartbeat: Heartbeat) -> str:
        if is_address(heartbeat.name):
            return with_prefix(heartbeat.name)
        return self._address_of.setdefault(heartbeat.name, heartbeat.address)

    def _advice(self, taken: str) -> str:
        """What to do about a name that another address has: two nodes, or one with a new key."""
        if taken not in self._pinned:
            return (
                "give one of the two nodes another --name; if it is one with a new key, start anew"
            )
        return (
            "it is pinned to that, by pinned_nodes or known_nodes.toml: if it is the same node with"
            " a new key, pin that (`pye2 pair CODE --replace`)"
        )

    def forget(self, address: str) -> None:
        """Take a node as offline from now on, as after its farewell."""
        self._nodes.pop(address, None)
        if self._on_forgotten is not None:
            self._on_forgotten(address)

    def _fresh(self, known: KnownNode) -> bool:
        now = self._clock.monotonic()
        if known.lost_at is not None and now - known.lost_at >= self._grace:
            return False
        return now - known.last_seen <= ONLINE_SECONDS

    def is_lost(self, address: str) -> bool:
        """Whether a node's connection was lost and it was not heard since."""
        known = self._nodes.get(address)
        return known is not None and known.lost_at is not None

    def seconds_lost(self, address: str) -> float | None:
        """Seconds since a node's connection was lost, if it was not heard since; otherwise None."""
        known = self._nodes.get(address)
        if known is None or known.lost_at is None:
            return None
        return self._clock.monotonic() - known.lost_at

    def online(self) -> dict[str, Heartbeat]:
        """The newest heartbeats of the nodes that are online, by address."""
        nodes = self._nodes.copy()
        return {address: known.heartbeat for address, known in nodes.items() if self._fresh(known)}

    def seconds_since(self, address: str) -> float | None:
        """Seconds since a node was last heard from; None if it never was."""
        known = self._nodes.get(address)
        return None if known is None else self._clock.monotonic() - known.last_seen

    def heartbeat(self, address: str) -> Heartbeat | None:
        """The newest heartbeat of a node that is online."""
        known = self._nodes.get(address)
        return known.heartbeat if known is not None and self._fresh(known) else None

    def address_of(self, node: str) -> str | None:
        """The address of a node that was heard from, by its address in any form, or by its name.

        A pinned name has its address before the node was heard from.
        """
        for address in (node, with_prefix(node)):
            if address in self._nodes:
                return address
        return self._address_of.get(node)

    def name_of(self, address: str) -> str | None:
        """The name of a node that was heard from."""
        known = self._nodes.get(address)
        return known.heartbeat.name if known is not None else None


class EndedLives:
    """The connections of nodes that have ended: what comes from them is not believed.

    Their names are random, so that they never return.
    """

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[str]] = OrderedDict()

    def has(self, address: str, life: str | None) -> bool:
        """Whether this one is known to have ended."""
        return life is not None and life in self._of.get(address, ())

    def replaced(self, address: str, before: str | None, life: str | None) -> None:
        """A node is heard on another connection than before."""
        if before != life:
            self.add(address, before)

    def add(self, address: str, life: str | None) -> None:
        """This one has ended."""
        if life is None or self.has(address, life):
            return
        self._of.setdefault(address, deque(maxlen=LIVES_REMEMBERED)).append(life)
        self._of.move_to_end(address)
        if len(self._of) > MOST_NODES:
            self._of.popitem(last=False)


def _is_overtaken(heartbeat: Heartbeat, full: Heartbeat) -> bool:
    """Whether a heartbeat was sent before the full one that is known: they may change places."""
    return (heartbeat.revision or 0) < (full.revision or 0)


def _renewed(full: Heartbeat, brief: Heartbeat) -> Heartbeat:
    """What is known of a node, with the figures of its newest, brief heartbeat."""
    return evolve(
        full,
        load=brief.load,
        free_memory=brief.free_memory,
        status={**full.status, **brief.status},
        origin=brief.origin,
    )


def _tells_the_same(full: Heartbeat, brief: Heartbeat) -> bool:
    return not full.is_brief and (full.life, full.revision) == (brief.life, brief.revision)
