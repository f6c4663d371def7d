"""Futures of calls on real nodes, and ``wait`` and ``as_completed`` with them.

What Python demands of those of its own executors, where that is not about their threads.
"""

from __future__ import annotations

import threading
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from itertools import islice
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest
from call_network import PATIENCE

if TYPE_CHECKING:
    from pye2core import Session


def add(a: Any, b: Any) -> Any:
    return a + b


def divide(a: float, b: float) -> float:
    return a / b


# --- wait and as_completed ------------------------------------------------------------------------


def test_wait_returns_with_the_first_that_has_ended(
    executor: Executor, endless: Future[None]
) -> None:
    quick = executor.submit(add, 1, 1)

    done, not_done = wait([endless, quick], PATIENCE, return_when=FIRST_COMPLETED)

    assert (done, not_done) == ({quick}, {endless})


def test_wait_counts_what_had_ended_before(executor: Executor, endless: Future[None]) -> None:
    ended = executor.submit(add, 1, 1)
    ended.result(PATIENCE)

    done, not_done = wait([ended, endless], PATIENCE, return_when=FIRST_COMPLETED)

    assert (done, not_done) == ({ended}, {endless})


def test_wait_returns_with_the_first_that_raises(executor: Executor, endless: Future[None]) -> None:
    raising = executor.submit(divide, 1, 0)

    done, not_done = wait([endless, raising], PATIENCE, return_when=FIRST_EXCEPTION)

    assert raising in done
    assert not_done == {endless}


def test_wait_for_an_exception_that_does_not_come_waits_for_all(executor: Executor) -> None:
    futures = [executor.submit(add, n, n) for n in range(3)]

    done, not_done = wait(futures, PATIENCE, return_when=FIRST_EXCEPTION)

    assert (done, not_done) == (set(futures), set())


def test_wait_waits_for_all(executor: Executor) -> None:
    futures = [executor.submit(divide, 1, 0), executor.submit(add, 1, 1)]

    done, not_done = wait(futures, PATIENCE, return_when=ALL_COMPLETED)

    assert (done, not_done) == (set(futures), set())


def test_wait_does_so_no_longer_than_it_is_told(executor: Executor, endless: Future[None]) -> None:
    done, not_done = wait([endless], timeout=0.05)

    assert (done, not_done) == (set(), {endless})


def test_futures_are_given_as_they_end(executor: Executor, endless: Future[None]) -> None:
    futures = {executor.submit(add, n, n) for n in range(5)}
    found = list(islice(as_completed({*futures, endless}, PATIENCE), 5))

    assert set(found) == futures


def test_a_future_that_is_named_twice_is_given_once(executor: Executor) -> None:
    future = executor.submit(add, 1, 1)

    assert list(as_completed([future, future], PATIENCE)) == [future]


def test_futures_of_threads_and_of_nodes_are_waited_for_together(
    executor: Executor, endless: Future[None]
) -> None:
    with ThreadPoolExecutor(1) as threads:
        futures = {threads.submit(add, 1, 1), executor.submit(add, 1, 1)}

        assert wait([*futures, endless], PATIENCE, return_when=FIRST_COMPLETED).done <= futures
        assert set(as_completed(futures, PATIENCE)) == futures
        assert wait(futures, PATIENCE).not_done == set()


def test_as_completed_says_how_many_have_not_ended(
    executor: Executor, endless: Future[None]
) -> None:
    with pytest.raises(TimeoutError, match=r"1 \(of 1\) futures unfinished"):
        list(as_completed([endless], timeout=0.05))


# --- futures --------------------------------------------------------------------------------------


def test_a_future_says_whether_it_runs(endless: Future[None]) -> None:
    before = (endless.running(), endless.done(), endless.cancelled())
    endless.cancel()

    assert before == (True, False, False)
    assert (endless.running(), endless.done(), endless.cancelled()) == (False, True, True)


def test_a_result_is_not_waited_for_longer_than_told(endless: Future[None]) -> None:
    with pytest.raises(TimeoutError):
        endless.result(timeout=0.05)
    with pytest.raises(TimeoutError):
        endless.exception(timeout=0.05)


def test_the_result_of_a_cancelled_call_is_that_it_was_cancelled(endless: Future[None]) -> None:
    assert endless.cancel()

    with pytest.raises(CancelledError):
        endless.result(PATIENCE)
    with pytest.raises(CancelledError):
        endless.exception(PATIENCE)


def test_whoever_waits_in_another_thread_is_told_of_a_cancellation(endless: Future[None]) -> None:
    told: Queue[BaseException] = Queue()

    def wait_for_it() -> None:
        try:
            endless.result(PATIENCE)
        except CancelledError as error:
            told.put(error)

    thread = threading.Thread(target=wait_for_it)
    thread.start()
    endless.cancel()
    thread.join(PATIENCE)

    assert isinstance(told.get_nowait(), CancelledError)


def test_a_call_that_has_ended_cannot_be_cancelled(executor: Executor) -> None:
    future = executor.submit(add, 1, 1)
    future.result(PATIENCE)

    assert not future.cancel()
    assert future.result() == 2


@pytest.mark.parametrize("function", [add, divide])
def test_callbacks_are_called_with_the_future_once_and_in_order(
    executor: Executor, function: Any
) -> None:
    called: Queue[tuple[int, Future[Any]]] = Queue()
    future = executor.submit(function, 1, 0)
    future.add_done_callback(lambda done: called.put((1, done)))
    future.add_done_callback(lambda done: called.put((2, done)))

    assert [called.get(timeout=PATIENCE) for _ in range(2)] == [(1, future), (2, future)]
    future.add_done_callback(lambda done: called.put((3, done)))
    assert called.get_nowait() == (3, future)
    assert called.empty()


def test_callbacks_are_called_when_a_call_is_cancelled(endless: Future[None]) -> None:
    called: Queue[bool] = Queue()
    endless.add_done_callback(lambda done: called.put(done.cancelled()))

    endless.cancel()

    assert called.get(timeout=PATIENCE)


def test_a_callback_may_cancel_what_was_cancelled(endless: Future[None]) -> None:
    called: Queue[bool] = Queue()
    endless.add_done_callback(lambda done: called.put(done.cancel()))

    endless.cancel()

    assert called.get(timeout=PATIENCE)


def test_a_callback_that_raises_keeps_nothing_else_from_being_called(
    executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    called: Queue[str] = Queue()

    def fail(_: Future[Any]) -> None:
        called.put("first")
        raise ValueError("of the callback")

    future = executor.submit(add, 1, 1)
    future.add_done_callback(fail)
    future.add_done_callback(lambda _: called.put("second"))

    assert [called.get(timeout=PATIENCE) for _ in range(2)] == ["first", "second"]
    assert future.result() == 2


def test_a_callback_may_wait_for_a_map_whose_values_come_as_they_are_ready(
    executor: Executor, session: Session
) -> None:
    answers: Queue[Any] = Queue()

    def go_on(_: Future[Any]) -> None:
        answers.put(sorted(session.map(add, range(3), range(3), ordered=False)))

    executor.submit(add, 1, 1).add_done_callback(go_on)

    assert answers.get(timeout=PATIENCE) == [0, 2, 4]


def test_a_callback_may_call_and_wait(executor: Executor) -> None:
    answers: Queue[Any] = Queue()

    def go_on(done: Future[Any]) -> None:
        answers.put(executor.submit(add, done.result(), 1).result(PATIENCE))

    executor.submit(add, 1, 1).add_done_callback(go_on)

    assert answers.get(timeout=PATIENCE) == 3
