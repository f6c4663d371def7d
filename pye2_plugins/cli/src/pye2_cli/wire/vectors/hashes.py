"""Vectors of hashes and signatures (PyE2 wire protocol, section 3).

PyE2 cannot verify some of what it signs (numpy's floats, numbers as keys) and refuses some of what
we can send (keys of several types). There, its text is not asked for: what we make must be the
text that a receiver hashes.
"""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from pye2_cli.wire.vectors.cases import Mismatch, cases_in, expect, require_fact
from pye2_cli.wire.vectors.expressions import UnknownExpression, value_of
from pye2_wire.canonical import canonical, compact, mended, spaced
from pye2_wire.plain import UnsendableValue, as_plain
from pye2_wire.signing import check_signature, signed_part
from pye2core.errors import BadSignature, InvalidAddress
from pye2core.identity import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_cli.wire.vectors.cases import Case
    from pye2_cli.wire.vectors.keys import KeyRing

_SORTS_KEYS_FIRST = "not supported between instances"
"""PyE2 sorts keys before it makes them text, and cannot where they are of several types."""

_OWN_WORDS = frozenset(
    {
        "<Signature OK>",
        "Corrupted digest!",
        "InvalidSignature",
        "Sender address is NULL",
        "Signature is NULL",
    }
)
"""What PyE2 itself says of a signature; all else is the text of some exception under it."""

_SIGNATURE_WAS_GOOD = "signature ok but "

_WIRES = (
    ("wire_node_style_utf8_hex", "verify_after_node_style_json"),
    ("wire_client_style", "verify_after_client_style_json"),
)


def expect_verdict(what: str, message: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Fail unless the check of a message's signature says what was recorded.

    Raises:
        Mismatch: it says something else.
    """
    verdict = check_signature(message)
    expect(f"{what} valid", verdict.valid, recorded["valid"])
    if recorded.get("message") in _OWN_WORDS:
        expect(what, verdict.message, recorded["message"])
    if "sender" in recorded:
        expect(f"{what} the sender", verdict.sender, recorded["sender"])


def hashed_text_of(message: dict[Any, Any]) -> bytes:
    """The text that is hashed when a message is sent.

    Raises:
        UnsendableValue: it holds what cannot be sent.
    """
    return mended(compact(as_plain(signed_part(message))))


# --- hash_sign_verify.json ------------------------------------------------------------------------


def hash_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Values with the text that is hashed and the signed messages that carry them."""
    del ring
    yield from cases_in(content, "vectors", _check_hash)


def _check_hash(vector: dict[str, Any]) -> None:
    if "error" in vector:
        _check_refusal(vector)
        return
    require_fact(vector, "canonical_json", *(wire for wire, _ in _WIRES))
    for wire, verdict in _WIRES:
        if wire in vector and verdict in vector:
            message = json.loads(bytes.fromhex(vector[wire]))
            expect_verdict(f"on {wire} the verdict", message, vector[verdict])
    if "canonical_json" in vector:
        _check_text(vector)
    if "EE_SIGN" in vector and "verify_same_object" in vector:
        _check_recorded_signature(vector)


def _check_text(vector: dict[str, Any]) -> None:
    recorded = vector["canonical_json"].encode()
    expect("its bytes in hex", recorded.hex(), vector.get("canonical_utf8_hex", recorded.hex()))
    digest = hashlib.sha256(recorded).hexdigest()
    expect("its SHA-256", digest, vector.get("sha256_hex", digest))
    is_right = _pye2_can_verify(vector)
    if is_right and "wire_node_style_utf8_hex" in vector:
        arrived = json.loads(bytes.fromhex(vector["wire_node_style_utf8_hex"]))
        expect("the text that a receiver hashes", canonical(signed_part(arrived)), recorded)
    try:
        value = value_of(vector["python_expr"])
    except UnknownExpression:
        # What was made of it is checked above.
        require_fact(vector, "wire_node_style_utf8_hex")
        return
    if is_right:
        expect("the text that is hashed", hashed_text_of(value), recorded)
    _check_receiver_agrees(value)


def _pye2_can_verify(vector: dict[str, Any]) -> bool:
    verdicts = [vector[verdict] for _, verdict in _WIRES if verdict in vector]
    return all(verdict["valid"] for verdict in verdicts)


def _check_receiver_agrees(value: dict[Any, Any]) -> None:
    sent, plain = hashed_text_of(value), as_plain(signed_part(value))
    for style in (compact(plain), spaced(plain)):
        expect("the text that a receiver hashes", canonical(json.loads(style)), sent)


def _check_recorded_signature(vector: dict[str, Any]) -> None:
    signature = vector["EE_SIGN"]
    der = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    try:
        verify(vector["EE_SENDER"], der, bytes.fromhex(vector["sha256_hex"]))
    except (BadSignature, InvalidAddress):
        valid = False
    else:
        valid = True
    expect("whether the signature is good", valid, vector["verify_same_object"]["valid"])


def _check_refusal(vector: dict[str, Any]) -> None:
    value = value_of(vector["python_expr"])
    try:
        hashed_text_of(value)
    except UnsendableValue:
        return
    if _SORTS_KEYS_FIRST not in vector["error"]:
        raise Mismatch("it can be sent and should not be")
    _check_receiver_agrees(value)


# --- verify_edge_cases.json -----------------------------------------------------------------------


def edge_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Messages with a signature that is odd or wrong."""
    del ring
    yield from cases_in(content, "vectors", _check_edge)


def _check_edge(vector: dict[str, Any]) -> None:
    result = vector["result"]
    recorded = dict(result) if isinstance(result, dict) else {"valid": bool(result)}
    # Whom a node allows is no matter of the signature, which was good.
    if _SIGNATURE_WAS_GOOD in str(recorded.get("message")).lower():
        recorded["valid"] = True
    expect_verdict("the verdict", vector["message"], {"valid": False, **recorded})
