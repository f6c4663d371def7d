"""How calls end, and how they are given up, wherever they are."""

from __future__ import annotations

import gc
import random
import weakref
from typing import TYPE_CHECKING

import pytest
from scheduler_support import AT_ATTIC, ATTIC, WHY, add, call, network, sent

from pye2_calls.client.demands import NodeFacts
from pye2_calls.client.scheduler import GRACE, Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_result_that_comes_twice_counts_once() -> None:
    scheduler = network(ATTIC)
    only = call(1)
    add(scheduler, only)
    scheduler.plan(0.0)

    assert scheduler.ended(1, 0.1) is only
    assert scheduler.ended(1, 0.1) is None


def test_a_call_that_waits_is_cancelled_without_a_word_to_a_node() -> None:
    scheduler = network()
    add(scheduler, call(1))

    assert scheduler.cancel(1) is None
    scheduler.nodes_are([ATTIC], 0.0)
    assert not scheduler.plan(0.0)


@pytest.mark.parametrize("give_up", [Scheduler.cancel, Scheduler.withdraw])
def test_nothing_is_kept_of_a_call_that_is_given_up_while_others_wait_before_it(
    give_up: Callable[[Scheduler, int], object],
) -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=1))
    add(scheduler, call(1), call(2), call(3))
    scheduler.plan(0.0)
    last = call(4)
    add(scheduler, last)

    give_up(scheduler, 4)
    scheduler.plan(0.0)

    kept = weakref.ref(last)
    del last
    gc.collect()
    assert kept() is None


def test_a_call_that_runs_is_cancelled_where_it_is_and_makes_room() -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=1))
    add(scheduler, call(1), call(2))
    scheduler.plan(0.0)

    assert scheduler.cancel(1) == AT_ATTIC
    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [2]}


def test_a_call_that_waits_is_withdrawn_at_once() -> None:
    scheduler = network()
    add(scheduler, call(1))

    assert scheduler.withdraw(1) is None
    assert scheduler.get(1) is None


@pytest.mark.parametrize("give_up", [Scheduler.cancel, Scheduler.withdraw])
def test_a_call_that_waits_at_a_door_is_given_up_without_a_word_to_its_node(
    give_up: Callable[[Scheduler, int], object],
) -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    assert give_up(scheduler, 1) is None
    scheduler.opened(AT_ATTIC)
    assert sent(scheduler.plan(0.0)) == {ATTIC.address: []}


def test_a_call_that_was_given_is_withdrawn_where_it_is() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    assert scheduler.withdraw(1) == AT_ATTIC
    assert scheduler.get(1) is not None


@pytest.mark.parametrize("how", ["its node is lost", "its door is closed", "its process died"])
def test_a_call_that_was_withdrawn_is_not_tried_again(how: str) -> None:
    scheduler = network(ATTIC)
    withdrawn = call(1)
    add(scheduler, withdrawn)
    scheduler.plan(0.0)
    scheduler.withdraw(1)

    if how == "its node is lost":
        scheduler.nodes_are([], 1.0)
    elif how == "its door is closed":
        scheduler.closed(AT_ATTIC, WHY, 1.0)
    else:
        scheduler.process_died(1, 1.0)

    plan = scheduler.plan(1.0 + GRACE)
    assert plan.dropped == [withdrawn]
    assert len(scheduler) == 0


def test_a_call_that_is_cancelled_while_it_is_paused_is_not_tried_again() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.process_died(1, 0.0)

    scheduler.cancel(1)

    assert not scheduler.plan(100.0)
