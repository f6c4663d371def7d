"""Calls on real nodes whose broker goes away, and comes back."""

from __future__ import annotations

import time
from queue import Queue
from typing import TYPE_CHECKING

from call_network import PATIENCE, CallNetwork

from pye2_calls.client import scheduler
from pye2_testing.fixtures import require_mosquitto

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def take(seconds: float) -> float:
    print("at work")
    time.sleep(seconds)
    return seconds


def test_calls_that_run_while_their_broker_is_away_are_run_once_and_give_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_mosquitto()
    at_work: Queue[str] = Queue()
    with CallNetwork(tmp_path) as network, network.session() as session:
        futures = [session.submit(take, 1.0, retries=0, on_output=at_work.put) for _ in range(6)]
        for _ in futures:
            at_work.get(timeout=PATIENCE)
        monkeypatch.setattr(scheduler, "GRACE", 0.1)  # nodes are back later than that
        network.broker.stop()
        waiting = session.submit(take, 0.0, retries=0)
        network.broker.start()

        assert [each.result(PATIENCE) for each in futures] == [1.0] * 6
        assert waiting.result(PATIENCE) == 0.0
