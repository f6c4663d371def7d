"""One instance: started, reconfigured, told, begun anew when it fails, stopped whatever it does."""

import asyncio

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from node_support import CLIENT, InstanceStage, Puppet, puppet

from pye2_node.attendant import Patience
from pye2_node.context import LARGE_UNDER_WAY, UNDER_WAY
from pye2_node.granting import Granting
from pye2_node.instances import InstanceState
from pye2_node.pace import Pace
from pye2core.code.grants import NO_GRANTS, Grants
from pye2core.errors import InvalidConfiguration, NodeError, UnknownSignature
from pye2core.messages import InstancePath, NotificationKind, Requester, Speaker, digest_of

PATIENCE = Patience(to_start=0.2, to_stop=0.2, first_pause=0.01, longest_pause=0.02)
PATH = InstancePath("p", "PUPPET_01", "i")


class Stage(InstanceStage):
    """One on which the states of one instance are awaited."""

    async def becomes(self, state):
        async with asyncio.timeout(20):
            while await self.changes.get() is not state:
                pass


@pytest.fixture
def perform(facilities, outlet):
    """Runs ``scenario(stage)`` on a loop."""

    async def on_stage(scenario):
        return await scenario(Stage(facilities, outlet, PATIENCE))

    return lambda scenario: asyncio.run(on_stage(scenario))


def test_an_instance_runs_and_is_stopped(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(VALUE=7))
        await instance.start()
        assert instance.state is InstanceState.RUNNING
        await stage.payloads(1)
        await instance.stop()
        return instance, stage.outlet.payloads

    instance, payloads = perform(scenario)

    assert instance.state is InstanceState.STOPPED
    assert log == ["start", "run", "stop"]
    assert payloads[0][0].fields["VALUE"] == 7


# --- payloads and notifications -------------------------------------------------------------------


def test_payloads_have_the_fields_that_users_know(perform):
    async def scenario(stage):
        instance = stage.instance(puppet())
        await instance.context.emit({"exec_result": 1})
        await instance.context.emit({"STATUS": "mine"})
        return [payload for payload, _ in stage.outlet.payloads]

    first, second = perform(scenario)

    assert (first.path, first.requester) == (PATH, CLIENT)
    assert first.fields["EXEC_RESULT"] == 1
    assert second.fields == {"STATUS": "mine"}


def test_payloads_tell_how_their_instance_stands(perform):
    async def scenario(stage):
        context = stage.instance(puppet(PROCESS_DELAY=3)).context
        for _ in range(2):
            await context.emit({})
        return [payload.circumstances for payload, _ in stage.outlet.payloads]

    first, second = perform(scenario)

    assert (first.number, second.number) == (1, 2)
    assert (first.version, first.settings) == ("1.0", {"PROCESS_DELAY": 3})
    assert first.frequency is None
    assert second.frequency > 0
    assert first.sent_at <= second.sent_at
    assert 0 <= first.alive_seconds <= second.alive_seconds


def test_how_often_an_instance_sends_is_by_the_node_s_clock(facilities, outlet, clock):
    async def scenario():
        stage = Stage(evolve(facilities, clock=clock), outlet, PATIENCE)
        context = stage.instance(puppet(PROCESS_DELAY=0.25)).context
        for _ in range(3):
            await context.emit({})
            clock.advance(0.25)
        return [payload.circumstances for payload, _ in stage.outlet.payloads]

    told = asyncio.run(scenario())

    assert [each.frequency for each in told] == [None, 4.0, 4.0]
    assert [each.alive_seconds for each in told] == [0.0, 0.25, 0.5]


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=30))
def test_how_often_an_instance_sends_is_that_of_its_last_payloads(waits):
    pace, now = Pace(), 0.0
    for wait in waits:
        assert pace.frequency is None or pace.frequency >= 0
        now += wait
        pace.note(now)

    recent = waits[1:][-9:]
    expected = pytest.approx(len(recent) / sum(recent), abs=0.06) if recent else None
    assert pace.frequency == expected


