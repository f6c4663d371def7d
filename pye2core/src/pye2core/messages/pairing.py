"""What a node and a client say to each other to be paired; `pye2core.pairing` makes and checks it.

All of it is said in clear, and proves nothing to who does not know the code.
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen


class OfferState(Enum):
    """How a node's offer to be paired stands."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    CLOSED = "closed"


@frozen
class PairingOffer:
    """What a node's heartbeats say while it can be paired with, and for a while after.

    Attributes:
        state: how it stands.
        tag: by which those who have the code know the node, 16 hex digits.
        nonce: new for each offer, 32 hex digits.
    """

    state: OfferState
    tag: str
    nonce: str


@frozen
class PairingRequest:
    """The body of the command by which a client asks to be paired.

    Attributes:
        tag: the offer's.
        nonce: the client's own, new for each pairing, 32 hex digits.
        proof: that the client has the code, 64 hex digits.
    """

    tag: str
    nonce: str
    proof: str


@frozen
class PairingAnswer:
    """What a node answers a client whose proof is good.

    Attributes:
        nonce: the client's.
        proof: that the node has the code, 64 hex digits.
    """

    nonce: str
    proof: str
