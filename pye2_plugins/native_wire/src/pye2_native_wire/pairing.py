"""What is said to pair a node and a client (PyE2 wire protocol, sections 17.8 and 19.2).

You are in the native serializer. Where there is PyE2's dialect, too, it is said in that: this is
for a network that has none but ours. Imported where it is needed, which is rarely.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pye2_native_wire.reading import member_at, required
from pye2_native_wire.values import misshapen
from pye2_wire.unsendable import UnsendableValue
from pye2core.messages import OfferState, PairingOffer, PairingRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG: Final = re.compile("[0-9a-f]{16}")
_NONCE: Final = re.compile("[0-9a-f]{32}")
_PROOF: Final = re.compile("[0-9a-f]{64}")


def offer_map(offer: PairingOffer) -> dict[str, Any]:
    """A node's offer, as its heartbeats say it."""
    return {"state": offer.state.name, "tag": offer.tag, "nonce": offer.nonce}


def offer_from(said: Mapping[str, Any]) -> PairingOffer:
    """Read an offer.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if its state is unknown.
    """
    return PairingOffer(
        member_at(said, "state", OfferState),
        _digits_at(said, "tag", _TAG),
        _digits_at(said, "nonce", _NONCE),
    )


def request_map(request: PairingRequest | None) -> dict[str, Any]:
    """A client's request.

    Raises:
        UnsendableValue: there is none.
    """
    if request is None:
        raise UnsendableValue(
            "The command PAIR cannot be sent without its request. Give it as `pairing`.",
            path="pairing",
        )
    return {"tag": request.tag, "nonce": request.nonce, "proof": request.proof}


def request_from(said: Mapping[str, Any]) -> PairingRequest:
    """Read a request.

    Raises:
        MessageRejected: reason "shape".
    """
    return PairingRequest(
        _digits_at(said, "tag", _TAG),
        _digits_at(said, "nonce", _NONCE),
        _digits_at(said, "proof", _PROOF),
    )


def _digits_at(said: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    text = required(said, key, str)
    if form.fullmatch(text) is None:
        raise misshapen(f"{key} does not consist of as many lower-case hex digits as it has to")
    return text
