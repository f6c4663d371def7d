"""Every type of Python's own comes back as it was, alone and nested in others."""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_calls.values import ValueNotCarried, pack, unpack

ZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "UTC"]).map(ZoneInfo)
OFFSETS = st.timedeltas(min_value=timedelta(hours=-23), max_value=timedelta(hours=23)).map(timezone)
ANY_ZONE = st.none() | st.just(UTC) | OFFSETS | ZONES
FOLDS = st.integers(0, 1)


def folded(moment, fold):
    return moment.replace(fold=fold)


TEXTS = st.text(st.characters())  # lone surrogates, too
DECIMALS = st.decimals() | st.sampled_from(
    [Decimal(text) for text in ("-0", "0E+7", "1E+999999", "sNaN12", "-Infinity", "1.500")]
)
HASHABLE_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**300), 2**300),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    TEXTS,
    st.binary(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.builds(range, st.integers(), st.integers(), st.integers(1)),
    st.dates(),
    st.builds(folded, st.times(timezones=st.none() | OFFSETS), FOLDS),
    st.builds(folded, st.datetimes(timezones=ANY_ZONE, allow_imaginary=True), FOLDS),
    st.timedeltas(),
    OFFSETS,
    ZONES,
    st.uuids(),
    TEXTS.map(PurePosixPath),
    st.text().map(PureWindowsPath),
    st.text().map(Path),
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=6,
)
LEAVES = st.one_of(
    HASHABLE,
    st.floats(),
    st.complex_numbers(),
    DECIMALS,
    st.binary().map(bytearray),
    st.just(slice(1, None, "x")),
    st.builds(ValueError, TEXTS, st.integers()),
    st.builds(OSError, st.integers(0, 100), TEXTS),
)


def containers(inner):
    entries = st.dictionaries(HASHABLE, inner, max_size=4)
    items = st.lists(inner, max_size=4)
    return st.one_of(
        items,
        items.map(tuple),
        entries,
        entries.map(OrderedDict),
        entries.map(Counter),
        entries.map(lambda content: defaultdict(None, content)),
        entries.map(lambda content: defaultdict(list, content)),
        st.builds(deque, items, st.none() | st.integers(4, 9)),
        st.sets(HASHABLE, max_size=4),
        items.map(lambda content: RuntimeError(*content)),
    )


ANYTHING = st.recursive(LEAVES, containers, max_leaves=12)


@settings(max_examples=100)
@given(value=LEAVES)
def test_a_value_comes_back_as_it_was(require_round_trip, value):
    require_round_trip(value)


@settings(max_examples=100)
@given(value=ANYTHING)
def test_values_come_back_as_they_were_however_nested(require_round_trip, value):
    require_round_trip(value)


@pytest.mark.parametrize(
    "value",
    [
        2**63 - 1,
        2**63,
        2**64 - 1,
        2**64,
        -(2**63),
        -(2**63) - 1,
        2**100_000,
        {True: 1, 2: True},
        {1.0: "a", None: "b", b"": "c", "": "d"},
        {(1, (2.0, "x")): frozenset({3})},
        [(), [], {}, set(), frozenset(), bytearray(), b"", ""],
        bytearray(b"x" * 10_000),
        [bytearray(b"1"), {"a": (bytearray(b"2"), [bytearray(b"3")])}],
        "\ud800 alone",
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-3), "Brasília")),
        time(1, 2, 3, 4, tzinfo=ZoneInfo("Asia/Tokyo")),
        date.min,
        timedelta.min,
        Fraction(-1, 3),
        complex(-0.0, float("nan")),
        range(10**30, 0, -(10**20)),
        deque([1, 2], maxlen=2),
        defaultdict(int, a=1),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r:.30}" if type(value) is not int else "int",
)
def test_a_value_at_the_edge_comes_back_as_it_was(require_round_trip, value):
    require_round_trip(value)


def test_the_moment_that_has_no_zone_gets_none():
    assert unpack(pack(datetime(2026, 1, 1))).tzinfo is None  # noqa: DTZ001 - a naive one is meant


def test_utc_is_the_one_utc():
    assert unpack(pack(datetime.now(UTC))).tzinfo is UTC


def test_a_factory_of_a_builtin_type_still_works():
    back = unpack(pack(defaultdict(list)))

    back["new"].append(1)

    assert back == {"new": [1]}


def test_a_path_of_the_other_system_arrives_as_a_pure_one():
    back = unpack(pack(Path("a/b")).replace(b"\xa5posix", b"\xa7windows"))

    assert back == PureWindowsPath("a/b")


def test_an_exception_keeps_its_notes_and_attributes():
    error = ValueError("no")
    error.add_note("said so")
    error.code = 7

    back = unpack(pack(error))

    assert (back.__notes__, back.code) == (["said so"], 7)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(2, "No such file", "a.txt"),
        ImportError("no", name="mod", path="p"),
        KeyError("k"),
        StopIteration(3),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ExceptionGroup("two", [ValueError(1), OSError(2, "x")]),
        SyntaxError("bad", ("f.py", 1, 2, "text")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_of_builtin_types_come_back(error):
    back = unpack(pack(error))

    assert (type(back), repr(back), str(back)) == (type(error), repr(error), str(error))


def test_the_traceback_of_an_exception_stays_behind():
    with pytest.raises(ValueError, match="x") as raised:
        raise ValueError("x") from KeyError("y")

    back = unpack(pack(raised.value))

    assert (back.__traceback__, back.__cause__) == (None, None)


def test_what_is_shared_arrives_as_equal_objects():
    shared = [1]

    one, other = unpack(pack([shared, shared]))

    assert one == other
    assert one is not other


def test_what_holds_the_same_object_often_is_surveyed_in_no_time():
    value = []
    for _ in range(15):
        value = [value, value]

    assert len(unpack(pack(value))) == 2


@pytest.mark.parametrize("levels", [50, 150, 199])
def test_deep_nesting_within_bounds_comes_back(levels):
    value = 0
    for _ in range(levels):
        value = [value]

    assert unpack(pack(value)) == value


def test_a_value_that_holds_itself_many_times_over_is_refused_at_once():
    value = []
    value += [value] * 100  # 100 ** 200 lists, to whom would follow it

    with pytest.raises(ValueNotCarried, match="again"):
        pack(value)


def test_data_may_lie_in_any_buffer():
    data = pack([bytearray(5000), "x"])

    for buffer in (data, bytearray(data), memoryview(data)):
        assert unpack(buffer) == [bytearray(5000), "x"]


def test_plain_values_are_plain_messagepack():
    assert pack({"a": [1, None, b"x"]}) == b"\x81\xa1a\x93\x01\xc0\xc4\x01x"


def test_no_value_is_packed_by_pickle():
    assert not {"pickle", "_pickle"} & vars(sys.modules["pye2_calls.values.packing"]).keys()
