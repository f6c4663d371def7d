"""A wake-up is never lost, and costs a byte only where somebody waits."""

from __future__ import annotations

import select
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from pye2_mqtt.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0


@pytest.fixture
def wake() -> Iterator[Wake]:
    one = Wake()
    yield one
    one.close()


def _ends_the_wait(wake: Wake) -> bool:
    readable, _, _ = select.select([wake.reader], [], [], 0)
    return bool(readable)


def test_a_call_after_arming_ends_the_wait(wake: Wake) -> None:
    wake.arm()
    wake.wake()
    assert _ends_the_wait(wake)


def test_a_call_while_nobody_waits_sends_nothing(wake: Wake) -> None:
    wake.wake()
    assert not _ends_the_wait(wake)


def test_many_calls_end_one_wait_and_not_the_next(wake: Wake) -> None:
    wake.arm()
    wake.wake()
    wake.wake()
    wake.disarm(was_woken=True)
    wake.arm()
    assert not _ends_the_wait(wake)


def test_each_wait_can_be_ended(wake: Wake) -> None:
    for _ in range(3):
        wake.arm()
        wake.wake()
        assert _ends_the_wait(wake)
        wake.disarm(was_woken=True)


def test_a_call_after_the_end_is_harmless(wake: Wake) -> None:
    wake.arm()
    wake.close()
    wake.wake()


def test_a_byte_that_comes_late_ends_one_more_wait_and_no_other(wake: Wake) -> None:
    wake.arm()
    wake.wake()
    wake.disarm(was_woken=False)  # as another thread would have found it before the byte came
    wake.arm()
    assert _ends_the_wait(wake)
    wake.disarm(was_woken=True)
    wake.arm()
    assert not _ends_the_wait(wake)


# --- with several threads -------------------------------------------------------------------------


class _HeldUp:
    """A writer that has sent, and does not return before it may."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self.has_sent = threading.Event()
        self.may_return = threading.Event()

    def send(self, data: bytes) -> None:
        self._writer.send(data)
        self.has_sent.set()
        assert self.may_return.wait(PATIENCE)

    def close(self) -> None:
        self._writer.close()


def test_a_call_that_is_held_up_does_not_cost_the_next_wait_its_end(
    wake: Wake, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = _HeldUp(wake._writer)
    monkeypatch.setattr(wake, "_writer", slow)
    wake.arm()
    caller = threading.Thread(target=wake.wake)
    caller.start()
    assert slow.has_sent.wait(PATIENCE)
    wake.disarm(was_woken=True)
    wake.arm()

    slow.may_return.set()
    caller.join(PATIENCE)
    wake.wake()

    assert _ends_the_wait(wake)


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("threads", [1, 3])
def test_whoever_waits_for_its_work_to_be_done_is_never_left_waiting(
    wake: Wake, threads: int
) -> None:
    pieces = 2_000
    work: deque[threading.Semaphore] = deque()

    def give() -> None:
        is_done = threading.Semaphore(0)
        for _ in range(pieces):
            work.append(is_done)
            wake.wake()
            if not is_done.acquire(timeout=PATIENCE):
                return

    givers = [threading.Thread(target=give) for _ in range(threads)]
    for giver in givers:
        giver.start()
    done = 0
    while done < pieces * threads:
        wake.arm()
        patience = 0.0 if work else PATIENCE
        readable, _, _ = select.select([wake.reader], [], [], patience)
        wake.disarm(was_woken=bool(readable))
        assert readable or not patience, f"{done} pieces are done, and nothing ended the wait"
        while work:
            done += 1
            work.popleft().release()
    for giver in givers:
        giver.join(PATIENCE)
