"""Our fast canonical JSON, hash and signature are those of the slow model, for all of JSON.

``PYE2_MODEL_CASES=100000`` makes it that many messages whose text and hash are compared, and a
tenth as many that are signed, new ones each time; without it there are a few hundred, always the
same.
"""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire_slow_model as model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pye2_wire.canonical import canonical, compact, mended, spaced
from pye2_wire.plain import as_plain
from pye2_wire.sealed import parse
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import check_signature, digest_of, signature_fields, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2core.identity import Identity
from pye2core.messages import InstancePath, PayloadMessage

DATA = Path(__file__).parents[3] / "tests/data/vectors"
VECTORS = [
    vector
    for vector in json.loads((DATA / "hash_sign_verify.json").read_text("utf-8"))["vectors"]
    if "error" not in vector and vector["verify_after_node_style_json"]["valid"]
]
FEW_CASES = 300
CASES = int(os.environ.get("PYE2_MODEL_CASES", str(FEW_CASES)))
IS_LONG_RUN = CASES > FEW_CASES
# Hypothesis remembers all that it has tried: many small runs take less memory than a large one.
BATCH = 1000
PRIVATE_VALUE = int("11" * 32, 16)
ALICE = Identity.from_private_value(PRIVATE_VALUE)

pytestmark = pytest.mark.timeout(0 if IS_LONG_RUN else 120)

