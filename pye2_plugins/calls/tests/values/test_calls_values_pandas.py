"""pandas' frames, series and indices come back with their dtypes, indices and names."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_calls.values import ValueNotCarried, ValueNotReadable, pack, unpack

PARIS = ZoneInfo("Europe/Paris")
MOMENTS = pd.DatetimeIndex(["2026-03-29 00:30", "2026-03-29 03:30", None])

COLUMNS = {
    "whole": np.array([1, 2, 3]),
    "small": np.array([1, 2, 3], "i2"),
    "broken": np.array([1.5, np.nan, -0.0], "f4"),
    "complex": np.array([1j, 2, 3]),
    "flags": [True, False, True],
    "texts": ["a", "ä\ud800"[:1], None],
    "objects": pd.Series([[1, 2], (3,), {"a": None}], dtype=object).array,
    "equal lists": pd.Series([[1, 2], [3, 4], [5, 6]], dtype=object).array,
    "mixed": pd.Series([1, "a", None], dtype=object).array,
    "texts as objects": pd.Series(["a", "b", np.nan], dtype=object).array,
    "string": pd.array(["a", None, ""], dtype="string"),
    "categories": pd.Categorical(["b", "a", None], categories=["b", "a", "never"], ordered=True),
    "categories of numbers": pd.Categorical([3, 1, 3]),
    "categories of moments": pd.Categorical(MOMENTS.tz_localize(UTC)),
    "naive": MOMENTS,
    "seconds": MOMENTS.as_unit("s"),
    "zoned": MOMENTS.tz_localize(PARIS),
    "zoned ms": MOMENTS.as_unit("ms").tz_localize(PARIS),
    "utc": MOMENTS.tz_localize("UTC"),
    "offset": MOMENTS.tz_localize(timezone(timedelta(hours=2))),
    "spans": pd.TimedeltaIndex(["1h", None, "2D"]),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "UInt8": pd.array([1, None, 255], dtype="UInt8"),
    "Float32": pd.array([1.5, None, 3], dtype="Float32"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "periods": pd.period_range("2026-01", periods=3, freq="2M"),
    "intervals": pd.arrays.IntervalArray.from_breaks([0, 1, 2, 3], closed="left"),
    "intervals of moments": pd.interval_range(pd.Timestamp("2026"), periods=3, freq="D"),
}

INDICES = [
    pd.RangeIndex(5, 20, 5, name="r"),
    pd.Index([1, 5, 9], name=("a", 1)),
    pd.Index(["x", "y", None]),
    pd.Index([1, "x", (2, 3)], dtype=object),
    pd.Index([0.5, np.nan, 2]),
    pd.Index([True, False, True]),
    pd.date_range("2026-01-01", periods=3, freq="2h", tz=PARIS, name="when"),
    pd.date_range("2026-01-31", periods=3, freq="ME"),
    MOMENTS.tz_localize(UTC),
    pd.timedelta_range("1D", periods=3, freq="6h"),
    pd.period_range("2026", periods=3, freq="D"),
    pd.CategoricalIndex(["a", "b", "a"], name="c"),
    pd.IntervalIndex.from_breaks([0, 1.5, 2, 3], closed="both"),
    pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", None)], names=["l", None]),
    pd.MultiIndex.from_product([[1], MOMENTS.tz_localize(PARIS)]),
    pd.Index([1, None, 3], dtype="Int64"),
]


def back_of(value):
    return unpack(pack(value))


@pytest.mark.parametrize("name", COLUMNS)
def test_a_series_comes_back_with_its_dtype(name):
    series = pd.Series(COLUMNS[name], name=name)

    back = back_of(series)

    pd.testing.assert_series_equal(back, series)
    assert back.dtype == series.dtype


@pytest.mark.parametrize(
    "index", INDICES, ids=lambda index: f"{type(index).__name__} {index.dtype}"
)
def test_an_index_comes_back_with_its_name_and_frequency(index):
    back = back_of(index)

    pd.testing.assert_index_equal(back, index, exact=True)
    assert getattr(back, "freq", None) == getattr(index, "freq", None)


@settings(max_examples=40)
@given(
    names=st.lists(st.sampled_from(sorted(COLUMNS)), max_size=5),
    index=st.sampled_from(INDICES),
    labels=st.sampled_from(["texts", "numbers", "same", "levels"]),
)
def test_a_frame_comes_back_whatever_it_has(names, index, labels):
    frame = pd.DataFrame({place: COLUMNS[name] for place, name in enumerate(names)})
    frame.index = index[: len(frame)] if names else index
    frame.columns = {
        "texts": pd.Index(names, dtype=object, name="n"),
        "numbers": frame.columns,
        "same": pd.Index(["same"] * len(names)),
        "levels": pd.MultiIndex.from_arrays([names, range(len(names))]),
    }[labels]
    frame.attrs = {"from": "here"}

    back = back_of([frame])[0]

    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert back.attrs == frame.attrs


def test_a_frame_without_rows_keeps_its_dtypes():
    frame = pd.DataFrame(COLUMNS).iloc[:0]

    pd.testing.assert_frame_equal(back_of(frame), frame)


def test_a_frame_that_came_back_can_be_written_to():
    frame = back_of(pd.DataFrame({"a": np.arange(2000.0), "b": np.arange(2000)}))

    frame.loc[0, "a"] = 7
    frame["c"] = frame["a"] * 2

    assert frame["c"][0] == 14


def test_columns_and_rows_of_a_frame_need_not_lie_side_by_side():
    frame = pd.DataFrame(np.arange(20_000.0).reshape(1000, 20)).iloc[::3, ::2]

    pd.testing.assert_frame_equal(back_of(frame), frame)


@pytest.mark.parametrize(
    "scalar",
    [
        pd.NA,
        pd.NaT,
        pd.Timestamp("2026-03-01 12:00:00.123456789"),
        pd.Timestamp("2026-03-01", tz=PARIS).as_unit("s"),
        pd.Timestamp("2026-10-25 01:30", tz="UTC").tz_convert(PARIS),
        pd.Timestamp("2026-10-25 00:30", tz="UTC").tz_convert(PARIS),
        pd.Timedelta("1h").as_unit("ms"),
        pd.Period("2026-01", freq="2M"),
        pd.Interval(0, 1.5, closed="neither"),
        pd.Interval(pd.Timestamp("2026"), pd.Timestamp("2027")),
    ],
    ids=repr,
)
def test_scalars_come_back(scalar):
    back = back_of(scalar)

    assert type(back) is type(scalar)
    assert repr(back) == repr(scalar)
    assert getattr(back, "unit", None) == getattr(scalar, "unit", None)


@pytest.mark.parametrize("name", ["categories", "Int64", "zoned", "periods", "intervals", "string"])
def test_arrays_of_pandas_own_come_back_by_themselves(name):
    array = pd.Series(COLUMNS[name]).array

    pd.testing.assert_extension_array_equal(back_of(array), array)


def test_the_place_in_a_frame_is_named():
    frame = pd.DataFrame({"a": [1, 2], "rows": [0, object()]})

    with pytest.raises(ValueNotCarried, match=r"^args\[0\]\['rows'\]\[1\] is an object"):
        pack([frame], name="args")


def test_a_sparse_column_is_refused_with_the_way_out():
    frame = pd.DataFrame({"s": pd.array([0, 0, 1], dtype="Sparse[int]")})

    with pytest.raises(ValueNotCarried, match=r"^df\['s'\] is a .*SparseArray.*to_dense"):
        pack(frame, name="df")


def test_a_frame_that_holds_itself_is_refused():
    frame = pd.DataFrame({"a": [None]}, dtype=object)
    frame.loc[0, "a"] = [frame]

    with pytest.raises(ValueNotCarried, match="again"):
        pack(frame)


def test_a_subclass_of_a_frame_is_refused():
    class Special(pd.DataFrame):
        pass

    with pytest.raises(ValueNotCarried, match=r"pass DataFrame\(…\) of it"):
        pack(Special({"a": [1]}))


def without_index(frame, index):
    data = pack(frame)
    own = pack(frame.index)
    assert own in data
    return data.replace(own, pack(index))


@pytest.mark.parametrize("length", [0, 3, 10**15])
def test_an_index_of_another_length_is_refused_before_anything_is_made(length):
    frame = pd.DataFrame({"a": [1.0, 2.0]})

    with pytest.raises(ValueNotReadable, match="another length"):
        unpack(without_index(frame, pd.RangeIndex(length)))


def test_a_range_that_would_be_spelt_out_as_categories_is_refused():
    index = pd.CategoricalIndex(pd.Categorical.from_codes([0, 1], pd.RangeIndex(2)))
    data = pack(index).replace(pack(pd.RangeIndex(2)), pack(pd.RangeIndex(10**12)))

    with pytest.raises(ValueNotReadable, match="categories"):
        unpack(data)
