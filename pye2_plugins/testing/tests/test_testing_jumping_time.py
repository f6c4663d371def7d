"""Time that jumps: what waits is not waited for, and the clock tells of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pye2_testing.jumping_time import JumpingLoop, LoopClock
from pye2core.clock import SYSTEM_CLOCK

if TYPE_CHECKING:
    from datetime import timedelta


def test_what_sleeps_wakes_in_its_order_at_once() -> None:
    woken: list[str] = []

    async def sleeper(name: str, hours: float) -> None:
        await asyncio.sleep(3600 * hours)
        woken.append(name)

    async def sleep_both() -> float:
        await asyncio.gather(sleeper("late", 1000), sleeper("early", 1))
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        passed = runner.run(sleep_both())

    assert woken == ["early", "late"]
    assert round(passed) == 3_600_000


def test_its_clock_tells_the_time_that_passed_on_the_loop() -> None:
    clock = LoopClock()

    async def wait_a_day() -> tuple[timedelta, float]:
        before, began = clock.now(), clock.monotonic()
        await asyncio.sleep(86_400)
        return clock.now() - before, clock.monotonic() - began

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        by_date, by_seconds = runner.run(wait_a_day())

    assert round(by_date.total_seconds()) == round(by_seconds) == 86_400


def test_what_a_thread_does_is_waited_for() -> None:
    async def ask() -> float:
        return await asyncio.to_thread(SYSTEM_CLOCK.monotonic)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(ask()) > 0
