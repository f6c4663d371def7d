"""What a body can hold arrives as it was; whatever the bytes, they are values or rejected."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_native_wire.values import (
    DECIMAL_TYPE,
    INTEGER_TYPE,
    LONGEST_DECIMAL,
    LONGEST_INTEGER,
    MOST_CONTAINERS,
    NESTING_LIMIT,
    UnsendableValue,
    packed,
    unpacked,
)
from pye2core.errors import MessageRejected

texts = st.text(st.characters(exclude_categories=["Cs"]))
moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**4000), 2**4000)
    | st.floats(allow_nan=False)
    | texts
    | st.binary()
    | moments
    | st.decimals(allow_nan=False).filter(lambda each: len(str(each)) <= LONGEST_DECIMAL)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)


def arrived(value: Any) -> Any:
    return unpacked(packed({"value": value}))["value"]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@settings(deadline=None)
@given(values)
def test_every_value_arrives_as_it_was_and_of_its_type(value: Any) -> None:
    back = arrived(value)

    assert back == value
    assert type(back) is type(value)


def test_what_is_no_number_arrives() -> None:
    assert math.isnan(arrived(math.nan))
    assert arrived(Decimal("sNaN12")).is_nan()


def test_one_and_one_point_zero_stay_apart() -> None:
    assert [type(each) for each in arrived([1, 1.0, True])] == [int, float, bool]


@given(moments)
def test_a_moment_arrives_as_the_same_moment_in_utc(moment: datetime) -> None:
    assert arrived(moment).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        ((1, (2,)), [1, [2]]),
        (
            {1: "a", None: "b", False: "c", 1.5: "d"},
            {"1": "a", "null": "b", "false": "c", "1.5": "d"},
        ),
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (bytearray(b"ab"), b"ab"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02 03:04:05"),  # noqa: DTZ001 - that is the case
    ],
)
def test_what_has_a_plainer_form_arrives_in_it(given_value: Any, expected: Any) -> None:
    assert arrived(given_value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        object(),
        "\ud800",
        {"\ud800": 1},
        2 ** (8 * LONGEST_INTEGER),
        {(1, 2): 3},
        {1: "a", "1": "b"},
        nested(NESTING_LIMIT),
        Decimal("1" * 2000),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))),
        complex(1),
    ],
)
def test_what_cannot_be_carried_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(UnsendableValue) as refused:
        packed({"fields": {"X_DEEP": [0, value]}})

    assert refused.value.path.startswith("fields.X_DEEP[1]")


def test_what_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(UnsendableValue, match="contains itself"):
        packed({"value": value})


def ext(kind: int, data: bytes) -> bytes:
    return (
        b"\x81\xa1x\xc8"
        + len(data).to_bytes(2, "big")
        + kind.to_bytes(1, "big", signed=True)
        + data
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x90",
        b"\x80\x80",
        b"\xc1",
        b"\x82\xa1a\x01\xa1a\x02",  # a key twice
        b"\x81\x01\x01",  # a key that is a number
        b"\x81\xc4\x01a\x01",  # a key that is bytes
        b"\x81\x90\x01",  # a key that is a list
        b"\x81\xa1a\xa1\xff",  # no UTF-8
        b"\x81\xa1a\xa3\xed\xa0\x80",  # a surrogate
        b"\x81\xa1a\xdd\xff\xff\xff\xff",  # a list of four thousand million
        b"\x81\xa1a\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xc6\xff\xff\xff\xff",
        b"\x81\xa1a" + b"\x91" * NESTING_LIMIT + b"\xc0",
        b"\x81\xa1a" + b"\x91" * 100_000 + b"\xc0",
        ext(3, b""),
        ext(-1, b"123"),
        ext(-1, b"\xff" * 12),
        ext(INTEGER_TYPE, b"\x01" * (LONGEST_INTEGER + 1)),
        ext(DECIMAL_TYPE, b"1_0"),
        ext(DECIMAL_TYPE, b" 1"),
        ext(DECIMAL_TYPE, b"one"),
        ext(DECIMAL_TYPE, "\u0661".encode()),
        ext(DECIMAL_TYPE, b"1E+" + b"9" * 40),
    ],
)
def test_bytes_that_are_no_body_are_rejected(data: bytes) -> None:
    with pytest.raises(MessageRejected) as rejected:
        unpacked(data)

    assert rejected.value.reason == "shape"


def test_more_lists_than_a_body_may_have_are_rejected_before_they_fill_the_memory() -> None:
    data = (
        b"\x81\xa1a\xdd" + (2 * MOST_CONTAINERS).to_bytes(4, "big") + b"\x90" * 2 * MOST_CONTAINERS
    )

    with pytest.raises(MessageRejected, match="lists and maps"):
        unpacked(data)


def test_a_body_as_deep_as_may_be_is_read() -> None:
    value = nested(NESTING_LIMIT - 1)

    assert arrived(value) == value


@settings(deadline=None, max_examples=500)
@given(st.binary() | st.binary().map(b"\x81\xa1a".__add__))
def test_whatever_the_bytes_they_are_read_or_rejected(noise: bytes) -> None:
    with suppress(MessageRejected):
        unpacked(packed(unpacked(noise)))  # what is read can be sent on