for_all = settings(
    max_examples=min(CASES, BATCH),
    deadline=None,
    derandomize=not IS_LONG_RUN,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
again_and_again = pytest.mark.parametrize("batch", range(-(-CASES // BATCH)))
now_and_then = pytest.mark.parametrize("batch", range(-(-CASES // BATCH // 10)))


# --- all of JSON ----------------------------------------------------------------------------------


def float_of_bits(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


def float_of_digits(digits: int, exponent: int) -> float:
    return float(f"{digits}e{exponent}")


floats = st.one_of(
    st.floats(),
    st.integers(0, 2**64 - 1).map(float_of_bits),
    # Few digits at each magnitude: exponents that end in zeros, mantissas with and without a dot.
    st.builds(float_of_digits, st.integers(-9999, 9999), st.integers(-330, 310)),
    st.builds(float_of_digits, st.integers(-99, 99), st.integers(-33, 31).map((10).__mul__)),
    st.integers(-(10**17), 10**17).map(float),
    st.sampled_from([0.0, -0.0, 1e15, 1e16, 1e17, 1e-4, 1e-5, 5e-324, 2.2250738585072014e-308]),
    st.sampled_from([1.7976931348623157e308, float("nan"), float("inf"), -float("inf")]),
)
# The longest that Python writes in decimal has 4,300 digits.
huge_ints = st.builds(
    lambda digits, offset: 10**digits + offset, st.integers(1, 4290), st.integers(-99, 99)
)
ints = st.integers() | huge_ints | huge_ints.map(int.__neg__)

# What looks like a float, like the end of one, or like the end of a string.
LOOKALIKES = [
    *("1.0", "1.0,", "[2.0]", '{"a":3.0}', ".0}", ".0", "1.5e+20", ",1.5e+20]", ":1.5e-10,"),
    *("NaN", "-Infinity", "Infinity,", "null", "e+10", "1.50e+20}", "0", "-0.0", "[NaN,"),
    *('"', '\\"', '"1.0,"', "\\", "\\\\", '\\\\"', '\\",1.5e+20,"', '":1.0,"', "\\u0000"),
    *("\x00", "\x01", "\x00\x01", '\x01"\x00\\', "\x7f", "\u2028", "\u2029", "/", "</script>"),
    *("\uffff", "\U00010000", "\U0010ffff", "\ue000", "\ud7ff", "é", "e\u0301", "🚀", "\ufeff"),
]
any_text = st.text(st.characters(exclude_categories=["Cs"]))
rough_text = st.text(st.sampled_from('\\"\x00\x01\x1f\n\b10.,:]}[{eE+-NaInfty \uffff\U00010000'))
texts = st.one_of(
    any_text,
    rough_text,
    st.lists(st.sampled_from(LOOKALIKES), max_size=4).map("".join),
    floats.map(repr),
)
keys = texts | st.sampled_from([*model.NOT_SIGNED, "a", "A", "b", "10", "9", ""])
scalars = st.none() | st.booleans() | ints | floats | texts
branches = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=12,
)


def nested(inner: Any, layers: list[str | None]) -> Any:
    for key in layers:
        inner = [inner] if key is None else {key: inner}
    return inner


deep = st.builds(nested, branches, st.lists(st.none() | keys, min_size=5, max_size=60))
messages = st.dictionaries(keys, branches | scalars) | st.dictionaries(keys, deep, max_size=2)

fields = st.dictionaries(keys.map("X_".__add__), branches | scalars)
surrogates = st.text(st.characters(categories=["Cs"]), min_size=1)


# --- the model itself is PyE2's -------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_model_says_what_pye2_says(vector: dict[str, Any]) -> None:
    message = json.loads(bytes.fromhex(vector["wire_node_style_utf8_hex"]))

    assert model.covered_text(message).hex() == vector["canonical_utf8_hex"]
    assert model.hash_of(message) == vector["sha256_hex"]
    assert model.verifies(message)


# --- ours is the model's --------------------------------------------------------------------------


@again_and_again
@for_all
@given(messages)
def test_the_bytes_that_are_hashed_are_the_models(batch: int, message: dict[str, Any]) -> None:
    expected = model.canonical_bytes(message)

    assert canonical(message) == expected
    assert mended(compact(as_plain(message))) == expected


@again_and_again
@for_all
@given(messages)
def test_a_receiver_computes_the_models_hash_from_either_style(
    batch: int, message: dict[str, Any]
) -> None:
    expected = model.hash_of(message)

    assert digest_of(json.loads(compact(message))).hex() == expected
    assert digest_of(json.loads(spaced(message))).hex() == expected


@now_and_then
@for_all
@given(messages)
def test_what_we_sign_verifies_by_the_model(batch: int, message: dict[str, Any]) -> None:
    text = canonical(signed_part(message))

    sent = spaced({**message, **signature_fields(text, ALICE)})

    assert model.verifies(json.loads(sent))


@now_and_then
@for_all
@given(messages, st.sampled_from([ALICE.sign, model.openssl_signer(PRIVATE_VALUE)]))
def test_what_the_model_signs_verifies_by_ours(
    batch: int, message: dict[str, Any], sign: Callable[[bytes], bytes]
) -> None:
    sent = json.dumps(model.signed(message, ALICE.address, sign))

    assert check_signature(json.loads(sent)).valid


@now_and_then
@for_all
@given(fields)
def test_a_payload_that_we_send_verifies_by_the_model_and_by_ours(
    batch: int, said: dict[str, Any]
) -> None:
    dialect = Pye2Serializer("naeural-1")

    sent = dialect.seal(PayloadMessage(InstancePath("p", "S", "i"), said), ALICE)

    assert model.verifies(json.loads(sent))
    parse(sent).verify()


@now_and_then
@for_all
@given(messages, texts, surrogates, texts)
def test_what_is_no_unicode_has_no_text_for_either(
    batch: int, message: dict[str, Any], before: str, lone: str, after: str
) -> None:
    spoilt = {**message, "X": [before + lone + after]}

    with pytest.raises(UnicodeEncodeError):
        model.canonical_bytes(spoilt)
    with pytest.raises(UnicodeEncodeError):
        canonical(spoilt)
    with pytest.raises(UnsendableValue):
        compact(spoilt)
    with pytest.raises(UnsendableValue):
        spaced(spoilt)


@now_and_then
@for_all
@given(st.characters(min_codepoint=0x10000, max_codepoint=0x10FFFF))
def test_a_pair_of_escapes_is_the_one_character_that_it_stands_for(
    batch: int, character: str
) -> None:
    arrived = json.loads(json.dumps({"a": character, character: 1}))

    assert canonical(arrived) == model.canonical_bytes({"a": character, character: 1})
