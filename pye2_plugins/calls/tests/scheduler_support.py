"""A scheduler and two nodes, with doors that are open: without a network, a thread or a clock."""

from __future__ import annotations

import random
from typing import Any

from pye2_calls.client.demands import Demand, NodeFacts
from pye2_calls.client.plans import Pending, Place, Plan
from pye2_calls.client.scheduler import (
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
