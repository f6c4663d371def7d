"""The targets by which strangers come to be trusted: pairing, delegations, what is asked for."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pye2_node.deputies import delegation_in
from pye2_node.granting import Granting, granted_to
from pye2_wire.canonical import canonical
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields
from pye2_wire.unsendable import UnsendableValue
from pye2core.clock import ManualClock
from pye2core.code.grants import Grants, read_grants
from pye2core.delegations import (
    DelegatedWork,
    delegation_for,
    read_delegation,
    require_in_time,
    require_signed,
)
from pye2core.errors import DelegationRefused, InvalidConfiguration, MessageRejected, NodeError
from pye2core.identity import Identity
from pye2core.messages import (
    DELEGATION,
    GRANTS,
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    Notification,
    NotificationKind,
    OfferState,
    PairingRequest,
    Requester,
)
from pye2core.pairing import Admitted, ClientPairing, NodePairing, PairingKey, answer_in

if TYPE_CHECKING:
    from collections.abc import Callable

SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer(node_name="n")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH = InstancePath("p", "CUSTOM_EXEC_01", "i")

KEY = PairingKey(bytes(PairingKey.BYTES))
NONCE, PROOF = "1b" * 16, "2c" * 32


def json_in(data: bytes) -> Any:
    """What a JSON text says; None where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


# --- pairing --------------------------------------------------------------------------------------


def sealed(message: Any) -> dict[str, Any]:
    """The fields of a message that is not signed yet."""
    said: dict[str, Any] = json.loads(DIALECT.seal(message, SENDER))
    return {key: said[key] for key in said if key not in {"EE_SIGN", "EE_HASH", "EE_SENDER"}}


ASKER = Requester(SENDER.address, "desk", "desk")
REQUEST = sealed(
    Command(Action.PAIR, None, "n", ASKER, pairing=PairingRequest(KEY.tag, NONCE, PROOF))
)
ANSWER = {
    **sealed(Notification(NotificationKind.NORMAL, "paired")),
    "PYE2_PAIRING": {"NONCE": NONCE, "PROOF": PROOF},
}
BEAT = sealed(Heartbeat("n", SENDER.address)) | {"HEARTBEAT_VERSION": "v1", "CONFIG_STREAMS": []}
OFFER = {"STATE": OfferState.OPEN.value, "TAG": KEY.tag, "NONCE": NONCE}


def opened(fields: dict[str, Any]) -> Any:
    """What a receiver makes of a message whose sender has signed it; None if nothing."""
    try:
        data = json.dumps({**fields, **signature_fields(canonical(fields), SENDER)}).encode()
    except (UnsendableValue, RecursionError, ValueError):
        return None
    try:
        found = DIALECT.parse(data)
        found.verify()
        return found.open(RECEIVER)
    except MessageRejected:
        return None


def laid_over(template: dict[str, Any], value: Any) -> Any:
    """An object over the template, so that what it does not say is good; else the value itself."""
    return {**template, **value} if isinstance(value, dict) else value


def pairing_request(data: bytes) -> None:
    """What a stranger sends to a node that offers to be paired."""
    value = json_in(data)
    name = value.pop("NAME", "desk") if isinstance(value, dict) else "desk"
    payload = laid_over(REQUEST["PAYLOAD"], value)
    request = opened({**REQUEST, "PAYLOAD": payload, "INITIATOR_ID": name})
    if request is None:
        return
    offering = NodePairing(KEY, RECEIVER.address, "n", nonce=NONCE, ends_at=9.0)
    sender_name = request.requester.name or ""
    verdict = offering.hear(request.pairing, request.origin.sender, sender_name, 1.0)
    assert not isinstance(verdict, Admitted)


def pairing_heard(data: bytes) -> None:
    """What a node says to a client that looks for the one whose code it has: offer, then answer."""
    value = json_in(data)
    offer, answer, name = value, value, "n"
    if isinstance(value, dict):
        offer = laid_over(OFFER, value.get("OFFER"))
        answer = laid_over(ANSWER["PYE2_PAIRING"], value.get("ANSWER"))
        name = value.get("NAME", name)
    looking = ClientPairing(
        KEY, RECEIVER.address, "desk", nonce=NONCE, pinned={}, began=0.0, place="here"
    )
    beat = opened({**BEAT, "PYE2_PAIRING": offer, "EE_ID": name})
    if isinstance(beat, Heartbeat):
        looking.hear_heartbeat(beat, 1.0)
    looking.requests_due(2.0)
    told = opened({**ANSWER, "PYE2_PAIRING": answer})
    proof = answer_in(told.fields) if isinstance(told, Notification) else None
    if proof is not None:
        assert not looking.hear_answer(SENDER.address, proof)


# --- delegations ----------------------------------------------------------------------------------


def as_delegation(signed: bytes) -> str:
    """The text of a delegation that says this."""
    signature = SENDER.sign(b"pye2 delegation 1\0" + signed)
    return ".".join(urlsafe_b64encode(each).rstrip(b"=").decode() for each in (signed, signature))


def delegation(data: bytes) -> None:
    """In whose name a node says that it comes: any text, and what a client has signed."""
    for text in (data.decode("latin-1"), as_delegation(data)):
        try:
            found = read_delegation(text)
            require_in_time(found, ManualClock(NOON))
            require_signed(found)
        except DelegationRefused:
            continue
        assert found.client == SENDER.address
        config = InstanceConfig("CHAIN_DIST_01", "i", {DELEGATION: text})
        try:
            delegation_in(config, "p", found.main_node, ManualClock(NOON))
        except DelegationRefused:
            continue


# --- what is asked for ----------------------------------------------------------------------------


def grants(data: bytes) -> None:
    """What an instance asks for in its configuration."""
    value = json_in(data)
    for granted in (Grants(), _understood(value)):
        granting = Granting(lambda _: granted, "n", HOME, on_asked=int, count=int)  # noqa: B023 - called at once
        config = InstanceConfig("CUSTOM_EXEC_01", "i", {GRANTS: value})
        try:
            asked = granted_to(config, PATH, granting, asker="your code")
        except (InvalidConfiguration, NodeError):
            continue
        assert not any(asked.lacking_in(granted))
        assert read_grants(asked.as_settings()) == asked


def _understood(value: Any) -> Grants:
    try:
        return read_grants(value)
    except ValueError:
        return Grants()


HOME = Path("/nowhere/home")

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (pairing_request, pairing_heard, delegation, grants)
}
SEEDS = {
    "pairing_request": [json.dumps(each).encode() for each in (REQUEST["PAYLOAD"], {"NAME": "x"})],
    "pairing_heard": [
        json.dumps({"OFFER": OFFER, "ANSWER": ANSWER["PYE2_PAIRING"], "NAME": "n"}).encode()
    ],
    "delegation": [
        json.dumps(
            {
                "job": "p",
                "main_node": RECEIVER.address,
                "client": SENDER.address,
                "signatures": ["CUSTOM_EXEC_01"],
                "code": ["sha256:" + "0a" * 32],
                "grants": {"modules": ["pandas"]},
                "not_before": int(NOON.timestamp()),
                "not_after": int(NOON.timestamp()) + 9,
            }
        ).encode(),
        delegation_for(
            DelegatedWork(("CUSTOM_EXEC_01",), ()),
            job="p",
            main_node=RECEIVER.address,
            client=SENDER,
            now=NOON,
        ).text.encode(),
    ],
    "grants": [
        b'{"network":true,"modules":["pandas","os.path"]}',
        b'{"folders":["/srv/a"],"folders_rw":["/srv/b"],"devices":["/dev/video0"]}',
    ],
}
