"""numpy's arrays, scalars and dtypes come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pye2_calls.values import ValueNotCarried, pack, unpack

SIMPLE = st.one_of(
    npst.scalar_dtypes(),
    npst.byte_string_dtypes(min_len=1),
    npst.unicode_string_dtypes(min_len=1),
).filter(lambda dtype: dtype.char not in "gG")
STRUCTURED = npst.array_dtypes(SIMPLE, allow_subarrays=True).filter(
    lambda dtype: not has_titles(dtype)
)
SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


def has_titles(dtype):
    return any(len(field) > 2 for field in (dtype.fields or {}).values())


def require_same_array(one, other):
    assert type(other) is np.ndarray
    assert other.dtype == one.dtype
    assert other.dtype.str == one.dtype.str
    assert other.shape == one.shape
    assert other.tobytes() == one.tobytes()
    assert other.flags.owndata
    assert other.flags.writeable


def laid_out(array, how):
    match how:
        case "by columns":
            return np.asfortranarray(array)
        case "backwards":
            return array[::-1] if array.ndim else array
        case "every other":
            return array[..., ::2] if array.ndim else array
        case "transposed":
            return array.T
        case "read-only":
            array.flags.writeable = False
    return array


LAYOUTS = st.sampled_from(["", "by columns", "backwards", "every other", "transposed", "read-only"])
FILLED = st.tuples(SIMPLE | STRUCTURED, SHAPES).flatmap(
    lambda drawn: st.binary(min_size=drawn[0].itemsize, max_size=min(drawn[0].itemsize, 4096)).map(
        lambda data: filled(*drawn, data)
    )
)


def filled(dtype, shape, data):
    array = np.zeros(shape, dtype)
    if array.size and len(data) == dtype.itemsize and dtype.kind != "U":
        array[...] = np.frombuffer(data, dtype)[0]
    return array


@settings(max_examples=200)
@given(array=FILLED, how=LAYOUTS)
def test_an_array_comes_back_as_it_was(array, how):
    value = laid_out(array, how)

    require_same_array(value, unpack(pack(value)))


@pytest.mark.parametrize(
    "array",
    [
        np.array(7),
        np.array("x"),
        np.zeros((0, 10**6)),
        np.arange(5000.0),  # behind the body
        np.arange(5000, dtype=">i2"),
        np.array(["2026-01-01", "NaT"], "M8[D]"),
        np.array(["2026-01-01"] * 3000, "M8[25s]"),
        np.array([1, "NaT"], "m8[us]"),
        np.array(["ä", "\U0001f600", ""]),
        np.array([b"a\0b", b""]),
        np.array([(1, [2.0, 3.0])], [("a", "i1"), ("b", ">f4", (2,))]),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, np.dtype({"names": ["a"], "formats": ["i2"], "offsets": [4], "itemsize": 10})),
        np.zeros(2, [("outer", [("inner", "M8[ns]")])]),
        np.array([-0.0, np.nan, np.inf]),
        np.array([1 + 2j], "c8"),
        np.float16([1.5]),
        np.array([True, False]),
        np.void(b"abc").reshape(1),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_at_the_edge_come_back_as_they_were(array):
    require_same_array(array, unpack(pack(array)))


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_order_in_memory_is_kept(order):
    back = unpack(pack(np.ones((30, 40), order=order)))

    assert back.flags[f"{order}_CONTIGUOUS"]


def test_alignment_of_structures_is_kept():
    dtype = np.dtype([("a", "i1"), ("b", "f8")], align=True)

    assert unpack(pack(np.zeros(1, dtype))).dtype.isalignedstruct


@pytest.mark.parametrize(
    "scalar",
    [
        np.float64(-0.0),
        np.float32("nan"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(1),
        np.complex64(1 - 2j),
        np.str_("a\0"),
        np.bytes_(b"a\0"),
        np.datetime64("2026-03-01T12:00", "ms"),
        np.datetime64("NaT", "s"),
        np.timedelta64(3, "h"),
        np.longlong(4),
        np.void(b"abc"),
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")])[0],
    ],
    ids=repr,
)
def test_scalars_come_back_with_their_types(scalar):
    back = unpack(pack(scalar))

    assert back.dtype == scalar.dtype
    assert isinstance(back, np.generic)
    assert (repr(back), back.tobytes()) == (repr(scalar), scalar.tobytes())


def test_scalars_can_be_keys():
    assert unpack(pack({np.int32(1): np.float32(2)})) == {1: 2.0}


@given(dtype=SIMPLE | STRUCTURED)
def test_dtypes_come_back(dtype):
    assert unpack(pack(dtype)) == dtype


@settings(max_examples=50)
@given(arrays=st.lists(st.integers(0, 3000).map(np.arange), max_size=6))
def test_small_and_large_arrays_mix_with_anything(arrays):
    value = {"a": arrays, "b": tuple(arrays[::-1]), "c": [bytearray(len(arrays) * 2000)]}

    back = unpack(pack(value))

    for one, other in zip([*value["a"], *value["b"]], [*back["a"], *back["b"]], strict=True):
        require_same_array(one, other)
    assert back["c"] == value["c"]


def test_one_array_twice_is_two_arrays():
    array = np.zeros(1000)

    one, other = unpack(pack([array, array]))

    assert not np.shares_memory(one, other)


def test_what_came_out_does_not_lie_in_the_message():
    data = bytearray(pack(np.zeros(1000)))

    array = unpack(data)
    data[:] = b"\xff" * len(data)

    assert not array.any()


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.array([{}]), "holds Python objects"),
        (np.zeros(2, [("a", "O")]), "holds Python objects"),
        (np.zeros(2, np.longdouble), "cannot be carried; convert it first"),
        (np.zeros(2, "V0"), "whose items are empty"),
        (np.zeros(2, [(("title", "a"), "i4")]), "titles"),
        *(
            [(np.array(["a"], np.dtypes.StringDType()), "StringDType")]
            if hasattr(np, "dtypes") and hasattr(np.dtypes, "StringDType")
            else []
        ),
    ],
    ids=lambda value: value if type(value) is str else str(value.dtype),
)
def test_what_cannot_be_carried_is_refused_with_the_way_out(array, told):
    with pytest.raises(ValueNotCarried, match=rf"^args\[0\] .*{told}"):
        pack([array], name="args")
