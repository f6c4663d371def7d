"""Results that did not arrive though later ones did: which are counted, and when it is told."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_custom_code import missing
from pye2_custom_code.missing import LATE_SECONDS, MissingResults, Numbering
from pye2core.clock import ManualClock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Watching = Callable[[Callable[[int], object]], MissingResults]

PATIENCE = 30.0


def numbering(*arrived: tuple[object, object], seconds: float = 0) -> Numbering:
    """Where these have arrived, in this order; ``seconds`` after the first of them the others."""
    clock = ManualClock()
    made = Numbering(clock)
    for place, (run, number) in enumerate(arrived):
        if place == 1:
            clock.advance(seconds)
        made.take(run, number)
    return made


def of_run(run: str, numbers: Iterable[int]) -> list[tuple[object, object]]:
    return [(run, number) for number in numbers]


# --- what is missing ------------------------------------------------------------------------------


def test_what_was_left_out_is_missing() -> None:
    assert numbering(*of_run("a", [1, 2, 5, 6, 8])).missing == 3


def test_nothing_is_missing_where_all_came() -> None:
    assert numbering(*of_run("a", range(1, 500))).missing == 0


def test_who_attaches_in_the_middle_misses_nothing() -> None:
    assert numbering(*of_run("a", [734, 735])).missing == 0


def test_a_new_process_begins_anew() -> None:
    assert numbering(*of_run("a", [734, 735]), *of_run("b", [1, 2])).missing == 0


def test_the_first_of_a_new_process_are_missing_where_the_one_before_was_heard() -> None:
    arrived = of_run("a", [734, 735]) + of_run("b", [4, 5])

    assert numbering(*arrived, seconds=LATE_SECONDS).missing == 3


@pytest.mark.parametrize(
    "arrived",
    [
        [*of_run("b", [734]), *of_run("a", [50]), *of_run("b", [735])],
        [*of_run("a", [50]), *of_run("b", [734, 735])],
    ],
    ids=["after another", "first"],
)
def test_what_comes_late_of_an_earlier_process_is_no_gap_of_either(
    arrived: list[tuple[object, object]],
) -> None:
    assert numbering(*arrived).missing == 0


def test_what_comes_again_means_nothing() -> None:
    assert numbering(*of_run("a", [1, 2, 3, 1, 2, 3, 3, 4])).missing == 0


def test_what_comes_late_is_not_missing() -> None:
    assert numbering(*of_run("a", [1, 5, 3, 2])).missing == 1


def test_the_last_of_a_process_may_come_after_the_first_of_the_next() -> None:
    assert numbering(*of_run("a", [1]), *of_run("b", [1]), *of_run("a", [2]), ("b", 2)).missing == 0


def test_after_a_time_without_callbacks_any_number_may_be_first() -> None:
    made = numbering(*of_run("a", [1, 3]))
    made.begin_anew()

    made.take("a", 90)
    made.take("a", 91)

    assert made.missing == 1


@pytest.mark.parametrize(
    ("run", "number"),
    [(None, None), ("a", None), ("a", "7"), ("a", 7.0), ("a", 0), ("a", -1), (["a"], 7), ({}, 7)],
)
def test_what_does_not_number_its_payloads_is_no_gap(run: object, number: object) -> None:
    made = numbering(("a", 1))

    assert not made.take(run, number)
    assert made.missing == 0


def test_more_gaps_than_are_remembered_are_still_counted() -> None:
    assert numbering(*of_run("a", range(1, 10_000, 2))).missing == 4_999


@given(st.permutations(range(1, 40)), st.sets(st.integers(1, 39)))
def test_whatever_the_order_the_missing_are_those_between_that_never_came(
    order: list[int], lost: set[int]
) -> None:
    arrived = [number for number in order if number not in lost]

    made = numbering(("before", 1), *of_run("a", arrived), seconds=LATE_SECONDS)

    assert made.missing == max(arrived, default=0) - len(arrived)


# --- telling --------------------------------------------------------------------------------------


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> queue.Queue[int]:
    """What is told, at once."""
    monkeypatch.setattr(missing, "LATE_SECONDS", 0.02)
    monkeypatch.setattr(missing, "TELL_SECONDS", 0.02)
    return queue.Queue()


@pytest.fixture
def watching() -> Iterator[Watching]:
    """Begins to watch, and ends it with the test."""
    made: list[MissingResults] = []

    def watch(tell: Callable[[int], object]) -> MissingResults:
        made.append(MissingResults(SystemClock(), tell))
        return made[-1]

    yield watch
    for each in made:
        each.end()


def test_what_is_missing_for_long_is_told_with_all_that_is(
    told: queue.Queue[int], watching: Watching
) -> None:
    watch = watching(told.put)

    for number in (1, 5):
        watch.take("a", number)
    assert told.get(timeout=PATIENCE) == 3
    watch.take("a", 8)

    assert told.get(timeout=PATIENCE) == 5
    assert watch.count == 5


def test_what_is_only_late_is_not_told(told: queue.Queue[int], watching: Watching) -> None:
    watch = watching(told.put)

    for number in (1, 3, 2):
        watch.take("a", number)
    for number in (4, 6):  # told of: so the first would have been by now
        watch.take("a", number)

    assert told.get(timeout=PATIENCE) == 1
    assert watch.count == 1


def test_a_flood_of_gaps_is_told_of_once_for_a_while(
    told: queue.Queue[int], monkeypatch: pytest.MonkeyPatch, watching: Watching
) -> None:
    monkeypatch.setattr(missing, "TELL_SECONDS", 3600.0)
    watch = watching(told.put)
    watch.take("a", 1)
    watch.take("a", 3)
    assert told.get(timeout=PATIENCE) == 1

    for number in range(5, 1_001, 2):
        watch.take("a", number)

    assert watch.count == 499
    assert told.empty()


def test_a_process_that_still_speaks_is_not_forgotten_for_one_that_does_not() -> None:
    heard = numbering(("steady", 1))
    for number in range(2, 12):
        heard.take(f"brief-{number}", 1)
        heard.take("steady", number)

    assert heard.missing == 0


def test_what_is_lost_after_late_ones_came_is_told(
    told: queue.Queue[int], watching: Watching
) -> None:
    results = watching(told.put)
    results.take("a", 1)
    results.take("a", 3)
    assert told.get(timeout=PATIENCE) == 1
    results.take("a", 2)

    results.take("a", 5)

    assert told.get(timeout=PATIENCE) == 1


# --- the end --------------------------------------------------------------------------------------


def test_when_it_ends_no_thread_is_left_and_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch,
    watching: Watching,
    waiting_threads: Callable[[], list[threading.Thread]],
) -> None:
    monkeypatch.setattr(missing, "LATE_SECONDS", 3600.0)
    told: queue.Queue[int] = queue.Queue()
    watch = watching(told.put)
    watch.take("a", 1)
    watch.take("a", 3)
    (thread,) = waiting_threads()

    watch.end()

    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert told.empty()
    assert watch.count == 1


def test_what_is_left_out_after_its_end_starts_no_thread(
    watching: Watching, waiting_threads: Callable[[], list[threading.Thread]]
) -> None:
    watch = watching(print)
    watch.end()

    watch.take("a", 1)
    watch.take("a", 3)

    assert waiting_threads() == []


def test_an_end_while_it_is_told_is_the_end(
    told: queue.Queue[int],
    watching: Watching,
    waiting_threads: Callable[[], list[threading.Thread]],
) -> None:
    ended = threading.Event()

    def tell(count: int) -> None:
        watch.end()
        told.put(count)
        ended.set()

    watch = watching(tell)
    watch.take("a", 1)
    watch.take("a", 3)
    assert ended.wait(PATIENCE)
    for thread in waiting_threads():
        thread.join(PATIENCE)

    watch.take("a", 5)

    assert waiting_threads() == []
    assert told.get_nowait() == 1
