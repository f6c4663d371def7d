"""Which call goes where, and what becomes of it: without a network, a thread or a clock."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.nodes import MOST_ASKED_AHEAD, MOST_BYTES
from pye2_calls.client.plans import MOST_UNTAKEN, Flow, Pending, Place, Plan
from pye2_calls.client.scheduler import (
    GRACE,
    MOST_REFUSALS,
    PATIENCE,
    REFUSED_FOR,
    Scheduler,
)
from pye2core import Identity

ATTIC = NodeFacts(Identity.generate().address, "attic", slots=2)
CELLAR = NodeFacts(Identity.generate().address, "cellar", slots=2)
WHY = "it ended"
AT_ATTIC, AT_CELLAR = Place(ATTIC.address, ""), Place(CELLAR.address, "")


def call(number: int, **given: Any) -> Pending:
    told = {"function": "f", "demand": Demand(), "size": 10, "retries": 3, "subject": None}
    return Pending(id=number, **{**told, **given})


def network(*nodes: NodeFacts) -> Scheduler:
    """A scheduler that knows these nodes, with doors that are open."""
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are(nodes, 0.0)
    for node in nodes:
        scheduler.opened(Place(node.address, ""), node.largest)
    return scheduler


def sent(plan: Plan) -> dict[str, list[int]]:
    return {place.address: [each.id for each in calls] for place, calls in plan.send.items()}


def add(scheduler: Scheduler, *calls: Pending) -> None:
    for each in calls:
        scheduler.add(each)


# --- placing --------------------------------------------------------------------------------------


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


def test_large_arguments_are_not_piled_up_on_one_node() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, size=MOST_BYTES), call(2, size=10))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1]}


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


def test_one_call_may_be_larger_than_all_that_a_node_is_usually_given() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, size=2 * MOST_BYTES))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1]}


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


# --- nowhere --------------------------------------------------------------------------------------


def test_a_call_that_no_node_can_run_fails_after_a_while_with_the_reasons() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, demand=Demand(labels=(("gpu", "1"),))))

    waiting = scheduler.plan(0.0)
    over = scheduler.plan(PATIENCE)

    assert not waiting
    assert waiting.look_again_at == PATIENCE
    ((failed, why),) = over.unplaceable
    assert failed.id == 1
    assert why == "attic: it has no label 'gpu' (gpu=1 is needed)"
    assert len(scheduler) == 0


def test_each_call_has_its_own_time_until_it_is_given_up() -> None:
    scheduler = network()
    early, late = call(1, asked_at=0.0), call(2, asked_at=PATIENCE - 1)
    add(scheduler, early)
    scheduler.plan(0.0)
    add(scheduler, late)

    first, second = scheduler.plan(PATIENCE), scheduler.plan(2 * PATIENCE - 1)

    assert [each for each, _ in first.unplaceable] == [early]
    assert first.look_again_at == 2 * PATIENCE - 1
    assert [each for each, _ in second.unplaceable] == [late]


@pytest.mark.parametrize("slots", [2, 64])
def test_no_more_is_given_at_once_than_a_node_lets_wait_whatever_a_caller_says(slots: int) -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=slots))
    add(scheduler, *(call(number, together=5_000) for number in range(1, 5_000)))

    (given,) = sent(scheduler.plan(0.0)).values()

    assert len(given) == slots + MOST_ASKED_AHEAD


def test_a_node_is_given_no_more_bytes_than_it_takes() -> None:
    scheduler = network(NodeFacts(ATTIC.address, "attic", slots=9, largest=10_000))
    add(scheduler, *(call(number, size=4_000) for number in range(1, 9)))

    assert sent(scheduler.plan(0.0)) == {ATTIC.address: [1, 2]}


def test_a_call_that_a_node_does_not_take_for_now_is_tried_elsewhere_and_is_not_lost() -> None:
    scheduler = network(ATTIC, CELLAR)
    refused = call(1, retries=0)
    add(scheduler, refused)
    first = next(iter(sent(scheduler.plan(0.0))))

    assert scheduler.turned_away(1, 0.0) is None
    second = next(iter(sent(scheduler.plan(60.0))))

    assert {first, second} == {ATTIC.address, CELLAR.address}
    assert refused.losses == 0


def test_a_call_that_no_node_takes_again_and_again_is_given_up() -> None:
    scheduler = network(ATTIC)
    refused = call(1)
    add(scheduler, refused)
    ends = []
    for turn in range(MOST_REFUSALS + 1):
        scheduler.plan(60.0 * turn)
        ends.append(scheduler.turned_away(1, 60.0 * turn))

    assert ends == [None] * MOST_REFUSALS + [refused]
    assert len(scheduler) == 0


def test_a_call_waits_for_a_node_that_comes_in_time() -> None:
    scheduler = network()
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.nodes_are([ATTIC], PATIENCE / 2)

    assert scheduler.plan(PATIENCE / 2).open == [AT_ATTIC]


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


# --- sizes ----------------------------------------------------------------------------------------

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


# --- losses ---------------------------------------------------------------------------------------


def test_a_node_that_is_back_soon_keeps_its_calls() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.nodes_are([], 1.0)
    scheduler.plan(1.0 + GRACE / 2)
    scheduler.nodes_are([ATTIC], 1.0 + GRACE / 2)
    plan = scheduler.plan(100.0)

    assert not plan
    assert scheduler.held_at(AT_ATTIC) == {1}


def test_what_a_lost_node_had_goes_to_another() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1), call(2))
    scheduler.plan(0.0)
    scheduler.nodes_are([CELLAR], 1.0)
    scheduler.opened(AT_CELLAR)

    scheduler.plan(1.0 + GRACE)
    plan = scheduler.plan(2.0 + GRACE)

    assert sorted(sent(plan)[CELLAR.address]) == [1, 2]


def test_nobody_is_given_up_for_what_could_not_be_heard() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, retries=0))
    scheduler.plan(0.0)
    scheduler.nodes_are([], 1.0)

    scheduler.nobody_is_heard(100.0)

    assert not scheduler.plan(100.0 + GRACE - 0.1)
    assert [each.call.id for each in scheduler.plan(100.0 + GRACE).lost] == [1]


def test_what_did_not_answer_while_nobody_could_be_heard_is_asked_again() -> None:
    scheduler = network()
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.refused(AT_ATTIC, "no confirmation came", 30.0)
    before = scheduler.plan(30.0).open

    scheduler.nobody_is_heard(31.0)

    assert before == []
    assert scheduler.plan(31.0).open == [AT_ATTIC]


def test_the_doors_of_a_lost_node_are_of_no_use_any_more() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.nodes_are([CELLAR], 1.0)

    assert scheduler.plan(1.0).close == []
    assert scheduler.plan(1.0 + GRACE).close == [AT_ATTIC]


def test_a_call_that_waits_again_is_told_of() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.closed(AT_ATTIC, WHY, 1.0)

    assert [each.id for each in scheduler.plan(1.0).back] == [1]


def test_a_call_that_is_lost_more_often_than_it_may_be_fails() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1, retries=0))
    scheduler.plan(0.0)
    scheduler.nodes_are([], 1.0)

    plan = scheduler.plan(1.0 + GRACE)

    assert [(each.call.id, each.address) for each in plan.lost] == [(1, ATTIC.address)]
    assert len(scheduler) == 0


def ahead(**given: Any) -> Scheduler:
    """A scheduler that has given the attic three calls, 2 to 4, of which two can run at once."""
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.ended(1, 0.01)
    add(scheduler, *(call(number, **given) for number in range(2, 5)))
    scheduler.plan(0.0)
    return scheduler


def test_a_call_that_will_hardly_have_begun_is_lost_without_being_counted() -> None:
    scheduler = ahead(retries=1)

    scheduler.closed(AT_ATTIC, WHY, 1.0)

    losses = {each.id: each.losses for each in scheduler.give_up_all()}
    assert losses == {2: 1, 3: 1, 4: 0}


def test_a_call_that_must_not_run_twice_is_not_tried_again_once_it_was_sent() -> None:
    scheduler = ahead(retries=0)

    scheduler.closed(AT_ATTIC, WHY, 1.0)
    plan = scheduler.plan(1.0)

    assert [each.call.id for each in plan.lost] == [2, 3, 4]
    assert not scheduler.give_up_all()


@pytest.mark.parametrize("how", ["closed", "missing"])
def test_a_call_that_was_not_sent_yet_is_not_lost(how: str) -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1, retries=0))
    scheduler.plan(0.0)

    if how == "closed":
        scheduler.closed(AT_ATTIC, WHY, 0.0)
    else:
        scheduler.nodes_are([], 0.0)
    scheduler.plan(GRACE)
    scheduler.nodes_are([ATTIC], GRACE)
    scheduler.opened(AT_ATTIC)

    assert sent(scheduler.plan(GRACE)) == {ATTIC.address: [1]}


def test_a_call_whose_process_died_is_tried_elsewhere_after_a_pause() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, call(1))
    (first,) = sent(scheduler.plan(0.0))

    assert scheduler.process_died(1, 0.0) is None
    assert not scheduler.plan(0.0)
    (second,) = sent(scheduler.plan(1.0))

    assert {first, second} == {ATTIC.address, CELLAR.address}


def test_a_call_that_avoids_a_node_does_not_keep_others_from_it() -> None:
    scheduler = network(ATTIC, CELLAR)
    add(scheduler, *(call(number) for number in range(1, 5)))
    plan = scheduler.plan(0.0)
    died = sent(plan)[ATTIC.address][0]
    scheduler.process_died(died, 0.0)
    scheduler.plan(60.0)  # all slots of the cellar are taken, and the attic is avoided

    add(scheduler, call(5))

    assert sent(scheduler.plan(60.0)) == {ATTIC.address: [5]}


def test_a_call_whose_process_dies_again_and_again_is_given_up() -> None:
    scheduler = network(ATTIC)
    poison = call(1, retries=1)
    add(scheduler, poison)
    scheduler.plan(0.0)
    scheduler.process_died(1, 0.0)
    scheduler.plan(100.0)

    assert scheduler.process_died(1, 100.0) is poison
    assert not scheduler.plan(200.0)


def test_a_result_that_comes_twice_counts_once() -> None:
    scheduler = network(ATTIC)
    only = call(1)
    add(scheduler, only)
    scheduler.plan(0.0)

    assert scheduler.ended(1, 0.1) is only
    assert scheduler.ended(1, 0.1) is None


def test_what_waits_at_a_door_that_has_opened_only_just_now_is_not_held_there_yet() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)
    scheduler.opened(AT_ATTIC)

    before = scheduler.held_at(AT_ATTIC)
    scheduler.plan(0.0)

    assert (before, scheduler.held_at(AT_ATTIC)) == (frozenset(), frozenset({1}))


def test_what_a_node_says_it_does_not_have_is_tried_again() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.missing(1, AT_ATTIC, 0.0)

    assert sent(scheduler.plan(1.0)) == {ATTIC.address: [1]}


# --- giving up ------------------------------------------------------------------------------------


def test_a_call_that_waits_is_cancelled_without_a_word_to_a_node() -> None:
    scheduler = network()
    add(scheduler, call(1))

    assert scheduler.cancel(1) is None
    scheduler.nodes_are([ATTIC], 0.0)
    assert not scheduler.plan(0.0)


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


def test_a_call_that_waits_at_a_door_is_withdrawn_at_once() -> None:
    scheduler = Scheduler(random.Random(0))
    scheduler.nodes_are([ATTIC], 0.0)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    assert scheduler.withdraw(1) is None
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


# --- whatever happens -----------------------------------------------------------------------------


class SchedulerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: each call ends once, and none is forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(random.Random(0))
        self.now = 0.0
        self.open: set[int] = set()
        self.ended: set[int] = set()
        self.held: dict[int, Place] = {}
        self.number = 0

    @rule(retries=st.integers(0, 2), function=st.sampled_from("fg"))
    def add(self, retries: int, function: str) -> None:
        self.number += 1
        self.scheduler.add(call(self.number, retries=retries, function=function))
        self.open.add(self.number)

    @rule(seconds=st.floats(0.0, 20.0))
    def plan(self, seconds: float) -> None:
        self.now += seconds
        plan = self.scheduler.plan(self.now)
        for place in plan.open:
            self.scheduler.opened(place)
        for each, _ in [*plan.unplaceable, *plan.too_large]:
            self.end(each.id)
        for lost in plan.lost:
            self.end(lost.call.id)
        for place, calls in plan.send.items():
            self.held.update({each.id: place for each in calls})

    @rule(attic=st.booleans(), cellar=st.booleans())
    def nodes_come_and_go(self, *, attic: bool, cellar: bool) -> None:
        present = [node for node, there in [(ATTIC, attic), (CELLAR, cellar)] if there]
        self.scheduler.nodes_are(present, self.now)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), seconds=st.none() | st.floats(0.0, 1.0))
    def a_node_answers(self, data: st.DataObject, seconds: float | None) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.held)))
        if self.scheduler.ended(chosen, seconds) is not None:
            self.end(chosen)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_process_dies(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.held)))
        if self.scheduler.process_died(chosen, self.now) is not None:
            self.end(chosen)

    @rule(place=st.sampled_from([AT_ATTIC, AT_CELLAR]))
    def a_place_ends(self, place: Place) -> None:
        self.scheduler.closed(place, WHY, self.now)

    @rule(place=st.sampled_from([AT_ATTIC, AT_CELLAR]))
    def a_place_refuses(self, place: Place) -> None:
        if not self.scheduler.held_at(place):
            self.scheduler.refused(place, "no", self.now)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.open)))
        self.scheduler.cancel(chosen)
        self.end(chosen)

    def end(self, number: int) -> None:
        assert number in self.open
        self.open.remove(number)
        self.held.pop(number, None)
        self.ended.add(number)

    @invariant()
    def none_is_forgotten(self) -> None:
        assert len(self.scheduler) == len(self.open)
        assert all(self.scheduler.get(each) is not None for each in self.open)

    def teardown(self) -> None:
        self.scheduler.nodes_are([ATTIC, CELLAR], self.now)
        for _ in range(200):
            if not self.open:
                return
            self.plan(20.0)
            for number in list(self.held):
                if self.scheduler.ended(number, 0.1) is not None:
                    self.end(number)
            self.scheduler.nodes_are([ATTIC, CELLAR], self.now)
        assert not self.open


TestSchedulerMachine = SchedulerMachine.TestCase
