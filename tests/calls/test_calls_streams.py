"""Streams and maps on real nodes: values one after the other."""

from __future__ import annotations

import gc
import itertools
import weakref
from queue import Queue
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from call_network import PATIENCE, wait_until_stopped

from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core import Session

FACTOR = 2


def add(a: Any, b: Any = 1) -> Any:
    return a + b


def scaled(number: int) -> int:
    return number * FACTOR


def naturals() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


def squares(n: int) -> Iterator[int]:
    for number in range(n):
        yield number * number


def half_way(n: int) -> Iterator[int]:
    yield n
    raise LookupError("no further")


# --- streams --------------------------------------------------------------------------------------


def test_a_generator_is_an_iterator_of_what_it_yields(session: Session) -> None:
    assert list(session.submit(squares, 100)) == [n * n for n in range(100)]


def test_items_come_while_the_generator_goes_on(session: Session) -> None:
    with session.submit(naturals) as stream:
        taken = list(itertools.islice(stream, 200))

    assert taken == list(range(200))


def test_what_a_generator_raises_comes_after_its_items(session: Session) -> None:
    stream = session.submit(half_way, 5)

    assert next(stream) == 5
    with pytest.raises(LookupError, match="no further") as raised:
        next(stream)
    assert "half_way" in str(raised.value.__cause__)


def test_a_generator_goes_no_further_than_it_is_read(session: Session) -> None:
    def talkative() -> Iterator[int]:
        number = 0
        while True:
            print(number)
            yield number
            number += 1

    printed: list[str] = []
    with session.submit(talkative, on_output=printed.append, node="n0") as stream:
        next(stream)
        session.submit(add, 1, node="n0").result(PATIENCE)
        last = int(stream.stdout.split()[-1])

    assert last < 100


def test_a_stream_that_is_left_lets_others_have_its_slot(session: Session) -> None:
    for _ in range(5):
        with session.submit(naturals, node="n0") as stream:
            next(stream)

    assert session.submit(add, 1, node="n0").result(PATIENCE) == 2


def test_more_streams_than_slots_are_read_side_by_side(session: Session) -> None:
    streams = [session.submit(naturals, node="n0") for _ in range(5)]

    together = list(itertools.islice(zip(*streams, strict=True), 100))
    beside = session.submit(add, 1, node="n0").result(PATIENCE)
    for stream in streams:
        stream.close()

    assert together == [(number,) * 5 for number in range(100)]
    assert beside == 2


# --- map ------------------------------------------------------------------------------------------


def test_map_gives_values_in_the_order_of_their_arguments(session: Session) -> None:
    assert list(session.map(add, range(100), range(100))) == [2 * n for n in range(100)]


def test_map_without_order_gives_all_values(session: Session) -> None:
    assert sorted(session.map(add, range(100), ordered=False)) == list(range(1, 101))


def test_map_reads_an_endless_iterable_as_far_as_its_values_are(session: Session) -> None:
    values = session.map(add, itertools.count())

    assert list(itertools.islice(values, 5)) == [1, 2, 3, 4, 5]
    values.close()  # type: ignore[attr-defined] # it is a generator


def test_a_map_that_nobody_iterates_over_is_given_up_with_its_iterator(session: Session) -> None:
    at_work: Queue[str] = Queue()

    values = session.map(wait_until_stopped, range(6), on_output=at_work.put)  # one for each slot
    at_work.get(timeout=PATIENCE)
    del values
    gc.collect()

    assert list(session.map(add, range(6))) == list(range(1, 7))


@pytest.mark.parametrize("nodes", [[], [""], [3], 0, 2.5], ids=repr)
def test_nodes_that_are_none_are_refused(session: Session, nodes: Any) -> None:
    with pytest.raises(SettingsError, match="nodes"):
        session.map(add, [1], nodes=nodes)


@pytest.mark.parametrize(
    "option",
    [{"chunksize": 0}, {"chunksize": True}, {"ordered": "no"}, {"progress": "no"}],
    ids=repr,
)
def test_how_a_map_cannot_be_is_refused(session: Session, option: dict[str, Any]) -> None:
    (name,) = option

    with pytest.raises(SettingsError, match=name):
        session.map(add, [1], **option)


def test_map_raises_in_the_place_of_the_call_that_raised(session: Session) -> None:
    def inverse(n: int) -> float:
        return 1 / n

    values = session.map(inverse, [2, 0, 4])

    assert next(values) == 0.5
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_a_map_of_a_function_that_ends_an_iteration_does_not_end_early(session: Session) -> None:
    def exhausted(n: int) -> int:
        return next(iter(range(n)))

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(session.map(exhausted, [1, 0, 1]))


def test_values_of_map_are_kept_by_nobody(session: Session) -> None:
    def zeros(n: int) -> Any:
        return np.zeros(n)

    for value in session.map(zeros, [3] * 5):
        gone = weakref.ref(value)
        del value
        gc.collect()
        assert gone() is None


def test_maps_of_two_functions_run_beside_each_other(session: Session) -> None:
    doubled = session.map(add, range(50), range(50))
    scaled_ = session.map(scaled, range(50))

    pairs = list(zip(doubled, scaled_, strict=True))

    assert pairs == [(2 * n, FACTOR * n) for n in range(50)]
