"""What the tests of values share: when two values are the same, types and all."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

import pytest

from pye2_calls.values import pack, unpack


def require_same(one: Any, other: Any) -> None:
    """Stricter than ``==``: types, signs of zeros, payloads of nans, order of dictionaries."""
    assert type(other) is type(one)
    if isinstance(one, float):
        assert struct.pack(">d", one) == struct.pack(">d", other)
    elif isinstance(one, complex):
        require_same((one.real, one.imag), (other.real, other.imag))
    elif isinstance(one, dict):
        require_same_entries(one, other)
    elif isinstance(one, set | frozenset):
        there = {each: each for each in other}
        require_same_items(list(one), [there[each] for each in one])
    elif isinstance(one, list | tuple):
        require_same_items(list(one), list(other))
    elif isinstance(one, deque):
        require_same([one.maxlen, *one], [other.maxlen, *other])
    elif isinstance(one, BaseException):
        require_same(one.args, other.args)
    elif isinstance(one, int):  # some are too long to be printed
        assert other == one
    elif hasattr(one, "__dict__"):
        require_same(vars(one), vars(other))
    else:
        assert repr(other) == repr(one)


def require_same_entries(one: dict[Any, Any], other: dict[Any, Any]) -> None:
    require_same_items(list(one), list(other))
    require_same_items(list(one.values()), list(other.values()))


def require_same_items(one: list[Any], other: list[Any]) -> None:
    assert len(other) == len(one)
    for pair in zip(one, other, strict=True):
        require_same(*pair)


@pytest.fixture(scope="session")
def require_round_trip():
    """Checks that a value comes back as it was."""

    def check(value: Any, classes: Any = None) -> Any:
        back = unpack(pack(value, classes or {}), classes or {})
        require_same(value, back)
        return back

    return check
