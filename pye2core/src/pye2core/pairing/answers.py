"""A node's answer to a request, as a notification carries it.

The field is known by this name in any dialect: it is no wire name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2core.messages import Notification, NotificationKind, PairingAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import Requester

PAIRING: Final = "PYE2_PAIRING"


def answer_notification(answer: PairingAnswer, requester: Requester) -> Notification:
    """The notification by which a node answers who asked to be paired."""
    return Notification(
        NotificationKind.NORMAL,
        f"Paired with {requester.address}",
        requester=requester,
        fields={PAIRING: {"NONCE": answer.nonce, "PROOF": answer.proof}},
        is_displayed=False,
    )


def answer_in(fields: Mapping[str, Any]) -> PairingAnswer | None:
    """The answer in a notification's fields; None if there is none that can be read."""
    said = fields.get(PAIRING)
    if not isinstance(said, dict):
        return None
    nonce, proof = said.get("NONCE"), said.get("PROOF")
    if not isinstance(nonce, str) or not isinstance(proof, str):
        return None
    return PairingAnswer(nonce, proof)
