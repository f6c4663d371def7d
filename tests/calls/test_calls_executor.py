"""``session.executor()`` is an executor as ``concurrent.futures`` describes them, on real nodes.

What Python demands of its own executors, where that is not about their threads and processes.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from concurrent.futures import Executor, Future, wait
from itertools import count, islice
from queue import Queue
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from call_network import PATIENCE, wait_until_stopped

from pye2core.errors import CodeError, Pye2Error, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core import Session


def add(a: Any, b: Any) -> Any:
    return a + b


def divide(a: float, b: float) -> float:
    return a / b


def named(**given: Any) -> dict[str, Any]:
    return given


def last(*, function: int, timeout: int) -> tuple[int, int]:
    return function, timeout


def fail_with(message: str) -> None:
    raise KeyError(message)


def zeros(count: int) -> Any:
    return np.zeros(count)


def countdown(n: int) -> Iterator[int]:
    while n:
        yield n
        n -= 1


# --- submit ---------------------------------------------------------------------------------------


def test_it_is_an_executor_and_its_futures_are_futures(executor: Executor) -> None:
    assert isinstance(executor, Executor)
    assert isinstance(executor.submit(pow, 2, 8), Future)


def test_a_function_is_called_with_what_it_is_given(executor: Executor) -> None:
    assert executor.submit(pow, 2, 8).result(PATIENCE) == 256
    assert executor.submit(add, 1, b=2).result(PATIENCE) == 3


def test_arguments_may_have_any_name(executor: Executor) -> None:
    given = {"self": 1, "fn": 2, "timeout": 3, "retries": 4, "function": 5}

    assert executor.submit(named, **given).result(PATIENCE) == given
    assert executor.submit(last, function=1, timeout=2).result(PATIENCE) == (1, 2)


def test_arguments_are_not_kept(executor: Executor) -> None:
    argument = np.zeros(10)
    gone = weakref.ref(argument)

    future = executor.submit(add, argument, 1)
    future.result(PATIENCE)
    del argument
    gc.collect()

    assert gone() is None


def test_a_value_is_kept_by_its_future_alone(executor: Executor) -> None:
    future = executor.submit(zeros, 10)
    gone = weakref.ref(future.result(PATIENCE))

    del future
    executor.submit(pow, 1, 1).result(PATIENCE)  # what came last may be kept until the next
    gc.collect()

    assert gone() is None


def test_what_the_function_raises_is_raised(executor: Executor) -> None:
    future = executor.submit(divide, 1, 0)

    with pytest.raises(ZeroDivisionError, match="division by zero"):
        future.result(PATIENCE)
    assert isinstance(future.exception(), ZeroDivisionError)


def test_an_exception_keeps_its_arguments(executor: Executor) -> None:
    error = executor.submit(fail_with, "no such key").exception(PATIENCE)

    assert type(error) is KeyError
    assert error.args == ("no such key",)


def test_the_cause_of_an_exception_shows_the_line_of_the_function(executor: Executor) -> None:
    error = executor.submit(divide, 1, 0).exception(PATIENCE)

    assert error is not None
    shown = str(error.__cause__)
    assert "return a / b" in shown
    assert __file__ in shown
    assert f"line {divide.__code__.co_firstlineno + 1}" in shown


def test_an_exception_that_is_no_error_does_not_end_anything_here(executor: Executor) -> None:
    def leave() -> None:
        raise SystemExit(3)

    assert executor.submit(leave).exception(PATIENCE) is not None
    assert executor.submit(pow, 2, 3).result(PATIENCE) == 8


def test_what_cannot_be_sent_is_refused_by_name_and_harms_nothing(executor: Executor) -> None:
    lock = threading.Lock()

    def locks() -> bool:
        return lock.locked()

    with pytest.raises(CodeError, match="lock"):
        executor.submit(locks)
    with pytest.raises(Pye2Error, match=r"args\[0\]"):
        executor.submit(add, lock, 1)
    assert executor.submit(add, 1, 1).result(PATIENCE) == 2


def test_a_value_that_cannot_be_carried_is_the_error_of_its_call(executor: Executor) -> None:
    def its_own_class() -> object:
        return object()

    error = executor.submit(its_own_class).exception(PATIENCE)

    assert "object" in str(error)
    assert executor.submit(pow, 2, 3).result(PATIENCE) == 8


def test_a_generator_function_is_for_others(executor: Executor) -> None:
    with pytest.raises(SettingsError, match=r"session\.submit"):
        executor.submit(countdown, 3)


def test_calls_may_be_submitted_from_many_threads(executor: Executor) -> None:
    found: Queue[int] = Queue()

    def submit_some(start: int) -> None:
        for number in range(start, start + 20):
            found.put(executor.submit(add, number, 0).result(PATIENCE))

    threads = [threading.Thread(target=submit_some, args=(100 * each,)) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    expected = sorted(100 * each + number for each in range(4) for number in range(20))
    assert sorted(found.get_nowait() for _ in expected) == expected


# --- map ------------------------------------------------------------------------------------------


def test_map_gives_values_in_the_order_of_their_arguments(executor: Executor) -> None:
    assert list(executor.map(pow, range(10), range(10))) == [n**n for n in range(10)]


def test_map_ends_with_its_shortest_iterable(executor: Executor) -> None:
    assert list(executor.map(add, range(3), count(10))) == [10, 12, 14]


def test_map_of_nothing_gives_nothing(executor: Executor) -> None:
    assert list(executor.map(pow, [], [])) == []


def test_map_raises_in_the_place_of_the_call_that_raised(executor: Executor) -> None:
    values = executor.map(divide, [6, 6, 6], [2, 0, 3])

    assert next(values) == 3
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_map_gives_what_is_there_before_its_time_is_over(executor: Executor) -> None:
    values = executor.map(add, [1], [2], timeout=PATIENCE)
    assert next(values) == 3

    late = executor.map(wait_until_stopped, [1], timeout=0.05)
    with pytest.raises(TimeoutError):
        next(late)


@pytest.mark.parametrize("chunksize", [1, 7, 100])
def test_map_gives_the_same_however_its_calls_are_put_together(
    executor: Executor, chunksize: int
) -> None:
    doubled = executor.map(add, range(30), range(30), chunksize=chunksize)

    assert list(doubled) == [2 * n for n in range(30)]


@pytest.mark.parametrize("chunksize", [0, -1])
def test_map_takes_no_chunks_without_calls(executor: Executor, chunksize: int) -> None:
    with pytest.raises(ValueError, match="chunksize"):
        executor.map(add, [1], [2], chunksize=chunksize)


def test_map_submits_at_once(executor: Executor) -> None:
    begun: list[int] = []

    def arguments() -> Iterator[int]:
        for number in range(5):
            begun.append(number)
            yield number

    executor.map(add, arguments(), arguments())

    assert sorted(begun) == sorted([*range(5), *range(5)])


def test_map_reads_no_further_than_its_buffer_and_what_was_taken(executor: Executor) -> None:
    read: list[int] = []

    def arguments() -> Iterator[int]:
        for number in count():
            read.append(number)
            yield number

    values: Any = executor.map(add, arguments(), count(), buffersize=3)  # type: ignore[call-arg] # Python's from 3.14
    before = len(read)
    taken = list(islice(values, 5))
    values.close()

    assert before == 3
    assert taken == [0, 2, 4, 6, 8]
    assert len(read) == 8


@pytest.mark.parametrize(("buffersize", "error"), [(0, ValueError), ("3", TypeError)])
def test_map_takes_no_buffer_for_no_calls(
    executor: Executor, buffersize: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="buffersize"):
        executor.map(add, [1], [2], buffersize=buffersize)  # type: ignore[call-arg] # as above


def test_a_map_that_nobody_iterates_over_is_given_up_with_its_iterator(session: Session) -> None:
    printed: Queue[str] = Queue()
    with session.executor(on_output=printed.put) as executor:
        values = executor.map(wait_until_stopped, range(4))
        printed.get(timeout=PATIENCE)
        del values
        gc.collect()
        # Leaving the block waits for all calls: it would not end.


def test_what_a_map_has_submitted_is_given_up_when_its_arguments_end_in_an_error(
    executor: Executor,
) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise LookupError("no second row")

    with pytest.raises(LookupError):
        executor.map(wait_until_stopped, broken())
    # The end of the executor waits for all calls: it would not come.


def test_leaving_map_early_cancels_what_is_left(session: Session) -> None:
    with session.executor() as executor:

        def first_alone(n: int) -> int:
            if n:
                wait_until_stopped()
            return n

        values = executor.map(first_alone, range(4))
        assert next(values) == 0
        values.close()  # type: ignore[attr-defined] # executors' map is a generator
        # Leaving the block waits for all calls: it would not end.


def test_values_of_map_are_kept_by_nobody(executor: Executor) -> None:
    for value in executor.map(zeros, [3] * 5):
        gone = weakref.ref(value)
        del value
        gc.collect()
        assert gone() is None


# --- shutdown -------------------------------------------------------------------------------------


def test_nothing_is_taken_after_a_shutdown(session: Session) -> None:
    executor = session.executor()
    executor.shutdown()
    executor.shutdown()

    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(pow, 2, 5)
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.map(pow, [2], [5])


def test_a_shutdown_waits_for_what_was_submitted(session: Session) -> None:
    executor = session.executor()
    futures = [executor.submit(add, n, n) for n in range(50)]

    executor.shutdown()

    assert all(each.done() for each in futures)
    assert [each.result() for each in futures] == [2 * n for n in range(50)]


def test_a_shutdown_that_does_not_wait_leaves_calls_to_end(session: Session) -> None:
    executor = session.executor()
    values = executor.map(add, range(10), range(10))

    executor.shutdown(wait=False)

    assert list(values) == [2 * n for n in range(10)]


def test_the_end_of_a_with_block_waits_as_a_shutdown(session: Session) -> None:
    with session.executor() as executor:
        futures = [executor.submit(add, n, n) for n in range(10)]

    assert all(each.done() for each in futures)


@pytest.mark.parametrize("waits", [True, False])
def test_a_shutdown_can_cancel_what_no_node_has_begun(session: Session, *, waits: bool) -> None:
    def hold_on(seconds: float) -> str:
        import time

        print("holding on")
        time.sleep(seconds)
        return "done"

    printed: Queue[str] = Queue()
    executor = session.executor(nodes="n0", on_output=printed.put)
    futures = [executor.submit(hold_on, 0.5) for _ in range(20)]
    printed.get(timeout=PATIENCE)
    printed.get(timeout=PATIENCE)

    executor.shutdown(wait=waits, cancel_futures=True)

    done, _ = wait(futures, PATIENCE)
    cancelled = {each for each in done if each.cancelled()}
    assert done == set(futures)
    assert cancelled
    assert {each.result() for each in done - cancelled} == {"done"}


def test_a_shutdown_can_cancel_what_a_node_was_given_ahead(session: Session) -> None:
    def hold_on(seconds: float) -> str:
        import time

        if seconds:
            print("holding on")
        time.sleep(seconds)
        return "done"

    printed: Queue[str] = Queue()
    executor = session.executor(nodes="n0", on_output=printed.put)
    for _ in range(3):  # known to be short, it is given ahead
        executor.submit(hold_on, 0).result(PATIENCE)
    futures = [executor.submit(hold_on, 1.0) for _ in range(20)]
    printed.get(timeout=PATIENCE)
    printed.get(timeout=PATIENCE)
    given = sum(each.running() for each in futures)

    executor.shutdown(cancel_futures=True)

    ended = [each for each in futures if not each.cancelled()]
    assert given > 4
    assert len(ended) < given
    assert {each.result(0) for each in ended} == {"done"}


def test_a_shutdown_ends_neither_the_session_nor_another_executor(session: Session) -> None:
    other = session.executor()
    with session.executor() as executor:
        executor.submit(pow, 2, 2).result(PATIENCE)

    assert other.submit(pow, 2, 3).result(PATIENCE) == 8
    assert session.submit(pow, 2, 4).result(PATIENCE) == 16
    other.shutdown()


# --- for whatever takes an executor ---------------------------------------------------------------


def test_asyncio_runs_functions_in_it(session: Session) -> None:
    async def run() -> list[Any]:
        loop = asyncio.get_running_loop()
        with session.executor() as executor:
            calls = [loop.run_in_executor(executor, add, n, n) for n in range(5)]
            return await asyncio.wait_for(asyncio.gather(*calls), PATIENCE)

    assert asyncio.run(run()) == [0, 2, 4, 6, 8]


def test_an_executor_with_no_nodes_is_refused(session: Session) -> None:
    with pytest.raises(Pye2Error, match="nodes"):
        session.executor(nodes=0)


def test_an_option_that_does_not_exist_is_refused_by_name(session: Session) -> None:
    with pytest.raises(SettingsError, match="workers"):
        session.executor(workers=3)
