"""pandas' own arrays, of which columns and indices consist, and its scalars."""

from __future__ import annotations

import contextlib
from datetime import UTC, timezone, tzinfo
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import Kind
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable

if tuple(map(int, pd.__version__.split(".")[:2])) < (2, 3):
    raise ImportError(f"values of pandas need pandas 2.3 or later, not {pd.__version__}")

_MOST_CATEGORIES: Final = 2**22
"""A range takes no memory until it is used as categories."""

_LONGEST_FREQUENCY: Final = 64


def frequency_of(name: Any) -> Any:
    """The frequency of that name.

    Raises:
        ValueError: there is none.
    """
    return to_offset(_short(name))


def _short(name: Any) -> str:
    """The name of a frequency, as far as its length goes."""
    if len(exactly(str, name)) > _LONGEST_FREQUENCY:
        raise ValueError("a frequency is none")
    return str(name)


def objects(items: list[Any]) -> Any:
    """A row of these objects, whatever they are."""
    made = np.empty(len(items), object)
    for place, item in enumerate(items):  # one by one: numpy would look into lists
        made[place] = item
    return made


def require_categories(index: Any) -> None:
    """Refuse what is no index, or too long to be spelt out.

    Raises:
        ValueError: it is.
    """
    if not isinstance(index, pd.Index) or len(index) > _MOST_CATEGORIES:
        raise ValueError(f"categories are none, or more than {_MOST_CATEGORIES:,}")


def require_whole(numbers: Any) -> None:
    """Refuse what is no row of whole numbers.

    Raises:
        TypeError: it is no array.
        ValueError: it has another shape or dtype.
    """
    if exactly(np.ndarray, numbers).dtype.kind != "i" or numbers.ndim != 1:
        raise ValueError("codes are no whole numbers")


# --- arrays ----------------------------------------------------------------------------


def _categorical_apart(values: pd.Categorical) -> tuple[Any, ...]:
    return np.asarray(values.codes), values.categories, values.ordered


def _categorical(codes: Any, categories: Any, ordered: Any) -> pd.Categorical:
    require_whole(codes)
    require_categories(categories)
    return pd.Categorical.from_codes(codes, categories, ordered=exactly(bool, ordered))


def _masked_apart(values: Any) -> tuple[Any, ...]:
    missing = values.isna()
    return values.to_numpy(values.dtype.numpy_dtype, na_value=values.dtype.type(0)), missing


def _masked(numbers: Any, missing: Any) -> Any:
    arrays = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}
    kind = arrays.get(exactly(np.ndarray, numbers).dtype.kind, pd.arrays.IntegerArray)
    if numbers.ndim != 1 or numbers.shape != exactly(np.ndarray, missing).shape:
        raise ValueError("a column has not as many numbers as it says")
    if not numbers.dtype.isnative:
        raise ValueError("a column's numbers are in another byte order than pandas reads")
    return kind(numbers, missing)


def _texts_apart(values: Any) -> tuple[Any, ...]:
    missing = values.isna()
    texts = [None if gone else str(text) for text, gone in zip(values, missing, strict=True)]
    return values.dtype.storage, values.dtype.na_value is pd.NA, texts


def _texts(storage: Any, with_na: Any, texts: Any) -> Any:
    na_value = pd.NA if exactly(bool, with_na) else np.nan
    for text in exactly(list, texts):
        if text is not None:
            exactly(str, text)
    return pd.array(objects(texts), dtype=_text_dtype(storage, na_value))


def _text_dtype(storage: Any, na_value: Any) -> pd.StringDtype:
    if storage == "pyarrow":
        with contextlib.suppress(ImportError):  # the same texts can be kept by Python, everywhere
            return pd.StringDtype("pyarrow", na_value)
    return pd.StringDtype("python", na_value)


def _moments_apart(values: Any) -> tuple[Any, ...]:
    if values.tz is None:
        return np.asarray(values), None
    return np.asarray(values.tz_convert("UTC").tz_localize(None)), _zone_of(values.tz)


def _moments(moments: Any, zone: Any) -> Any:
    if exactly(np.ndarray, moments).dtype.kind != "M":
        raise ValueError("moments are none")
    made = pd.DatetimeIndex(moments)
    if zone is None:
        return made.array
    _require_zone(zone)
    return made.tz_localize("UTC").tz_convert(zone).array


