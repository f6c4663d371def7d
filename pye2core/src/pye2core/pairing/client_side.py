"""A client's side of a pairing: which node it asks, and which answer it believes.

Sans-I/O; not thread-safe. It believes nobody before the answer: whoever listens can repeat a node's
offer in a heartbeat of their own. So it asks each node that makes the offer, every request being of
use to that node alone, and what such nodes say of the offer's end counts only where none says that
it is open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from pye2core.errors import PairingFailed
from pye2core.messages import OfferState, PairingRequest
from pye2core.pairing.proofs import Transcript, is_same
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import Heartbeat, PairingAnswer
    from pye2core.pairing.proofs import PairingKey

ASK_AGAIN_SECONDS: Final = 3.0
SETTLING_SECONDS: Final = 5.0
"""So long after it began, or something changed, it waits for a better offer than none."""

HEARING_SECONDS: Final = 15.0
"""So long it waits for any offer at all: nodes that hear no roll call speak every 10 s."""

PATIENCE_SECONDS: Final = 30.0
"""So long it waits for an answer."""

MOST_CANDIDATES: Final = 64
"""Nodes that are asked. More than one is somebody's mischief."""

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMES_TOLD: Final = 5


@frozen
class PairedNode:
    """The node that has the code.

    Attributes:
        name: what it calls itself.
        address: its address, in full.
        asked_as: what the client called itself, as the node knows it now.
    """

    name: str
    address: str
    asked_as: str


@define
class _Candidate:
    """A node that says that it made the offer."""

    name: str
    nonce: str
    state: OfferState
    allows_us: bool
    asked_at: float | None = field(default=None)

    def is_to_be_asked(self) -> bool:
        """Whether an answer may come: who was admitted before its answer got lost is told again."""
        return self.state is OfferState.OPEN or (self.state is OfferState.USED and self.allows_us)


