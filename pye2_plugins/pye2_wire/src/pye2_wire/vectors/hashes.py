"""Vectors of hashes and signatures (PyE2 wire protocol, section 3).

PyE2 cannot verify some of what it signs (numpy's floats, numbers as keys) and refuses some of what
we can send (keys of several types). There, its text is PyE2's own affair (``pye2_json``), and what
we make must be the text that a receiver hashes.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_wire.canonical import canonical, compact, mended, spaced
from pye2_wire.plain import as_plain
from pye2_wire.signing import SIGNATURE_OK, UNSIGNED_KEYS, check_signature, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2_wire.vectors import pye2_json
from pye2_wire.vectors.cases import Mismatch, cases_in, expect, expect_fields, raised_by
from pye2_wire.vectors.expressions import UnknownExpression, value_of
from pye2core.errors import BadSignature, InvalidAddress
from pye2core.identity import public_key_of, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2_wire.vectors.cases import Case, Facts
    from pye2_wire.vectors.keys import KeyRing

_BAD_SIGNATURE = "InvalidSignature"

_OWN_WORDS = frozenset(
    {
        SIGNATURE_OK,
        _BAD_SIGNATURE,
        "Corrupted digest!",
        "Sender address is NULL",
        "Signature is NULL",
    }
)
"""What PyE2 itself says of a signature; all else is the text of some exception under it."""

_NO_NUMBER = re.compile(r"(?<=[:,\[ ])(?:NaN|-?Infinity)(?=[,\]}])")

_SORTS_KEYS_FIRST = "not supported between instances"
"""PyE2 sorts keys before it makes them text, and cannot where they are of several types."""


@frozen
class _Style:
    """One of the two ways in which PyE2 writes messages, with the names of what is told of it."""

    wire: str
    verdict: str
    error: str
    by_pye2: Callable[[dict[Any, Any]], bytes]
    by_us: Callable[[dict[str, Any]], bytes]


_STYLES = (
    _Style(
        "wire_node_style_utf8_hex",
        "verify_after_node_style_json",
        "wire_node_style_error",
        pye2_json.node_text,
        compact,
    ),
    _Style(
        "wire_client_style",
        "verify_after_client_style_json",
        "wire_client_style_error",
        pye2_json.client_text,
        lambda message: spaced(message).encode(),
    ),
)


def hashed_text_of(message: dict[Any, Any]) -> bytes:
    """The text that is hashed when a message is sent.

    Raises:
        UnsendableValue: it holds what cannot be sent.
    """
    return mended(compact(as_plain(signed_part(message))))


# --- verdicts -------------------------------------------------------------------------------------


def expect_verdict(
    what: str, message: Any, recorded: dict[str, Any], *, is_allowed: bool = True
) -> None:
    """Fail unless the check of a message's signature says what was recorded.

    Args:
        what: how to call the verdict.
        message: whose signature is checked.
        recorded: PyE2's verdict: ``valid``, ``message``, ``sender``, or some of these.
        is_allowed: whether the sender may be one that PyE2 does not allow, and says so.

    Raises:
        Mismatch: it says something else.
    """
    verdict = _verdict_on(message)
    if verdict["valid"] and not is_allowed:
        # Whom a node allows is no matter of the signature, which is good.
        refusal = f"Signature ok but address {verdict['sender']} not in authorized_addrs."
        verdict.update(valid=False, message=refusal)
    words = recorded.get("message")
    if verdict["message"] == _BAD_SIGNATURE and words not in _OWN_WORDS and _is_garbled(message):
        verdict["message"] = words
    if "valid" not in recorded:
        raise Mismatch(f"{what} does not state 'valid'")
    expect_fields(what, {key: verdict[key] for key in verdict.keys() & recorded.keys()}, recorded)


def _verdict_on(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        return {"valid": False, "message": _BAD_SIGNATURE, "sender": None}
    try:
        verdict = check_signature(message)
    except ValueError:  # its text is no Unicode
        return {"valid": False, "message": _BAD_SIGNATURE, "sender": message.get("EE_SENDER")}
    return {"valid": verdict.valid, "message": verdict.message, "sender": verdict.sender}


def _is_garbled(message: Any) -> bool:
    """Whether PyE2 fails on a message before it comes to its signature, with whatever words."""
    try:
        public_key_of(message["EE_SENDER"])
        _der_of(message["EE_SIGN"])
        canonical(message)
    except (InvalidAddress, ValueError, TypeError, AttributeError):
        return True
    return False


def _der_of(signature: str) -> bytes:
    return urlsafe_b64decode(signature + "=" * (-len(signature) % 4))


# --- hash_sign_verify.json ------------------------------------------------------------------------


def hash_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Values with the text that is hashed and the signed messages that carry them."""
    signer = ring.named(content["signer"]).address if "signer" in content else None
    yield from cases_in(content, "vectors", lambda vector: _check_hash(vector, signer))


def _check_hash(vector: Facts, signer: str | None) -> None:
    if "error" in vector:
        _check_refusal(vector)
        return
    vector.require_any("canonical_json", *(style.wire for style in _STYLES))
    messages = [_arrived(vector, style) for style in _STYLES if style.wire in vector]
    _check_signature_fields(vector, signer)
    try:
        value = value_of(vector["python_expr"])
    except UnknownExpression:
        # What was made of it is checked all the same.
        vector.leave("python_expr")
    else:
        _check_value(vector, value)
    if _pye2_can_verify(vector):
        for message in messages:
            said = canonical(signed_part(message)).decode()
            vector.expect("canonical_json", said, "the text that a receiver hashes")


