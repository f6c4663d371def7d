"""What is said to pair a node and a client.

You are in the PyE2 serializer (PyE2 wire protocol, section 17.8). All of it is ours: PyE2's peers
ignore a node's offer, and neither send nor take requests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from pye2_wire.reading import as_object, misshapen, text_at
from pye2core.messages import OfferState, PairingOffer, PairingRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG: Final = re.compile("[0-9a-f]{16}")
_NONCE: Final = re.compile("[0-9a-f]{32}")
_PROOF: Final = re.compile("[0-9a-f]{64}")


def offer_object(offer: PairingOffer) -> dict[str, str]:
    """An offer, as heartbeats state it."""
    return {"STATE": offer.state.value, "TAG": offer.tag, "NONCE": offer.nonce}


def offer_from(stated: object) -> PairingOffer | None:
    """What is stated; None where it is nothing that can be used."""
    if type(stated) is not dict:
        return None
    state, tag, nonce = (stated.get(key) for key in ("STATE", "TAG", "NONCE"))
    if not (isinstance(tag, str) and isinstance(nonce, str)):
        return None
    if not (_TAG.fullmatch(tag) and _NONCE.fullmatch(nonce)):
        return None
    if state not in [each.value for each in OfferState]:
        return None
    return PairingOffer(OfferState(state), tag, nonce)


def request_object(request: PairingRequest) -> dict[str, str]:
    """A request, as a command's body."""
    return {"TAG": request.tag, "NONCE": request.nonce, "PROOF": request.proof}


def request_from(payload: object) -> PairingRequest:
    """Read a request.

    Raises:
        MessageRejected: reason "shape".
    """
    fields = as_object(payload, "PAYLOAD")
    return PairingRequest(
        _digits_at(fields, "TAG", _TAG),
        _digits_at(fields, "NONCE", _NONCE),
        _digits_at(fields, "PROOF", _PROOF),
    )


def _digits_at(fields: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    text = text_at(fields, key)
    if form.fullmatch(text) is None:
        raise misshapen(f"{key} does not consist of as many lower-case hex digits as it has to")
    return text
