"""What failed and is left by its client: ended by the node, after a while."""

import asyncio
from datetime import UTC, datetime

import pytest
from attrs import evolve
from node_support import InstanceStage, puppet

from pye2_node.attendant import Patience
from pye2_node.forsaken import FORSAKEN_AFTER, Forsaken
from pye2_testing.jumping_time import JumpingLoop
from pye2core.clock import ManualClock
from pye2core.errors import InvalidConfiguration, NotConnected
from pye2core.messages import Action

NODE = "0xai_node"
OF_ITS_OWN = {"CLOSES_PIPELINE": True}


class Network:
    """Takes what a node tells itself."""

    def __init__(self):
        self.sent = []
        self.problems = []

    async def send(self, command):
        if self.problems:
            raise self.problems.pop()
        self.sent.append((command.action, command.body, command.target))


class Stage(InstanceStage):
    """One on which instances are watched, and time passes at once."""

    def __init__(self, facilities, outlet, network):
        super().__init__(facilities, outlet, Patience())
        self.clock = facilities.clock
        self._forsaken = Forsaken(network, NODE)

    def note_state(self, instance):
        self._forsaken.note_state(instance)

    async def failed(self, signature="PRIVATE_PUPPET_01", **settings):
        instance = self.instance(puppet(signature=signature, START="refuse", **settings))
        with pytest.raises(InvalidConfiguration):
            await instance.start()
        return instance

    async def pass_time(self, seconds):
        self.clock.advance(seconds)
        await asyncio.sleep(seconds)


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def perform(facilities, outlet, network):
    """Runs ``scenario(stage)`` on a loop on which nobody waits for time to pass."""
    clock = ManualClock(datetime.now(UTC))

    async def on_stage(scenario):
        await scenario(Stage(evolve(facilities, clock=clock), outlet, network))

    def run(scenario):
        with asyncio.Runner(loop_factory=JumpingLoop) as running:
            running.run(on_stage(scenario))

    return run


def test_what_failed_is_ended_with_the_pipeline_that_is_for_it_alone(perform, network):
    async def scenario(stage):
        await stage.failed(**OF_ITS_OWN)
        await stage.pass_time(FORSAKEN_AFTER - 1)
        before = list(network.sent)
        await stage.pass_time(2)

        assert before == []
        assert network.sent == [(Action.ARCHIVE_PIPELINE, "p", NODE)]

    perform(scenario)


@pytest.mark.parametrize(
    ("signature", "settings"),
    [
        ("PUPPET_01", OF_ITS_OWN),
        ("PRIVATE_PUPPET_01", {}),
        ("PRIVATE_PUPPET_01", {"CLOSES_PIPELINE": 1}),
    ],
    ids=["for all", "not said to end", "nonsense"],
)
def test_all_other_pipelines_are_kept_though_they_failed(perform, network, signature, settings):
    async def scenario(stage):
        await stage.failed(signature, **settings)
        await stage.pass_time(10 * FORSAKEN_AFTER)

        assert network.sent == []

    perform(scenario)


def test_what_runs_is_not_ended(perform, network):
    async def scenario(stage):
        instance = stage.instance(puppet(signature="PRIVATE_PUPPET_01", **OF_ITS_OWN))
        await instance.start()
        await stage.pass_time(10 * FORSAKEN_AFTER)
        await instance.stop()

        assert network.sent == []

    perform(scenario)


@pytest.mark.parametrize("how", ["it runs again", "it was stopped"])
def test_what_does_not_stay_as_it_failed_is_not_ended(perform, network, how):
    async def scenario(stage):
        instance = await stage.failed(**OF_ITS_OWN)
        await stage.pass_time(FORSAKEN_AFTER - 1)
        if how == "it runs again":
            await instance.reconfigure(puppet(signature="PRIVATE_PUPPET_01", **OF_ITS_OWN))
        else:
            await instance.stop()
        await stage.pass_time(FORSAKEN_AFTER)
        await instance.stop()

        assert network.sent == []

    perform(scenario)


def test_while_its_client_tries_again_and_again_it_is_not_ended(perform, network):
    async def scenario(stage):
        instance = await stage.failed(**OF_ITS_OWN)
        for _ in range(5):
            await stage.pass_time(FORSAKEN_AFTER / 2)
            instance.context.pipeline = evolve(
                instance.context.pipeline, updated_at=stage.clock.now()
            )
        before = list(network.sent)
        await stage.pass_time(2 * FORSAKEN_AFTER)

        assert before == []
        assert len(network.sent) == 1

    perform(scenario)


def test_a_pipeline_that_could_not_be_ended_is_ended_later(perform, network):
    async def scenario(stage):
        network.problems.append(NotConnected("no broker", broker=""))
        await stage.failed(**OF_ITS_OWN)
        await stage.pass_time(FORSAKEN_AFTER + 1)
        before = list(network.sent)
        await stage.pass_time(FORSAKEN_AFTER + 1)

        assert before == []
        assert len(network.sent) == 1

    perform(scenario)
