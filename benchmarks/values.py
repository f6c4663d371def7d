"""Values of calls to bytes and back: a large array against copies, the rest against pickle."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.table import Row, progress, typical_pair
from pye2_calls.values import pack, pack_arguments, unpack, unpack_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

_MEBIBYTES = 8
_ARRAY = np.random.default_rng(1).random(_MEBIBYTES * 2**17)
_SMALL = (1, "image", 2.5, {"radius": 3, "mode": None})
_ROWS = [{"id": number, "at": (0.5, 1.5), "name": str(number)} for number in range(10_000)]
_RUNS = 51
_MOST_COPIES = 2.0


def milliseconds(work: Callable[[], object], repeats: int) -> float:
    """What doing it once takes of the processor, of many times."""
    start = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - start) / repeats * 1e3


def pickled(value: Any) -> object:
    """By pickle, there and back."""
    return pickle.loads(pickle.dumps(value, 5))


def copied_twice() -> object:
    """What cannot be avoided: one copy into bytes, one out of them."""
    return np.frombuffer(_ARRAY.tobytes()).copy()


def _row(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    note: str,
    *,
    repeats: int,
    bound: float | None = None,
) -> Row:
    one, other = typical_pair(
        lambda: milliseconds(ours, repeats), lambda: milliseconds(reference, repeats), _RUNS
    )
    unit, factor = ("ms", 1.0) if other > 1 else ("µs", 1e3)
    return Row(name, one * factor, unit, note, other * factor, bound)


def rows() -> list[Row]:
    """An array of 8 MiB, the arguments of a small call, and many records."""
    progress("values to bytes and back")

    def array() -> object:
        return unpack(pack(_ARRAY))

    return [
        _row(
            f"pack + unpack of {_MEBIBYTES} MiB of float64",
            array,
            copied_twice,
            "against one copy into bytes and one out of them",
            repeats=3,
            bound=_MOST_COPIES,
        ),
        _row(
            "the same",
            array,
            lambda: pickled(_ARRAY),
            "against pickle protocol 5, there and back",
            repeats=3,
        ),
        _row(
            "pack + unpack of a small call's arguments",
            lambda: unpack_arguments(pack_arguments(_SMALL, {})),
            lambda: pickled((_SMALL, {})),
            "four plain arguments; against pickle protocol 5, which believes what it reads",
            repeats=300,
        ),
        _row(
            "pack + unpack of 10,000 records",
            lambda: unpack(pack(_ROWS)),
            lambda: pickled(_ROWS),
            "dictionaries with a tuple in each; against pickle protocol 5",
            repeats=1,
        ),
    ]
