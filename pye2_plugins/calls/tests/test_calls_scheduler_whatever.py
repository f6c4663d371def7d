"""Whatever happens in whatever order: each call ends once, and none is forgotten."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from scheduler_support import AT_ATTIC, AT_CELLAR, ATTIC, CELLAR, WHY, call

from pye2_calls.client.scheduler import Scheduler

if TYPE_CHECKING:
    from pye2_calls.client.plans import Place


class SchedulerMachine(RuleBasedStateMachine):
    """Nodes that come, go, answer and refuse, processes that die, and calls."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(random.Random(0))
        self.now = 0.0
        self.open: set[int] = set()
        self.ended: set[int] = set()
        self.held: dict[int, Place] = {}
        self.number = 0

    @rule(
        retries=st.integers(0, 2),
        function=st.sampled_from("fg"),
        size=st.sampled_from([10, 15_000]),
    )
    def add(self, retries: int, function: str, size: int) -> None:
        self.number += 1
        self.scheduler.add(call(self.number, retries=retries, function=function, size=size))
        self.open.add(self.number)

    @rule(seconds=st.floats(0.0, 20.0))
    def plan(self, seconds: float) -> None:
        self.now += seconds
        plan = self.scheduler.plan(self.now)
        for place in plan.open:
            self.scheduler.opened(place, 10_000.0 if place == AT_ATTIC else math.inf)
        for each, _ in [*plan.unplaceable, *plan.too_large]:
            self.end(each.id)
        for lost in plan.lost:
            self.end(lost.call.id)
        for place, calls in plan.send.items():
            self.held.update({each.id: place for each in calls})

    @rule(attic=st.booleans(), cellar=st.booleans(), largest=st.sampled_from([math.inf, 10_000.0]))
    def nodes_come_and_go(self, *, attic: bool, cellar: bool, largest: float) -> None:
        known = [(evolve(ATTIC, largest=largest), attic), (CELLAR, cellar)]
        self.scheduler.nodes_are([node for node, is_there in known if is_there], self.now)

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
