"""What becomes of calls that nodes had, and have no more; and of those that they do not take."""

from __future__ import annotations

import random
from typing import Any

import pytest
from scheduler_support import AT_ATTIC, AT_CELLAR, ATTIC, CELLAR, WHY, add, call, network, sent

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.scheduler import GRACE, MOST_REFUSALS, PATIENCE, Scheduler
from pye2core import Identity

# --- nodes ----------------------------------------------------------------------------------------


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


def test_a_generator_that_has_given_an_item_is_not_begun_anew_however_often_it_may_be_tried() -> (
    None
):
    scheduler = network(ATTIC, CELLAR)
    stream = call(1, retries=3)
    add(scheduler, stream)
    (at,) = scheduler.plan(0.0).send

    scheduler.gave_item(stream)
    scheduler.closed(at, WHY, 1.0)

    assert [each.call for each in scheduler.plan(1.0).lost] == [stream]


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


def test_what_a_node_says_it_does_not_have_is_tried_again() -> None:
    scheduler = network(ATTIC)
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.missing(1, AT_ATTIC, 0.0)

    assert sent(scheduler.plan(1.0)) == {ATTIC.address: [1]}


# --- processes ------------------------------------------------------------------------------------


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


# --- refusals -------------------------------------------------------------------------------------


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


def test_the_reasons_of_nodes_are_told_whatever_these_are_called() -> None:
    twins = [
        NodeFacts(Identity.generate().address, "attic\x1b[2J", labels={"gpu": has})
        for has in ("0", "\x1b[2J")
    ]
    scheduler = network(*twins)
    add(scheduler, call(1, demand=Demand(labels=(("gpu", "1"),))))
    scheduler.plan(0.0)

    ((_, why),) = scheduler.plan(PATIENCE).unplaceable

    assert why.split("\n  ") == [
        f"attic?[2J: its label gpu={has} is not the 1 that is needed" for has in ("0", "?[2J")
    ]


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


def test_a_call_waits_for_a_node_that_comes_in_time() -> None:
    scheduler = network()
    add(scheduler, call(1))
    scheduler.plan(0.0)

    scheduler.nodes_are([ATTIC], PATIENCE / 2)

    assert scheduler.plan(PATIENCE / 2).open == [AT_ATTIC]
