import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_node.sandbox import frames

text = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=20,
)


def body_of(packed):
    return packed[frames.HEADER.size :]


@given(st.dictionaries(text, json_values))
def test_a_frame_comes_back_as_it_was_sent(frame):
    packed = frames.encode(frame)

    assert frames.body_size(packed[: frames.HEADER.size]) == len(body_of(packed))
    assert frames.decode(body_of(packed)) == frame


def test_nan_and_the_infinities_stay_floats():
    values = frames.decode(body_of(frames.encode({"v": [math.nan, math.inf, -math.inf]})))["v"]

    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


@given(st.binary())
def test_bytes_that_are_no_frame_raise_a_frame_error_and_nothing_else(body):
    try:
        frame = frames.decode(body)
    except frames.FrameError:
        return
    assert isinstance(frame, dict)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"1",
        b"\xff\xfe",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"half": "\\ud800"}',
        b'{"half a key \\udfff": 1}',
        b'{"a": 1}{',
        b'{"a": 1} ',
    ],
    ids=[
        *["empty", "cut", "list", "number", "not UTF-8", "deep", "long number", "half", "half key"],
        *["two", "space after it"],
    ],
)
def test_garbage_is_a_frame_error(body):
    with pytest.raises(frames.FrameError):
        frames.decode(body)


def test_what_only_looks_like_half_a_character_is_accepted():
    frame = {"text": "a path \\ud800 in words", "pair": "😀"}

    assert frames.decode(json.dumps(frame).encode()) == frame


def test_a_body_above_the_cap_is_refused_when_sent_and_when_announced():
    with pytest.raises(frames.FrameTooLarge) as sent:
        frames.pack("x" * (frames.MAX_FRAME + 1))
    with pytest.raises(frames.FrameTooLarge):
        frames.body_size(frames.HEADER.pack(frames.MAX_FRAME + 1))

    assert sent.value.size == frames.MAX_FRAME + 1
    assert len(frames.pack("x" * frames.MAX_FRAME)) == frames.MAX_FRAME + frames.HEADER.size


@pytest.mark.parametrize("value", ["{}", "[]", "0", '""', '{"a":0}', r'"\""', r'"\\"'])
def test_a_body_of_more_values_than_a_worker_may_send_is_refused(value):
    body = f'{{"A":[{",".join([value] * (frames.MAX_VALUES + 1))}]}}'.encode()

    with pytest.raises(frames.TooManyValues):
        frames.limit_values(body)


@pytest.mark.parametrize("text", ["[{,:", '"[', "\\[", '\\"[,', '[\\\\"'])
def test_what_only_looks_like_values_in_a_text_does_not_count(text):
    packed = frames.encode({"text": text * frames.MAX_VALUES, "list": [text] * 100})

    frames.limit_values(body_of(packed))
    frames.limit_values(packed, frames.HEADER.size)


@given(st.dictionaries(text.filter(lambda name: name != "data"), json_values), st.binary())
def test_a_binary_frame_brings_its_bytes_as_they_are(head, data):
    packed = frames.begin_binary(head, len(data)) + data

    assert frames.body_size(packed[: frames.HEADER.size]) == len(body_of(packed))
    assert frames.decode(body_of(packed)) == {**head, "data": data}


@given(st.binary())
def test_bytes_that_are_no_binary_frame_raise_a_frame_error_and_nothing_else(rest):
    try:
        frame = frames.decode(b"\0" + rest)
    except frames.FrameError:
        return
    assert isinstance(frame["data"], memoryview)
    assert frame["data"].readonly


@pytest.mark.parametrize(
    "body",
    [
        b"\0",
        b"\0\0\0\0",
        b"\0\0\0\0\0",
        b"\0\0\0\0\x03{}",
        b"\0\xff\xff\xff\xff{}",
        b"\0\0\0\0\x02[]",
        b"\0\0\0\x50\0" + b" " * 0x4FFE + b"{}",
    ],
    ids=["nothing", "no length", "no JSON", "cut", "huge", "list", "long"],
)
def test_garbage_after_a_zero_byte_is_a_frame_error(body):
    with pytest.raises(frames.FrameError):
        frames.decode(body)


def test_bytes_do_not_count_as_values():
    size = frames.MAX_VALUES * 2
    body = body_of(frames.begin_binary({"did": "item"}, size)) + b"[" * size

    frames.limit_values(body)

    assert len(frames.decode(body)["data"]) == frames.MAX_VALUES * 2


def test_a_binary_frame_above_the_cap_is_refused_when_sent():
    with pytest.raises(frames.FrameTooLarge):
        frames.begin_binary({}, frames.MAX_FRAME)
    with pytest.raises(frames.FrameTooLarge):
        frames.begin_binary({"text": "x" * frames.LONGEST_HEAD}, 0)


def test_large_bytes_are_read_where_they_lie():
    data = b"x" * (frames.LONGEST_HEAD + 1)
    body = bytearray(body_of(frames.begin_binary({}, len(data))) + data)

    read = frames.decode(body)["data"]
    body[-1:] = b"y"

    assert bytes(read[-2:]) == b"xy"


def test_few_bytes_do_not_keep_a_frame_whose_json_is_more():
    body = bytearray(body_of(frames.begin_binary({"text": "x" * 16_000}, 1)) + b"a")

    read = frames.decode(body)["data"]
    body.clear()  # which it cannot be while somebody looks at it

    assert read == b"a"