def test_payloads_at_the_same_moment_have_no_frequency():
    pace = Pace()
    pace.note(1.0)
    pace.note(1.0)

    assert pace.frequency is None


def test_payloads_are_encrypted_for_the_requester_where_that_is_asked_for(perform):
    async def scenario(stage):
        await stage.instance(puppet(ENCRYPT_PAYLOAD=True)).context.emit({})
        await stage.instance(puppet()).context.emit({})
        return [receiver for _, receiver in stage.outlet.payloads]

    assert perform(scenario) == [CLIENT.address, None]


def test_a_payload_that_is_to_be_encrypted_for_nobody_knows_whom_is_not_sent(perform):
    async def scenario(stage):
        nobodys = stage.instance(puppet(ENCRYPT_PAYLOAD=True), requester=Requester())
        with pytest.raises(NodeError, match="not known for whom"):
            await nobodys.context.emit({})
        return stage.outlet.payloads

    assert perform(scenario) == []


def test_a_payload_waits_while_too_many_are_under_way(perform):
    async def scenario(stage):
        stage.outlet.confirms = False
        context = stage.instance(puppet()).context
        for _ in range(UNDER_WAY):
            await context.emit({})
        another = asyncio.create_task(context.emit({}))
        await asyncio.wait({another}, timeout=0.1)
        waited = not another.done()
        stage.outlet.unconfirmed[0].set_result(None)
        await another
        return waited

    assert perform(scenario)


def test_few_large_payloads_of_all_instances_are_under_way_and_small_ones_pass_them(perform):
    async def scenario(stage):
        stage.outlet.confirms = False
        first, second = (stage.instance(puppet(each)).context for each in "ij")
        for _ in range(LARGE_UNDER_WAY):
            await first.emit({"X": bytes(2**20)})
        another = asyncio.create_task(second.emit({"X": bytes(2**20)}))
        await asyncio.wait({another}, timeout=0.1)
        waited = not another.done()
        await second.emit({"X": b"small"})
        stage.outlet.unconfirmed[0].set_exception(NodeError("closed"))
        await another
        return waited

    assert perform(scenario)


def test_a_payload_that_waited_until_its_instance_was_stopped_is_not_sent(perform):
    async def scenario(stage):
        stage.outlet.confirms = False
        context = stage.instance(puppet()).context
        for _ in range(UNDER_WAY):
            await context.emit({})
        late = asyncio.create_task(context.emit({}))
        await asyncio.wait({late}, timeout=0.1)
        await context.close()
        stage.outlet.unconfirmed[0].set_result(None)
        with pytest.raises(NodeError, match="was stopped"):
            await late
        return stage.outlet.payloads

    assert len(perform(scenario)) == UNDER_WAY


def test_payloads_that_the_broker_never_took_hold_nothing_up(perform):
    async def scenario(stage):
        stage.outlet.confirms = False
        context = stage.instance(puppet()).context
        for _ in range(3 * UNDER_WAY):
            await context.emit({})
            stage.outlet.unconfirmed.pop().set_exception(NodeError("closed"))

    perform(scenario)


def test_a_payload_that_cannot_be_carried_takes_no_place(perform):
    async def scenario(stage):
        context = stage.instance(puppet()).context

        def refuse(payload, receiver):
            raise TypeError("a set")

        object.__setattr__(stage.facilities, "send_payload", refuse)
        for _ in range(2 * UNDER_WAY):
            with pytest.raises(TypeError, match="a set"):
                await context.emit({"X": {1}})

    perform(scenario)


