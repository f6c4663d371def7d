"""The targets of calls: values as bytes, whole and as the parts of one kind."""

from __future__ import annotations

import warnings
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Flag
from fractions import Fraction
from json import JSONDecodeError
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from attrs import define

from pye2_calls.values import ValueNotCarried, ValueNotReadable, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_WORDS = 500
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@define
class Instance:
    x: Any
    y: Any = None


class Record(NamedTuple):
    x: Any


class Right(Flag):
    READ = 1
    WRITE = 2


class Failed(OSError):
    __slots__ = ("place",)

    def __init__(self, path: str) -> None:
        super().__init__(2, "gone", path)
        self.place = [path]


CLASSES = {"I": Instance, "R": Record, "F": Right, "E": Failed}


def survive(data: bytes) -> None:
    """Read it; what could be read can be packed and read again, or is refused in words."""
    told = ""
    try:
        with warnings.catch_warnings():  # pandas warns of what is odd
            warnings.simplefilter("ignore")
            value = unpack(data, CLASSES)
            again = pack(value, CLASSES)
    except (ValueNotReadable, ValueNotCarried) as error:
        told = str(error)
    if told:
        assert len(told) < LONGEST_WORDS
        return
    assert type(unpack(again, CLASSES)) is type(value)


def values_bytes(data: bytes) -> None:
    """Bytes as they come."""
    survive(data)


def values_parts(data: bytes) -> None:
    """Any parts of any kind: its number, how many parts, then these."""
    if len(data) > 1:
        survive(b"\xdc\0" + bytes([data[1] % 16 + 1]) + b"\xd4\0" + data[:1] + data[2:])


def parts_of(packed: bytes) -> bytes:
    """What :func:`values_parts` makes this of."""
    count, number, parts = packed[0] & 15, packed[3], packed[4:]
    return bytes([number, count - 1]) + parts


SPECIMENS: list[Any] = [
    (1, 2**70, -0.0, complex(1, 2), "ä", b"b", None, True),
    *({1, 2}, frozenset({(1,)}), bytearray(b"x"), 2**64, -(2**64), complex(1, 2)),
    *(Decimal("-1.5E+7"), Fraction(-1, 3), range(1, 9, 2), slice(1, None)),
    *(deque([1], 3), OrderedDict(a=1), Counter("aab"), defaultdict(list, a=[1])),
    *(UUID(int=7), PurePosixPath("/a"), date.min, time(1, 2, tzinfo=UTC), NOON, timedelta(1, 2, 3)),
    *(ZoneInfo("Europe/Paris"), UTC, ValueError("x"), OSError(2, "a", "f")),
    *(Failed("/a"), JSONDecodeError("no", "doc", 1), ExceptionGroup("g", [Failed("/b")])),
    *(Instance(1, [2]), Record(3), Right(3), Right.READ),
    *(np.arange(3), np.zeros((2, 2), ">f4"), np.array(["a"]), np.array(["2026"], "M8[D]")),
    *(np.zeros(1, [("a", "i1"), ("b", "f8", (2,))]), np.float32(1), np.str_("x"), np.dtype("i2")),
    *(pd.Series([1, 2]), pd.Series(["a", None]), pd.Index([1.5]), pd.RangeIndex(3)),
    pd.MultiIndex.from_tuples([("a", 1)]),
    *(pd.Categorical(["a"]), pd.array([1, None], dtype="Int64"), pd.Timestamp(NOON), pd.NaT),
    *(pd.Timedelta("1h"), pd.Period("2026", "M"), pd.Interval(0, 1), pd.NA),
    pd.DataFrame({"a": [1.5], "t": [NOON], "p": pd.period_range("2026", periods=1, freq="D")}),
    pd.arrays.IntervalArray.from_breaks([0, 1]),
]
PACKED = [pack(each, CLASSES) for each in SPECIMENS]
LARGE = [pack([np.arange(600), bytearray(5000)]), pack({"a": [1, {"b": ()}], 2: "c"})]

TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (values_bytes, values_parts)
}
SEEDS = {"values_bytes": [*PACKED, *LARGE], "values_parts": [parts_of(each) for each in PACKED]}
