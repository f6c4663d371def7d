"""An instance that is paused: by its owner's wish, or by the hour."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from node_support import CLIENT, InstanceStage, puppet

from pye2_node.attendant import Patience
from pye2_node.heartbeat import report_on
from pye2_node.instances import InstanceState
from pye2core.clock import SYSTEM_CLOCK, ManualClock
from pye2core.errors import InvalidConfiguration, NodeError
from pye2core.messages import InstancePath, NotificationKind

PAUSE, RESUME, SHIFT_START, SHIFT_END, DELAYED = 110, 111, 112, 113, -999
PATIENCE = Patience(to_start=5, to_stop=5, first_pause=0.01, longest_pause=0.02, look_again=0.01)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MORNING = [["08:00", "12:00"]]


class SetClock(ManualClock):
    """A clock that somebody can set, as its owner sets that of a machine."""

    def set(self, text):
        hours, minutes = map(int, text.split(":"))
        wanted = MONDAY + timedelta(hours=hours, minutes=minutes)
        self._start += wanted - self.now()


class NearClock:
    """A clock that runs, and shows a wanted time shortly."""

    def __init__(self, wanted, seconds):
        self._ahead = wanted - SYSTEM_CLOCK.now() - timedelta(seconds=seconds)

    def now(self):
        return SYSTEM_CLOCK.now() + self._ahead

    def monotonic(self):
        return SYSTEM_CLOCK.monotonic()


# --- instances ------------------------------------------------------------------------------------


class Stage(InstanceStage):
    """One on a clock, on which any change of instances is awaited."""

    def __init__(self, facilities, outlet, clock):
        super().__init__(facilities, outlet, PATIENCE)
        object.__setattr__(facilities, "clock", clock)

    async def until(self, is_so):
        """Wait until something is so; looked at with each change that is told of."""
        async with asyncio.timeout(20):
            while not is_so():
                await self.changes.get()

    async def becomes(self, instance, state):
        await self.until(lambda: instance.state is state)

    async def payload(self):
        await self.payloads(1)

    def codes(self):
        return [each.code for each in self.outlet.notifications]


@pytest.fixture
def wall():
    """The clock on the wall, at midnight between Sunday and Monday."""
    return SetClock(MONDAY)


@pytest.fixture
def perform(facilities, outlet, wall):
    """Runs ``scenario(stage)`` on a loop."""

    async def on_stage(scenario):
        return await scenario(Stage(facilities, outlet, wall))

    return lambda scenario: asyncio.run(on_stage(scenario))


SIGNATURES = pytest.mark.parametrize("signature", ["PUPPET_01", "LIVE_PUPPET_01"])


@SIGNATURES
def test_a_paused_instance_starts_and_does_not_run(perform, log, signature):
    async def scenario(stage):
        instance = stage.instance(puppet(signature=signature, FORCED_PAUSE=True))
        await instance.start()
        assert instance.is_paused
        assert instance.state is InstanceState.PAUSED
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [PAUSE]
    assert log == ["start", "stop"]


@SIGNATURES
def test_a_forced_pause_ends_the_work_and_its_end_begins_it(perform, log, signature):
    async def scenario(stage):
        instance = stage.instance(puppet(signature=signature))
        await instance.start()
        await stage.payload()
        await instance.reconfigure(puppet(signature=signature, FORCED_PAUSE=True))
        assert instance.state is InstanceState.PAUSED
        log.clear()
        await instance.reconfigure(puppet(signature=signature, FORCED_PAUSE=False))
        await stage.payload()
        assert instance.state is InstanceState.RUNNING
        await instance.stop()
        return stage.outlet.notifications

    notifications = perform(scenario)

    assert [each.code for each in notifications] == [PAUSE, RESUME]
    assert log == ["start", "run", "stop"]
    path = InstancePath("p", signature, "i")
    assert {(each.path, each.requester, each.kind) for each in notifications} == {
        (path, CLIENT, NotificationKind.NORMAL)
    }


def test_without_working_hours_nothing_is_told_of_shifts(perform):
    async def scenario(stage):
        instance = stage.instance(puppet())
        await instance.start()
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == []


def test_an_instance_works_within_its_hours_only(perform, wall, log):
    async def scenario(stage):
        wall.set("07:00")
        instance = stage.instance(puppet(WORKING_HOURS=MORNING))
        await instance.start()
        assert instance.state is InstanceState.PAUSED
        assert instance.is_outside_working_hours
        assert log == ["start"]
        wall.set("08:00")
        await stage.payload()
        assert not instance.is_outside_working_hours
        wall.set("12:00")
        await stage.becomes(instance, InstanceState.PAUSED)
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [SHIFT_END, SHIFT_START, SHIFT_END]
    assert log == ["start", "run", "stop"]


def test_an_instance_that_begins_within_its_hours_says_so(perform, wall):
    async def scenario(stage):
        wall.set("09:00")
        instance = stage.instance(puppet(WORKING_HOURS=MORNING))
        await instance.start()
        await stage.payload()
        await instance.stop()
        return stage.outlet.notifications

    (notification,) = perform(scenario)
    assert notification.code == SHIFT_START
    assert "end at 2026-01-05 12:00 UTC" in notification.info


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (MORNING, "its working hours, which begin at 2026-01-05 08:00 UTC"),
        ({"MON": []}, "its working hours, which begin never"),
    ],
)
def test_an_instance_that_begins_outside_of_its_hours_says_so_and_when_they_begin(
    perform, wall, hours, told
):
    async def scenario(stage):
        wall.set("07:00")
        instance = stage.instance(puppet(WORKING_HOURS=hours))
        await instance.start()
        reason = instance.pause_reason
        await instance.stop()
        return reason, stage.outlet.notifications

    reason, (notification,) = perform(scenario)

    assert notification.code == SHIFT_END
    assert notification.kind is NotificationKind.NORMAL
    assert notification.text == "Not run yet, because it is outside of its working hours"
    assert notification.info == told
    assert reason == f"outside of {told}"


def test_the_hour_is_awaited_not_only_looked_for_now_and_then(perform, facilities, log):
    seldom = Patience(look_again=3600)

    async def scenario(stage):
        begins = MONDAY + timedelta(hours=8)
        object.__setattr__(facilities, "clock", NearClock(begins, seconds=0.2))
        instance = stage.instance(puppet(WORKING_HOURS=MORNING), seldom)
        await instance.start()
        assert instance.is_paused
        await stage.payload()
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [SHIFT_END, SHIFT_START]
    assert log == ["start", "run", "stop"]


def test_other_hours_count_at_once(perform, wall):
    seldom = Patience(look_again=3600)

    async def scenario(stage):
        wall.set("07:00")
        instance = stage.instance(puppet(WORKING_HOURS=MORNING), seldom)
        await instance.start()
        await instance.reconfigure(puppet(WORKING_HOURS=[["06:00", "12:00"]]))
        await stage.payload()
        await instance.reconfigure(puppet(WORKING_HOURS=MORNING))
        assert instance.state is InstanceState.PAUSED
        await instance.reconfigure(puppet(WORKING_HOURS=MORNING, IGNORE_WORKING_HOURS=True))
        await stage.payload()
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [SHIFT_END, SHIFT_START, SHIFT_END, SHIFT_START]


def test_settings_of_its_hours_do_not_disturb_one_that_works_on(perform, wall, log):
    async def scenario(stage):
        wall.set("09:00")
        instance = stage.instance(puppet(VALUE=1))
        await instance.start()
        await stage.payload()
        await instance.reconfigure(puppet(VALUE=1, WORKING_HOURS=MORNING))
        assert instance.state is InstanceState.RUNNING
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [SHIFT_START]
    assert log == ["start", "run", "stop"]


@SIGNATURES
def test_a_paused_instance_takes_commands(perform, log, signature):
    async def scenario(stage):
        instance = stage.instance(puppet(signature=signature))
        await instance.start()
        await stage.payload()
        await instance.reconfigure(puppet(signature=signature, FORCED_PAUSE=True))
        log.clear()
        await instance.tell({"A": 1}, {})
        await instance.tell({"A": 2}, {})
        await instance.stop()
        return [payload.fields.get("COMMAND_PARAMS") for payload, _ in stage.outlet.payloads]

    assert perform(scenario) == [None, {"A": 1}, {"A": 2}]
    assert log == ["start", "told {'A': 1} {}", "command", "told {'A': 2} {}", "command", "stop"]


@SIGNATURES
def test_a_paused_instance_takes_settings_and_runs_with_them_when_it_runs_again(perform, signature):
    async def scenario(stage):
        instance = stage.instance(puppet(signature=signature, VALUE=1, FORCED_PAUSE=True))
        await instance.start()
        await instance.reconfigure(puppet(signature=signature, VALUE=2, FORCED_PAUSE=True))
        assert instance.state is InstanceState.PAUSED
        await instance.reconfigure(puppet(signature=signature, VALUE=3))
        await stage.payload()
        await instance.stop()
        return [payload.fields["VALUE"] for payload, _ in stage.outlet.payloads]

    assert perform(scenario) == [3]


@SIGNATURES
@pytest.mark.parametrize("how", ["refuse", "raise", "hang"])
def test_a_paused_instance_refuses_settings_and_stays_as_it_was(perform, signature, how):
    hasty = Patience(to_start=0.1, to_stop=0.1)

    async def scenario(stage):
        old = puppet(signature=signature, VALUE=1, FORCED_PAUSE=True)
        instance = stage.instance(old, hasty)
        await instance.start()
        with pytest.raises((InvalidConfiguration, RuntimeError, NodeError)):
            await instance.reconfigure(
                puppet(signature=signature, FORCED_PAUSE=True, START=how, RECONFIGURE=how)
            )
        assert (instance.config, instance.is_paused) == (old, True)
        await instance.reconfigure(puppet(signature=signature, VALUE=1))
        await stage.payload()
        await instance.stop()
        return [payload.fields["VALUE"] for payload, _ in stage.outlet.payloads]

    assert perform(scenario) == [1]


@SIGNATURES
def test_hours_that_cannot_be_understood_leave_the_old_ones(perform, wall, log, signature):
    async def scenario(stage):
        wall.set("09:00")
        old = puppet(signature=signature, WORKING_HOURS=MORNING)
        instance = stage.instance(old)
        await instance.start()
        await stage.payload()
        with pytest.raises(InvalidConfiguration, match="WORKING_HOURS"):
            await instance.reconfigure(puppet(signature=signature, WORKING_HOURS="never"))
        assert instance.config == old
        assert instance.state is InstanceState.RUNNING
        wall.set("13:00")
        await stage.becomes(instance, InstanceState.PAUSED)
        await instance.stop()

    perform(scenario)
    assert log == ["start", "run", "stop"]


def test_an_instance_that_had_finished_is_not_run_again_by_the_hour(perform, wall, log):
    async def scenario(stage):
        wall.set("09:00")
        instance = stage.instance(puppet(RUN="return", WORKING_HOURS=MORNING))
        await instance.start()
        await stage.becomes(instance, InstanceState.STOPPED)
        wall.set("13:00")
        await stage.until(lambda: instance.is_outside_working_hours)
        wall.set("09:30")
        await stage.until(lambda: not instance.is_outside_working_hours)
        await instance.stop()
        return stage.codes()

    assert perform(scenario) == [SHIFT_START, SHIFT_END, SHIFT_START]
    assert log == ["start", "run", "stop"]


def test_an_instance_that_fails_is_not_begun_anew_while_it_is_paused(perform, wall, log):
    async def scenario(stage):
        wall.set("09:00")
        instance = stage.instance(puppet(RUN="raise", WORKING_HOURS=MORNING))
        await instance.start()
        await stage.becomes(instance, InstanceState.FAILED)
        wall.set("13:00")
        await stage.becomes(instance, InstanceState.PAUSED)
        log.clear()
        await instance.reconfigure(puppet(WORKING_HOURS=MORNING))
        assert log == ["start"]
        wall.set("10:00")
        await stage.becomes(instance, InstanceState.RUNNING)
        await instance.stop()

    perform(scenario)
    assert "run" in log


def test_a_start_that_fails_is_tried_again_when_the_pause_is_over(perform, registry, log):
    runner = registry.load(None, "puppets:PUPPET_01")

    class Refusing(runner):
        async def start(self):
            registry._runners["PUPPET_01"] = runner
            raise RuntimeError("not yet")

    registry._runners["PUPPET_01"] = Refusing

    async def scenario(stage):
        instance = stage.instance(puppet(FORCED_PAUSE=True))
        with pytest.raises(RuntimeError):
            await instance.start()
        assert instance.state is InstanceState.FAILED
        await instance.reconfigure(puppet())
        await stage.payload()
        await instance.stop()

    perform(scenario)
    assert log[-3:] == ["start", "run", "stop"]


def test_heartbeats_tell_who_does_not_run_and_why(perform, wall):
    async def scenario(stage):
        wall.set("13:00")
        told = {
            "in": {"WORKING_HOURS": [["12:30", "14:00"]]},
            "out": {"WORKING_HOURS": MORNING},
            "always": {},
            "kept": {"FORCED_PAUSE": True},
            "both": {"FORCED_PAUSE": True, "WORKING_HOURS": MORNING},
        }
        instances = [stage.instance(puppet(name, **settings)) for name, settings in told.items()]
        for each in instances:
            await each.start()
        reports = [report_on(each) for each in instances]
        for each in instances:
            await each.stop()
        return {
            each.path.instance_id: (each.is_outside_working_hours, each.doing) for each in reports
        }

    until_tomorrow = "outside of its working hours, which begin at 2026-01-06 08:00 UTC"
    assert perform(scenario) == {
        "in": (False, "running"),
        "out": (True, f"paused: {until_tomorrow}"),
        "always": (False, "running"),
        "kept": (False, "paused: FORCED_PAUSE is set"),
        "both": (True, f"paused: FORCED_PAUSE is set; {until_tomorrow}"),
    }


def test_a_stopped_instance_looks_at_no_clock_any_more(perform, wall, log):
    async def scenario(stage):
        instance = stage.instance(puppet(WORKING_HOURS=MORNING))
        await instance.start()
        await instance.stop()
        wall.set("09:00")
        await asyncio.wait({asyncio.ensure_future(stage.payload())}, timeout=0.1)
        return stage.codes()

    assert perform(scenario) == [SHIFT_END]
    assert log == ["start", "stop"]


# --- being slowed down ----------------------------------------------------------------------------


def test_an_instance_that_fails_again_and_again_says_each_time_how_long_it_waits(perform):
    patience = Patience(first_pause=0.01, longest_pause=60)

    async def scenario(stage):
        instance = stage.instance(puppet(RUN="raise"), patience)
        await instance.start()
        await stage.until(lambda: stage.codes().count(DELAYED) == 3)
        await instance.stop()
        return [each for each in stage.outlet.notifications if each.code == DELAYED]

    delays = perform(scenario)

    assert [each.fields["DELAY_SECONDS"] for each in delays[:2]] == [0.01, 0.02]
    assert delays[0].text == "Delayed by 0.01 s after failing 1 times in a row"
    assert delays[0].kind is NotificationKind.ABNORMAL
    assert (delays[0].path, delays[0].requester) == (InstancePath("p", "PUPPET_01", "i"), CLIENT)