def _pye2_can_verify(vector: Facts) -> bool:
    verdicts = [vector[style.verdict] for style in _STYLES if style.verdict in vector]
    return all(verdict["valid"] for verdict in verdicts)


def _arrived(vector: Facts, style: _Style) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(bytes.fromhex(vector[style.wire]))
    if style.verdict in vector:
        expect_verdict(f"on {style.wire} the verdict", message, vector[style.verdict])
    for key in UNSIGNED_KEYS:
        vector.expect(key, message.get(key), f"on {style.wire}, {key}")
    return message


def _check_signature_fields(vector: Facts, signer: str | None) -> None:
    if "canonical_json" in vector:
        text = vector["canonical_json"].encode()
        vector.expect("canonical_utf8_hex", text.hex(), "the text's bytes")
        vector.expect("sha256_hex", hashlib.sha256(text).hexdigest(), "the text's SHA-256")
        vector.expect("EE_HASH", hashlib.sha256(text).hexdigest())
    if signer is not None:
        vector.expect("EE_SENDER", signer, "the signer's address")
    if "EE_SIGN" in vector:
        _check_recorded_signature(vector)


def _check_recorded_signature(vector: Facts) -> None:
    der = _der_of(vector["EE_SIGN"])
    expect("the signature's base64", urlsafe_b64encode(der).decode(), vector["EE_SIGN"])
    try:
        verify(vector["EE_SENDER"], der, bytes.fromhex(vector["EE_HASH"]))
    except (BadSignature, InvalidAddress):
        raise Mismatch("the recorded signature is not the sender's") from None
    # Whoever has the object itself finds the same text again.
    verdict = {"valid": True, "message": SIGNATURE_OK, "sender": vector["EE_SENDER"]}
    vector.expect("verify_same_object", verdict)


# --- values ---------------------------------------------------------------------------------------


def _check_value(vector: Facts, value: dict[Any, Any]) -> None:
    is_right = _pye2_can_verify(vector)
    with suppress(pye2_json.Undecided):
        vector.expect("canonical_json", pye2_json.hashed_text(signed_part(value)), "PyE2's text")
    if is_right:
        vector.expect("canonical_json", hashed_text_of(value).decode(), "the text that is hashed")
    signature = {key: vector[key] for key in ("EE_SIGN", "EE_SENDER", "EE_HASH") if key in vector}
    for style in _STYLES:
        _check_style(vector, style, {**value, **signature}, is_right=is_right)
    _check_receiver_agrees(value)


def _check_style(vector: Facts, style: _Style, message: dict[Any, Any], *, is_right: bool) -> None:
    if style.error in vector:
        _expect_error(vector[style.error], raised_by(lambda: style.by_pye2(message)))
    if style.wire not in vector:
        return
    recorded = _without_nan(bytes.fromhex(vector[style.wire]))
    expect(f"PyE2's {style.wire}", _without_nan(style.by_pye2(message)), recorded)
    if is_right:
        expect(f"our {style.wire}", _without_nan(style.by_us(as_plain(message))), recorded)


def _without_nan(text: bytes) -> str:
    """A message with null for all that is no number.

    PyE2 replaces some of these in what it has signed, before it is sent, and others not.
    """
    return _NO_NUMBER.sub("null", text.decode())


def _check_receiver_agrees(value: dict[Any, Any]) -> None:
    sent, plain = hashed_text_of(value), as_plain(signed_part(value))
    for style in (compact(plain), spaced(plain)):
        expect("the text that a receiver hashes", canonical(json.loads(style)), sent)


def _check_refusal(vector: Facts) -> None:
    recorded = vector["error"]
    try:
        value = value_of(vector["python_expr"])
    except UnknownExpression:
        vector.leave("python_expr")
        return
    try:
        _expect_error(recorded, raised_by(lambda: pye2_json.hashed_text(value).encode()))
    except pye2_json.Undecided:
        vector.leave("error")
    try:
        hashed_text_of(value)
    except UnsendableValue:
        return
    if _SORTS_KEYS_FIRST not in recorded:
        raise Mismatch("it can be sent and should not be")
    _check_receiver_agrees(value)


def _expect_error(recorded: str, made: str | None) -> None:
    expect("what PyE2 raises", _same_names(made), _same_names(recorded))


def _same_names(error: str | None) -> str | None:
    """The error with its types as NumPy 2 and Python's slower JSON call them."""
    if error is None:
        return None
    return re.sub(r"\bbool_\b", "bool", re.sub(r"(?<= not )\w+\.(?=\w+$)", "", error))


# --- verify_edge_cases.json -----------------------------------------------------------------------


def edge_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Messages with a signature that is odd or wrong."""
    for role in ("signer", "verifier"):
        if role in content:
            ring.named(content[role])
    yield from cases_in(content, "vectors", _check_edge)


def _check_edge(vector: Facts) -> None:
    options = vector.get("kwargs") or {}
    if not options.keys() <= {"verify_allowed", "return_full_info"}:
        vector.leave("kwargs")
        return
    result = vector["result"]
    recorded = result if isinstance(result, dict) else {"valid": result is True}
    refused = options.get("verify_allowed") is True and recorded.get("valid") is False
    expect_verdict("the verdict", vector["message"], recorded, is_allowed=not refused)
