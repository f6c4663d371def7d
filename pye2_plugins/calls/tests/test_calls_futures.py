"""What callers are given: futures, streams, and the calls of a map."""

from __future__ import annotations

import threading
from concurrent.futures import (
    CancelledError,
    Future,
    ThreadPoolExecutor,
    TimeoutError,  # noqa: A004 - the one that futures raise
    as_completed,
    wait,
)
from itertools import count, islice, repeat
from typing import Any

import pytest

from pye2_calls.client.futures import MOST_OUTPUT, RemoteFuture
from pye2_calls.client.mapping import AHEAD, BYTES_AHEAD, Mapped
from pye2_calls.client.streams import CREDIT, RemoteStream

PATIENCE = 30.0


class Givings:
    """Counts how often a call was given up."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def future() -> tuple[RemoteFuture[Any], Givings]:
    given_up = Givings()
    return RemoteFuture(given_up), given_up


# --- futures --------------------------------------------------------------------------------------


def test_a_future_has_the_value_that_it_is_given() -> None:
    made, _ = future()
    made.succeed(3)

    assert made.result(0) == 3
    assert made.done()


def test_a_future_raises_what_it_is_failed_with() -> None:
    made, _ = future()
    made.fail(KeyError("x"))

    with pytest.raises(KeyError):
        made.result(0)


def test_a_future_runs_from_when_a_node_has_it_until_it_is_done() -> None:
    made, _ = future()
    before = made.running()
    made.node = "attic"
    meanwhile = made.running()
    made.succeed(None)

    assert (before, meanwhile, made.running()) == (False, True, False)


def test_a_call_that_runs_can_be_cancelled_and_is_given_up_once() -> None:
    made, given_up = future()
    made.node = "attic"

    assert made.cancel()
    assert made.cancel()
    assert made.cancelled()
    assert given_up.count == 1


def test_a_call_that_has_ended_cannot_be_cancelled() -> None:
    made, given_up = future()
    made.succeed(1)

    assert not made.cancel()
    assert given_up.count == 0


def test_what_comes_after_a_cancellation_changes_nothing() -> None:
    made, _ = future()
    made.cancel()

    made.succeed(1)
    made.fail(KeyError())

    with pytest.raises(CancelledError):
        made.result(0)


def test_whoever_waits_for_futures_sees_the_cancelled_among_them() -> None:
    (first, _), (second, _) = future(), future()
    second.succeed(1)
    first.cancel()

    assert set(as_completed([first, second], PATIENCE)) == {first, second}
    assert wait([first, second], 0).not_done == set()


def test_a_result_that_is_not_there_in_time_is_a_timeout() -> None:
    made, _ = future()

    with pytest.raises(TimeoutError):
        made.result(0)


def test_a_future_knows_whether_something_is_called_back() -> None:
    made, _ = future()
    before = made.has_callbacks
    made.add_done_callback(lambda _: None)

    assert (before, made.has_callbacks) == (False, True)


def test_output_comes_bit_by_bit_and_as_a_whole_at_the_end() -> None:
    made, _ = future()
    made.note_output("a")
    made.note_output("b")
    meanwhile = made.stdout
    made.note_all_output("abc")

    assert (meanwhile, made.stdout) == ("ab", "abc")


def test_of_much_output_the_end_is_kept() -> None:
    made, _ = future()
    made.note_output("x" * MOST_OUTPUT)
    made.note_output("end")

    assert len(made.stdout) == MOST_OUTPUT
    assert made.stdout.endswith("end")


# --- streams --------------------------------------------------------------------------------------


def stream(*items: object) -> tuple[RemoteStream[Any], Givings]:
    given_up = Givings()
    made: RemoteStream[Any] = RemoteStream(given_up)
    for item in items:
        made.add(item)
    return made, given_up


def test_a_stream_gives_its_items_and_ends() -> None:
    made, _ = stream(1, 2)
    made.succeed()

    assert list(made) == [1, 2]
    assert list(made) == []


def test_a_stream_gives_its_items_before_it_raises() -> None:
    made, _ = stream(1)
    made.fail(KeyError("x"))

    assert next(made) == 1
    with pytest.raises(KeyError):
        next(made)


def test_a_stream_waits_for_its_next_item() -> None:
    made, _ = stream()
    with ThreadPoolExecutor() as pool:
        taken = pool.submit(next, made)
        made.add("late")

        assert taken.result(PATIENCE) == "late"


def test_a_stream_can_be_asked_for_an_item_within_a_time() -> None:
    made, _ = stream()

    with pytest.raises(TimeoutError):
        made.take(timeout=0.001)
    made.add(5)
    assert made.take(timeout=PATIENCE) == 5


def test_a_stream_asks_for_more_as_its_items_are_taken_and_not_before() -> None:
    made, _ = stream(*range(CREDIT))
    pulled: list[int] = []
    made.pull = pulled.append

    before = list(pulled)
    taken = list(islice(made, CREDIT))

    assert before == []
    assert taken == list(range(CREDIT))
    assert sum(pulled) == CREDIT


def test_leaving_a_stream_early_stops_its_generator_once() -> None:
    made, given_up = stream(1, 2)

    with made as items:
        assert next(items) == 1
    made.close()

    assert given_up.count == 1


def test_a_stream_that_has_ended_is_not_given_up() -> None:
    made, given_up = stream()
    made.succeed()
    made.close()

    assert given_up.count == 0


# --- maps -----------------------------------------------------------------------------------------


class Nodes:
    """Takes calls and ends them when it is told to."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.calls: list[tuple[tuple[Any, ...], RemoteFuture[Any]]] = []
        self.given_up = Givings()

    def submit(self, arguments: tuple[Any, ...]) -> RemoteFuture[Any]:
        made: RemoteFuture[Any] = RemoteFuture(self.given_up, self.size)
        self.calls.append((arguments, made))
        return made

    def end(self, *numbers: int) -> None:
        for number in numbers:
            arguments, made = self.calls[number]
            made.succeed(sum(arguments))


