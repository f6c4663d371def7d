"""The nodes of a network, as their heartbeats tell: who is online, under which name, with what.

Sans-I/O; used by sessions and nodes alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from pye2core.errors import MessageRejected
from pye2core.identity import is_address, with_prefix

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


@define
class KnownNode:
    """A node that was heard from.

    Attributes:
        heartbeat: its newest heartbeat.
        last_seen: when that came, on the monotonic clock, in seconds.
    """

    heartbeat: Heartbeat
    last_seen: float


class PeerBook:
    """Who is on the network; may be read while another thread takes in heartbeats.

    A name belongs to the first address that was heard using it, or that it was pinned to, for as
    long as this book lives; a heartbeat cannot take it over. An address is nobody's name. Where the
    book is full, a new node takes the place of those that are offline; names are kept.

    Args:
        clock: says how long ago a heartbeat was.
        pinned: addresses by name that are known beforehand.
        on_forgotten: told the address of each node that is remembered no longer.
    """

    def __init__(
        self,
        clock: Clock,
        pinned: dict[str, str] | None = None,
        on_forgotten: Callable[[str], None] | None = None,
    ) -> None:
        self._clock = clock
        self._on_forgotten = on_forgotten
        self._nodes: dict[str, KnownNode] = {}
        self._address_of = {name: with_prefix(address) for name, address in (pinned or {}).items()}

    def hear(self, heartbeat: Heartbeat) -> bool:
        """Take in a heartbeat; whether its node is online now and was not before.

        Raises:
            MessageRejected: reason "name-taken": another address has that name, or is that name;
                "shape": its name is too long; "crowded": there is no room for another node.
        """
        self._check_room(heartbeat)
        owner = self._owner_of(heartbeat)
        if owner != heartbeat.address:
            raise MessageRejected(
                f"{heartbeat.address} calls itself {heartbeat.name!r}, the name of {owner};"
                " give one of the two nodes another --name",
                reason="name-taken",
                sender=heartbeat.address,
            )
        if heartbeat.leaving:
            self.forget(heartbeat.address)
            return False
        known = self._nodes.get(heartbeat.address)
        is_new = known is None or not self._fresh(known)
        self._nodes[heartbeat.address] = KnownNode(heartbeat, self._clock.monotonic())
        return is_new

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

    def forget(self, address: str) -> None:
        """Take a node as offline from now on, as after its last will."""
        self._nodes.pop(address, None)
        if self._on_forgotten is not None:
            self._on_forgotten(address)

    def _fresh(self, known: KnownNode) -> bool:
        return self._clock.monotonic() - known.last_seen <= ONLINE_SECONDS

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
