"""The form of custom code on the wire, against PyE2's own vectors."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2core.code.transfer import decode, digest, encode
from pye2core.errors import CodeError

VECTORS = json.loads(
    (Path(__file__).parents[2] / "tests/data/vectors/code_transfer.json").read_text("utf-8")
)["vectors"]

SOURCES = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))


def packed(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "vector", [vector for vector in VECTORS if vector.get("base64")], ids=lambda v: v["name"]
)
def test_what_pye2_packed_is_unpacked(vector):
    expected = vector["round_trip"] if "round_trip" in vector else vector["decoded"]

    assert decode(vector["base64"]) == expected
    assert decode(encode(expected)) == expected


@given(SOURCES)
def test_code_survives_the_wire(source):
    assert decode(encode(source)) == source


@given(SOURCES)
def test_uncompressed_code_is_taken(source):
    assert decode(packed(source.encode())) == source


@pytest.mark.parametrize("source", ["(range(3))", "x^2", "(4)", "H = 1", "8"])
def test_text_that_begins_like_zlib_is_taken_as_text(source):
    assert decode(packed(source.encode())) == source


@given(st.text() | st.binary().map(packed))
def test_whatever_comes_in_is_text_or_a_code_error(text):
    try:
        assert isinstance(decode(text), str)
    except CodeError:
        return


@given(SOURCES.filter(bool), st.data())
def test_a_stream_that_is_cut_short_is_never_taken_for_its_whole(source, data):
    whole = zlib.compress(source.encode(), 9)
    cut = whole[: data.draw(st.integers(2, len(whole) - 1))]

    try:
        taken = decode(packed(cut))
    except CodeError:
        return
    assert taken != source


@pytest.mark.parametrize("compressed", [True, False])
def test_code_larger_than_the_limit_is_refused_before_it_is_unpacked(compressed):
    bomb = b"#" * 50_000_000 if compressed else b"#" * 1025
    text = packed(zlib.compress(bomb, 9) if compressed else bomb)

    with pytest.raises(CodeError, match="longer than the 1024 bytes"):
        decode(text, max_size=1024)


@pytest.mark.parametrize("compressed", [True, False])
def test_code_of_just_the_limit_is_taken(compressed):
    source = "#" * 1024

    assert decode(encode(source) if compressed else packed(source.encode()), 1024) == source


@pytest.mark.parametrize("text", ["not base64!", "žluť", "abc"])
def test_what_is_not_base64_is_refused(text):
    with pytest.raises(CodeError, match="not base64"):
        decode(text)


@pytest.mark.parametrize(
    "data", [zlib.compress(b"return 1") + b"more", b"\xff\xfe", b"\x01\x02", zlib.compress(b"\xff")]
)
def test_damaged_code_is_refused(data):
    with pytest.raises(CodeError, match="damaged"):
        decode(packed(data))


def test_half_of_a_surrogate_pair_cannot_be_sent():
    with pytest.raises(CodeError, match="surrogate"):
        encode("'\ud800'")


@given(SOURCES, SOURCES)
def test_a_digest_stands_for_one_text(one, other):
    assert digest(one) == digest(decode(encode(one)))
    assert (digest(one) == digest(other)) == (one == other)
    assert len(digest(one)) == len("sha256:") + 64
