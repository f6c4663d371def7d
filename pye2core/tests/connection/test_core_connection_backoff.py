"""How the delays before reconnecting grow, vary and shrink again."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pye2core.connection.backoff import FIRST_DELAY, LONGEST_DELAY, Backoff


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return b


def delays(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_delay() for _ in range(count)]


def test_delays_double_up_to_the_longest() -> None:
    found = delays(Backoff(NoJitter()), 12)

    assert found[:4] == [FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4, FIRST_DELAY * 8]
    assert found[-1] == LONGEST_DELAY
    assert max(found) == LONGEST_DELAY


@given(st.integers())
def test_jitter_takes_off_at_most_half(seed: int) -> None:
    ceilings = delays(Backoff(NoJitter()), 12)

    for delay, ceiling in zip(delays(Backoff(random.Random(seed)), 12), ceilings, strict=True):
        assert ceiling / 2 <= delay <= ceiling


def test_two_peers_come_back_at_different_times() -> None:
    assert delays(Backoff(random.Random(1)), 3) != delays(Backoff(random.Random(2)), 3)


def test_after_a_steady_connection_delays_are_short_again() -> None:
    backoff = Backoff(NoJitter())
    delays(backoff, 5)

    backoff.connection_ended(lasted=LONGEST_DELAY)

    assert backoff.next_delay() == FIRST_DELAY


def test_connections_that_are_lost_at_once_do_not_shorten_the_delays() -> None:
    backoff = Backoff(NoJitter())
    for expected in (FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4):
        assert backoff.next_delay() == expected
        backoff.connection_ended(lasted=0.01)
