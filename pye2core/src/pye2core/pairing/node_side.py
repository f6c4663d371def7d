"""A node's side of a pairing: whom it lets in. Sans-I/O; not thread-safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.messages.pairing import OfferState, PairingAnswer, PairingOffer
from pye2core.pairing.proofs import Transcript, is_same

if TYPE_CHECKING:
    from pye2core.messages.pairing import PairingRequest
    from pye2core.pairing.proofs import PairingKey

OFFER_SECONDS: Final = 600.0
"""A code is good for so long."""

LONGEST_NAME: Final = 64
"""Characters of a client's name."""


@frozen
class Admitted:
    """The client has the code, and nobody else has used it.

    Attributes:
        client: its address.
        name: what it calls itself.
        answer: what to tell it, when it is allowed.
        is_new: whether this is the first time; otherwise it only asks again.
    """

    client: str
    name: str
    answer: PairingAnswer
    is_new: bool


@frozen
class Ignored:
    """Nothing comes of it, and nobody is answered.

    Attributes:
        why: in words.
        is_guess: whether its sender claims to have the code and has not.
    """

    why: str
    is_guess: bool = False


class NodePairing:
    """One offer of a node: good for one client, for a while.

    However many requests are wrong, it stays: there are too many codes for them to be tried, and
    whoever reaches the broker could otherwise end every pairing.

    Args:
        key: what the code was made into.
        address: the node's, in full.
        name: the node's.
        nonce: 32 random hex digits.
        ends_at: when the code ceases to be good, on the monotonic clock.
    """

    def __init__(
        self, key: PairingKey, address: str, name: str, *, nonce: str, ends_at: float
    ) -> None:
        self._key = key
        self._address = address
        self._name = name
        self._nonce = nonce
        self._ends_at = ends_at
        self._state = OfferState.OPEN
        self._client: str | None = None

    @property
    def offer(self) -> PairingOffer:
        """What heartbeats say of it."""
        return PairingOffer(self._state, self._key.tag, self._nonce)

    @property
    def state(self) -> OfferState:
        """How it stands, as of the last time that something happened to it."""
        return self._state

    def hear(
        self, request: PairingRequest, sender: str, sender_name: str, now: float
    ) -> Admitted | Ignored:
        """Take in a request whose signature is good.

        Args:
            request: what it says.
            sender: who signed it, as an address in full.
            sender_name: what the sender calls itself.
            now: on the monotonic clock.
        """
        self.look_at(now)
        if now >= self._ends_at or self._state in {OfferState.EXPIRED, OfferState.CLOSED}:
            return Ignored("the code is not good any more")
        if request.tag != self._key.tag:
            return Ignored("it is for another code")
        if len(sender_name) > LONGEST_NAME:
            return Ignored(f"its sender's name has more than {LONGEST_NAME} characters")
        transcript = Transcript(
            self._address, sender, self._name, sender_name, self._nonce, request.nonce
        )
        if not is_same(request.proof, self._key.client_proof(transcript)):
            return Ignored("its sender does not have the code", is_guess=True)
        if self._client not in {None, sender}:
            return Ignored("another client has used the code")
        is_new = self._client is None
        self._client, self._state = sender, OfferState.USED
        answer = PairingAnswer(request.nonce, self._key.node_proof(transcript))
        return Admitted(sender, sender_name, answer, is_new)

    def look_at(self, now: float) -> None:
        """Let time pass: an offer that nobody used expires."""
        if now >= self._ends_at and self._state is OfferState.OPEN:
            self._state = OfferState.EXPIRED

    def close(self) -> None:
        """Admit nobody from now on."""
        self._state = OfferState.CLOSED
