"""How often something may be done for each, and for all."""

from __future__ import annotations

import pytest

from pye2core.clock import ManualClock
from pye2core.rate_limit import RateLimit


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def limit(clock: ManualClock) -> RateLimit:
    return RateLimit(clock, every=5.0, a_second=3)


def test_one_is_permitted_once_and_again_after_a_while(
    limit: RateLimit, clock: ManualClock
) -> None:
    assert limit.permits("a")
    assert not limit.permits("a")

    clock.advance(5)

    assert limit.permits("a")


def test_all_together_are_permitted_so_often_in_a_second(
    limit: RateLimit, clock: ManualClock
) -> None:
    assert sum(limit.permits(number) for number in range(100)) == 3

    clock.advance(1)

    assert sum(limit.permits(number) for number in range(100, 200)) == 3


def test_who_was_refused_for_the_crowd_need_not_wait_longer(
    limit: RateLimit, clock: ManualClock
) -> None:
    for number in range(3):
        limit.permits(number)
    assert not limit.permits("late")

    clock.advance(1)

    assert limit.permits("late")


def test_keys_that_are_made_up_fill_no_memory(limit: RateLimit, clock: ManualClock) -> None:
    for number in range(5000):
        limit.permits(number)
        clock.advance(1)

    assert len(limit._permitted) <= 1024
