"""An identity signs, is verified and shares keys exactly as PyE2's, with either backend."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import BadSignature, IdentityError, InvalidAddress
from pye2core.identity import Identity, public_key_of, verify, without_prefix
from pye2core.identity.agreement import PEERS_REMEMBERED
from pye2core.identity.backends import BACKEND_VARIABLE, chosen_backend
from pye2core.identity.curve import ORDER, decode_signature, encode_signature

VECTORS_FOLDER = Path(__file__).parents[2] / "tests/data/vectors"


def vectors_of(name: str) -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads((VECTORS_FOLDER / name).read_text("utf-8"))
    return vectors


KEYS = vectors_of("keys_addresses.json")["keys"]
PLAIN_KEYS = [key for key in KEYS if key["password"] is None]
PROTECTED_KEY = next(key for key in KEYS if key["password"] is not None)
SEED_WORDS = vectors_of("seed_words.json")["vectors"]
SIGNED = [v for v in vectors_of("hash_sign_verify.json")["vectors"] if "EE_SIGN" in v]
EDGE_CASES = {v["name"]: v for v in vectors_of("verify_edge_cases.json")["vectors"]}
ENCRYPTED = vectors_of("encrypt_decrypt.json")["vectors"]
PRIVATE_VALUES = {key["address"]: int(key["private_value_hex"], 16) for key in KEYS}
ALICE, BOB, CAROL = (Identity.from_private_value(PRIVATE_VALUES[k["address"]]) for k in PLAIN_KEYS)

private_values = st.integers(1, ORDER - 1)


@pytest.fixture(params=["coincurve", "cryptography"], autouse=True)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test of this file is run with both backends, properties included."""
    monkeypatch.setenv(BACKEND_VARIABLE, request.param)
    chosen_backend.cache_clear()
    yield
    chosen_backend.cache_clear()


