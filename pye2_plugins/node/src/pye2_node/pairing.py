"""One pairing of a node: requests are judged, the client is allowed, the owner is told.

Requests are judged at once by the thread that brings them, so that a flood of wrong ones neither
waits anywhere nor keeps the right one from being heard: next to their signature they cost nothing.
What follows from the one that is right happens on the node's loop. Nobody else is answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pye2_node import allow_file
from pye2_node.commands import requester_of
from pye2_node.home import allow_file_of
from pye2core.errors import MessageRejected, NodeError
from pye2core.messages import OfferState
from pye2core.pairing import NONCE_BYTES, OFFER_SECONDS, Admitted, NodePairing, answer_notification
from pye2core.printable import printable
from pye2core.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2_node.pairing_door import PairingOwner, Tell
    from pye2core.clock import Clock
    from pye2core.messages import Command, PairingOffer, Requester
    from pye2core.pairing import PairingKey

_log = logging.getLogger("pye2_node")

_ANSWER_AGAIN_SECONDS: Final = 1.0
_TOLD_SECONDS: Final = 600.0
"""So long heartbeats say how an offer ended, for those who come too late."""


@frozen
class Opening:
    """What a node's owner wants.

    Attributes:
        key: what the code was made into.
        alias: what the owner calls the client; None for what it calls itself.
        seconds: how long the code is good.
    """

    key: PairingKey = field(repr=False)
    alias: str | None = None
    seconds: float = OFFER_SECONDS


class PairingDesk:
    """An offer, from its beginning until nobody needs to be told of it any more; made on the loop.

    Args:
        opening: what to offer.
        owner: the node.
        home: its home.
        tell: tells the node's owner what happens; called on the loop.
        clock: where to read the time.
        on_over: called when how it ended was told for long enough.
    """

    def __init__(
        self,
        opening: Opening,
        owner: PairingOwner,
        home: Path,
        tell: Tell,
        *,
        clock: Clock,
        on_over: Callable[[PairingDesk], None],
    ) -> None:
        self._opening = opening
        self._owner = owner
        self._file = allow_file_of(home)
        self._tell = tell
        self._clock = clock
        self._on_over = on_over
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._pairing = NodePairing(
            opening.key,
            owner.address,
            owner.name,
            nonce=os.urandom(NONCE_BYTES).hex(),
            ends_at=clock.monotonic() + opening.seconds,
        )
        self._answering = RateLimit(clock, every=_ANSWER_AGAIN_SECONDS, a_second=1)
        self._is_allowed = False
        self._has_warned = False
        self._is_over = False
        self._admitting: set[asyncio.Task[None]] = set()
        self._timer = self._loop.call_later(opening.seconds, self._expire)
        _log.info("offers to be paired with a client for %g s", opening.seconds)
        tell(
            {
                "event": "open",
                "name": owner.name,
                "address": owner.address,
                "seconds": opening.seconds,
            }
        )
        owner.note_change()

    # --- from any thread --------------------------------------------------------------------------

    @property
    def offer(self) -> PairingOffer:
        """What heartbeats say of it."""
        with self._lock:
            return self._pairing.offer

    def hears(self) -> bool:
        """Whether anything can come of a request."""
        with self._lock:
            return self._pairing.state in {OfferState.OPEN, OfferState.USED}

    def take(self, request: Command) -> None:
        """Take a request whose signature is good.

        Raises:
            MessageRejected: reason "pairing": nothing comes of it.
        """
        requester = requester_of(request)
        said = request.pairing
        if said is None or requester.address is None:
            raise MessageRejected("it is no request to be paired", reason="shape")
        sender = allow_file.full_address(requester.address)
        with self._lock:
            verdict = self._pairing.hear(
                said, sender, requester.name or "", self._clock.monotonic()
            )
        if not isinstance(verdict, Admitted):
            if verdict.is_guess:
                self._warn_of(sender)
            raise MessageRejected(verdict.why, reason="pairing", sender=sender)
        if verdict.is_new:
            self._loop.call_soon_threadsafe(self._begin_to_admit, verdict, requester)
        elif self._is_allowed and self._answering.permits(sender):
            self._owner.announce(answer_notification(verdict.answer, requester))

    def _warn_of(self, sender: str) -> None:
        """Log, once, that somebody guesses: it is of no use, but the owner may want to know."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning("%s tries to be paired without knowing the code, and is ignored", sender)

    # --- on the loop ------------------------------------------------------------------------------

    def _begin_to_admit(self, client: Admitted, requester: Requester) -> None:
        self._admitting.add(asyncio.create_task(self._admit(client, requester)))

    async def _admit(self, client: Admitted, requester: Requester) -> None:
        try:
            guest = await asyncio.to_thread(self._allow, client)
        except NodeError as error:
            with self._lock:
                self._pairing.close()
            _log.error("the client %s was not paired: %s", client.client, error)
            self._end({"event": "closed", "why": str(error)})
            return
        self._is_allowed = True
        self._owner.announce(answer_notification(client.answer, requester))
        _log.info("paired with %s, %s", guest.address, guest.alias or "which has no name")
        self._end({"event": "paired", "address": guest.address, "alias": guest.alias})

    def _allow(self, client: Admitted) -> allow_file.Guest:
        """Put the client on the white list; what the owner calls it there stays."""
        known = allow_file.read_allow_file(self._file).guests
        alias = self._opening.alias
        if alias is None and all(each.address != client.client for each in known):
            alias = printable(client.name) or None
        guest = allow_file.Guest(client.client, alias)
        allow_file.allow(self._file, [guest], self._clock.now())
        return guest

    def _expire(self) -> None:
        with self._lock:
            self._pairing.look_at(self._clock.monotonic())
            state = self._pairing.state
        if state is OfferState.OPEN:  # the loop's clock is a little ahead
            self._timer = self._loop.call_later(_ANSWER_AGAIN_SECONDS, self._expire)
        elif state is OfferState.EXPIRED:
            self._end({"event": "expired", "seconds": self._opening.seconds})

    def give_up(self, why: str = "nobody waits for it any more") -> None:
        """End it now, if nobody was paired: the code is good no more."""
        with self._lock:
            if self._pairing.state is not OfferState.OPEN:
                return
            self._pairing.close()
        self._end({"event": "closed", "why": why})

    def _end(self, event: dict[str, Any]) -> None:
        """Tell how it ended: the owner once, others for a while."""
        if self._is_over:
            return
        self._is_over = True
        if event["event"] == "expired":
            _log.info("the offer to be paired has expired")
        self._timer.cancel()
        self._tell(event)
        self._owner.note_change()
        self._loop.call_later(_TOLD_SECONDS, self._on_over, self)
