"""The network as a session sees it: who is online, under which name, and whether it may be used.

You are in the client room. This is the ``PeerBook`` of the kernel behind a lock, with a way to wait
for what heartbeats say; it sends nothing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.errors import NodeNotOnline
from pye2core.identity import is_address, same_address, with_prefix
from pye2core.peers import PeerBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pye2core.clock import Clock
    from pye2core.messages import Heartbeat
    from pye2core.peers import Heard

_NAMES_TOLD = 10


class NetworkView:
    """The nodes of a session's network.

    Nodes are named by their name or by their address, with or without its prefix.

    Args:
        clock: says how long ago a heartbeat was.
        own_address: the session's address, as nodes' white lists have it.
        pinned: addresses by name that are known beforehand.
        on_forgotten: told the address of each node that is remembered no longer; must not wait.
        place: which network this is, in words.
    """

    def __init__(
        self,
        clock: Clock,
        own_address: str,
        pinned: Mapping[str, str] | None = None,
        on_forgotten: Callable[[str], None] | None = None,
        place: str = "this network",
    ) -> None:
        self.own_address = own_address
        self._place = place
        self._book = PeerBook(clock, dict(pinned or {}), on_forgotten)
        self._changed = threading.Condition()
        self._watchers: list[Callable[[], object]] = []

    def hear(self, heartbeat: Heartbeat) -> Heard:
        """Take in a heartbeat; who waits is not told before :meth:`look_again`.

        Raises:
            MessageRejected: as :meth:`PeerBook.hear`.
        """
        heard = evolve(heartbeat, address=with_prefix(heartbeat.address))
        with self._changed:
            return self._book.hear(heard)

    # --- who is there -----------------------------------------------------------------------------

    def online(self) -> dict[str, Heartbeat]:
        """The newest heartbeats of the nodes that are online, by address."""
        with self._changed:
            return self._book.online()

    def allowed(self) -> dict[str, Heartbeat]:
        """Those of the nodes that take this session's commands, as far as they say."""
        return {address: each for address, each in self.online().items() if self.may_use(each)}

    def may_use(self, heartbeat: Heartbeat) -> bool:
        """Whether a node takes this session's commands, as far as it says."""
        if heartbeat.pipelines is None:
            return False
        if not heartbeat.secured or same_address(heartbeat.address, self.own_address):
            return True
        return any(same_address(each, self.own_address) for each in heartbeat.allowed)

    def address_of(self, node: str) -> str | None:
        """The address of a node that was heard from."""
        with self._changed:
            return self._book.address_of(with_prefix(node) if is_address(node) else node)

    def named(self, node: str) -> str:
        """What a node is called in a message to it: its address, or its name while none is known.

        A node listens to the full form of its address alone, whichever form it was named by.
        """
        address = with_prefix(node) if is_address(node) else node
        return self.address_of(node) or address

    def name_of(self, node: str) -> str | None:
        """The name of a node that was heard from."""
        with self._changed:
            return self._book.name_of(with_prefix(node))

    def heartbeat(self, node: str) -> Heartbeat | None:
        """The newest heartbeat of a node that is online."""
        address = self.address_of(node)
        with self._changed:
            return self._book.heartbeat(address) if address is not None else None

    def life_of(self, node: str) -> str | None:
        """Which of its connections a node was last heard on; None if it is not online."""
        heartbeat = self.heartbeat(node)
        return heartbeat.life if heartbeat is not None else None

    def seconds_since(self, node: str) -> float | None:
        """Seconds since a node was last heard from; None if it never was."""
        address = self.address_of(node)
        with self._changed:
            return self._book.seconds_since(address) if address is not None else None

    def is_online(self, node: str) -> bool:
        """Whether a node was heard from within the last minute."""
        return self.heartbeat(node) is not None

    def runs(self, node: str, signature: str) -> bool:
        """Whether a node says that it runs, or can run, a signature."""
        heartbeat = self.heartbeat(node)
        return heartbeat is not None and signature.upper() in _signatures(heartbeat)

    def able(self, signature: str) -> dict[str, Heartbeat]:
        """Those of the allowed nodes that do not say that they lack a signature, by address."""
        allowed = self.allowed().items()
        return {address: each for address, each in allowed if not lacks(each, signature)}

    def resolve(self, node: str) -> str:
        """The address of a node that is online.

        Raises:
            NodeNotOnline: it has not been heard from; lists who has.
        """
        heartbeat = self.heartbeat(node)
        if heartbeat is None:
            raise NodeNotOnline(self._explain_absence(node), node=node)
        return heartbeat.address

    def absence_of(self, node: str) -> str:
        """What is known of a node that is not online, in words that follow its name."""
        address = self.address_of(node)
        with self._changed:
            lost = self._book.seconds_lost(address) if address is not None else None
            heard = self._book.seconds_since(address) if address is not None else None
        if lost is not None:
            return f"was lost {lost:.0f} s ago, when its connection to the broker broke"
        if heard is not None:
            return f"was last heard from {heard:.0f} s ago"
        return "has not been heard from, or has said goodbye"

    def _explain_absence(self, node: str) -> str:
        heard = self.absence_of(node)
        online = sorted(f"{each.name} ({each.address})" for each in self.online().values())
        if not online:
            return (
                f"the node {node!r} {heard}, and no other node is online; nodes say every 10 s that"
                " they are there: wait for one with session.wait_for_node(…), and check that it"
                f" runs on this broker and under this root topic ({self._place}), and that the"
                " broker's access rules let you hear it"
            )
        more = f" and {len(online) - _NAMES_TOLD} more" if len(online) > _NAMES_TOLD else ""
        return (
            f"the node {node!r} {heard}; online are {', '.join(online[:_NAMES_TOLD])}{more}. Name"
            " one of these, or wait for it with session.wait_for_node(…)"
        )

    # --- waiting ----------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Have everybody who waits look again: all were told of the newest heartbeat."""
        with self._changed:
            self._changed.notify_all()
        for tell in self._watchers:
            tell()

    def watch(self, tell: Callable[[], object]) -> None:
        """Have ``tell`` called after each heartbeat, on the receiving thread: it must not wait."""
        self._watchers = [*self._watchers, tell]

    def wait_until(self, happened: Callable[[], object], timeout: float) -> bool:
        """Wait until something is so, looking again at each heartbeat.

        Args:
            happened: whether it is so; asks this view, or what is told of heartbeats: the lock of
                this view is held meanwhile.
            timeout: seconds.

        Returns:
            Whether it is so.
        """
        with self._changed:
            return bool(self._changed.wait_for(happened, timeout))


def lacks(heartbeat: Heartbeat, signature: str) -> bool:
    """Whether a node says what it can run, and this is not among it; PyE2's nodes never say."""
    stated = heartbeat.signatures
    return stated is not None and signature.upper() not in {each.upper() for each in stated}


def _signatures(heartbeat: Heartbeat) -> set[str]:
    running = {
        instance.signature
        for pipeline in heartbeat.pipelines or ()
        for instance in pipeline.instances
    }
    stated = running.union(heartbeat.active_signatures, heartbeat.signatures or ())
    return {signature.upper() for signature in stated}
