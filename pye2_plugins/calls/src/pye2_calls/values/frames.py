"""pandas' frames, series and indices. Imported with the first value of pandas'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pye2_calls.values import columns
from pye2_calls.values.columns import frequency_of, objects, require_categories, require_whole
from pye2_calls.values.kinds import Kind, items_inside, short
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable

_INDICES: Final = (
    pd.Index,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
)
_NUMPY_IN_PANDAS: Final = "biufcmM"


# --- what a column, a series or an index has in it ------------------------------------------------


def _data_of(values: pd.Series[Any] | pd.Index[Any]) -> Any:
    """A numpy array, an array of pandas' own, or a list for objects."""
    dtype = values.dtype
    if not isinstance(dtype, np.dtype):
        return values.array
    return values.tolist() if dtype.kind == "O" else values.to_numpy()


def _is_data(data: Any) -> bool:
    if isinstance(data, np.ndarray):
        return data.ndim == 1 and data.dtype.kind in _NUMPY_IN_PANDAS
    return isinstance(data, columns.ARRAYS)


def _series_of(data: Any, **more: Any) -> pd.Series[Any]:
    if type(data) is list:
        return pd.Series(objects(data), dtype=object, **more)
    if not _is_data(data):
        raise TypeError("a column is none")
    return pd.Series(data, dtype=data.dtype, copy=False, **more)


def _index_of(data: Any, name: Any) -> pd.Index[Any]:
    if type(data) is list:
        return pd.Index(objects(data), dtype=object, name=name, tupleize_cols=False)
    if not _is_data(data):
        raise TypeError("an index is none")
    return pd.Index(data, dtype=data.dtype, name=name)


def _require_index(index: Any, length: int) -> None:
    if not isinstance(index, pd.Index) or len(index) != length:
        raise ValueError("an index has another length than what it is of")


def _objects_inside(data: Any) -> Iterable[tuple[str, Any]]:
    return items_inside(data) if type(data) is list else (("", data),)


# --- frames and series ----------------------------------------------------------------------------


def _frame_apart(frame: pd.DataFrame) -> tuple[Any, ...]:
    columns = [_data_of(frame.iloc[:, place]) for place in range(frame.shape[1])]
    return frame.columns, frame.index, frame.attrs, *columns


def _frame(columns: Any, index: Any, attrs: Any, *data: Any) -> pd.DataFrame:
    _require_index(columns, len(data))
    _require_index(index, len(data[0]) if data else len(index))
    if any(len(each) != len(index) for each in data):
        raise ValueError("a column has another length than its frame")
    series = {place: _series_of(each, index=index) for place, each in enumerate(data)}
    made = pd.DataFrame(series, index=index)
    made.columns = columns
    made.attrs = exactly(dict, attrs)
    return made


def _frame_inside(frame: pd.DataFrame) -> Iterable[tuple[str, Any]]:
    yield from ((".columns", frame.columns), (".index", frame.index), (".attrs", frame.attrs))
    for place, label in enumerate(frame.columns):
        for step, item in _objects_inside(_data_of(frame.iloc[:, place])):
            yield f"[{short(label)}]{step}", item


def _series_apart(series: pd.Series[Any]) -> tuple[Any, ...]:
    return _data_of(series), series.index, series.name, series.attrs


def _series(data: Any, index: Any, name: Any, attrs: Any) -> pd.Series[Any]:
    _require_index(index, len(data))
    made = _series_of(data, index=index, name=name)
    made.attrs = exactly(dict, attrs)
    return made


def _series_inside(series: pd.Series[Any]) -> Iterable[tuple[str, Any]]:
    yield from ((".index", series.index), (".name", series.name), (".attrs", series.attrs))
    yield from _objects_inside(_data_of(series))


# --- indices --------------------------------------------------------------------------------------


def _index_apart(index: pd.Index[Any]) -> tuple[Any, ...]:
    return _data_of(index), index.name, _frequency_name(index)


def _frequency_name(index: Any) -> str | None:
    """The name of an index's frequency, if it says all there is to it."""
    frequency = getattr(index, "freq", None)
    if frequency is None or isinstance(index, pd.PeriodIndex):
        return None  # periods have theirs in their dtype
    try:
        known = frequency_of(frequency.freqstr) == frequency
    except ValueError:
        return None
    return str(frequency.freqstr) if known else None


def _index(data: Any, name: Any, frequency: Any) -> pd.Index[Any]:
    made = _index_of(data, name)
    if frequency is not None:
        made.freq = frequency_of(frequency)  # those of moments and spans have one
    return made


def _index_inside(index: pd.Index[Any]) -> Iterable[tuple[str, Any]]:
    yield from _objects_inside(_data_of(index))
    yield ".name", index.name


def _range_apart(index: pd.RangeIndex) -> tuple[Any, ...]:
    return index.start, index.stop, index.step, index.name


def _range(start: Any, stop: Any, step: Any, name: Any) -> pd.RangeIndex:
    return pd.RangeIndex(range(start, stop, step), name=name)


def _name_inside(index: pd.RangeIndex) -> Iterable[tuple[str, Any]]:
    return ((".name", index.name),)


def _multi_apart(index: pd.MultiIndex) -> tuple[Any, ...]:
    return list(index.levels), [np.asarray(each) for each in index.codes], list(index.names)


def _multi(levels: Any, codes: Any, names: Any) -> pd.MultiIndex:
    for level in exactly(list, levels):
        require_categories(level)
    for each in exactly(list, codes):
        require_whole(each)
    return pd.MultiIndex(levels=levels, codes=codes, names=exactly(list, names))


def _multi_inside(index: pd.MultiIndex) -> Iterable[tuple[str, Any]]:
    yield from ((f".levels[{place}]", level) for place, level in enumerate(index.levels))
    yield from ((f".names[{place}]", name) for place, name in enumerate(index.names))


KINDS: Final = (
    Kind(50, (pd.DataFrame,), _frame_apart, _frame, _frame_inside, holds=True, weight=20),
    Kind(51, (pd.Series,), _series_apart, _series, _series_inside, holds=True, weight=20),
    Kind(52, _INDICES, _index_apart, _index, _index_inside, holds=True, weight=10),
    Kind(53, (pd.RangeIndex,), _range_apart, _range, _name_inside, holds=True, weight=10),
    Kind(54, (pd.MultiIndex,), _multi_apart, _multi, _multi_inside, holds=True, weight=20),
    *columns.KINDS,
)
"""All of them; numbers 50 to 69 are theirs and those of ``columns``."""


def specimens() -> list[object]:
    """Values that have pandas import the last of what it imports late."""
    moments = pd.DatetimeIndex(["2026-01-01", "2026-01-02"], freq="D", tz="UTC")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": moments}, index=moments)
    grouped = frame.assign(d=pd.Categorical(["p", "q"]), e=pd.array([1, None], dtype="Int64"))
    return [
        grouped,
        pd.MultiIndex.from_product([["a"], [1, 2]]),
        moments.tz_localize(None).to_period("D"),
    ]
