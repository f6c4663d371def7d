"""The contract of a signature notices what it is to notice: each runner here breaks one promise."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import pye2_custom_code.plugin
import pye2_custom_code.runner
from pye2_node.context import Context
from pye2_testing import MemoryNetwork
from pye2_testing.contracts import SignatureContract
from pye2_testing.contracts.runner_watch import RunnerWatch
from pye2_testing.contracts.said import Said
from pye2core.abc import Runner
from pye2core.messages import NotificationKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2core import Instance, Payload, Pipeline, Session

OFTEN = 0.005


class Ticker(Runner):
    """Keeps every promise: sends a payload now and then."""

    async def start(self) -> None:
        """There is nothing to prepare."""

    async def run(self) -> None:
        while True:
            await self.context.emit({"TICK": 1})
            await asyncio.sleep(OFTEN)

    async def stop(self) -> None:
        """There is nothing to release."""


class Forgetful(Ticker):
    """Begins a task and does not end it."""

    tasks: ClassVar[list[asyncio.Task[None]]] = []

    async def start(self) -> None:
        self.tasks.append(asyncio.create_task(self.go_on()))

    async def go_on(self) -> None:
        while True:
            await self.say()
            await asyncio.sleep(OFTEN)

    async def say(self) -> None:
        """Nothing yet."""


class Nagging(Forgetful):
    async def say(self) -> None:
        self.context.notify(NotificationKind.NORMAL, "I am still here")


class Talkative(Forgetful):
    async def say(self) -> None:
        await self.context.emit({"TICK": 2})


class Quiet(Ticker):
    """Writes its keys as they come."""

    async def run(self) -> None:
        await self.context.emit({"Tick": 1})


class Failing(Ticker):
    """Fails as it is cancelled."""

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            raise ValueError("it is stuck")


class Subject(SignatureContract):
    plugin = pye2_custom_code.plugin
    signature = "CUSTOM_EXEC_01"

    def create(self, pipeline: Pipeline, instance_id: str, settings: Mapping[str, Any]) -> Instance:
        return pipeline.create_custom_plugin_instance(
            instance_id=instance_id, custom_code="return 1", config=dict(settings)
        )


class TestTicker(Subject):
    """What every runner after it departs from."""

    @pytest.fixture(autouse=True)
    def _runner(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pye2_custom_code.runner, "CustomExecRunner", Ticker)


@pytest.fixture(scope="module")
def network() -> Iterator[MemoryNetwork]:
    with MemoryNetwork(nodes=1) as running:
        yield running


@pytest.fixture(scope="module")
def session(network: MemoryNetwork) -> Iterator[Session]:
    with network.session() as opened:
        yield opened


@pytest.fixture
def payloads() -> queue.Queue[Payload]:
    return queue.Queue()


@pytest.fixture
def pipeline(
    session: Session, payloads: queue.Queue[Payload], request: pytest.FixtureRequest
) -> Pipeline:
    return session.create_pipeline(
        node="node-1",
        name=f"p-{abs(hash(request.node.nodeid)):x}",
        on_data=lambda _pipeline, _signature, _instance, payload: payloads.put(payload),
    )


@pytest.fixture(autouse=True)
def _nothing_left_behind(network: MemoryNetwork) -> Iterator[None]:
    yield
    while Forgetful.tasks:
        network.loop.call_soon_threadsafe(Forgetful.tasks.pop().cancel)


@pytest.fixture
def said(network: MemoryNetwork) -> Said:
    return Said(network.broker)


@pytest.fixture
def made_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Runner]], Subject]:
    """The contract of the signature as this runner would keep it."""

    def make(runner: type[Runner]) -> Subject:
        monkeypatch.setattr(pye2_custom_code.runner, "CustomExecRunner", runner)
        return Subject()

    return make


@pytest.fixture
def watched(network: MemoryNetwork) -> Iterator[RunnerWatch]:
    with RunnerWatch(Ticker, network.loop) as watching:
        yield watching


def test_one_that_notifies_after_its_end_is_noticed(made_of, pipeline, payloads, said) -> None:
    with pytest.raises(AssertionError, match="after the pipeline was closed"):
        made_of(Nagging).test_a_closed_pipeline_sends_nothing_more(pipeline, payloads, said)


def test_a_node_that_lets_it_send_payloads_after_its_end_is_noticed(
    made_of, pipeline, payloads, said, monkeypatch
) -> None:
    monkeypatch.setattr(Context, "_check_open", lambda _context: None)

    with pytest.raises(AssertionError, match="after the pipeline was closed"):
        made_of(Talkative).test_a_closed_pipeline_sends_nothing_more(pipeline, payloads, said)


def test_a_task_that_is_left_behind_is_noticed(made_of, pipeline, payloads, watched) -> None:
    with pytest.raises(AssertionError, match=r"Forgetful\.go_on"):
        made_of(Forgetful).test_its_runner_leaves_no_task_behind(pipeline, payloads, watched)


def test_keys_in_lower_case_are_noticed(made_of, pipeline, payloads, watched) -> None:
    contract = made_of(Quiet)

    with pytest.raises(AssertionError, match=r"\['Tick'\]: write them in upper case"):
        contract.test_the_keys_of_what_it_sends_are_upper_case(pipeline, payloads, watched)


def test_a_runner_that_holds_up_the_nodes_loop_is_noticed(
    made_of, pipeline, payloads, watched
) -> None:
    class Blocking(Ticker):
        async def run(self) -> None:
            await self.context.emit({"TICK": 1})
            await asyncio.sleep(OFTEN)
            noticed = threading.Event()
            while not watched.held_up:
                noticed.wait(OFTEN)  # what no runner may do
            await super().run()

    contract = made_of(Blocking)

    with pytest.raises(AssertionError, match=r"Blocking\.run.*await what takes long"):
        contract.test_its_runner_leaves_the_nodes_loop_to_others(pipeline, payloads, watched)


def test_one_that_fails_as_it_is_cancelled_is_noticed(made_of, pipeline, payloads, caplog) -> None:
    with pytest.raises(AssertionError, match="it is stuck"):
        made_of(Failing).test_its_runner_ends_without_an_error(pipeline, payloads, caplog)
