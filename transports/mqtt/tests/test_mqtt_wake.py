"""A wake-up is never lost, and costs a byte only where somebody waits."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

import pytest

from pye2_mqtt.wake import Wake

if TYPE_CHECKING:
    from collections.abc import Iterator


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
