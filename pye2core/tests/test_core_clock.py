"""The clocks: the machine's, and one that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from pye2core.clock import SYSTEM_CLOCK, ManualClock, is_set


def test_the_machine_s_clock_gives_aware_moments_in_utc_and_never_goes_back() -> None:
    before = SYSTEM_CLOCK.monotonic()

    assert SYSTEM_CLOCK.now().utcoffset() == timedelta(0)
    assert SYSTEM_CLOCK.monotonic() >= before


def test_a_manual_clock_stands_still() -> None:
    clock = ManualClock()

    assert clock.monotonic() == clock.monotonic() == 0.0
    assert clock.now() == clock.now()


@given(st.lists(st.integers(0, 10_000_000), max_size=5))
def test_a_manual_clock_is_moved_by_what_it_is_told(milliseconds: list[int]) -> None:
    start = datetime(2030, 5, 6, 7, 8, 9, tzinfo=timezone(timedelta(hours=3)))
    clock = ManualClock(start)

    for each in milliseconds:
        clock.advance(each / 1000)

    passed = timedelta(milliseconds=sum(milliseconds))
    assert abs(clock.now() - start - passed) < timedelta(milliseconds=1)
    assert clock.now().tzinfo is UTC
    assert abs(clock.monotonic() - passed.total_seconds()) < 1e-3


def test_a_clock_that_began_when_its_machine_was_started_is_not_set() -> None:
    assert not is_set(datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC))
    assert is_set(SYSTEM_CLOCK.now())
