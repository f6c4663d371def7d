"""Vectors of encrypted texts (PyE2 wire protocol, section 4)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from pye2_wire.ciphertext import decrypted_text, encrypted_text
from pye2_wire.vectors.cases import Case, Mismatch, cases_in, expect
from pye2_wire.vectors.keys import why_no_address
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.identity import encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_wire.vectors.cases import Facts
    from pye2_wire.vectors.keys import KeyRing
    from pye2core.identity import Identity

_INFO = "0xai handshake data"

_NO_ADDRESS = "not-an-address"

_NO_RECEIVER = "encrypt_to_non_address_raises"

_LONGEST_TRIED = 64


def cipher_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Texts that were encrypted, texts that may not decrypt, and a receiver that is none."""
    content.expect("info", _INFO, "the purpose of keys")
    yield from cases_in(content, "vectors", lambda vector: _check_text(vector, ring))
    yield from cases_in(content, "decrypt_cases", lambda case: _check_decryption(case, ring))
    if _NO_RECEIVER in content:
        yield Case(_NO_RECEIVER, lambda: _check_no_receiver(content[_NO_RECEIVER], ring))


# --- encryption -----------------------------------------------------------------------------------


def _check_text(vector: Facts, ring: KeyRing) -> None:
    sender, receiver = ring.find(vector["sender"]), ring.find(vector["receiver"])
    key = sender.shared_key(receiver.address)
    expect("the receiver's key", receiver.shared_key(sender.address).hex(), key.hex())
    vector.expect("aes_key_hex", key.hex(), "the key")
    if "ecdh_x_hex" in vector:
        expect("its key", _key_from(bytes.fromhex(vector["ecdh_x_hex"])).hex(), key.hex())
    plaintext = _plaintext_of(vector)
    nonce = bytes.fromhex(vector["nonce_hex"])
    text = b64encode(encrypt(sender, vector["receiver"], plaintext, nonce)).decode()
    vector.expect("ciphertext_b64", text, "the ciphertext")
    vector.expect("ciphertext_b64_len", len(text), "the ciphertext's length")
    digest = hashlib.sha256(text.encode()).hexdigest()
    vector.expect("ciphertext_b64_sha256", digest, "the ciphertext's SHA-256")
    decrypted = decrypted_text(text, receiver, vector["sender"])
    expect("the decrypted text", decrypted, plaintext)


def _key_from(x_coordinate: bytes) -> bytes:
    """HKDF with SHA-256 and no salt, for 32 bytes."""
    extracted = hmac.digest(bytes(32), x_coordinate, "sha256")
    return hmac.digest(extracted, _INFO.encode() + b"\x01", "sha256")


def _plaintext_of(vector: Facts) -> bytes:
    if "plaintext" in vector:
        return str(vector["plaintext"]).encode()
    text, times = vector["plaintext_repeat"]
    return str(text * times).encode()


# --- decryption -----------------------------------------------------------------------------------


def _check_decryption(case: Facts, ring: KeyRing) -> None:
    """The receiver is not recorded: it is one of those whose keys are known."""
    named = case.get("receiver")
    receivers = [ring.find(named)] if named else list(ring.identities.values())
    texts = {_decrypted(case, receiver) for receiver in receivers}
    if case["result"] is None:
        expect("what it decrypts to", texts, {None})
    elif case["result"] not in texts:
        raise Mismatch("it decrypts for nobody whose key is known, and should")


def _decrypted(case: Facts, receiver: Identity) -> str | None:
    try:
        return decrypted_text(case["input"], receiver, case["sender"]).decode()
    except (MessageRejected, UnicodeDecodeError):
        return None


# --- no receiver ----------------------------------------------------------------------------------


def _check_no_receiver(recorded: Any, ring: KeyRing) -> list[str]:
    sender = next(iter(ring.identities.values()))
    try:
        encrypted_text(b"secret", sender, _NO_ADDRESS)
    except InvalidAddress:
        pass
    else:
        raise Mismatch(f"a text was encrypted for {_NO_ADDRESS!r}")
    # The text that is no address is not recorded; what is said depends on its length.
    tried = [*("A" * length for length in range(_LONGEST_TRIED)), "Ag=="]
    if recorded not in {": ".join(why_no_address(text)) for text in tried}:
        raise Mismatch(f"PyE2 raises {recorded!r} for no text that is not an address")
    return []