def test_notifications_are_about_the_instance(perform):
    async def scenario(stage):
        context = stage.instance(puppet()).context
        context.notify(NotificationKind.ABNORMAL, "odd", info="more", fields={"a": 1})
        return stage.outlet.notifications

    (notification,) = perform(scenario)
    assert (notification.path, notification.requester) == (PATH, CLIENT)
    assert (notification.text, notification.info) == ("odd", "more")
    assert (notification.fields, notification.speaker) == ({"A": 1}, Speaker("1.0"))


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "limit"),
    [(None, 60), (5, 5), (1e9, 3600), (float("nan"), 3600), ("soon", "soon")],
)
def test_calls_are_limited_by_the_instance_and_then_by_the_owner(perform, given, limit):
    async def scenario(stage):
        return stage.instance(puppet(EXEC_TIMEOUT=given)).context.settings["EXEC_TIMEOUT"]

    assert perform(scenario) == limit


def test_what_is_kept_is_there_for_the_next_instance_of_the_same_path(perform):
    async def scenario(stage):
        first = stage.instance(puppet())
        await first.context.save(b"state")
        await first.stop()
        with pytest.raises(NodeError):
            await first.context.save(b"too late")
        return await stage.instance(puppet()).context.load()

    assert perform(scenario) == b"state"


# --- starting -------------------------------------------------------------------------------------


def test_a_signature_that_no_plugin_offers_is_told_by_its_name(perform):
    async def scenario(stage):
        with pytest.raises(UnknownSignature, match="STRINGS_01"):
            await stage.instance(puppet(signature="STRINGS_01")).start()

    perform(scenario)


def test_a_signature_without_a_nodes_side_says_so(perform):
    async def scenario(stage):
        with pytest.raises(UnknownSignature, match="client's side only"):
            await stage.instance(puppet(signature="CLIENT_ONLY_01")).start()

    perform(scenario)


def test_settings_that_are_refused_are_not_tried_again(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(START="refuse"))
        with pytest.raises(InvalidConfiguration):
            await instance.start()
        await asyncio.wait(
            {asyncio.ensure_future(stage.becomes(InstanceState.RUNNING))}, timeout=0.2
        )
        await instance.stop()
        return instance

    perform(scenario)
    assert log == ["start", "stop"]


def test_a_start_that_fails_otherwise_is_tried_again(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(START="raise"))
        with pytest.raises(RuntimeError):
            await instance.start()
        assert instance.state is InstanceState.FAILED
        instance.context.config = puppet()
        await stage.becomes(InstanceState.RUNNING)
        await instance.stop()

    perform(scenario)
    assert log[:3] == ["start", "stop", "start"]


def test_a_start_that_takes_too_long_is_ended(perform):
    async def scenario(stage):
        instance = stage.instance(puppet(START="hang"))
        with pytest.raises(NodeError, match=r"did not start within 0\.2 s"):
            await instance.start()
        await instance.stop()

    perform(scenario)


def test_what_is_taken_away_while_it_is_begun_anew_ends_it_too(
    facilities, outlet, log, monkeypatch, tmp_path
):
    granted = [Grants(network=True)]
    starts = 0

    async def scenario():
        began = asyncio.Event()

        async def start(runner):
            nonlocal starts
            starts += 1
            if starts == 1:
                raise RuntimeError("the first start fails")
            began.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Puppet, "start", start)
        granting = Granting(lambda _: granted[-1], "n1", tmp_path / "home", on_asked=int, count=int)
        stage = Stage(evolve(facilities, granting=granting), outlet, Patience(first_pause=0.01))
        instance = stage.instance(puppet(GRANTS={"network": True}))
        with pytest.raises(RuntimeError):
            await instance.start()
        async with asyncio.timeout(20):
            await began.wait()
        granted.append(NO_GRANTS)
        await instance.review_grants()
        return instance

    instance = asyncio.run(scenario())

    assert instance.state is InstanceState.FAILED
    assert "asks for the network" in outlet.notifications[-1].text
    assert log[-1] == "stop"


