"""Whatever the bytes, they are a value or ``ValueNotReadable``, and take little memory and time."""

from __future__ import annotations

import tracemalloc

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_calls.values import MOST_CONTAINERS, ValueNotReadable, pack, unpack

A_MARK, A_SEGMENT = 0, 1
TUPLE, SET, BYTEARRAY, INT, DECIMAL, FRACTION, DEQUE, DATE, DATETIME, TIME = (
    *(1, 2, 4, 5, 7, 8, 11, 20, 22, 21),
)
BY_ROWS = True
ZONE, EXCEPTION, INSTANCE, ARRAY, DTYPE, FRAME = 25, 30, 35, 40, 42, 50


def mark(kind):
    return msgpack.ExtType(A_MARK, bytes([kind]))


def made(kind, *parts):
    return msgpack.packb([mark(kind), *parts], default=lambda value: value, strict_types=True)


def nested(kind, part):
    return [mark(kind), *part]


MESSAGES = [
    pack(value)
    for value in (
        [1, (2, {3}), {"a": b"b"}, 2**80, [bytearray(5)]],
        {"x": np.arange(3), "y": np.arange(2000.0), "z": np.float32(1)},
        [ValueError("x"), {1: (2, None)}, "text" * 10, 1.5],
    )
]


def require_short_refusal(data):
    """If they are refused, then in few words."""
    told = ""
    try:
        unpack(data)
    except ValueNotReadable as error:
        told = str(error)
    assert len(told) < 500


@settings(max_examples=300)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_not_readable(data):
    require_short_refusal(data)


@settings(max_examples=300)
@given(
    data=st.sampled_from(MESSAGES),
    at=st.integers(0, 10**6),
    changed=st.binary(min_size=1, max_size=8),
    cut=st.booleans(),
)
def test_a_message_that_was_changed_is_a_value_or_not_readable(data, at, changed, cut):
    place = at % len(data)
    tail = b"" if cut else data[place + len(changed) :]
    require_short_refusal(data[:place] + changed + tail)


@pytest.mark.parametrize("data", MESSAGES, ids=["plain", "arrays", "more"])
def test_a_message_without_its_end_is_not_readable(data):
    for length in {*range(min(60, len(data))), len(data) // 2, len(data) - 1}:
        with pytest.raises(ValueNotReadable):
            unpack(data[:length])


@pytest.mark.parametrize("data", MESSAGES, ids=["plain", "arrays", "more"])
def test_a_message_with_more_at_its_end_is_not_readable(data):
    with pytest.raises(ValueNotReadable):
        unpack(data + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        made(0),
        made(255),
        made(TUPLE)[:-1] + b"\x63",
        msgpack.packb(mark(TUPLE)),
        msgpack.packb([1, mark(TUPLE)]),
        msgpack.packb({mark(TUPLE): 1}),
        msgpack.packb(msgpack.ExtType(A_SEGMENT, bytes(8))),
        msgpack.packb([msgpack.ExtType(A_SEGMENT, bytes(8))]),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb({"a": 1})[:1] * 2 + b"\xa1a\x01",
        b"\x82\xa1a\x01\xa1a\x02",  # a key twice
        b"\x81\x90\x01",  # a list as a key
        made(SET, 1, 1),
        made(SET, []),
        made(INT, "12"),
        made(INT),
        made(BYTEARRAY, 10**10),
        made(DECIMAL, 2**63),
        made(DECIMAL, "1_0"),
        made(DECIMAL, "٣"),
        made(FRACTION, 1, 0),
        made(FRACTION, "1", "3"),
        made(DATE, b"\x07\xea\x01\xff"),
        made(DATE, 2026, 13, 1),
        made(TIME, None, 0, b"\xff\xff\xff\xff\xff\xff"),
        made(DATETIME, None, 0, b"\x07\xea\x01\xff\xff\xff\xff\xff\xff\xff"),
        made(DATETIME, 1, 0, 1, 2, 3, 4, 2026, 1, 1),
        made(ZONE, "../../etc/passwd"),
        made(ZONE, "/etc/localtime"),
        made(ZONE, "Not/There"),
        made(EXCEPTION, "exec", nested(TUPLE, []), None),
        made(EXCEPTION, "ValueError", ["x"], None),
        made(EXCEPTION, "ValueError", nested(TUPLE, []), {"__traceback__": 1}),
        made(EXCEPTION, "ValueError", nested(TUPLE, []), None),
        made(INSTANCE, "os:system", {}),
        made(INSTANCE, [], {}),
        made(DTYPE, "O"),
        made(DTYPE, "i4,(1000000,1000000)f8"),
        made(DTYPE, [8, False, [["a", "O", 0]]]),
        made(DTYPE, [2, False, [["a", "<i4", 0]]]),
        made(ARRAY, "|O", [1], BY_ROWS, bytes(8)),
        made(ARRAY, "<f8", [2**40], BY_ROWS, b""),
        made(ARRAY, "<f8", [-1, -1], BY_ROWS, bytes(8)),
        made(ARRAY, "<U0", [2**40], BY_ROWS, b""),
        made(ARRAY, [0, False, []], [2**40], BY_ROWS, b""),
        made(FRAME, None, None, {}),
    ],
    ids=lambda data: data.hex()[:40],
)
def test_what_is_no_value_is_not_readable(data):
    with pytest.raises(ValueNotReadable):
        unpack(data)


