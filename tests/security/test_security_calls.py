"""Function calls on a node whose owner grants, withdraws and denies, and whose client falls silent.

Through the whole node, with a real sandbox.
"""

from __future__ import annotations

import itertools
import queue
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from grants_network import PATIENCE, GrantsNetwork

from pye2_calls import runner
from pye2_calls.client import dispatcher, scheduler
from pye2_calls.errors import CallLost, CallRefused
from pye2_node import forsaken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from pye2core import Session

pytestmark = pytest.mark.slow


def endless() -> None:
    print("begun")  # noqa: T201 - comes back to the client
    while True:
        pass


def endless_with_shlex() -> None:
    import shlex

    print("begun with", shlex)  # noqa: T201 - comes back to the client
    while True:
        pass


def numbers() -> Iterator[int]:
    yield from itertools.count()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrantsNetwork]:
    with GrantsNetwork(tmp_path_factory.mktemp("calls")) as running:
        yield running


@pytest.fixture
def granted(network: GrantsNetwork) -> Iterator[GrantsNetwork]:
    """The asker is allowed, and granted a module."""
    network.grant("--module", "shlex")
    yield network
    network.grant()


def begun(session: Session, function: Any) -> Future[None]:
    """A call that is at work and does not end by itself."""
    printed: queue.Queue[str] = queue.Queue()
    future: Future[None] = session.submit(function, retries=0, on_output=printed.put)
    printed.get(timeout=PATIENCE)
    return future


def workers(network: GrantsNetwork) -> list[psutil.Process]:
    """The processes in which code runs, or has run."""
    return [psutil.Process(each.pid) for each in list(network.node._pool._workers)]


def test_a_call_ends_at_once_when_what_it_uses_is_taken_away(
    granted: GrantsNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "PATIENCE", 0.2)
    future = begun(granted.session, endless_with_shlex)
    at_work = workers(granted)

    granted.owner("deny", granted.asker, "--module", "shlex")

    error = future.exception(PATIENCE)
    assert isinstance(error, CallLost)
    assert f"pye2 node allow {granted.asker} --module shlex" in str(error)
    assert not psutil.wait_procs(at_work, PATIENCE)[1]
    with pytest.raises(CallRefused, match="--module shlex"):
        granted.session.submit(endless_with_shlex).result(PATIENCE)


def test_all_calls_of_a_client_end_when_that_client_is_denied(granted: GrantsNetwork) -> None:
    futures = [begun(granted.session, endless)]
    futures += [granted.session.submit(endless, retries=0) for _ in range(20)]
    at_work = workers(granted)

    granted.owner("deny", granted.asker)

    error = futures[0].exception(PATIENCE)
    assert isinstance(error, CallLost)
    assert "which is not allowed on" in str(error)
    assert f"pye2 node allow {granted.asker} " in str(error)
    assert not psutil.wait_procs(at_work, PATIENCE)[1]
    assert granted.others_session.submit(abs, -1).result(PATIENCE) == 1
    for each in futures:
        each.cancel()


def test_nothing_is_left_of_a_client_who_falls_silent(
    network: GrantsNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "QUIET_SECONDS", 0.5)
    with network.new_session() as session:
        pipelines = network.node._ledger.pipelines
        known, before = set(pipelines), {each.pid for each in workers(network)}
        stream = iter(session.submit(numbers))
        assert next(stream) == 0
        waiting = [each for each in workers(network) if each.pid not in before]
        (pipeline,) = set(pipelines) - known
        assert waiting

        assert session.peers.wait_until(lambda: pipeline not in pipelines, PATIENCE)
        assert not psutil.wait_procs(waiting, PATIENCE)[1]
        assert network.node._slots.set_aside == 0

        assert session.submit(abs, -2).result(PATIENCE) == 2


def test_nothing_is_left_of_a_client_who_was_denied(
    granted: GrantsNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forsaken, "FORSAKEN_AFTER", 0.5)
    pipelines = granted.node._ledger.pipelines
    before = set(pipelines)
    with granted.new_session() as session:
        future = begun(session, endless_with_shlex)
        (pipeline,) = set(pipelines) - before

        granted.owner("deny", granted.asker)

        assert isinstance(future.exception(PATIENCE), CallLost)
    peers = granted.others_session.peers
    assert peers.wait_until(lambda: pipeline not in pipelines, PATIENCE)


def test_nothing_is_left_of_a_client_who_died_when_it_was_refused(
    granted: GrantsNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []

    def die(door: Any) -> None:
        left.append(door._instance.pipeline.name)  # it is not closed any more

    monkeypatch.setattr(forsaken, "FORSAKEN_AFTER", 0.5)
    monkeypatch.setattr(scheduler, "PATIENCE", 0.2)
    monkeypatch.setattr(dispatcher, "_close", die)
    with granted.new_session() as session:
        refused = session.submit(endless, grants={"modules": ["colorsys"]})
        with pytest.raises(CallRefused, match="--module colorsys"):
            refused.result(PATIENCE)
        (pipeline,) = left

        pipelines = granted.node._ledger.pipelines
        assert session.peers.wait_until(lambda: pipeline not in pipelines, PATIENCE)
