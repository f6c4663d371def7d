"""Which call goes to which node, and how many each is given ahead of time."""

from __future__ import annotations

import random

import pytest
from scheduler_support import AT_ATTIC, AT_CELLAR, ATTIC, CELLAR, add, call, network, sent

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.nodes import MOST_ASKED_AHEAD
from pye2_calls.client.plans import Place
from pye2_calls.client.scheduler import REFUSED_FOR, Scheduler

# --- which node -----------------------------------------------------------------------------------


def test_calls_spread_over_the_slots_of_all_nodes() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, *(call(number) for number in range(1, 6)))

    plan = scheduler.plan(0.0)

    assert {node: len(ids) for node, ids in sent(plan).items()} == {
        ATTIC.address: 2,
        CELLAR.address: 2,
    }


def test_a_call_goes_to_the_node_that_others_keep_less_busy() -> None:
    busy = NodeFacts("0xai_busy", "busy", slots=2, busy=2)
    scheduler = network(busy, CELLAR)
    add(scheduler, call(1))

    assert sent(scheduler.plan(0.0)) == {CELLAR.address: [1]}


@pytest.mark.parametrize(
    ("demand", "fits"),
    [
        (Demand(nodes=("attic",)), True),
        (Demand(nodes=(ATTIC.address,)), True),
        (Demand(nodes=(ATTIC.address.removeprefix("0xai_"),)), True),
        (Demand(nodes=("cellar",)), False),
        (Demand(labels=(("gpu", "1"),)), True),
        (Demand(labels=(("gpu", "3"),)), False),
        (Demand(labels=(("room", "top"),)), True),
        (Demand(labels=(("room", "bottom"),)), False),
        (Demand(memory=1e9), True),
        (Demand(memory=3e9), False),
    ],
)
def test_a_demand_is_met_or_not(demand: Demand, *, fits: bool) -> None:
    node = NodeFacts(ATTIC.address, "attic", labels={"gpu": "2", "room": "top"}, free_memory=2e9)

    assert (demand.problem_with(node) is None) is fits


def test_memory_has_to_be_free_and_within_what_one_call_may_take() -> None:
    node = NodeFacts(ATTIC.address, "attic", free_memory=9e9, most_memory=1e9)

    assert Demand(memory=1e9).problem_with(node) is None
    assert "--memory-megabytes" in (Demand(memory=2e9).problem_with(node) or "")


# --- how many -------------------------------------------------------------------------------------


def test_what_waits_is_sent_when_a_slot_is_free() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1), call(2), call(3))
    scheduler.plan(0.0)

    scheduler.ended(1, None)

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [3]}


def test_short_calls_are_sent_ahead_so_that_a_node_never_waits() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    add(scheduler, *(call(number) for number in range(2, 100)))

    (ids,) = sent(scheduler.plan(0.0)).values()

    assert len(ids) == 2 + 2 * 25


def test_a_node_is_given_more_short_calls_when_half_of_them_are_done() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    add(scheduler, *(call(number) for number in range(2, 100)))
    scheduler.plan(0.0)

    sizes = []
    for number in range(2, 29):
        scheduler.ended(number, 0.01)
        sizes.append(sum(map(len, sent(scheduler.plan(0.0)).values())))

    assert sizes == [0] * 25 + [26, 0]


def test_where_many_short_calls_wait_more_of_them_are_sent_ahead() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    add(scheduler, *(call(number) for number in range(2, 2_000)))

    (ids,) = sent(scheduler.plan(0.0)).values()

    assert len(ids) == 2 + 2 * 100


def test_what_many_nodes_share_is_not_sent_ahead_to_a_few_of_them() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    add(scheduler, *(call(number) for number in range(2, 800)))

    given = [len(ids) for ids in sent(scheduler.plan(0.0)).values()]

    assert max(given) < 2 + 800 // 4
    assert max(given) - min(given) <= 1


def test_a_long_call_does_not_wait_until_half_of_the_short_ones_are_done() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, *(call(number, function="slow") for number in (1, 2, 3, 4, 5)))
    scheduler.plan(0.0)

    scheduler.ended(1, 5.0)

    assert list(sent(scheduler.plan(0.0)).values()) == [[5]]


def test_long_calls_are_not_sent_ahead() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 5.0)
    add(scheduler, *(call(number) for number in range(2, 10)))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [2, 3]}


