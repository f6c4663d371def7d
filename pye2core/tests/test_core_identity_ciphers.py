"""What is sealed opens for its receiver only, in PyE2's very bytes."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import DecryptionFailed, IdentityError, InvalidAddress
from pye2core.identity import Identity, decrypt, encrypt, without_prefix

VECTORS_FOLDER = Path(__file__).parents[2] / "tests/data/vectors"
VECTORS = json.loads((VECTORS_FOLDER / "encrypt_decrypt.json").read_text("utf-8"))
KEYS = json.loads((VECTORS_FOLDER / "keys_addresses.json").read_text("utf-8"))["keys"]
IDENTITIES = {
    key["address"]: Identity.from_private_value(int(key["private_value_hex"], 16)) for key in KEYS
}
ALICE, BOB, CAROL, _ = IDENTITIES.values()
# Not base64 at all, or null: the serializer's to refuse.
DECRYPT_CASES = [
    case for case in VECTORS["decrypt_cases"] if case["name"] not in ("None", "garbage")
]


def plaintext_of(vector: dict[str, Any]) -> bytes:
    if "plaintext" in vector:
        return str(vector["plaintext"]).encode()
    text, times = vector["plaintext_repeat"]
    return str(text * times).encode()


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_sealing_gives_pye2s_bytes(vector: dict[str, Any]) -> None:
    sender = IDENTITIES[vector["sender"]]
    nonce = bytes.fromhex(vector["nonce_hex"])

    sealed = encrypt(sender, vector["receiver"], plaintext_of(vector), nonce)

    text = base64.b64encode(sealed)
    if "ciphertext_b64" in vector:
        assert text.decode() == vector["ciphertext_b64"]
    else:
        assert len(text) == vector["ciphertext_b64_len"]
        assert hashlib.sha256(text).hexdigest() == vector["ciphertext_b64_sha256"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS["vectors"] if "ciphertext_b64" in vector],
    ids=lambda vector: vector["name"],
)
def test_what_pye2_sealed_opens(vector: dict[str, Any]) -> None:
    receiver = IDENTITIES[vector["receiver"]]
    sealed = base64.b64decode(vector["ciphertext_b64"])

    assert decrypt(receiver, vector["sender"], sealed) == plaintext_of(vector)


@pytest.mark.parametrize("case", DECRYPT_CASES, ids=lambda case: case["name"])
def test_what_does_not_open_for_pye2_does_not_open_here(case: dict[str, Any]) -> None:
    sealed = base64.b64decode(case["input"])

    if case["result"] is None:
        with pytest.raises(DecryptionFailed):
            decrypt(BOB, case["sender"], sealed)
    else:
        assert decrypt(BOB, case["sender"], sealed) == case["result"].encode()


@given(st.binary())
def test_anything_comes_back_as_it_was(plaintext: bytes) -> None:
    sealed = encrypt(ALICE, BOB.address, plaintext)

    assert len(sealed) == len(plaintext) + 28
    assert decrypt(BOB, ALICE.address, sealed) == plaintext
    assert decrypt(BOB, without_prefix(ALICE.address), sealed) == plaintext


def test_every_sealing_has_another_nonce() -> None:
    assert len({encrypt(ALICE, BOB.address, b"same")[:12] for _ in range(20)}) == 20


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_one_changed_byte_anywhere_is_noticed(at: int, change: int) -> None:
    sealed = bytearray(encrypt(ALICE, BOB.address, b"secret"))
    sealed[at % len(sealed)] ^= change

    with pytest.raises(DecryptionFailed):
        decrypt(BOB, ALICE.address, bytes(sealed))


@given(st.binary(max_size=64))
def test_noise_does_not_open(noise: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        decrypt(BOB, ALICE.address, noise)


def test_a_third_party_cannot_open() -> None:
    sealed = encrypt(ALICE, BOB.address, b"secret")

    with pytest.raises(DecryptionFailed) as caught:
        decrypt(CAROL, ALICE.address, sealed)

    assert CAROL.address in str(caught.value)
    assert ALICE.address in str(caught.value)


def test_the_wrong_sender_is_noticed() -> None:
    sealed = encrypt(ALICE, BOB.address, b"secret")

    with pytest.raises(DecryptionFailed, match="another sender"):
        decrypt(BOB, CAROL.address, sealed)


def test_sealing_for_nobody_is_refused() -> None:
    with pytest.raises(InvalidAddress, match="naeural-1"):
        encrypt(ALICE, "naeural-1", b"secret")


def test_opening_from_nobody_is_refused() -> None:
    with pytest.raises(InvalidAddress, match="naeural-1"):
        decrypt(ALICE, "naeural-1", bytes(40))


@pytest.mark.parametrize("size", [0, 11, 13, 16])
def test_a_nonce_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(IdentityError, match="12 bytes"):
        encrypt(ALICE, BOB.address, b"secret", bytes(size))
