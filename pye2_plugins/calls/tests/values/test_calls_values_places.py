"""What cannot be carried is refused with its place and a way out."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.values import ValueNotCarried, pack, pack_arguments, unpack_arguments


@dataclass
class Row:
    owner: Any


CLASSES = {"m:Row": Row}
LOCK = threading.Lock()


class MyDict(dict):
    pass


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")

    __hash__ = object.__hash__


def refusal(value, name="the value"):
    with pytest.raises(ValueNotCarried) as raised:
        pack(value, CLASSES, name=name)
    return raised.value


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (LOCK, ""),
        ([1, LOCK], "[1]"),
        ((1, 2, {"rows": [0, Row(LOCK)]}), "[2]['rows'][1].owner"),
        ({"a": {(1, 2): LOCK}}, "['a'][(1, 2)]"),
        ({LOCK: 1}, " (its key <unlocked"),
        ({1, LOCK}, " (an item of it)"),
        (deque([0, LOCK]), "[1]"),
        (OrderedDict(a=[LOCK]), "['a'][0]"),
        (defaultdict(list, a=LOCK), "['a']"),
        (slice(0, LOCK), ".stop"),
        (ValueError("x", LOCK), ".args[1]"),
        (datetime.now(UTC).replace(tzinfo=type("Zone", (tzinfo,), {})()), ".tzinfo"),
        ([bytearray(2), {"x": (LOCK,)}], "[1]['x'][0]"),
    ],
    ids=repr,
)
def test_the_place_of_what_is_refused_is_named(value, place):
    error = refusal(value, "args")

    assert error.path.startswith("args" + place)
    assert str(error).startswith(error.path + " is ")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (lambda: 1, "is a function, which cannot be carried; name the function"),
        (Row, "is the class Row; name the class in the function"),
        (np, "is a module, which cannot be carried; import it in the function"),
        ((n for n in "ab"), "is a generator, which cannot be carried; pass list"),
        (memoryview(b"ab"), "pass bytes"),
        (io.StringIO(), "read it first"),
        (MyDict(), r"subclasses are other types: pass dict\(…\) of it"),
        (object(), "is an object, which cannot be carried; pass what it holds"),
        (np.array([None]), r"holds Python objects; pass \.tolist\(\)"),
        (np.ma.array([1]), "data and its mask"),
        (np.recarray(2, [("a", "i4")]), r"numpy\.asarray"),
        (np.longdouble(1), "use float64"),
        (np.zeros(2, np.longdouble), "dtype"),
        (Fraction(1, 2**40_000), "numerator and denominator"),
        (defaultdict(lambda: 1), "factory of its own"),
    ],
    ids=lambda value: value if type(value) is str else type(value).__name__,
)
def test_the_way_out_is_told(value, told):
    with pytest.raises(ValueNotCarried, match=told):
        pack([value])


def test_a_socket_is_named_as_one():
    with socket.socket() as connection:
        assert "is a socket.socket, which cannot be carried; connect in the function" in str(
            refusal(connection)
        )


def test_a_coroutine_is_to_be_awaited():
    waiting = asyncio.sleep(0)

    assert "await it first" in str(refusal(waiting))
    waiting.close()


def test_a_key_whose_repr_fails_is_named_all_the_same():
    assert "(its key" in refusal({Unprintable(): 1}).path


def test_what_lies_about_itself_is_refused_as_well():
    class Liar(type):
        __module__ = property(lambda cls: 1 / 0)

    with pytest.raises(ValueNotCarried, match="cannot be written"):
        pack(Liar("Fib", (), {})())


def test_what_the_memory_is_not_enough_for_is_told_so():
    def no_more_memory(cls):
        raise MemoryError

    class Large(type):
        __module__ = property(no_more_memory)

    told = refusal(Large("Rows", (), {})(), "result")

    assert str(told) == (
        "result cannot be written: the memory of this process is not enough for it; pass it in"
        " smaller pieces"
    )


class TestCycles:
    def test_a_list_in_itself(self):
        value = [0]
        value.append({"x": value})

        assert str(refusal(value, "args")).startswith("args[1]['x'] is args again, which contains")

    def test_records_that_name_each_other(self):
        one, other = Row(None), Row(None)
        one.owner, other.owner = [other], (one,)

        assert "[0].owner[0].owner[0] is args[0] again" in str(refusal([one], "args"))

    def test_an_error_that_holds_itself(self):
        error = ValueError()
        error.args = (error,)

        assert "again" in str(refusal(error))

    @given(st.integers(1, 5), st.integers(1, 5))
    def test_trees_whose_leaves_lead_to_the_root(self, branches, depth):
        root: dict[str, Any] = {}

        def grow(levels):
            return (
                {"up": root, "down": [grow(levels - 1) for _ in range(branches)]} if levels else 0
            )

        root["tree"] = grow(min(depth, 3))

        assert "again" in str(refusal(root))


def test_nesting_beyond_the_limit_is_refused_in_few_words():
    value = 0
    for _ in range(5000):
        value = [value]

    error = refusal(value)

    assert "more than 200 levels deep" in str(error)
    assert len(str(error)) < 600


class TestArguments:
    def test_they_come_back(self):
        data = pack_arguments((1, [2]), {"x": (3,)})

        assert unpack_arguments(data) == ((1, [2]), {"x": (3,)})

    def test_an_argument_is_named_by_its_number(self):
        with pytest.raises(ValueNotCarried, match=r"^args\[1\]\['x'\] is a lock"):
            pack_arguments((1, {"x": LOCK}), {})

    def test_a_keyword_is_named_by_its_name(self):
        with pytest.raises(ValueNotCarried, match=r"^radius\[0\] is a lock"):
            pack_arguments((), {"radius": [LOCK]})

    @pytest.mark.parametrize(
        "value", [[], [(), {}, 1], [[], {}], [(), {1: 2}], ((), {}), {"a": 1}, [(), []]], ids=repr
    )
    def test_a_value_that_is_no_arguments_is_refused(self, value):
        with pytest.raises(ValueError, match="no arguments"):
            unpack_arguments(pack(value))
