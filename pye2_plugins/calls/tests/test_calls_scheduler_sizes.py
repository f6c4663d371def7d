"""How the sizes of arguments and values decide which calls nodes are given, and when."""

from __future__ import annotations

import random

import pytest
from scheduler_support import AT_ATTIC, AT_CELLAR, ATTIC, CELLAR, add, call, network, sent

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.nodes import MOST_BYTES
from pye2_calls.client.plans import MOST_UNTAKEN, Flow
from pye2_calls.client.scheduler import Scheduler

# --- how much one node is given -------------------------------------------------------------------


def test_large_arguments_are_not_piled_up_on_one_node() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, size=MOST_BYTES), call(2, size=10))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1]}


def test_one_call_may_be_larger_than_all_that_a_node_is_usually_given() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, size=2 * MOST_BYTES))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1]}


def test_a_node_is_given_no_more_bytes_than_it_takes() -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=9, largest=10_000))
    add(scheduler, *(call(number, size=4_000) for number in range(1, 9)))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1, 2]}


# --- what nodes take ------------------------------------------------------------------------------


SMALL_ATTIC = NodeFacts(ATTIC.address, "attic", slots=2, largest=10_000)
SMALL_CELLAR = NodeFacts(CELLAR.address, "cellar", slots=2, largest=20_000)


def test_a_call_goes_where_its_arguments_are_taken() -> None:
    scheduler = network(SMALL_ATTIC, SMALL_CELLAR)
    add(scheduler, call(1, size=15_000))

    assert sent(scheduler.plan(0.0)) == {CELLAR.address: [1]}


def test_a_call_that_is_too_large_for_all_nodes_does_not_wait_for_its_turn() -> None:
    scheduler = network(SMALL_ATTIC, SMALL_CELLAR)
    add(scheduler, *(call(number) for number in range(1, 9)))  # more than there are slots
    large = call(9, size=20_000)
    add(scheduler, large)

    plan = scheduler.plan(0.0)

    assert plan.too_large == [(large, SMALL_CELLAR)]
    assert scheduler.get(9) is None


def test_a_node_that_was_not_named_may_be_as_large_as_it_likes() -> None:
    scheduler = network(SMALL_ATTIC, CELLAR)
    large = call(1, size=15_000, demand=Demand(nodes=("attic",)))
    add(scheduler, large)

    assert scheduler.plan(0.0).too_large == [(large, SMALL_ATTIC)]


def test_a_node_that_has_not_said_how_much_it_takes_may_take_anything() -> None:
    scheduler = network(SMALL_ATTIC)
    scheduler.nodes_are([SMALL_ATTIC, CELLAR], 0.0)
    add(scheduler, call(1, size=15_000))

    plan = scheduler.plan(0.0)

    assert (plan.too_large, plan.open) == ([], [AT_CELLAR])


def test_calls_that_wait_are_refused_as_soon_as_all_nodes_have_said_that_they_take_less() -> None:
    scheduler = network(ATTIC)
    running, small, large = call(1), call(3), call(2, size=15_000)
    add(scheduler, running, call(4), large, small)
    scheduler.plan(0.0)

    scheduler.nodes_are([SMALL_ATTIC], 1.0)

    assert [each for each, _ in scheduler.plan(1.0).too_large] == [large]
    scheduler.ended(1, None)
    assert sent(scheduler.plan(2.0)) == {ATTIC.address: [3]}


def test_a_call_for_which_a_node_turns_out_to_be_too_small_goes_to_another() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1, size=15_000, retries=0))
    scheduler.plan(0.0)
    scheduler.nodes_are([ATTIC, CELLAR], 1.0)

    scheduler.opened(AT_ATTIC, SMALL_ATTIC.largest)
    plan = scheduler.plan(1.0)

    assert [each.id for each in plan.back] == [1]
    assert (sent(plan), plan.open) == ({ATTIC.address: []}, [AT_CELLAR])


def test_where_the_only_node_that_is_large_enough_cannot_run_it_a_call_is_refused_in_its_turn() -> (
    None
):
    scheduler = network(SMALL_ATTIC)
    scheduler.nodes_are([SMALL_ATTIC, CELLAR], 0.0)
    scheduler.refused(AT_CELLAR, "not granted", 0.0)
    large = call(1, size=15_000)
    add(scheduler, large)

    assert scheduler.plan(0.0).too_large == [(large, SMALL_ATTIC)]


def test_a_call_that_waits_for_a_large_node_does_not_keep_others_from_small_ones() -> None:
    scheduler = network(SMALL_ATTIC, SMALL_CELLAR)
    add(scheduler, *(call(number, size=15_000) for number in (1, 2)))
    scheduler.plan(0.0)

    add(scheduler, call(3, size=15_000), call(4))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [4]}


def test_a_call_that_is_cancelled_before_it_was_refused_is_told_nobody() -> None:
    scheduler = network(SMALL_ATTIC)
    add(scheduler, call(1, size=15_000))

    scheduler.cancel(1)

    assert not scheduler.plan(0.0)


# --- values of a map that nobody has taken --------------------------------------------------------


def test_no_more_of_a_map_is_given_while_too_much_of_it_was_not_taken() -> None:
    scheduler, flow = network(ATTIC), Flow()
    add(scheduler, *(call(number, flow=flow) for number in range(1, 10)))
    scheduler.plan(0.0)

    scheduler.ended(1, 5.0, MOST_UNTAKEN)
    full = sent(scheduler.plan(0.0))
    flow.taken += MOST_UNTAKEN
    scheduler.ended(2, 5.0, 0)

    assert full == {}
    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [3, 4]}


@pytest.mark.parametrize("waits", [True, False])
def test_while_a_value_is_waited_for_one_call_of_a_map_may_run(*, waits: bool) -> None:
    scheduler, flow = network(ATTIC), Flow(is_waited_for=waits)
    add(scheduler, *(call(number, flow=flow) for number in range(1, 10)))
    scheduler.plan(0.0)

    scheduler.ended(1, 5.0, MOST_UNTAKEN)
    scheduler.ended(2, 5.0, MOST_UNTAKEN)

    assert sent(scheduler.plan(0.0)) == ({ATTIC.address: [3]} if waits else {})


def test_what_the_values_of_a_map_are_expected_to_have_counts_before_they_come() -> None:
    scheduler, flow = network(NodeFacts(ATTIC.address, "attic", slots=100)), Flow()
    add(scheduler, call(1, flow=flow))
    scheduler.plan(0.0)
    scheduler.ended(1, 5.0, MOST_UNTAKEN // 4)
    add(scheduler, *(call(number, flow=flow) for number in range(2, 50)))

    (given,) = sent(scheduler.plan(0.0)).values()

    assert len(given) == 3


def test_other_calls_of_a_function_do_not_wait_for_the_values_of_a_map() -> None:
    scheduler, flow = network(ATTIC), Flow()
    add(scheduler, call(1, flow=flow), call(2, flow=flow))
    scheduler.plan(0.0)
    scheduler.ended(1, 5.0, MOST_UNTAKEN)

    add(scheduler, call(3))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [3]}
