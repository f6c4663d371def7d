"""Addresses are public keys as text, with PyE2's prefixes and PyE2's leniency."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.errors import IdentityError, InvalidAddress
from pye2core.identity import (
    Identity,
    address_of,
    is_address,
    public_key_of,
    same_address,
    with_prefix,
    without_prefix,
)

VECTORS = json.loads(
    (Path(__file__).parents[2] / "tests/data/vectors/keys_addresses.json").read_text("utf-8")
)
KEYS = VECTORS["keys"]
ALICE = "0xai_A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq"
BARE_ALICE = ALICE.removeprefix("0xai_")

identities = st.integers(1, 2**255).map(Identity.from_private_value)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key["name"])
def test_a_public_key_has_pye2s_address(key: dict[str, str]) -> None:
    assert address_of(bytes.fromhex(key["public_compressed_hex"])) == key["address"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["input"])
def test_a_text_is_read_as_pye2_reads_it(vector: dict[str, str]) -> None:
    assert without_prefix(vector["input"]) == vector["maybe_remove_prefix"]
    if vector["ok"]:
        public_key = public_key_of(vector["input"])
        assert public_key.hex() == vector["public_compressed_hex"]
        assert address_of(public_key) == vector["canonical"]
    else:
        with pytest.raises(InvalidAddress):
            public_key_of(vector["input"])


@given(identities)
def test_every_form_of_an_address_names_the_same_key(identity: Identity) -> None:
    bare = without_prefix(identity.address)
    forms = [identity.address, "aixp_" + bare, bare]

    assert {public_key_of(form) for form in forms} == {public_key_of(identity.address)}
    assert {with_prefix(form) for form in forms} == {identity.address}
    assert all(same_address(form, identity.address) for form in forms)
    assert all(is_address(form) for form in forms)


def test_different_addresses_are_not_the_same() -> None:
    other = KEYS[1]["address"]

    assert not same_address(ALICE, other)
    assert not same_address(BARE_ALICE, other)


def test_only_one_prefix_is_removed() -> None:
    assert without_prefix("0xai_aixp_x") == "aixp_x"
    assert without_prefix("aixp_0xai_x") == "0xai_x"


@given(st.text())
def test_any_text_is_either_an_address_or_refused_with_what_one_looks_like(text: str) -> None:
    if is_address(text):
        assert len(public_key_of(text)) == 33
        return
    with pytest.raises(InvalidAddress, match="0xai_") as caught:
        public_key_of(text)
    assert caught.value.address == text
    assert repr(text[:64]) in str(caught.value)


@given(st.binary(max_size=40))
def test_any_bytes_are_either_a_public_key_or_refused(data: bytes) -> None:
    try:
        address = address_of(data)
    except InvalidAddress:
        return
    assert public_key_of(address) == data


def test_a_text_padded_with_noise_beyond_reason_is_refused_and_shown_shortened() -> None:
    with pytest.raises(InvalidAddress) as caught:
        public_key_of(ALICE + "\n" * 1_000_000)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [None, 7, b"0xai_", ["0xai_"], "naeural-1", "naeural_1", ""])
def test_what_is_not_an_address_is_told_apart_without_an_error(value: object) -> None:
    assert not is_address(value)


def test_an_invalid_address_is_an_identity_error() -> None:
    with pytest.raises(IdentityError):
        public_key_of("nobody")