class ClientPairing:
    """One attempt of a client to be paired.

    Args:
        key: what the code was made into.
        address: the client's, in full.
        name: what it calls itself.
        nonce: 32 random hex digits, new for each attempt.
        pinned: the addresses that names of nodes are known to belong to.
        began: when, on the monotonic clock.
        place: which network this is, in words.
    """

    def __init__(
        self,
        key: PairingKey,
        address: str,
        name: str,
        *,
        nonce: str,
        pinned: Mapping[str, str],
        began: float,
        place: str,
    ) -> None:
        self._key = key
        self._address = address
        self._name = name
        self._nonce = nonce
        self._pinned = pinned
        self._began = began
        self._changed_at = began
        self._place = place
        self._candidates: dict[str, _Candidate] = {}
        self._others: set[str] = set()
        self._conflict: tuple[str, str] | None = None
        self._paired: PairedNode | None = None

    # --- what is heard ----------------------------------------------------------------------------

    def hear_heartbeat(self, heartbeat: Heartbeat, now: float) -> None:
        """Take in a full heartbeat whose signature is good."""
        offer = heartbeat.pairing
        name = heartbeat.name
        if offer is None or _NAME.fullmatch(name) is None:
            return
        if offer.tag != self._key.tag:
            if offer.state is OfferState.OPEN and len(self._others) < _NAMES_TOLD:
                self._others.add(name)
            return
        if self._pinned.get(name, heartbeat.address) != heartbeat.address:
            self._conflict = (name, heartbeat.address)
            return
        known = self._candidates.get(heartbeat.address)
        if known is None and len(self._candidates) >= MOST_CANDIDATES:
            return
        allows_us = self._address in heartbeat.allowed
        heard = _Candidate(name, offer.nonce, offer.state, allows_us)
        if known is not None and (known.name, known.nonce) == (name, offer.nonce):
            heard.asked_at = known.asked_at
        if heard != known:
            self._changed_at = now
        self._candidates[heartbeat.address] = heard

    def hear_answer(self, sender: str, answer: PairingAnswer) -> bool:
        """Take in a node's answer, whose signature is good; whether it proves that we are paired.

        Args:
            sender: the node's address.
            answer: what it says.
        """
        candidate = self._candidates.get(sender)
        if candidate is None or candidate.asked_at is None or answer.nonce != self._nonce:
            return False
        if not is_same(answer.proof, self._key.node_proof(self._transcript(sender, candidate))):
            return False
        self._paired = PairedNode(candidate.name, sender, self._name)
        return True

    def _transcript(self, node: str, candidate: _Candidate) -> Transcript:
        return Transcript(
            node, self._address, candidate.name, self._name, candidate.nonce, self._nonce
        )

    # --- what is to be done -----------------------------------------------------------------------

    def requests_due(self, now: float) -> list[tuple[str, PairingRequest]]:
        """What to send now, each with the address of its node; counts as sent."""
        due = []
        for address, candidate in self._candidates.items():
            asked_at = candidate.asked_at
            was_just_asked = asked_at is not None and now - asked_at < ASK_AGAIN_SECONDS
            if candidate.is_to_be_asked() and not was_just_asked:
                candidate.asked_at = now
                proof = self._key.client_proof(self._transcript(address, candidate))
                due.append((address, PairingRequest(self._key.tag, self._nonce, proof)))
        return due

    def conclusion(self, now: float) -> PairedNode | None:
        """The node, if it has answered; None if there is reason to wait.

        Raises:
            PairingFailed: there is none any more.
        """
        if self._paired is not None:
            return self._paired
        elapsed = now - self._began
        is_settled = now - self._changed_at >= SETTLING_SECONDS
        is_waiting = any(each.is_to_be_asked() for each in self._candidates.values())
        is_open = any(each.state is OfferState.OPEN for each in self._candidates.values())
        if elapsed >= PATIENCE_SECONDS and is_open:
            raise self._no_answer()
        if elapsed >= PATIENCE_SECONDS or (is_settled and not is_waiting):
            self._give_up(elapsed)
        return None

    def _give_up(self, elapsed: float) -> None:
        """Raise what is known of why nobody can be asked, or wait if nothing is."""
        if self._candidates:
            raise self._ended()
        if self._conflict is not None:
            raise self._name_pinned(*self._conflict)
        if self._others:
            raise self._wrong_code()
        if elapsed >= HEARING_SECONDS:
            raise PairingFailed(
                f"No node that can be paired with was heard on {self._place}. Run"
                " `pye2 node --pair` where the node runs, with the same broker and root topic, and"
                " type the code within 10 minutes, while that is waiting.",
                reason="no-offer",
            )

    # --- what went wrong --------------------------------------------------------------------------

    def _no_answer(self) -> PairingFailed:
        asked = [each for each in self._candidates.values() if each.is_to_be_asked()]
        names = ", ".join(sorted({each.name for each in asked})[:_NAMES_TOLD])
        warning = (
            f" {len(asked)} nodes claim to have made this offer, so somebody else on this broker"
            " interferes."
            if len(asked) > 1
            else ""
        )
        return PairingFailed(
            f"{names} offers to be paired with this code, was asked, and did not answer as one that"
            f" has it within {PATIENCE_SECONDS:.0f} s.{warning} Nothing was pinned. See what the"
            " node says, then run `pye2 node --pair` there again and use the new code.",
            reason="no-answer",
        )

    def _ended(self) -> PairingFailed:
        candidate = next(iter(self._candidates.values()))
        again = "Run `pye2 node --pair` there again and use the new code."
        if candidate.allows_us:
            again = f"This client is allowed there already, though. {again}"
        name = candidate.name
        match candidate.state:
            case OfferState.USED:
                what = "has been used, and a code is good for one client only"
                reason = "used"
            case OfferState.EXPIRED:
                what = "has expired"
                reason = "expired"
            case _:
                what = "is good no more: the pairing was ended there"
                reason = "closed"
        return PairingFailed(f"This code of {name} {what}. {again}", reason=reason)

    def _name_pinned(self, name: str, address: str) -> PairingFailed:
        return PairingFailed(
            f"The node calls itself {name!r} and its address is {address}, and here that name"
            f" belongs to {self._pinned[name]}. Nothing was sent. If it is the same node with a new"
            " key, add --replace; otherwise start one of the two with another --name.",
            reason="name-pinned",
        )

    def _wrong_code(self) -> PairingFailed:
        names = ", ".join(sorted(self._others))
        return PairingFailed(
            f"No node on {printable(self._place)} has this code; with other codes, these can be"
            f" paired with: {names}. Compare the code with what `pye2 node --pair` shows now: each"
            " time it shows a new one.",
            reason="wrong-code",
        )