@pytest.mark.parametrize("signature", ["PUPPET_01", "LIVE_PUPPET_01"])
def test_what_old_code_says_until_it_has_ended_is_not_of_those_who_take_its_grants_away(
    facilities, outlet, monkeypatch, tmp_path, signature
):
    granting = Granting(
        lambda _: Grants(network=True), "n1", tmp_path / "home", on_asked=int, count=int
    )
    alices = evolve(
        puppet(signature=signature, GRANTS={"network": True}), set_by=frozenset({CLIENT.address})
    )
    thief = Requester("0xai_thief", "thief", "t")
    thiefs = evolve(alices, settings={"VALUE": 2}, set_by=frozenset({thief.address}))

    async def stop(runner):
        await runner.context.emit({"VALUE": "the last words"})

    async def scenario():
        stage = Stage(evolve(facilities, granting=granting), outlet, PATIENCE)
        instance = stage.instance(alices)
        await instance.start()
        await stage.payloads(1)
        monkeypatch.setattr(Puppet, "stop", stop)
        instance.context.pipeline = evolve(instance.context.pipeline, modified_by=thief)
        await instance.reconfigure(thiefs)
        await stage.payloads(2)

    asyncio.run(scenario())

    said = {each.fields["VALUE"]: each.modified_by for each, _ in outlet.payloads[1:]}
    assert said == {"the last words": CLIENT, 2: thief}


def test_code_of_which_only_the_digest_came_is_asked_for(perform):
    async def scenario(stage):
        with pytest.raises(InvalidConfiguration, match=r"SECRET .*send the code itself"):
            await stage.instance(puppet(SECRET=digest_of("code"))).start()

    perform(scenario)


# --- running --------------------------------------------------------------------------------------


def test_a_runner_that_raises_is_told_and_begun_anew(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(RUN="raise"))
        await instance.start()
        await stage.becomes(InstanceState.FAILED)
        instance.context.config = puppet()
        await stage.becomes(InstanceState.RUNNING)
        await instance.stop()
        return instance, stage.outlet.notifications

    instance, (notification, *_) = perform(scenario)

    assert notification.kind is NotificationKind.EXCEPTION
    assert notification.text == "RuntimeError: RUN was told to raise"
    assert "Traceback" in notification.info
    assert instance.context.failed_at is not None


def test_a_runner_that_fails_again_and_again_is_begun_ever_more_slowly():
    patience = Patience(first_pause=1, longest_pause=60)

    pauses = [patience.pause_after(failures) for failures in (0, 1, 2, 3, 7, 1000)]

    assert pauses == [0, 1, 2, 4, 60, 60]


def test_a_runner_that_returns_is_finished(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(RUN="return"))
        await instance.start()
        await stage.becomes(InstanceState.STOPPED)
        await instance.stop()

    perform(scenario)
    assert log == ["start", "run", "stop"]


# --- commands -------------------------------------------------------------------------------------


def test_a_command_reaches_the_runner_and_is_echoed(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet())
        await instance.start()
        await instance.tell({"A": 1}, {"x": True})
        await instance.stop()
        return [payload.fields for payload, _ in stage.outlet.payloads]

    payloads = perform(scenario)
    assert "told {'A': 1} {'x': True}" in log
    assert {"A": 1} in [fields.get("COMMAND_PARAMS") for fields in payloads]


def test_a_command_to_what_does_not_run_is_refused(perform):
    async def scenario(stage):
        with pytest.raises(NodeError, match="not running"):
            await stage.instance(puppet()).tell({}, {})

    perform(scenario)


def test_a_command_that_is_not_answered_in_time_is_ended(perform):
    async def scenario(stage):
        instance = stage.instance(puppet(COMMAND="hang"))
        await instance.start()
        with pytest.raises(NodeError, match="did not answer the command"):
            await instance.tell({}, {})
        assert instance.state is InstanceState.RUNNING
        await instance.stop()

    perform(scenario)


# --- other settings -------------------------------------------------------------------------------


