"""Ten thousand calls, while their nodes are killed one after the other."""

from __future__ import annotations

import time
from itertools import cycle, islice
from queue import Queue
from typing import TYPE_CHECKING

import pytest
from call_network import PATIENCE, CallNetwork

from pye2_testing.fixtures import require_mosquitto

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from call_network import CallNode

CALLS = 10_000
RESULTS_FROM_KILL_TO_KILL = 500
UNDER_WAY = 1_000


def take_a_while(number: int) -> tuple[int, int]:
    """Long enough that there is work to lose whenever a node is killed."""
    time.sleep(0.005)
    return number, number * number


class Killer:
    """Kills one node after the other, and starts each again at once."""

    def __init__(self, nodes: list[CallNode]) -> None:
        self._victims = cycle(nodes)
        self._starting: list[CallNode] = []
        self.kills = 0
        self.hit = 0

    def strike(self, under_way: set[Future[tuple[int, int]]]) -> None:
        """Kill the next; one of the three is always left to work."""
        if len(self._starting) > 1:
            self._starting.pop(0).wait_until_ready()
        victim = next(self._victims)
        self.hit += any(each.node == victim.name for each in under_way)
        victim.kill()
        victim.start()
        self._starting.append(victim)
        self.kills += 1


@pytest.mark.timeout(400)
def test_every_call_gives_its_value_once_though_nodes_are_killed(tmp_path: Path) -> None:
    require_mosquitto()
    numbers = iter(range(CALLS))
    ended: Queue[Future[tuple[int, int]]] = Queue()
    under_way: set[Future[tuple[int, int]]] = set()
    values: list[tuple[int, int]] = []
    with CallNetwork(tmp_path) as network, network.session() as session:

        def submit(count: int) -> None:
            for number in islice(numbers, count):
                future = session.submit(take_a_while, number)
                under_way.add(future)
                future.add_done_callback(ended.put)

        killer = Killer(network.nodes)
        submit(UNDER_WAY)
        while under_way:
            future = ended.get(timeout=PATIENCE)
            under_way.remove(future)  # one that ended twice would not be there
            values.append(future.result())
            submit(1)
            if under_way and len(values) % RESULTS_FROM_KILL_TO_KILL == 0:
                killer.strike(under_way)

    assert ended.empty()
    assert sorted(values) == [(number, number * number) for number in range(CALLS)]
    assert killer.kills == CALLS // RESULTS_FROM_KILL_TO_KILL - 1
    assert killer.hit > killer.kills // 2, "most kills found work to lose"
