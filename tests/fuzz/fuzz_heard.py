"""What a client makes of a node's heartbeat, whatever dialect it came in."""

from __future__ import annotations

import json
import math
from random import Random
from typing import TYPE_CHECKING

from pye2_calls.client.demands import Demand, facts_of
from pye2_calls.client.plans import Pending
from pye2_calls.client.scheduler import Scheduler
from pye2_cli.cells import cell
from pye2_cli.nodes import labels_of, slots_of, told_sandbox
from pye2core.clock import ManualClock
from pye2core.errors import MessageRejected
from pye2core.messages import Heartbeat
from pye2core.peers import PeerBook

if TYPE_CHECKING:
    from pye2_calls.client.demands import NodeFacts
    from pye2core.messages import Message

REASONS = {"name-taken", "shape", "crowded", "stale"}
WANTED = Demand(labels=(("gpu", "1"), ("room", "attic")), memory=1e9)
AT_ALL = Demand()


def take_in(message: Message) -> None:
    """What is done with a heartbeat where a session lives: nothing of it raises."""
    if not isinstance(message, Heartbeat):
        return
    for figure in (message.load, message.free_memory):
        assert figure is None or 0 <= figure < math.inf
    book = PeerBook(ManualClock())
    try:
        book.hear(message)
        book.hear(message)
    except MessageRejected as rejection:
        require_known(rejection)
    for facts in (facts_of(message), facts_of(message, 2, 1000)):
        give_calls_to(facts)
    json.dumps([slots_of(message), labels_of(message), message.load, message.free_memory])
    for told in (labels_of(message), told_sandbox(message.sandbox)):
        cell(told)


def require_known(rejection: MessageRejected) -> None:
    """A reason that is promised."""
    assert rejection.reason in REASONS, rejection.reason


def give_calls_to(facts: NodeFacts) -> None:
    """Have calls go there, of which one ends."""
    scheduler = Scheduler(Random(1))
    scheduler.nodes_are([facts], 0.0)
    for number in range(1, 4):
        scheduler.add(Pending(number, "f", WANTED if number == 1 else AT_ALL, 1, 0, None))
    scheduler.plan(0.0)
    scheduler.ended(2, 0.01)
    scheduler.plan(99.0)
