"""Encrypted text is PyE2's: what it decrypts, we decrypt; what it does not, we reject."""

import json
from pathlib import Path
from typing import Any

import pytest

from pye2_wire.ciphertext import decrypted_text, encrypted_text
from pye2core.errors import MessageRejected
from pye2core.identity import Identity

DATA = Path(__file__).parents[3] / "tests/data/vectors"
VECTORS = json.loads((DATA / "encrypt_decrypt.json").read_text("utf-8"))
KEYS = json.loads((DATA / "keys_addresses.json").read_text("utf-8"))["keys"]
IDENTITIES = {
    key["address"]: Identity.from_private_value(int(key["private_value_hex"], 16)) for key in KEYS
}
ALICE, BOB, *_ = IDENTITIES.values()


def plaintext_of(vector: dict[str, Any]) -> str:
    text, times = vector.get("plaintext_repeat") or (vector["plaintext"], 1)
    return str(text * times)


@pytest.mark.parametrize(
    "vector",
    # Of the largest one only a digest was recorded.
    [vector for vector in VECTORS["vectors"] if "ciphertext_b64" in vector],
    ids=lambda vector: vector["name"],
)
def test_pye2s_ciphertexts_decrypt(vector: dict[str, Any]) -> None:
    receiver = IDENTITIES[vector["receiver"]]

    text = decrypted_text(vector["ciphertext_b64"], receiver, vector["sender"])

    assert text.decode() == plaintext_of(vector)


@pytest.mark.parametrize("case", VECTORS["decrypt_cases"], ids=lambda case: case["name"])
def test_a_ciphertext_decrypts_where_it_does_for_pye2(case: dict[str, Any]) -> None:
    if case["result"] is None:
        with pytest.raises(MessageRejected) as rejection:
            decrypted_text(case["input"], BOB, case["sender"])
        assert rejection.value.reason in {"decryption", "shape"}
    else:
        assert decrypted_text(case["input"], BOB, case["sender"]).decode() == case["result"]


def test_what_was_encrypted_is_decrypted() -> None:
    text = encrypted_text("žluť".encode(), ALICE, BOB.address)

    assert decrypted_text(text, BOB, ALICE.address).decode() == "žluť"