def test_a_runner_that_knows_how_takes_settings_over_while_it_runs(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(signature="LIVE_PUPPET_01", VALUE=1, OLD=1))
        await instance.start()
        await stage.payloads(1)
        await instance.reconfigure(puppet(signature="LIVE_PUPPET_01", VALUE=2))
        await instance.stop()
        return instance

    instance = perform(scenario)
    assert log == ["start", "run", "changes {'OLD': None, 'VALUE': 2}", "reconfigure", "stop"]
    assert instance.config.settings == {"VALUE": 2}


def test_any_other_runner_begins_anew(perform, log):
    async def scenario(stage):
        instance = stage.instance(puppet(VALUE=1))
        await instance.start()
        await stage.payloads(1)
        await instance.reconfigure(puppet(VALUE=2))
        await stage.payloads(1)
        await instance.stop()
        return [payload.fields["VALUE"] for payload, _ in stage.outlet.payloads]

    assert perform(scenario) == [1, 2]
    assert log == ["start", "run", "stop", "start", "run", "stop"]


@pytest.mark.parametrize("signature", ["PUPPET_01", "LIVE_PUPPET_01"])
@pytest.mark.parametrize("how", ["refuse", "raise", "hang"])
def test_settings_that_cannot_be_taken_over_leave_the_old_ones_running(perform, signature, how):
    async def scenario(stage):
        old = puppet(signature=signature, VALUE=1)
        instance = stage.instance(old)
        await instance.start()
        await stage.payloads(1)
        with pytest.raises((InvalidConfiguration, RuntimeError, NodeError)):
            await instance.reconfigure(
                puppet(signature=signature, VALUE=2, START=how, RECONFIGURE=how)
            )
        assert instance.config == old
        if instance.state is not InstanceState.RUNNING:
            await stage.becomes(InstanceState.FAILED)
            await stage.becomes(InstanceState.RUNNING)
        await instance.tell({}, {})
        await instance.stop()
        return {payload.fields.get("VALUE", 1) for payload, _ in stage.outlet.payloads}

    assert perform(scenario) == {1}


def test_an_instance_that_had_finished_works_again_with_other_settings(perform):
    async def scenario(stage):
        instance = stage.instance(puppet(signature="LIVE_PUPPET_01", RUN="return", VALUE=1))
        await instance.start()
        await stage.becomes(InstanceState.STOPPED)
        await instance.reconfigure(puppet(signature="LIVE_PUPPET_01", RUN="return", VALUE=2))
        await stage.payloads(2)
        await instance.stop()
        return [payload.fields["VALUE"] for payload, _ in stage.outlet.payloads]

    assert perform(scenario) == [1, 2]


def test_an_instance_that_had_failed_works_with_settings_that_are_right(perform):
    async def scenario(stage):
        instance = stage.instance(puppet(START="refuse"))
        with pytest.raises(InvalidConfiguration):
            await instance.start()
        await instance.reconfigure(puppet())
        assert instance.state is InstanceState.RUNNING
        await stage.payloads(1)
        await instance.stop()

    perform(scenario)


# --- stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["raise", "hang"])
def test_a_runner_that_will_not_stop_is_stopped(perform, how):
    async def scenario(stage):
        instance = stage.instance(puppet(STOP=how))
        await instance.start()
        await instance.stop()
        return instance.state

    assert perform(scenario) is InstanceState.STOPPED


def test_a_runner_that_ignores_its_end_is_left_behind(perform, registry):
    released = asyncio.Event()

    class Stubborn(registry.load(None, "puppets:PUPPET_01")):
        async def run(self):
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    self.log.append("ignored")

    registry._runners["PUPPET_01"] = Stubborn

    async def scenario(stage):
        instance = stage.instance(puppet())
        await instance.start()
        await asyncio.sleep(0)
        await instance.stop()
        released.set()
        return instance.state

    assert perform(scenario) is InstanceState.STOPPED
