"""The threads of callbacks: order, isolation, conflation, and payloads that are held back."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Gate

from pye2core.client import callbacks
from pye2core.client.callbacks import CallbackThread, Receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Bench:
    """Makes threads whose doings can be looked at."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.done = threading.Semaphore(0)
        self.threads: list[CallbackThread] = []

    def thread(self, owner: str = "owner") -> CallbackThread:
        made = CallbackThread(owner, self.reports.append, self.done.release)
        self.threads.append(made)
        return made

    def wait(self, count: int) -> None:
        """Wait until that many callbacks are done."""
        for _ in range(count):
            assert self.done.acquire(timeout=PATIENCE)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for thread in bench.threads:
        thread.finish()
        thread.join(PATIENCE)


def test_an_owner_without_callbacks_has_no_thread(bench: Bench) -> None:
    before = threading.active_count()

    bench.thread()

    assert threading.active_count() == before


def test_calls_run_in_the_order_in_which_they_came(bench: Bench) -> None:
    thread, seen = bench.thread(), []

    for number in range(100):
        thread.put(lambda number=number: seen.append(number))  # type: ignore[misc]  # a lambda with a default

    bench.wait(100)
    assert seen == list(range(100))


def test_what_was_appended_runs_in_its_order_once_the_thread_is_woken(bench: Bench) -> None:
    thread, seen = bench.thread(), []
    thread.put(lambda: seen.append(0))
    bench.wait(1)

    for number in range(1, 4):
        thread.append(lambda number=number: seen.append(number))  # type: ignore[misc]  # a lambda with a default
    thread.wake()

    bench.wait(3)
    assert seen == [0, 1, 2, 3]


def test_a_slow_callback_delays_only_its_own_owner(bench: Bench) -> None:
    slow, gate, quick = bench.thread("slow"), Gate(), bench.thread("quick")

    slow.put(gate)
    assert gate.entered.wait(PATIENCE)
    quick.put(lambda: None)

    bench.wait(1)
    gate.open()
    bench.wait(1)


def test_what_was_called_is_let_go_of_before_something_else_is(bench: Bench) -> None:
    class Large:
        def look(self) -> None:
            pass

    thread, large = bench.thread(), Large()
    kept = weakref.ref(large)

    thread.put(large.look)
    del large
    bench.wait(1)

    assert kept() is None


def raises() -> None:
    raise ValueError("my mistake")


