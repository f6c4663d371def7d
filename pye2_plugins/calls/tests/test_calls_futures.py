"""What callers are given: futures, streams, and the calls of a map."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import weakref
from concurrent.futures import (
    CancelledError,
    Future,
    ThreadPoolExecutor,
    TimeoutError,  # noqa: A004 - the one that futures raise
    as_completed,
    wait,
)
from itertools import count, islice, repeat
from typing import TYPE_CHECKING, Any

import pytest

from pye2_calls.client.futures import MOST_OUTPUT, RemoteFuture
from pye2_calls.client.mapping import AHEAD, BYTES_AHEAD, Mapped
from pye2_calls.client.plans import Flow
from pye2_calls.client.streams import CREDIT, RemoteStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0


class Keeper:
    """Counts how often a call was given up, and calls back on one thread."""

    def __init__(self) -> None:
        self.count = 0
        self.has_begun = False
        self.calling_back = ThreadPoolExecutor(1, "calling back")

    def cancel(self, _: int) -> None:
        self.count += 1

    def __call__(self) -> None:
        self.count += 1

    def withdraw(self, _: int) -> bool:
        return not self.has_begun

    def call_back(self, call: Callable[[], object]) -> None:
        self.calling_back.submit(call)


def future() -> tuple[RemoteFuture[Any], Keeper]:
    keeper = Keeper()
    return RemoteFuture(keeper, 1), keeper


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


def test_a_future_shows_itself_as_those_of_other_executors_do() -> None:
    made, _ = future()
    before = repr(made)
    made.node = "attic"
    meanwhile = repr(made)
    made.succeed(3)

    assert before == f"<RemoteFuture at {id(made):#x} state=pending>"
    assert meanwhile == f"<RemoteFuture at {id(made):#x} state=running>"
    assert repr(made) == f"<RemoteFuture at {id(made):#x} state=finished returned int>"


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


def test_what_is_called_back_may_wait_for_what_comes_on_the_same_thread() -> None:
    (first, _), (second, _) = future(), future()
    told: Future[int] = Future()
    first.add_done_callback(lambda _: told.set_result(second.result(PATIENCE)))

    first.succeed(1)
    second.succeed(2)

    assert told.result(PATIENCE) == 2


def test_a_callback_of_one_future_holds_up_the_end_of_no_other() -> None:
    keeper = Keeper()
    first: RemoteFuture[Any] = RemoteFuture(keeper, 1)
    second: RemoteFuture[Any] = RemoteFuture(keeper, 2)
    told: Future[int] = Future()
    second.add_done_callback(lambda _: None)
    first.add_done_callback(lambda _: told.set_result(second.result(PATIENCE)))

    first.succeed(1)
    second.succeed(2)

    assert told.result(PATIENCE) == 2


def test_what_is_added_when_all_is_over_is_called_at_once() -> None:
    made, _ = future()
    made.succeed(1)
    called: list[int] = []

    made.add_done_callback(lambda _: called.append(threading.get_ident()))

    assert called == [threading.get_ident()]


@pytest.mark.parametrize("wait", [lambda made: made.add_done_callback(repr), asyncio.wrap_future])
def test_a_value_that_was_let_go_of_does_not_wait_for_the_collector(
    wait: Callable[[RemoteFuture[Any]], object],
) -> None:
    class Large:
        pass

    async def act() -> None:
        made, keeper = future()
        wait(made)
        value = Large()
        kept = weakref.ref(value)
        made.succeed(value)
        del made, value
        keeper.calling_back.shutdown(wait=True)
        for _ in range(3):  # what asyncio calls later
            await asyncio.sleep(0)
        assert kept() is None

    gc.disable()
    try:
        asyncio.run(act())
    finally:
        gc.enable()


def test_who_cancels_does_not_wait_for_what_another_has_called_back() -> None:
    made, given_up = future()
    told: Future[bool] = Future()
    with ThreadPoolExecutor() as pool:

        def cancel_elsewhere(_: Future[Any]) -> None:
            told.set_result(pool.submit(made.cancel).result(PATIENCE))

        made.add_done_callback(cancel_elsewhere)

        assert made.cancel()

    assert told.result(0)
    assert given_up.count == 1


def test_a_call_that_has_not_begun_is_cancelled_when_it_is_withdrawn() -> None:
    made, given_up = future()
    made.withdraw()

    assert made.cancelled()
    assert given_up.count == 1


def test_a_call_that_may_have_begun_goes_on_when_it_is_withdrawn() -> None:
    made, given_up = future()
    given_up.has_begun = True
    made.withdraw()

    assert not made.cancelled()


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


def stream(*items: object) -> tuple[RemoteStream[Any], Keeper]:
    given_up = Keeper()
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


def test_a_stream_counts_what_its_node_may_send() -> None:
    made, _ = stream()
    counted = [made.count_item() for _ in range(CREDIT + 1)]
    for item in range(CREDIT):
        made.add(item)

    taken = list(islice(made, CREDIT // 2))
    counted_after_a_pull = [made.count_item() for _ in range(CREDIT // 2 + 1)]

    assert len(taken) == CREDIT // 2
    assert counted == [True] * CREDIT + [False]
    assert counted_after_a_pull == [True] * (CREDIT // 2) + [False]


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


def test_of_much_output_of_a_generator_the_end_is_kept() -> None:
    made, _ = stream()
    made.note_output("x" * MOST_OUTPUT)
    made.note_output("end")

    assert len(made.stdout) == MOST_OUTPUT
    assert made.stdout.endswith("end")


def test_leaving_a_stream_early_stops_its_generator_once() -> None:
    made, given_up = stream(1, 2)

    with made as items:
        assert next(items) == 1
    made.close()

    assert given_up.count == 1


@pytest.mark.parametrize(("ends", "abandoned"), [(False, 1), (True, 0)])
def test_a_stream_that_is_let_go_of_is_given_up_unless_it_has_ended(
    *, ends: bool, abandoned: int
) -> None:
    given_up = Keeper()
    made: RemoteStream[Any] = RemoteStream(lambda: None, given_up)
    if ends:
        made.succeed()

    del made

    assert given_up.count == abandoned


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
        self.given_up = Keeper()

    def submit(self, arguments: tuple[Any, ...]) -> RemoteFuture[Any]:
        made: RemoteFuture[Any] = RemoteFuture(self.given_up, len(self.calls), self.size)
        self.calls.append((arguments, made))
        return made

    def end(self, *numbers: int) -> None:
        for number in numbers:
            arguments, made = self.calls[number]
            made.succeed(sum(arguments))


def mapped(
    nodes: Nodes,
    *iterables: Any,
    ordered: bool = True,
    flow: Flow | None = None,
    go_on: Callable[[], object] = lambda: None,
) -> Mapped:
    return Mapped(nodes.submit, iterables, flow or Flow(), go_on, ordered=ordered, progress=False)


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
    iterables: Any, total: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown()
    monkeypatch.setattr("sys.stderr", shown)

    shows_progress(iterables)

    assert (f"0/{total} " in shown.getvalue()) == (total is not None)


def test_the_bar_of_a_map_is_for_terminals_and_not_for_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = Shown(is_terminal=False)
    monkeypatch.setattr("sys.stderr", shown)

    shows_progress([[1, 2, 3]])

    assert shown.getvalue() == ""


def shows_progress(iterables: Any) -> None:
    made = Mapped(Nodes().submit, iterables, Flow(), lambda: None, ordered=True, progress=True)
    made.close()


class Shown(io.StringIO):
    """Standard error, in a terminal or elsewhere."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize("ordered", [True, False])
