"""Where a node's owner has it open to be paired with a client, and where clients knock.

On the node's loop, but for what says so. A node that is never paired this way has nothing more of
pairing in memory than this: the rest is imported when its owner asks for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from pye2core.errors import MessageRejected, NodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pye2_node.pairing import Opening, PairingDesk
    from pye2core.clock import Clock
    from pye2core.messages import Command, Notification, PairingOffer

    Tell = Callable[[Mapping[str, object]], None]
    """Tells the owner what happens, as an event with a name."""

_log = logging.getLogger("pye2_node")


class PairingOwner(Protocol):
    """The node, as its pairing sees it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def address(self) -> str:
        """Its address."""

    def announce(self, notification: Notification) -> None:
        """Send a notification; from any thread."""

    def note_change(self) -> None:
        """Tell everybody soon how the node is: that changed."""


class PairingDoor:
    """A node's pairing, of which there is one at most at a time.

    Args:
        home: the node's home, where commands on this machine ask for it.
        owner: the node.
        clock: where to read the time.
    """

    def __init__(self, home: Path, owner: PairingOwner, clock: Clock) -> None:
        self._home = home
        self._owner = owner
        self._clock = clock
        self._desk: PairingDesk | None = None

    # --- for the owner ----------------------------------------------------------------------------

    def look(self) -> None:
        """Open if a command on this machine has asked for it."""
        asked = self._home / "pairing.ask"
        if not asked.exists():
            return
        from pye2_node.pairing_control import answered

        try:
            wish = answered(asked)
        except NodeError as error:
            _log.warning("%s", error)
            return
        desk = self.open(wish.opening, wish.answers.tell)
        wish.answers.on_gone(desk.give_up)

    def open(self, opening: Opening, tell: Tell) -> PairingDesk:
        """Offer to be paired, in the place of an earlier offer.

        Args:
            opening: what to offer.
            tell: told what happens, on the loop.
        """
        from pye2_node.pairing import PairingDesk

        if self._desk is not None:
            self._desk.give_up("another `pye2 node --pair` was begun here")
        self._desk = PairingDesk(
            opening, self._owner, self._home, tell, clock=self._clock, on_over=self._forget
        )
        return self._desk

    def _forget(self, desk: PairingDesk) -> None:
        """How an offer ended was told for long enough."""
        if self._desk is desk:
            self._desk = None
            self._owner.note_change()

    def close(self) -> None:
        """The node ends."""
        if self._desk is not None:
            self._desk.give_up("the node was stopped")

    # --- for others -------------------------------------------------------------------------------

    def offer(self) -> PairingOffer | None:
        """What heartbeats say of it; from any thread."""
        desk = self._desk
        return None if desk is None else desk.offer

    def hears(self) -> bool:
        """Whether requests of strangers are looked at now; from any thread."""
        desk = self._desk
        return desk is not None and desk.hears()

    def take(self, request: Command) -> None:
        """Take a request; from any thread.

        Raises:
            MessageRejected: reason "pairing": nothing comes of it.
        """
        desk = self._desk
        if desk is None:
            raise MessageRejected(
                "this node does not offer to be paired with; `pye2 node --pair` changes that",
                reason="pairing",
                sender=request.requester.address,
            )
        desk.take(request)
