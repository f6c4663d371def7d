"""What PyE2 signs is accepted, what it refuses is refused, in its own words."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire.canonical import canonical, compact, mended, spaced
from pye2_wire.signing import check_signature, digest_of, signature_fields, signed_part
from pye2core.identity import Identity

DATA = Path(__file__).parents[3] / "tests/data/vectors"
VECTORS = [
    vector
    for vector in json.loads((DATA / "hash_sign_verify.json").read_text("utf-8"))["vectors"]
    if "error" not in vector
]
EDGE_CASES = json.loads((DATA / "verify_edge_cases.json").read_text("utf-8"))["vectors"]
ALICE = Identity.from_private_value(bytes.fromhex("11" * 32))
BOB = Identity.from_private_value(bytes.fromhex("22" * 32))


def told(message: dict[str, Any]) -> dict[str, Any]:
    verdict = check_signature(message)
    return {"valid": verdict.valid, "message": verdict.message, "sender": verdict.sender}


def signed(message: dict[str, Any], identity: Identity = ALICE) -> dict[str, Any]:
    return {**message, **signature_fields(canonical(signed_part(message)), identity)}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_verdict_on_a_message_as_nodes_write_it_is_pye2s(vector: dict[str, Any]) -> None:
    message = json.loads(bytes.fromhex(vector["wire_node_style_utf8_hex"]))

    assert told(message) == vector["verify_after_node_style_json"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if "wire_client_style" in vector],
    ids=lambda vector: vector["name"],
)
def test_verdict_on_a_message_as_clients_write_it_is_pye2s(vector: dict[str, Any]) -> None:
    message = json.loads(bytes.fromhex(vector["wire_client_style"]))

    assert told(message) == vector["verify_after_client_style_json"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in EDGE_CASES if not vector["kwargs"]],
    ids=lambda vector: vector["name"],
)
def test_verdict_on_an_edge_case_is_pye2s(vector: dict[str, Any]) -> None:
    assert told(vector["message"]) == vector["result"]


def test_whether_the_sender_is_allowed_is_no_matter_of_its_signature() -> None:
    (vector,) = [vector for vector in EDGE_CASES if vector["kwargs"] == {"verify_allowed": True}]

    assert vector["result"]["message"].startswith("Signature ok but address")
    assert told(vector["message"])["valid"]


objects = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('aé"\\\n1.0,]'),
)


@settings(deadline=None)
@given(objects)
def test_what_was_signed_verifies_in_either_style(message: dict[str, Any]) -> None:
    complete = signed(message)

    assert told(json.loads(compact(complete)))["valid"]
    assert told(json.loads(spaced(complete)))["valid"]


@settings(deadline=None)
@given(objects, st.text("xyz", min_size=1), st.integers(1, 9))
def test_no_field_can_be_added_or_changed(message: dict[str, Any], key: str, value: int) -> None:
    complete = signed(message)

    complete[key] = [value, message.get(key)]

    assert told(complete) == {
        "valid": False,
        "message": "Corrupted digest!",
        "sender": ALICE.address,
    }


def test_the_three_keys_of_a_signature_are_covered_where_they_are_nested() -> None:
    message = signed({"a": {"EE_HASH": "x", "EE_SIGN": "y", "EE_SENDER": "z"}})
    assert told(message)["valid"]

    message["a"]["EE_SENDER"] = "other"

    assert told(message)["message"] == "Corrupted digest!"


def test_a_signature_of_another_is_invalid() -> None:
    message = signed({"a": 1}, BOB) | {"EE_SENDER": ALICE.address}

    assert told(message)["message"] == "InvalidSignature"


def test_padding_of_a_signature_may_be_missing() -> None:
    messages = [signed({"a": number}) for number in range(40)]
    padded = next(message for message in messages if message["EE_SIGN"].endswith("="))

    padded["EE_SIGN"] = padded["EE_SIGN"].rstrip("=")

    assert told(padded)["valid"]


def test_bits_of_a_signatures_text_that_mean_nothing_must_be_as_they_are_written() -> None:
    messages = [signed({"a": number}) for number in range(40)]
    message = next(one for one in messages if one["EE_SIGN"].endswith("="))
    text = message["EE_SIGN"].rstrip("=")
    others = [
        text[:-1] + last
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if last != text[-1]
    ]

    verdicts = {check_signature({**message, "EE_SIGN": other}).valid for other in others}

    assert verdicts == {False}


def test_a_large_s_is_as_good_as_a_small_one() -> None:
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    made_by_openssl = [vector for vector in VECTORS if "EE_SIGN" in vector]

    verdicts = {
        _s_of(vector["EE_SIGN"]) > order // 2: told(
            json.loads(bytes.fromhex(vector["wire_node_style_utf8_hex"]))
        )["valid"]
        for vector in made_by_openssl
        if vector["verify_after_node_style_json"]["valid"]
    }

    assert verdicts == {True: True, False: True}


def _s_of(signature: str) -> int:
    from base64 import urlsafe_b64decode

    der = urlsafe_b64decode(signature)
    return int.from_bytes(der[6 + der[3] :], "big")


@pytest.mark.parametrize("odd", [5, True, ["x"], {"a": 1}, 1.5, "é", "=", "A"])
@pytest.mark.parametrize("key", ["EE_SIGN", "EE_SENDER", "EE_HASH"])
def test_odd_types_and_texts_are_a_verdict_and_no_crash(key: str, odd: object) -> None:
    verdict = told(signed({"a": 1}) | {key: odd})

    assert not verdict["valid"]
    assert verdict["message"] in {"InvalidSignature", "Corrupted digest!"}


def test_the_digest_does_not_depend_on_what_the_message_says_of_it() -> None:
    message = signed({"a": 1.0})

    assert digest_of(message | {"EE_HASH": "0" * 64, "EE_SENDER": "x"}) == digest_of({"a": 1})


def test_the_text_that_is_sent_and_the_text_that_is_hashed_are_one_without_odd_floats() -> None:
    text = compact({"a": 1, "b": "1.5", "c": [2.5]})

    assert mended(text) is text