def _zone_of(zone: tzinfo) -> tzinfo:
    if isinstance(zone, timezone | ZoneInfo):
        return zone
    name = getattr(zone, "zone", None)  # as pytz has it
    if isinstance(name, str):
        return UTC if name == "UTC" else ZoneInfo(name)
    raise Refused("is in a zone that cannot be carried", "use tz_convert(ZoneInfo(…)) first")


def _require_zone(zone: Any) -> None:
    if not isinstance(zone, timezone | ZoneInfo):
        raise TypeError("a zone is none")


def _periods_apart(values: Any) -> tuple[Any, ...]:
    return values.asi8, values.freqstr


def _periods(ordinals: Any, frequency: Any) -> Any:
    require_whole(ordinals)
    return pd.PeriodIndex.from_ordinals(ordinals, freq=_short(frequency)).array


def _interval_apart(value: Any) -> tuple[Any, ...]:
    return value.left, value.right, value.closed


def _ends_inside(value: Any) -> Iterable[tuple[str, Any]]:
    return ((".left", value.left), (".right", value.right))


def _intervals(left: Any, right: Any, closed: Any) -> Any:
    require_categories(left)
    require_categories(right)
    return pd.arrays.IntervalArray.from_arrays(left, right, exactly(str, closed))


# --- scalars --------------------------------------------------------------------------------------


def _timestamp_apart(moment: pd.Timestamp) -> tuple[Any, ...]:
    return moment.asm8, None if moment.tz is None else _zone_of(moment.tz)


def _timestamp(moment: Any, zone: Any) -> pd.Timestamp:
    made = pd.Timestamp(exactly(np.datetime64, moment))
    if zone is None:
        return made
    _require_zone(zone)
    return made.tz_localize("UTC").tz_convert(zone)


def _timedelta(span: Any) -> pd.Timedelta:
    return pd.Timedelta(exactly(np.timedelta64, span))


def _period(ordinal: Any, frequency: Any) -> pd.Period:
    return pd.Period(ordinal=exactly(int, ordinal), freq=_short(frequency))


def _interval(left: Any, right: Any, closed: Any) -> pd.Interval[Any]:
    return pd.Interval(left, right, exactly(str, closed))


def _missing(which: Any) -> Any:
    return {"NA": pd.NA, "NaT": pd.NaT}[which]


_MASKED: Final = (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)


def _text_arrays() -> tuple[type, ...]:
    """Which there are depends on pandas' version and on pyarrow."""
    found = []
    for storage in ("python", "pyarrow"):
        for na_value in (pd.NA, np.nan):
            dtype = _text_dtype(storage, na_value)
            found.append(type(pd.array([], dtype=dtype)))
    return tuple(set(found))


ARRAYS: Final = (
    pd.Categorical,
    *_MASKED,
    *_text_arrays(),
    pd.arrays.DatetimeArray,
    pd.arrays.PeriodArray,
    pd.arrays.IntervalArray,
)

KINDS: Final = (
    Kind(
        55,
        (pd.Categorical,),
        _categorical_apart,
        _categorical,
        lambda values: ((".categories", values.categories),),
        holds=True,
        weight=10,
    ),
    Kind(56, _MASKED, _masked_apart, _masked, weight=10),
    Kind(57, _text_arrays(), _texts_apart, _texts, weight=10),
    Kind(58, (pd.arrays.DatetimeArray,), _moments_apart, _moments, weight=20),
    Kind(59, (pd.arrays.PeriodArray,), _periods_apart, _periods, weight=20),
    Kind(
        60,
        (pd.arrays.IntervalArray,),
        _interval_apart,
        _intervals,
        _ends_inside,
        holds=True,
        weight=20,
    ),
    Kind(61, (pd.Timestamp,), _timestamp_apart, _timestamp, weight=2),
    Kind(62, (pd.Timedelta,), lambda span: (span.asm8,), _timedelta, weight=2),
    Kind(63, (pd.Period,), lambda period: (period.ordinal, period.freqstr), _period, weight=2),
    Kind(64, (pd.Interval,), _interval_apart, _interval, _ends_inside, holds=True, weight=2),
    Kind(65, (type(pd.NA), type(pd.NaT)), lambda value: (str(value).strip("<>"),), _missing),
)
"""All of them; numbers 55 to 69 are theirs."""