def test_what_a_map_submits_while_it_is_closed_is_given_up(*, ordered: bool) -> None:
    def arguments() -> Iterator[int]:
        yield 1
        made.close()  # as another thread may at any moment
        yield 2

    nodes = Nodes(size=BYTES_AHEAD)
    made = mapped(nodes, arguments(), ordered=ordered)
    nodes.end(0)
    next(made)
    next(made)

    _, late = nodes.calls[1]
    assert late.cancelled()


@pytest.mark.parametrize("ordered", [True, False])
def test_what_was_submitted_is_given_up_when_an_argument_cannot_be_had(*, ordered: bool) -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise LookupError("no third row")

    nodes = Nodes()

    with pytest.raises(LookupError):
        mapped(nodes, broken(), ordered=ordered)
    assert nodes.given_up.count == 2


@pytest.mark.parametrize("ordered", [True, False])
def test_a_map_says_how_much_of_it_was_taken(*, ordered: bool) -> None:
    nodes, flow = Nodes(), Flow()
    made = mapped(nodes, [1, 2, 3], ordered=ordered, flow=flow)
    for number, size in enumerate((500, 0, 700)):
        nodes.calls[number][1].succeed(None, size)

    assert len(list(made)) == 3
    assert flow.taken == 1200


def test_a_map_that_waits_has_what_was_held_back_looked_at() -> None:
    nodes, flow = Nodes(), Flow(is_held=True)
    looked: list[bool] = []

    def go_on() -> None:
        looked.append(flow.is_waited_for)
        nodes.end(0)

    made = mapped(nodes, [1], flow=flow, go_on=go_on)

    assert next(made).result(0) == 1
    assert looked[0]
    assert not flow.is_waited_for


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
