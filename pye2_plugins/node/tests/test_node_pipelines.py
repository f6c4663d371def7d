"""What runs is made the same as what is to run; one pipeline never waits for another."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_support import CLIENT, desired, pipeline, puppet, refuses_nothing

from pye2_node.attendant import Patience
from pye2_node.commands import Apply, Close, Tell
from pye2_node.desired import path_of
from pye2_node.instances import RunningInstance
from pye2_node.notices import Answers
from pye2_node.pipelines import Pipelines, steps_between
from pye2core.messages import InstancePath, Requester

PATIENCE = Patience(to_start=20, to_stop=0.2, first_pause=0.01, longest_pause=0.02)
ANSWERS = Answers(CLIENT)
PATH = InstancePath("p", "PUPPET_01", "i")


# --- the difference -------------------------------------------------------------------------------


def steps(running, wanted):
    """The names of the instances for which there is something to do, by what that is."""
    by_path = {path_of("p", each): each for each in running}
    found = steps_between(by_path, pipeline("p", *wanted))
    names = {
        "stop": [path.instance_id for path in found.stop],
        "start": [each.instance_id for each in found.start],
        "reconfigure": [each.instance_id for each in found.reconfigure],
        "keep": [each.instance_id for each in found.keep],
    }
    return {what: who for what, who in names.items() if who}


def test_the_difference_of_what_runs_and_what_is_to_run():
    running = [puppet("same", V=1), puppet("changed", V=1), puppet("gone")]
    wanted = [puppet("same", V=1), puppet("changed", V=2), puppet("new")]

    assert steps(running, wanted) == {
        "stop": ["gone"],
        "start": ["new"],
        "reconfigure": ["changed"],
        "keep": ["same"],
    }


def test_the_same_name_of_another_signature_is_another_instance():
    running, wanted = [puppet("i")], [puppet("i", "LIVE_PUPPET_01")]

    assert steps(running, wanted) == {"stop": ["i"], "start": ["i"]}


configs = st.dictionaries(
    st.sampled_from("abcdef"), st.integers(0, 2).map(lambda value: {"V": value})
).map(lambda found: [puppet(name, **settings) for name, settings in found.items()])


@given(configs, configs)
def test_the_steps_lead_from_what_runs_to_what_is_wanted(running, wanted):
    found = steps(running, wanted)
    result = {each.instance_id: each for each in running}
    by_name = {each.instance_id: each for each in wanted}

    for name in found.get("stop", []):
        del result[name]
    for name in found.get("start", []) + found.get("reconfigure", []):
        result[name] = by_name[name]

    assert result == by_name


@given(configs)
def test_nothing_is_to_be_done_where_all_is_as_it_is_wanted(running):
    assert set(steps(running, running)) <= {"keep"}


# --- doing it -------------------------------------------------------------------------------------


class Owner:
    """A node as its pipelines see it."""

    def __init__(self, facilities):
        self.facilities = facilities
        self.said = asyncio.Queue()
        self.everything = []
        self.put_backs = []
        self.forgotten = []

    def new_instance(self, config, pipeline):
        return RunningInstance(
            config,
            pipeline,
            self.facilities,
            is_confidential=refuses_nothing,
            on_state=lambda instance: None,
            patience=PATIENCE,
        )

    def announce(self, notification):
        self.everything.append(notification)
        self.said.put_nowait(notification)

    async def put_back(self, pipeline, failed, previous):
        self.put_backs.append((pipeline, failed, previous))

    async def forget(self, path):
        self.forgotten.append(path)

    def offered(self):
        return "PUPPET_01"

    async def next(self, code):
        """The next notification with that code."""
        async with asyncio.timeout(20):
            while True:
                notification = await self.said.get()
                if notification.code == code:
                    return notification

    def codes(self):
        return [each.code for each in self.everything]


@pytest.fixture
def perform(facilities):
    """Runs ``scenario(pipelines, owner)`` on a loop and stops all pipelines."""

    async def on_stage(scenario):
        owner = Owner(facilities)
        pipelines = Pipelines(owner)
        try:
            await scenario(pipelines, owner)
        finally:
            await pipelines.stop()
        return owner

    return lambda scenario: asyncio.run(on_stage(scenario))


def apply(config, answers=ANSWERS):
    whole = desired(config)
    return Apply(whole, answers, frozenset(whole.paths()))


def tell(name="p", **data):
    return Tell(InstancePath(name, "PUPPET_01", "i"), data, {}, ANSWERS)


def close(name):
    return Close(name, (ANSWERS.deleted(name), ANSWERS.archived(name)))


def test_a_new_instance_is_confirmed_when_it_has_started(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        confirmed = await owner.next(100)
        assert log[0] == "start"
        assert (confirmed.path, confirmed.requester) == (PATH, CLIENT)
        assert [each.path for each in pipelines.instances()] == [PATH]

    perform(scenario)


def test_every_instance_that_was_sent_is_confirmed_also_those_that_stay(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet("a"), puppet("b", V=1))))
        await owner.next(100)
        await owner.next(100)
        pipelines.do(apply(pipeline("p", puppet("a"), puppet("b", V=2))))
        names = {(await owner.next(100)).path.instance_id for _ in range(2)}
        assert names == {"a", "b"}

    perform(scenario)


def test_only_what_a_command_names_is_confirmed(perform):
    async def scenario(pipelines, owner):
        whole = desired(pipeline("p", puppet("a"), puppet("b")))
        only_b = InstancePath("p", "PUPPET_01", "b")
        pipelines.do(Apply(whole, ANSWERS, frozenset({only_b})))
        await pipelines_settled(pipelines, owner)
        confirmed = [each.path for each in owner.everything if each.code == 100]
        assert confirmed == [only_b]

    perform(scenario)


async def pipelines_settled(pipelines, owner):
    """All work of the pipeline ``p`` that was given so far is done."""
    pipelines.do(tell(settled=True))
    async with asyncio.timeout(20):
        while (await owner.said.get()).code not in {101, -101}:
            pass


def test_an_instance_that_cannot_start_is_denied_with_its_reason(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet("bad", START="refuse"), puppet("good"))))
        denied = await owner.next(-100)
        assert denied.text == "START was told to refuse"
        assert denied.path.instance_id == "bad"
        assert 100 in owner.codes() or await owner.next(100)

    perform(scenario)


def test_an_unknown_signature_is_denied_with_what_is_offered(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(signature="NOBODYS_01"))))
        denied = await owner.next(-100)
        assert "NOBODYS_01" in denied.text
        assert "this node offers PUPPET_01" in denied.info

    perform(scenario)


def test_an_instance_that_is_not_wanted_any_more_is_stopped_and_forgotten(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet("a"), puppet("i"))))
        pipelines.do(apply(pipeline("p", puppet("i"))))
        await pipelines_settled(pipelines, owner)
        assert [each.path.instance_id for each in pipelines.instances()] == ["i"]
        assert owner.forgotten == [InstancePath("p", "PUPPET_01", "a")]

    perform(scenario)
    assert "stop" in log


def test_settings_that_are_refused_are_put_back(perform):
    async def scenario(pipelines, owner):
        old, new = puppet(V=1), puppet(V=2, START="refuse")
        pipelines.do(apply(pipeline("p", old)))
        await owner.next(100)
        pipelines.do(apply(pipeline("p", new)))
        await owner.next(-100)
        assert owner.put_backs == [("p", new, old)]

    perform(scenario)


def test_an_instance_that_failed_gets_another_chance_when_it_is_sent_again(perform, registry):
    runner = registry.load(None, "puppets:PUPPET_01")
    refusing = type("Refusing", (runner,), {"start": lambda self: self.refuse()})

    async def refuse(self):
        self.context._facilities.registry._runners["PUPPET_01"] = runner
        raise RuntimeError("not yet")

    refusing.refuse = refuse
    registry._runners["PUPPET_01"] = refusing

    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        await owner.next(-100)
        pipelines.do(apply(pipeline("p", puppet())))
        await owner.next(100)

    perform(scenario)


def test_a_paused_instance_is_confirmed_as_such_too(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(FORCED_PAUSE=True))))
        confirmed = await owner.next(100)
        in_pause = next(each for each in owner.everything if each.code == 120)
        assert owner.codes().index(120) < owner.codes().index(100)
        assert (in_pause.path, in_pause.requester) == (PATH, CLIENT)
        assert confirmed.fields["PLUGIN_RUNNING"] is False

        pipelines.do(apply(pipeline("p", puppet())))
        assert (await owner.next(100)).fields["PLUGIN_RUNNING"] is True
        assert owner.codes().count(120) == 1

    perform(scenario)


def test_what_is_said_of_an_instance_spells_its_signature_as_its_configuration_does(perform):
    spelled = InstancePath("p", "Puppet_01", "i")

    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(signature="Puppet_01"))))
        assert (await owner.next(100)).path == spelled
        pipelines.do(Tell(spelled, {}, {}, ANSWERS))
        assert (await owner.next(101)).path == spelled
        pipelines.do(apply(pipeline("p", puppet(signature="Puppet_01", START="refuse"))))
        assert (await owner.next(-100)).path == spelled
        pipelines.do(apply(pipeline("p", puppet(signature="Puppet_01", START="hang"))))
        await asyncio.sleep(0)
        pipelines.do(close("p"))
        assert (await owner.next(-100)).path == spelled

    perform(scenario)


def test_another_spelling_of_a_signature_is_the_same_instance_that_goes_on(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        await owner.next(100)
        pipelines.do(apply(pipeline("p", puppet(signature="Puppet_01"))))
        assert (await owner.next(100)).path == InstancePath("p", "Puppet_01", "i")
        (instance,) = pipelines.instances()
        assert instance.path == PATH
        assert instance.context.spelled_path == InstancePath("p", "Puppet_01", "i")

    perform(scenario)
    assert log == ["start", "run", "stop"]


# --- commands -------------------------------------------------------------------------------------


def test_a_command_is_confirmed_when_the_instance_has_taken_it(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        pipelines.do(tell(A=1))
        assert (await owner.next(101)).path == PATH
        assert "told {'A': 1} {}" in log

    perform(scenario)


def test_a_command_that_fails_is_denied_with_the_traceback(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(COMMAND="raise"))))
        pipelines.do(tell())
        denied = await owner.next(-101)
        assert denied.text == "COMMAND was told to raise"
        assert "Traceback" in denied.info

    perform(scenario)


# --- closing --------------------------------------------------------------------------------------


def test_closing_is_confirmed_when_nothing_runs_any_more(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        await owner.next(100)
        pipelines.do(close("p"))
        assert (await owner.next(4)).path == InstancePath("p")
        assert log[-1] == "stop"
        assert owner.forgotten == [PATH]
        assert not pipelines.instances()

    perform(scenario)


def test_closing_does_not_wait_for_what_hangs_and_what_is_left_undone_is_denied(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(START="hang"))))
        pipelines.do(tell())
        await asyncio.sleep(0)
        pipelines.do(close("p"))
        await owner.next(4)
        assert sorted(code for code in owner.codes() if code) == [-101, -100, 4]

    perform(scenario)


def test_closing_what_never_ran_is_confirmed(perform):
    async def scenario(pipelines, owner):
        pipelines.do(close("p"))
        await owner.next(4)

    perform(scenario)


def test_a_pipeline_that_is_made_again_begins_when_the_old_one_has_ended(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet(STOP="hang"))))
        await owner.next(100)
        log.clear()
        pipelines.do(close("p"))
        pipelines.do(apply(pipeline("p", puppet(V=2))))
        pipelines.do(close("p"))
        pipelines.do(apply(pipeline("p", puppet(V=3))))
        await owner.next(100)
        assert [each.config.settings for each in pipelines.instances()] == [{"V": 3}]
        assert log[0] == "stop"
        assert owner.codes().count(4) == 2

    perform(scenario)


def test_a_pipeline_that_hangs_holds_up_no_other(perform):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("slow", puppet(START="hang"))))
        pipelines.do(apply(pipeline("p", puppet()), Answers(Requester(name="other"))))
        assert (await owner.next(100)).path.pipeline == "p"

    perform(scenario)


def test_stopping_the_node_forgets_nothing(perform, log):
    async def scenario(pipelines, owner):
        pipelines.do(apply(pipeline("p", puppet())))
        await owner.next(100)

    owner = perform(scenario)

    assert log[-1] == "stop"
    assert owner.forgotten == []
