"""Ten thousand calls, while their nodes are killed one after the other."""

from __future__ import annotations

from collections import Counter
from itertools import cycle
from typing import TYPE_CHECKING

import pytest
from call_network import CallNetwork

from pye2_testing.fixtures import require_mosquitto

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 10_000
RESULTS_FROM_KILL_TO_KILL = 500


def squares_below(number: int) -> tuple[int, int]:
    return number, sum(each * each for each in range(number % 100))


@pytest.mark.timeout(400)
def test_every_call_gives_its_value_once_though_nodes_are_killed(tmp_path: Path) -> None:
    require_mosquitto()
    values: Counter[tuple[int, int]] = Counter()
    futures = set()
    killed = 0
    with CallNetwork(tmp_path) as network, network.session() as session:
        victims = cycle(network.nodes)
        down = None
        calls = session.map_calls(squares_below, range(CALLS), ordered=False)
        for future in calls:
            futures.add(future)
            values[future.result()] += 1
            if len(futures) % RESULTS_FROM_KILL_TO_KILL or len(futures) == CALLS:
                continue
            if down is not None:
                down.wait_until_ready()  # so that one is away at a time
            down = next(victims)
            down.kill()
            down.start()
            killed += 1
        assert down is not None
        down.wait_until_ready()

    assert killed == CALLS // RESULTS_FROM_KILL_TO_KILL - 1
    assert len(futures) == CALLS
    assert values == Counter(squares_below(number) for number in range(CALLS))
