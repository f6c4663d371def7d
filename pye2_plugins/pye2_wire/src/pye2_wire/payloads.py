"""Payloads: what instances send.

You are in the PyE2 serializer (PyE2 wire protocol, sections 5.2 and 11). A payload may be encrypted
for whoever created its pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2_wire.envelope import (
    formatter_name_from,
    modifier_from,
    path_from,
    requester_fields,
    requester_from,
)
from pye2_wire.reports import payload_fields
from pye2_wire.unsendable import UnsendableValue
from pye2core.identity import same_address
from pye2core.messages import PayloadMessage

if TYPE_CHECKING:
    from pye2core.messages import Origin


def payload_body(payload: PayloadMessage) -> dict[str, Any]:
    """What a payload says, with the fields by which PyE2 users know its instance."""
    path = payload.path
    return {
        **payload_fields(payload),
        "STREAM": path.pipeline,
        "PIPELINE": path.pipeline,
        "STREAM_NAME": path.pipeline,
        "SIGNATURE": path.signature,
        "INSTANCE_ID": path.instance_id,
        **requester_fields(payload.requester, payload.modified_by),
    }


def addressed(payload: PayloadMessage, receiver: str) -> PayloadMessage:
    """The same payload, which names ``receiver`` as the one it is encrypted for.

    Raises:
        UnsendableValue: it answers somebody else: nobody could tell whom it is for.
    """
    requester = payload.requester
    if requester.address is None:
        return evolve(payload, requester=evolve(requester, address=receiver))
    if same_address(requester.address, receiver):
        return payload
    raise UnsendableValue(
        f"A payload for {requester.address} cannot be encrypted for {receiver}: in this dialect"
        " an encrypted payload is for its requester. Encrypt it for that address.",
        path="INITIATOR_ADDR",
    )


def payload_from(message: dict[str, Any], origin: Origin) -> PayloadMessage:
    """Read a payload.

    Raises:
        MessageRejected: reason "shape".
    """
    return PayloadMessage(
        path=path_from(message),
        fields=message,
        requester=requester_from(message),
        modified_by=modifier_from(message),
        formatter=formatter_name_from(message),
        origin=origin,
    )
