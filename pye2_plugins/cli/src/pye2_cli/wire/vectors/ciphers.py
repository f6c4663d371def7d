"""Vectors of encrypted texts (PyE2 wire protocol, section 4)."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from pye2_cli.wire.vectors.cases import Case, Mismatch, cases_in, expect
from pye2_wire.ciphertext import decrypted_text, encrypted_text
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.identity import encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_cli.wire.vectors.keys import KeyRing
    from pye2core.identity import Identity

_NO_ADDRESS = "not-an-address"


def cipher_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Texts that were encrypted, texts that may not decrypt, and a receiver that is none."""
    yield from cases_in(content, "vectors", lambda vector: _check_text(vector, ring))
    yield from cases_in(content, "decrypt_cases", lambda case: _check_decryption(case, ring))
    if "encrypt_to_non_address_raises" in content:
        yield Case("encrypt_to_non_address_raises", lambda: _check_no_receiver(ring))


def _check_text(vector: dict[str, Any], ring: KeyRing) -> None:
    sender, receiver = ring.find(vector["sender"]), ring.find(vector["receiver"])
    if "aes_key_hex" in vector:
        expect("the key", sender.shared_key(receiver.address).hex(), vector["aes_key_hex"])
        expect("the key", receiver.shared_key(sender.address).hex(), vector["aes_key_hex"])
    plaintext = _plaintext_of(vector).encode()
    nonce = bytes.fromhex(vector["nonce_hex"])
    text = b64encode(encrypt(sender, vector["receiver"], plaintext, nonce)).decode()
    if "ciphertext_b64" in vector:
        expect("the ciphertext", text, vector["ciphertext_b64"])
    if "ciphertext_b64_len" in vector:
        expect("the ciphertext's length", len(text), vector["ciphertext_b64_len"])
    if "ciphertext_b64_sha256" in vector:
        digest = hashlib.sha256(text.encode()).hexdigest()
        expect("the ciphertext's SHA-256", digest, vector["ciphertext_b64_sha256"])
    recorded = vector.get("ciphertext_b64", text)
    decrypted = decrypted_text(recorded, receiver, vector["sender"])
    expect("the decrypted text", decrypted, plaintext)


def _plaintext_of(vector: dict[str, Any]) -> str:
    if "plaintext" in vector:
        return str(vector["plaintext"])
    text, times = vector["plaintext_repeat"]
    return str(text * times)


def _check_decryption(case: dict[str, Any], ring: KeyRing) -> None:
    """The receiver is not recorded: it is one of those whose keys are known."""
    named = case.get("receiver")
    receivers = [ring.find(named)] if named else list(ring.identities.values())
    texts = {_decrypted(case, receiver) for receiver in receivers}
    if case["result"] is None:
        expect("what it decrypts to", texts, {None})
    elif case["result"] not in texts:
        raise Mismatch("it decrypts for nobody whose key is known, and should")


def _decrypted(case: dict[str, Any], receiver: Identity) -> str | None:
    try:
        return decrypted_text(case["input"], receiver, case["sender"]).decode()
    except MessageRejected:
        return None


def _check_no_receiver(ring: KeyRing) -> None:
    sender = next(iter(ring.identities.values()))
    try:
        encrypted_text(b"secret", sender, _NO_ADDRESS)
    except InvalidAddress:
        return
    raise Mismatch(f"a text was encrypted for {_NO_ADDRESS!r}")