def test_quick_functions_are_not_kept_waiting_by_a_long_queue_of_slow_ones() -> None:
    scheduler = network(ATTIC)
    add(scheduler, *(call(number, function="slow") for number in range(1, 100)))
    scheduler.plan(0.0)
    add(scheduler, call(100, function="quick"))

    scheduler.ended(1, None)
    scheduler.plan(0.0)
    scheduler.ended(2, None)
    scheduler.plan(0.0)

    assert 100 in scheduler.held_at(AT_ATTIC)


@pytest.mark.parametrize(("seconds", "together"), [(None, 1), (5.0, 1), (5.0, 3)])
def test_a_call_that_may_be_long_has_its_turn_while_short_ones_are_sent_ahead(
    seconds: float | None, together: int
) -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1), call(2, function="other"))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    scheduler.ended(2, seconds)
    add(scheduler, *(call(number) for number in range(3, 2_000)))
    scheduler.plan(0.0)
    others = range(2_000, 2_010)
    add(scheduler, *(call(number, function="other", together=together) for number in others))

    scheduler.plan(0.0)

    assert len(scheduler.held_at(AT_ATTIC).intersection(others)) == 2 * together


def test_a_generator_of_short_ones_that_waits_for_its_reader_counts_for_nothing() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    stream = call(2, retries=0)
    add(scheduler, stream)
    scheduler.plan(0.0)
    scheduler.gave_item(stream)
    add(scheduler, *(call(number, function="other") for number in (3, 4, 5)))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [3, 4]}
    scheduler.ended(2, 0.01)
    assert sent(scheduler.plan(0.0)) == {}


def test_a_node_with_one_slot_is_given_as_many_at_once_as_its_caller_says_again_and_again() -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=1))
    add(scheduler, *(call(number, together=2) for number in range(1, 7)))

    given = []
    for _ in range(3):
        (ids,) = sent(scheduler.plan(0.0)).values()
        given.append(ids)
        for number in ids:
            scheduler.ended(number, None)

    assert given == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize("slots", [2, 64])
def test_no_more_is_given_at_once_than_a_node_lets_wait_whatever_a_caller_says(slots: int) -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=slots))
    add(scheduler, *(call(number, together=5_000) for number in range(1, 5_000)))

    (given,) = sent(scheduler.plan(0.0)).values()

    assert len(given) == slots + MOST_ASKED_AHEAD


def test_a_generator_that_waits_for_its_reader_leaves_its_slot_to_others() -> None:
    scheduler = network(ATTIC)
    stream, others = call(1, retries=0), [call(number) for number in (2, 3)]
    add(scheduler, stream, *others)
    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1, 2]}

    assert scheduler.gave_item(stream)
    assert not scheduler.gave_item(stream)  # that it goes on giving is no news

    assert sent(scheduler.plan(1.0)) == {ATTIC.address: [3]}
    scheduler.ended(1, None)
    add(scheduler, call(4))
    assert sent(scheduler.plan(2.0)) == {}


# --- doors ----------------------------------------------------------------------------------------


def test_a_place_is_opened_once_and_its_calls_wait_for_that() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1), call(2))

    first, second = scheduler.plan(0.0), scheduler.plan(0.0)
    scheduler.opened(AT_ATTIC)

    assert (first.open, first.send) == ([AT_ATTIC], {})
    assert not second
    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1, 2]}


def test_each_set_of_grants_has_a_place_of_its_own() -> None:
    scheduler = network(ATTIC)
    granted = Demand(grants='{"network": true}')
    add(scheduler, call(1, demand=granted))

    assert scheduler.plan(0.0).open == [Place(ATTIC.address, granted.grants)]


def test_calls_that_a_node_refuses_go_to_another() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.refused(AT_ATTIC, "not granted", 0.0)
    scheduler.nodes_are([ATTIC, CELLAR], 0.0)

    assert scheduler.plan(0.0).open == [AT_CELLAR]


def test_a_node_that_refused_is_asked_again_after_a_while() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.refused(AT_ATTIC, "not granted", 0.0)
    scheduler.plan(0.0)
    add(scheduler, call(2))

    assert scheduler.plan(REFUSED_FOR + 1).open == [AT_ATTIC]


def test_what_waits_at_a_door_that_has_opened_only_just_now_is_not_held_there_yet() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.opened(AT_ATTIC)

    before = scheduler.held_at(AT_ATTIC)
    scheduler.plan(0.0)

    assert (before, scheduler.held_at(AT_ATTIC)) == (frozenset(), frozenset({1}))
