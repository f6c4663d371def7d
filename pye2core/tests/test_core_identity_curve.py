"""What counts as a key and as a signature is decided by `curve`, and agrees with both libraries."""

from collections.abc import Callable

import coincurve
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import example, given
from hypothesis import strategies as st

from pye2core.identity.curve import (
    ORDER,
    decode_signature,
    encode_signature,
    is_public_key,
    low_s,
)

NUMBERS = st.integers(1, ORDER - 1)
DATA = b"signed bytes"
OPENSSL_KEY = ec.derive_private_key(0x1111, ec.SECP256K1())
COINCURVE_KEY = coincurve.PrivateKey.from_int(0x1111)
GOOD_SIGNATURE = COINCURVE_KEY.sign(DATA)


def openssl_verifies(signature: bytes) -> bool:
    try:
        OPENSSL_KEY.public_key().verify(signature, DATA, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def coincurve_verifies(signature: bytes) -> bool:
    try:
        return COINCURVE_KEY.public_key.verify(signature, DATA)
    except ValueError:
        return False


def is_signature(signature: bytes) -> bool:
    try:
        decode_signature(signature)
    except ValueError:
        return False
    return True


@st.composite
def damaged_signatures(draw: st.DrawFn) -> bytes:
    """A good signature with one stretch of it replaced, cut out or put in."""
    start = draw(st.integers(0, len(GOOD_SIGNATURE)))
    end = draw(st.integers(start, min(start + 3, len(GOOD_SIGNATURE))))
    return GOOD_SIGNATURE[:start] + draw(st.binary(max_size=3)) + GOOD_SIGNATURE[end:]


@st.composite
def oddly_written_signatures(draw: st.DrawFn) -> bytes:
    """The numbers of a good signature, in encodings that a lenient reader would understand."""
    r, s = decode_signature(GOOD_SIGNATURE)

    def integer(value: int) -> bytes:
        zeros = draw(st.integers(0, 2))
        content = bytes(zeros) + value.to_bytes(32, "big")
        return b"\x02" + length(len(content)) + content

    def length(size: int) -> bytes:
        long_forms = {0: bytes((size,)), 1: bytes((0x81, size)), 2: bytes((0x82, 0, size))}
        return long_forms[draw(st.integers(0, 2))]

    body = integer(r) + integer(s) + draw(st.binary(max_size=1))
    return b"\x30" + length(len(body)) + body + draw(st.binary(max_size=1))


@given(NUMBERS, NUMBERS)
@example(1, 1)
@example(127, 128)
@example(ORDER - 1, ORDER - 1)
def test_a_signature_is_read_as_it_was_written(r: int, s: int) -> None:
    assert decode_signature(encode_signature(r, s)) == (r, s)


@given(damaged_signatures() | oddly_written_signatures())
@example(GOOD_SIGNATURE)
def test_what_is_no_signature_is_accepted_by_neither_library(signature: bytes) -> None:
    accepted = openssl_verifies(signature) or coincurve_verifies(signature)

    assert is_signature(signature) or not accepted


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD_SIGNATURE[:-1], id="cut short"),
        pytest.param(GOOD_SIGNATURE + b"\0", id="trailing byte"),
        pytest.param(b"\x31" + GOOD_SIGNATURE[1:], id="a set, not a sequence"),
        pytest.param(bytes.fromhex("3006020100020101"), id="r is zero"),
        pytest.param(bytes.fromhex("3006020101020100"), id="s is zero"),
        pytest.param(bytes.fromhex("3006020181020101"), id="r is negative"),
        pytest.param(bytes.fromhex("300702020001020101"), id="needless leading zero"),
        pytest.param(bytes.fromhex("308106020101020101"), id="long form of a length"),
        pytest.param(encode_signature(1, ORDER), id="s is the order"),
        pytest.param(encode_signature(ORDER, 1), id="r is the order"),
        pytest.param(b"\x30" * 5_000_000, id="megabytes"),
    ],
)
def test_a_malformed_signature_is_refused(signature: bytes) -> None:
    with pytest.raises(ValueError, match=r"signature|numbers|DER"):
        decode_signature(signature)


@given(NUMBERS)
def test_a_small_s_stays_and_a_large_one_becomes_its_negative(s: int) -> None:
    assert low_s(s) <= ORDER // 2
    assert low_s(s) in (s, ORDER - s)


@given(st.sampled_from([b"\x02", b"\x03", b"\x04", b"\x00"]), st.binary(min_size=32, max_size=32))
@example(b"\x02", (2**256 - 2**32 - 977).to_bytes(32, "big"))
@example(b"\x02", (1).to_bytes(32, "big"))
@example(b"\x03", b"\xff" * 32)
def test_all_three_agree_on_what_is_a_public_key(tag: bytes, x: bytes) -> None:
    def accepts(constructor: Callable[..., object], *arguments: object) -> bool:
        try:
            constructor(*arguments)
        except ValueError:
            return False
        return True

    verdict = is_public_key(tag + x)

    assert verdict == accepts(coincurve.PublicKey, tag + x)
    assert verdict == accepts(ec.EllipticCurvePublicKey.from_encoded_point, ec.SECP256K1(), tag + x)


def test_an_uncompressed_point_is_no_public_key_here() -> None:
    assert not is_public_key(COINCURVE_KEY.public_key.format(compressed=False))