def mapped(nodes: Nodes, *iterables: Any, ordered: bool = True) -> Mapped:
    return Mapped(nodes.submit, iterables, ordered=ordered, progress=False)


def test_a_map_begins_when_it_is_made() -> None:
    nodes = Nodes()
    mapped(nodes, [1, 2, 3])

    assert [arguments for arguments, _ in nodes.calls] == [(1,), (2,), (3,)]


def test_a_map_takes_one_argument_of_each_iterable_until_the_shortest_ends() -> None:
    nodes = Nodes()
    mapped(nodes, [1, 2, 3], [10, 20])

    assert [arguments for arguments, _ in nodes.calls] == [(1, 10), (2, 20)]


def test_a_map_in_order_gives_its_calls_in_the_order_of_their_arguments() -> None:
    nodes = Nodes()
    made = mapped(nodes, [1, 2, 3])
    nodes.end(2, 0, 1)

    assert [each.result(0) for each in made] == [1, 2, 3]


def test_a_map_without_order_gives_its_calls_as_they_end() -> None:
    nodes = Nodes()
    made = mapped(nodes, [1, 2, 3], ordered=False)
    nodes.end(2)
    first = next(made)
    nodes.end(0, 1)

    assert first.result(0) == 3
    assert [each.result(0) for each in made] == [1, 2]


@pytest.mark.parametrize("ordered", [True, False])
def test_an_endless_iterable_is_read_as_far_as_its_values_are(*, ordered: bool) -> None:
    nodes = Nodes()
    made = mapped(nodes, count(), ordered=ordered)
    before = len(nodes.calls)
    nodes.end(0, 1, 2)
    for _ in range(3):
        next(made)

    assert before == AHEAD
    assert AHEAD < len(nodes.calls) <= AHEAD + 3


@pytest.mark.parametrize("ordered", [True, False])
def test_arguments_are_read_ahead_until_they_are_large(*, ordered: bool) -> None:
    nodes = Nodes(size=BYTES_AHEAD // 3 + 1)
    made = mapped(nodes, count(), ordered=ordered)
    before = len(nodes.calls)
    nodes.end(0, 1)
    next(made)
    next(made)

    assert (before, len(nodes.calls)) == (3, 4)


@pytest.mark.parametrize(
    ("iterables", "total"),
    [([[1, 2, 3], repeat(1)], 3), ([[1, 2, 3], [1, 2]], 2), ([count()], None)],
    ids=["one of them has no length", "two lengths", "no length"],
)
def test_the_bar_of_a_map_knows_how_many_calls_there_are_at_most(
    iterables: Any, total: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    Mapped(Nodes().submit, iterables, ordered=True, progress=True).close()

    assert (f"0/{total} " in capsys.readouterr().err) == (total is not None)


@pytest.mark.parametrize("ordered", [True, False])
def test_closing_a_map_gives_up_what_nobody_will_take(*, ordered: bool) -> None:
    nodes = Nodes()
    made = mapped(nodes, [1, 2, 3], ordered=ordered)
    nodes.end(0)
    next(made)

    made.close()

    assert nodes.given_up.count == 2


@pytest.mark.parametrize("ordered", [True, False])
def test_closing_a_map_wakes_who_waits_for_it(*, ordered: bool) -> None:
    nodes = Nodes()
    made = mapped(nodes, [1], ordered=ordered)
    woken: Future[Any] = Future()
    thread = threading.Thread(target=lambda: woken.set_result(next(made)))
    thread.start()

    made.close()

    assert woken.result(PATIENCE).cancelled()
    thread.join(PATIENCE)
