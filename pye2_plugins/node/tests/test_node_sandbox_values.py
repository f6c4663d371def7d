import contextlib
import datetime as dt
import json
import math
from collections import OrderedDict, defaultdict, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pye2_node.sandbox.values import NotSerializable, to_json

text = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=20,
)


def carried(value):
    return json.loads(to_json(value))


@given(json_values)
def test_what_json_knows_is_carried_unchanged(value):
    assert carried(value) == value


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint64, np.int32, np.float32, np.float64, np.bool_]),
        hnp.array_shapes(max_dims=3, max_side=4),
    )
)
def test_arrays_become_nested_lists(array):
    assert np.array_equal(np.array(carried(array), dtype=array.dtype), array, equal_nan=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(1), True),
        (np.str_("x"), "x"),
        ([np.int64(1), {"a": np.float64(2.5)}], [1, {"a": 2.5}]),
        ({1: "a", np.int64(2): np.arange(2)}, {"1": "a", "2": [0, 1]}),
        ({"a": {np.int32(7): [np.int8(1)]}}, {"a": {"7": [1]}}),
        ((1, (2,)), [1, [2]]),
        (np.array([[1], [2]]), [[1], [2]]),
        (np.array([{"a": np.int64(1)}], dtype=object), [{"a": 1}]),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(int, a=1), {"a": 1}),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02 03:04:05.000006"),  # noqa: DTZ001 - a naive one
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(seconds=1), "0:00:01"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        ({dt.date(2026, 1, 2): 1}, {"2026-01-02": 1}),
    ],
)
def test_values_of_numpy_and_of_time_become_json(value, expected):
    assert carried(value) == expected


def test_nan_and_the_infinities_stay():
    values = carried(np.array([math.nan, math.inf]))

    assert math.isnan(values[0])
    assert values[1] == math.inf


@pytest.mark.parametrize(
    ("value", "path", "advice"),
    [
        ({"a": [1, 2, 3, {4}]}, "result['a'][3] is a set", "sorted(value)"),
        (b"x", "result is a bytes", "base64"),
        ([1, 2j], "result[1] is a complex", "two numbers"),
        ({"f": len}, "result['f'] is a builtin_function_or_method", "numbers, text"),
        (deque([1]), "result is a deque", "list(value)"),
        ([range(3)], "result[0] is a range", "list(value)"),
        ({(1, 2): 3}, "the key (1, 2) of result is a tuple", "text or numbers as keys"),
        ({1: {None: {"x": object()}}}, "result[1][None]['x'] is an object", "numbers, text"),
        ({"a": "half \ud800"}, "result['a'] holds half a character", "replace"),
        ({"\udfff": 1}, "a key of result holds half a character", "replace"),
        (["ok", 10**5000], "result[1] is an integer of too many digits", "hex(value)"),
        (np.array([1j]), "result[0] is a complex", "two numbers"),
        (np.array([object()], dtype=object), "result[0] is an object", "numbers, text"),
    ],
)
def test_what_cannot_be_carried_is_named_by_its_path_with_a_way_out(value, path, advice):
    with pytest.raises(NotSerializable) as raised:
        to_json(value)

    assert str(raised.value).startswith(path)
    assert advice in str(raised.value)


def test_a_value_that_contains_itself_is_named():
    value = {"list": [1]}
    value["list"].append(value)

    with pytest.raises(NotSerializable, match=r"result\['list'\]\[1\] contains itself"):
        to_json(value)


def test_a_list_that_is_used_twice_is_no_circle():
    twice = []

    assert carried({"a": twice, "b": twice, "c": {np.int64(1): twice}}) == {
        "a": [],
        "b": [],
        "c": {"1": []},
    }


def test_a_value_that_is_nested_too_deeply_is_refused():
    value = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(NotSerializable, match="nested too deeply"):
        to_json(value)


@given(st.recursive(st.binary() | st.complex_numbers() | st.text(), st.lists, max_leaves=10))
def test_any_value_gives_text_that_can_be_sent_or_a_not_serializable(value):
    with contextlib.suppress(NotSerializable):
        to_json(value).encode("utf-8")