def pem_of(der_base64: str, label: str = "PRIVATE KEY") -> bytes:
    lines = [der_base64[at : at + 64] for at in range(0, len(der_base64), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def der_signature(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)


class TestMakingAnIdentity:
    @pytest.mark.parametrize("key", KEYS, ids=lambda key: key["name"])
    def test_a_private_value_has_pye2s_address(self, key: dict[str, str]) -> None:
        value = int(key["private_value_hex"], 16)

        assert Identity.from_private_value(value).address == key["address"]
        assert Identity.from_private_value(value.to_bytes(32, "big")).address == key["address"]

    @pytest.mark.parametrize("vector", SEED_WORDS, ids=lambda vector: str(vector["words"]))
    def test_words_make_pye2s_key(self, vector: dict[str, Any]) -> None:
        identity = Identity.from_words(vector["words"])

        assert identity.address == vector["address"]
        assert identity == Identity.from_private_value(int(vector["private_value_hex"], 16))
        assert identity.to_pem() == pem_of(vector["pkcs8_der_base64"])

    def test_words_in_one_string_are_refused(self) -> None:
        with pytest.raises(IdentityError, match=r"split\(\)"):
            Identity.from_words("zoo Zoo zebra")

    def test_every_generated_identity_is_another(self) -> None:
        assert len({Identity.generate().address for _ in range(5)}) == 5

    @pytest.mark.parametrize("value", [0, -1, ORDER, ORDER + 5, bytes(32), b"\xff" * 32])
    def test_a_value_out_of_range_is_refused(self, value: int | bytes) -> None:
        with pytest.raises(IdentityError, match="order"):
            Identity.from_private_value(value)

    @pytest.mark.parametrize("size", [0, 31, 33, 64])
    def test_bytes_of_another_size_are_refused(self, size: int) -> None:
        with pytest.raises(IdentityError, match="32 bytes"):
            Identity.from_private_value(b"\x11" * size)

    def test_identities_are_equal_when_their_addresses_are(self) -> None:
        again = Identity.from_private_value(PRIVATE_VALUES[ALICE.address])

        assert again == ALICE
        assert hash(again) == hash(ALICE)
        assert again != BOB

    def test_the_private_key_is_not_shown(self) -> None:
        value = PRIVATE_VALUES[ALICE.address]

        for shown in (repr(ALICE), str(ALICE), f"{[ALICE]}"):
            assert f"{value:x}" not in shown
            assert str(value) not in shown
            assert ALICE.address in shown

    def test_an_identity_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            ALICE.address = BOB.address  # type: ignore[misc]  # this is the point


class TestPem:
    @pytest.mark.parametrize("key", PLAIN_KEYS, ids=lambda key: key["name"])
    def test_pye2s_key_is_read_and_written_to_the_byte(self, key: dict[str, str]) -> None:
        pem = pem_of(key["pkcs8_der_base64"])

        identity = Identity.from_pem(pem)

        assert identity.address == key["address"]
        assert identity.to_pem() == pem

    def test_pye2s_protected_key_is_read(self) -> None:
        der = PROTECTED_KEY["pem"]["encrypted_pkcs8_der_base64"]
        pem = pem_of(der, "ENCRYPTED PRIVATE KEY")

        identity = Identity.from_pem(pem, PROTECTED_KEY["password"])

        assert identity.address == PROTECTED_KEY["address"]

    def test_a_protected_key_comes_back_with_its_password(self) -> None:
        pem = ALICE.to_pem("pässword")

        assert Identity.from_pem(pem, "pässword") == ALICE
        assert b"ENCRYPTED" in pem

    def test_what_is_written_loads_the_way_pye2_loads_it(self) -> None:
        key = load_pem_private_key(BOB.to_pem(), password=None)

        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.private_numbers().private_value == PRIVATE_VALUES[BOB.address]

    def test_a_wrong_password_is_refused(self) -> None:
        with pytest.raises(IdentityError, match="password is wrong"):
            Identity.from_pem(ALICE.to_pem("right"), "wrong")

    def test_a_missing_password_is_asked_for(self) -> None:
        with pytest.raises(IdentityError, match="none was given"):
            Identity.from_pem(ALICE.to_pem("right"))

    def test_a_needless_password_is_refused(self) -> None:
        with pytest.raises(IdentityError, match="not protected"):
            Identity.from_pem(ALICE.to_pem(), "word")

    @pytest.mark.parametrize("password", ["", "x" * 2000, "\ud800"])
    def test_a_password_that_cannot_protect_is_refused(self, password: str) -> None:
        with pytest.raises(IdentityError, match="password"):
            ALICE.to_pem(password)

    def test_a_key_of_another_curve_is_refused(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

        with pytest.raises(IdentityError, match="secp256k1"):
            Identity.from_pem(pem)

    def test_a_key_of_another_kind_is_refused(self) -> None:
        other = rsa.generate_private_key(65537, 2048)
        pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

        with pytest.raises(IdentityError, match="secp256k1"):
            Identity.from_pem(pem)

    @pytest.mark.parametrize("password", [None, "word"])
    @given(garbage=st.binary(max_size=200))
    def test_garbage_is_refused(self, password: str | None, garbage: bytes) -> None:
        with pytest.raises(IdentityError):
            Identity.from_pem(garbage, password)


class TestSignatures:
    @pytest.mark.parametrize("vector", SIGNED, ids=lambda vector: vector["name"])
    def test_pye2s_signatures_verify(self, vector: dict[str, str]) -> None:
        digest = bytes.fromhex(vector["sha256_hex"])

        verify(vector["EE_SENDER"], der_signature(vector["EE_SIGN"]), digest)

    def test_some_of_pye2s_signatures_have_a_large_s(self) -> None:
        numbers = [decode_signature(der_signature(vector["EE_SIGN"])) for vector in SIGNED]

        assert any(s > ORDER // 2 for _, s in numbers)

    @pytest.mark.parametrize(
        "name", ["valid", "legacy prefix sender", "padding stripped", "wrong sender"]
    )
    def test_pye2s_edge_cases_over_a_digest(self, name: str) -> None:
        case = EDGE_CASES[name]
        message = case["message"]
        arguments = (
            message["EE_SENDER"],
            der_signature(message["EE_SIGN"]),
            bytes.fromhex(message["EE_HASH"]),
        )

        if case["result"]["valid"]:
            verify(*arguments)
        else:
            with pytest.raises(BadSignature):
                verify(*arguments)

    def test_pye2s_signature_over_the_json_itself_verifies(self) -> None:
        message = EDGE_CASES["no EE_HASH, signature over JSON (use_digest=False)"]["message"]

        verify(message["EE_SENDER"], der_signature(message["EE_SIGN"]), b'{"a":1,"b":"x"}')

    def test_pye2s_signature_over_the_digest_is_none_over_the_json(self) -> None:
        message = EDGE_CASES["empty hash string"]["message"]

        with pytest.raises(BadSignature):
            verify(message["EE_SENDER"], der_signature(message["EE_SIGN"]), b'{"a":1,"b":"x"}')

    def test_pye2s_garbage_signature_is_refused(self) -> None:
        message = EDGE_CASES["garbage signature"]["message"]

        with pytest.raises(BadSignature):
            verify(message["EE_SENDER"], der_signature(message["EE_SIGN"]), b"data")

    @given(private_values, st.binary())
    def test_what_is_signed_verifies_here_and_in_openssl(self, value: int, data: bytes) -> None:
        identity = Identity.from_private_value(value)

        signature = identity.sign(data)

        verify(identity.address, signature, data)
        verify(without_prefix(identity.address), signature, data)
        ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256K1(), public_key_of(identity.address)
        ).verify(signature, data, ec.ECDSA(SHA256()))

    def test_signing_is_deterministic_and_known(self) -> None:
        # RFC 6979 for the key 1 and the message "Satoshi Nakamoto", a well-known test case.
        signature = Identity.from_private_value(1).sign(b"Satoshi Nakamoto")

        r, s = decode_signature(signature)
        assert f"{r:064x}" == "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        assert f"{s:064x}" == "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"

    @given(data=st.binary(), other=st.binary())
    def test_a_signature_is_good_for_its_own_data_only(self, data: bytes, other: bytes) -> None:
        signature = ALICE.sign(data)

        if data != other:
            with pytest.raises(BadSignature, match="changed on its way"):
                verify(ALICE.address, signature, other)

    @given(st.integers(0, 71), st.integers(1, 255))
    def test_a_signature_with_one_changed_byte_is_refused(self, at: int, change: int) -> None:
        damaged = bytearray(ALICE.sign(b"data"))
        damaged[at % len(damaged)] ^= change

        with pytest.raises(BadSignature):
            verify(ALICE.address, bytes(damaged), b"data")

    @given(st.binary(max_size=80))
    def test_noise_is_no_signature(self, noise: bytes) -> None:
        with pytest.raises(BadSignature):
            verify(ALICE.address, noise, b"data")

    def test_both_signs_of_s_verify(self) -> None:
        r, s = decode_signature(ALICE.sign(b"data"))

        verify(ALICE.address, encode_signature(r, ORDER - s), b"data")

    def test_a_signature_of_nobody_is_an_invalid_address(self) -> None:
        with pytest.raises(InvalidAddress):
            verify("nobody", ALICE.sign(b"data"), b"data")

    def test_megabytes_are_no_signature(self) -> None:
        with pytest.raises(BadSignature, match="5000000"):
            verify(ALICE.address, bytes(5_000_000), b"data")


class TestSharedKeys:
    @pytest.mark.parametrize("vector", ENCRYPTED, ids=lambda vector: vector["name"])
    def test_a_pair_shares_pye2s_key(self, vector: dict[str, str]) -> None:
        for one, other in (("sender", "receiver"), ("receiver", "sender")):
            identity = Identity.from_private_value(PRIVATE_VALUES[vector[one]])
            assert identity.shared_key(vector[other]).hex() == vector["aes_key_hex"]

    @given(private_values, private_values)
    def test_both_sides_get_the_same_key(self, one_value: int, other_value: int) -> None:
        one = Identity.from_private_value(one_value)
        other = Identity.from_private_value(other_value)

        assert one.shared_key(other.address) == other.shared_key(one.address)

    def test_every_peer_gets_another_key(self) -> None:
        assert ALICE.shared_key(BOB.address) != ALICE.shared_key(CAROL.address)

    def test_a_peers_key_is_agreed_on_once_whatever_form_its_address_has(self) -> None:
        alice = Identity.from_private_value(PRIVATE_VALUES[ALICE.address])
        bare = without_prefix(BOB.address)

        keys = [alice.shared_key(form) for form in (BOB.address, bare, "aixp_" + bare)]

        assert keys[0] is keys[1] is keys[2]

    def test_the_peers_remembered_are_bounded(self) -> None:
        alice = Identity.from_private_value(PRIVATE_VALUES[ALICE.address])
        first = alice.shared_key(BOB.address)
        for value in range(1000, 1000 + PEERS_REMEMBERED):
            alice.shared_key(Identity.from_private_value(value).address)

        again = alice.shared_key(BOB.address)

        assert again == first
        assert again is not first

    def test_nobody_shares_a_key(self) -> None:
        with pytest.raises(InvalidAddress, match="nobody"):
            ALICE.shared_key("nobody")
