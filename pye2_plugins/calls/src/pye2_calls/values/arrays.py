"""numpy's arrays, scalars and dtypes. Imported with the first of them."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import Kind
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIMPLE: Final = re.compile(
    r"[<>|](?:b1|[iu][1248]|f[248]|c8|c16|[SUV][0-9]{1,9}|[mM]8(?:\[[0-9]{0,9}[A-Za-z]{1,7}\])?)"
)
"""numpy's short names of the dtypes that mean the same on every machine."""

_DEEPEST_DTYPE: Final = 20
_OBJECTS: Final = "pass .tolist() of it, or give it a dtype that is not object"
_NO_SUCH: Final = "convert it first: .astype(…) to numbers, dates or fixed texts"


# --- dtypes ---------------------------------------------------------------------------------------


def _dtype_apart(dtype: np.dtype[Any]) -> tuple[Any]:
    return (_described(dtype),)


def _described(dtype: np.dtype[Any]) -> Any:
    """A dtype in Python's own values: a text, or a list for a structure or an array in one.

    Raises:
        Refused: it means something else on another machine, or points to objects.
    """
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_described(base), list(shape)]
    if dtype.names is not None:
        return _described_structure(dtype)
    if dtype.hasobject and dtype.kind == "O":
        raise Refused("holds Python objects", _OBJECTS)
    if not _SIMPLE.fullmatch(dtype.str) or np.dtype(dtype.str) != dtype:
        raise Refused(f"has the dtype {dtype}, which cannot be carried", _NO_SUCH)
    return dtype.str


def _described_structure(dtype: np.dtype[Any]) -> list[Any]:
    assert dtype.names is not None
    assert dtype.fields is not None
    fields = []
    for name in dtype.names:
        inner, offset, *title = dtype.fields[name]
        if title:
            raise Refused("has a dtype whose fields have titles", "leave the titles out")
        fields.append([name, _described(inner), offset])
    return [dtype.itemsize, dtype.isalignedstruct, fields]


def _dtype(described: Any, levels: int = _DEEPEST_DTYPE) -> np.dtype[Any]:
    """The dtype so described; strictly, for numpy's own reading knows many more languages."""
    if type(described) is str:
        if not _SIMPLE.fullmatch(described):
            raise ValueError("a dtype is none")
        return np.dtype(described)
    if levels == 0:
        raise ValueError("a dtype is nested too deep")
    match exactly(list, described):
        case [inner, list() as shape]:
            return np.dtype((_dtype(inner, levels - 1), tuple(exactly(int, n) for n in shape)))
        case [int() as size, bool() as aligned, list() as fields]:
            return _structure(size, fields, levels, aligned=aligned)
    raise ValueError("a dtype is none")


def _structure(size: int, fields: list[Any], levels: int, *, aligned: bool) -> np.dtype[Any]:
    names, formats, offsets = zip(*fields, strict=True) if fields else ((), (), ())
    inner = [_dtype(each, levels - 1) for each in formats]
    for name in names:
        exactly(str, name)
    for each, offset in zip(inner, offsets, strict=True):
        if not 0 <= exactly(int, offset) <= size - each.itemsize:
            raise ValueError("a field of a dtype lies outside of it")
    # Without fields numpy would take the size to be unknown.
    return np.dtype(
        {
            "names": list(names),
            "formats": inner,
            "offsets": list(offsets),
            "itemsize": size,
        },
        align=aligned,
    )


# --- arrays ---------------------------------------------------------------------------------------


def _array_apart(array: NDArray[Any]) -> tuple[Any, ...]:
    if array.dtype.itemsize == 0:
        raise Refused(f"has the dtype {array.dtype}, whose items are empty", _NO_SUCH)
    described = _described(array.dtype)
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = array.copy(order="C")
    return described, list(array.shape), array.flags.c_contiguous, _bytes_of(array).data


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of an array that lies in one piece, where they lie."""
    return array.ravel(order="K").view(np.uint8)


def _array(described: Any, shape: Any, by_rows: Any, data: Any) -> NDArray[Any]:
    dtype = _dtype(described)
    lengths = [exactly(int, length) for length in exactly(list, shape)]
    if dtype.itemsize == 0 or min(lengths, default=0) < 0:
        raise ValueError("an array has no such shape")
    if prod(lengths) * dtype.itemsize != len(data):  # before anything of that size is made
        raise ValueError("an array has not as many bytes as its shape says")
    made = np.empty(lengths, dtype, order="C" if exactly(bool, by_rows) else "F")
    if made.size:
        _bytes_of(made)[:] = np.frombuffer(data, np.uint8)
    return made


# --- scalars --------------------------------------------------------------------------------------


def _scalar_apart(scalar: np.generic) -> tuple[Any, ...]:
    if isinstance(scalar, np.str_):
        return "U", str.__str__(scalar)  # anything else loses zeros at its end
    if isinstance(scalar, np.bytes_):
        return "S", bytes(scalar)
    if scalar.dtype.itemsize == 0:
        raise Refused("is empty", "pass None")
    return _described(scalar.dtype), scalar.tobytes()


def _scalar(described: Any, data: Any) -> np.generic:
    if described == "U":
        return np.str_(exactly(str, data))
    if described == "S":
        return np.bytes_(exactly(bytes, data))
    made: Any = _array(described, [], True, exactly(bytes, data))[()]  # noqa: FBT003 - by rows
    return made.copy() if isinstance(made, np.void) else made


_SCALARS: Final = tuple(
    {
        np.dtype(code).type
        for code in "?bBhHiIlLqQefdFDSUVMm"  # without longdouble, which is the machine's own
    }
)

KINDS: Final = (
    Kind(40, (np.ndarray,), _array_apart, _array, weight=2, buffered=True),
    Kind(41, _SCALARS, _scalar_apart, _scalar),
    Kind(
        42, tuple({type(np.dtype(code)) for code in "?bBhHiIlLqQefdFDSUVMm"}), _dtype_apart, _dtype
    ),
)
"""All of them; numbers 40 to 49 are theirs."""