@pytest.mark.parametrize("error", [ValueError("my mistake"), SystemExit("my mistake")])
def test_a_raising_callback_is_logged_shown_and_forgotten(
    bench: Bench, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    thread, seen = bench.thread("pipeline p"), []

    def fails() -> None:
        raise error

    with caplog.at_level(logging.ERROR):
        thread.put(fails)
        thread.put(lambda: seen.append(1))
        bench.wait(2)

    assert seen == [1]
    assert "Traceback" in caplog.text
    assert len(bench.reports) == 1
    assert "pipeline p" in bench.reports[0]
    assert f"{type(error).__name__}: my mistake" in bench.reports[0]
    assert "test_core_client_callbacks.py" in bench.reports[0]


def test_of_heartbeats_that_wait_only_the_newest_of_each_node_is_called(bench: Bench) -> None:
    thread, gate, seen = bench.thread(), Gate(), []
    thread.put(gate)
    assert gate.entered.wait(PATIENCE)

    for number in range(3):
        for node in "ab":
            thread.put_newest(node, lambda node=node, number=number: seen.append((node, number)))  # type: ignore[misc]  # a lambda with defaults
    gate.open()
    bench.wait(3)

    assert seen == [("a", 2), ("b", 2)]


def test_after_it_was_called_a_newer_heartbeat_is_called_again(bench: Bench) -> None:
    thread, seen = bench.thread(), []

    for number in range(2):
        thread.put_newest("a", lambda number=number: seen.append(number))  # type: ignore[misc]  # a lambda with a default
        bench.wait(1)

    assert seen == [0, 1]


def test_finishing_runs_what_waits_and_takes_no_more(bench: Bench) -> None:
    thread, gate, seen = bench.thread(), Gate(), []
    thread.put(gate)
    thread.put(lambda: seen.append("waited"))

    thread.finish()
    thread.put(lambda: seen.append("late"))
    thread.put_newest("a", lambda: seen.append("late"))
    gate.open()
    thread.join(PATIENCE)

    assert seen == ["waited"]


def test_what_does_not_finish_in_time_is_dropped_and_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    thread, gate, acknowledged = bench.thread(), Gate(), []
    thread.put(gate)
    assert gate.entered.wait(PATIENCE)
    thread.put(raises, taken=lambda: acknowledged.append(1))

    thread.finish()
    thread.join(0.0)

    assert acknowledged == [1]
    assert "1 calls dropped" in caplog.text
    gate.open()
    thread.join(PATIENCE)
    assert bench.reports == []


def test_an_owner_can_be_joined_from_its_own_callback(bench: Bench) -> None:
    thread = bench.thread()

    thread.put(lambda: thread.join(PATIENCE))

    bench.wait(1)
    assert bench.reports == []


# --- payloads that are held back ------------------------------------------------------------------


class Payloads:
    """Gives payloads to threads as a session does."""

    def __init__(self, most: int) -> None:
        self.receipts = Receipts(most)
        self.acknowledged: list[int] = []
        self.given = 0

    def give(
        self,
        *threads: CallbackThread,
        call: Callable[[], object] = lambda: None,
        size: int = 0,
    ) -> None:
        number, self.given = self.given, self.given + 1
        ack = lambda: self.acknowledged.append(number)  # noqa: E731 - binds the number
        taken = self.receipts.for_payload(ack, threads)
        for thread in threads:
            thread.put(call, taken, size)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that are full with three calls or 30 bytes, and overflow with six or 60 bytes."""
    monkeypatch.setattr(callbacks, "BOUND", 3)
    monkeypatch.setattr(callbacks, "LIMIT", 6)
    monkeypatch.setattr(callbacks, "BYTES_BOUND", 30)
    monkeypatch.setattr(callbacks, "BYTES_LIMIT", 60)
    monkeypatch.setattr(callbacks, "SHARED_BOUND", 5)
    monkeypatch.setattr(callbacks, "SHARED_BYTES_BOUND", 50)


@pytest.fixture
def stuck(bench: Bench) -> Iterator[tuple[CallbackThread, Gate]]:
    """A thread that is busy until its gate is opened."""
    thread, gate = bench.thread("stuck"), Gate()
    thread.put(gate)
    assert gate.entered.wait(PATIENCE)
    yield thread, gate
    gate.open()


def test_payloads_are_acknowledged_at_once_while_there_is_room(
    small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads = Payloads(most=20)

    for _ in range(3):
        payloads.give(stuck[0])

    assert payloads.acknowledged == [0, 1, 2]


def test_beyond_that_they_are_acknowledged_when_they_are_taken(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, gate) = Payloads(most=20), stuck
    for _ in range(5):
        payloads.give(thread)
    assert payloads.acknowledged == [0, 1, 2]
    assert payloads.receipts.held == 2

    gate.open()
    bench.wait(6)

    assert payloads.acknowledged == [0, 1, 2, 3, 4]
    assert payloads.receipts.held == 0


def test_no_more_are_kept_back_than_the_broker_is_known_to_keep(
    small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads = Payloads(most=1)

    for _ in range(5):
        payloads.give(stuck[0])

    assert payloads.receipts.held == 1
    assert payloads.acknowledged == [0, 1, 2, 4]


def test_a_payload_for_several_owners_is_acknowledged_when_the_last_takes_it(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, gate), quick = Payloads(most=20), stuck, bench.thread("quick")
    for _ in range(3):
        payloads.give(thread)

    payloads.give(thread, quick)
    bench.wait(1)
    assert 3 not in payloads.acknowledged
    gate.open()
    bench.wait(5)

    assert 3 in payloads.acknowledged


def test_a_full_queue_does_not_hold_back_what_others_take_from_the_same_connection(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, quick = Payloads(most=20), bench.thread("quick")
    payloads.give(quick)

    for _ in range(5):
        payloads.give(stuck[0])

    assert payloads.acknowledged == [0, 1, 2, 3, 4, 5]


def test_a_queue_that_becomes_much_too_long_holds_back_all(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, quick = Payloads(most=20), bench.thread("quick")
    payloads.give(quick)

    for _ in range(6):
        payloads.give(stuck[0])

    assert payloads.acknowledged == [0, 1, 2, 3, 4, 5]
    assert payloads.receipts.held == 1


def test_who_takes_no_more_calls_is_no_reason_to_let_a_queue_grow(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, former = Payloads(most=20), bench.thread("former")
    payloads.give(former)
    former.finish()

    for _ in range(4):
        payloads.give(stuck[0])

    assert payloads.receipts.held == 1


def test_a_payload_that_nobody_wants_is_acknowledged(bench: Bench) -> None:
    payloads = Payloads(most=20)

    payloads.give()

    assert payloads.acknowledged == [0]


def test_a_queue_that_cannot_be_held_back_drops_its_oldest_and_says_so(
    bench: Bench,
    small: None,
    stuck: tuple[CallbackThread, Gate],
    caplog: pytest.LogCaptureFixture,
) -> None:
    payloads, (thread, gate) = Payloads(most=1), stuck
    seen: list[Any] = []

    for number in range(9):
        payloads.give(thread, call=lambda number=number: seen.append(number))  # type: ignore[misc]  # a lambda with a default
    gate.open()
    bench.wait(7)

    assert seen == [3, 4, 5, 6, 7, 8]
    assert sorted(payloads.acknowledged) == list(range(9))
    assert "stuck are too slow" in caplog.text


def test_few_large_payloads_fill_a_queue_as_well(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, gate) = Payloads(most=20), stuck

    payloads.give(thread, size=30)
    payloads.give(thread, size=1)
    assert payloads.acknowledged == [0]
    gate.open()
    bench.wait(3)

    assert payloads.acknowledged == [0, 1]
    assert not thread.full


def test_of_large_payloads_as_many_of_the_oldest_are_dropped_as_the_new_one_takes_room(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, gate) = Payloads(most=1), stuck
    seen: list[int] = []

    for number, size in enumerate([20, 20, 20, 40]):
        payloads.give(thread, call=lambda number=number: seen.append(number), size=size)  # type: ignore[misc]  # a lambda with a default
    gate.open()
    bench.wait(3)

    assert seen == [2, 3]
    assert sorted(payloads.acknowledged) == [0, 1, 2, 3]


def test_a_payload_that_is_larger_than_a_queue_is_run_all_the_same(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, gate) = Payloads(most=20), stuck

    payloads.give(thread, size=100)
    gate.open()
    bench.wait(2)

    assert payloads.acknowledged == [0]


def test_a_payload_for_an_owner_that_is_finishing_is_acknowledged(
    bench: Bench, small: None, stuck: tuple[CallbackThread, Gate]
) -> None:
    payloads, (thread, _) = Payloads(most=20), stuck
    for _ in range(3):
        payloads.give(thread)

    thread.finish()
    payloads.give(thread)

    assert payloads.acknowledged == [0, 1, 2, 3]
