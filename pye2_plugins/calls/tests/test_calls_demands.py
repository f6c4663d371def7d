"""What nodes tell of themselves is counted with, whatever they tell."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.client.demands import Demand, asked_for, demand_for, facts_of
from pye2_calls.client.plans import Pending
from pye2_calls.client.scheduler import Scheduler
from pye2core.messages import Heartbeat

_FIGURES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())


def given_calls(heartbeat: Heartbeat) -> int:
    """How many of three calls its node is given, after another has ended quickly."""
    scheduler = Scheduler(Random(1))
    scheduler.nodes_are([facts_of(heartbeat)], 0.0)
    for number in range(4):
        scheduler.add(Pending(number, "f", Demand(), 1, 0, None))
    first = scheduler.plan(0.0)
    scheduler.ended(0, 0.01)
    second = scheduler.plan(1.0)
    return len(first.open) + len(second.open)


@pytest.mark.parametrize("name", ["total", "busy", "memory_megabytes"])
@pytest.mark.parametrize("figure", [10**400, -(10**400), float("inf"), float("nan")])
def test_a_figure_that_no_machine_has_keeps_no_call_from_its_node(name: str, figure: float) -> None:
    heartbeat = Heartbeat("attic", "0xai_attic", status={"PYE2_SLOTS": {name: figure}})

    assert given_calls(heartbeat) == 1


@given(st.dictionaries(st.sampled_from(["total", "busy", "memory_megabytes"]), _FIGURES))
def test_whatever_a_node_tells_of_its_slots_it_can_be_given_calls(told: dict[str, object]) -> None:
    heartbeat = Heartbeat("attic", "0xai_attic", status={"PYE2_SLOTS": told})

    assert given_calls(heartbeat) == 1


def test_modules_that_a_function_imports_are_asked_for():
    demand = demand_for(None, None, asked_for({"modules": ["pandas"]}), frozenset({"os"}))

    assert demand.settings == {"modules": ["os", "pandas"]}


def test_modules_that_the_network_opens_are_not_asked_for_besides_it():
    imported = frozenset({"socket", "urllib.request", "os"})

    demand = demand_for(None, None, asked_for({"network": True}), imported)

    assert demand.settings == {"network": True, "modules": ["os"]}


def test_without_the_network_its_modules_are_asked_for_as_others():
    demand = demand_for(None, None, asked_for(None), frozenset({"urllib.parse"}))

    assert demand.settings == {"modules": ["urllib.parse"]}


def test_a_call_that_needs_nothing_asks_for_nothing():
    assert demand_for(None, None, asked_for({"network": False})) == Demand()