def peak_of(data):
    """The most memory that reading takes, in multiples of 1 MiB."""
    tracemalloc.start()
    try:
        unpack(data)
    except ValueNotReadable:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak / 2**20


@pytest.mark.parametrize(
    "data",
    [
        b"\xdd\xff\xff\xff\xff",  # an array of four billion items
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\x00\x00\x00\xff" * 1000,
        b"\x91" * 100_000,
        made(BYTEARRAY, 2**33),
        made(ARRAY, "<f8", [2**30], BY_ROWS, b""),
        made(ARRAY, "|V999999999", [], BY_ROWS, b""),
        made(DTYPE, "|V999999999"),
        made(DEQUE, 2**40),
        b"\xc1" + b"\xff" * 8,
        b"\xc1" + bytes(7) + b"\x0a" + msgpack.packb(msgpack.ExtType(A_SEGMENT, b"\xff" * 8)),
    ],
    ids=lambda data: data.hex()[:30],
)
def test_a_few_bytes_take_little_memory(data):
    unpack(pack(np.zeros(1)))  # imports are not counted

    assert peak_of(data) < 20


def test_more_containers_than_a_value_may_have_are_not_readable():
    many = MOST_CONTAINERS // 12 + 1
    data = b"\xdd" + many.to_bytes(4, "big") + made(DEQUE, None) * many

    with pytest.raises(ValueNotReadable, match="more than 4,194,304 lists"):
        unpack(data)


def test_a_buffer_is_used_once():
    data = pack([np.zeros(1000), 1])
    body = data[9 : 9 + int.from_bytes(data[1:9], "big")]
    array = body[1:-1]
    twice = b"\x92" + array + array

    with pytest.raises(ValueNotReadable, match="buffer"):
        unpack(b"\xc1" + len(twice).to_bytes(8, "big") + twice + bytes(8000))


@pytest.mark.parametrize("keys_are", ["numbers", "tuples"])
def test_keys_that_were_made_to_collide_are_not_readable(keys_are):
    modulus = 2**61 - 1  # of hashes of numbers
    numbers = [each * modulus for each in range(1, 3000)]
    keys = numbers if keys_are == "numbers" else [(each,) for each in numbers]

    for value in (dict.fromkeys(keys), {"in": [set(keys)]}):
        with pytest.raises(ValueNotReadable, match="same hash"):
            unpack(pack(value))


def test_long_numbers_are_read_in_a_time_that_grows_with_their_length():
    assert unpack(pack(2 ** (8 * 2**22))) == 1 << (8 * 2**22)


def test_a_fraction_of_long_numbers_is_not_readable():
    long = [mark(INT), bytes([1]) * 10_000]

    with pytest.raises(ValueNotReadable, match="bits"):
        unpack(made(FRACTION, long, long))


def test_moments_of_msgpack_are_moments():
    assert unpack(msgpack.packb(msgpack.Timestamp(0))).isoformat() == "1970-01-01T00:00:00+00:00"
