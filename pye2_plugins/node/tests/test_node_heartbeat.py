"""When a heartbeat is due and what it says."""

from datetime import timedelta
from itertools import pairwise

import pytest
from node_support import CLIENT, desired, pipeline, puppet, refuses_nothing

from pye2_node.heartbeat import (
    AFTER_CHANGE,
    AT_LEAST_BETWEEN,
    FULL_EVERY,
    WHEN_ASKED,
    Due,
    HeartbeatSchedule,
    capabilities_of,
    report_on,
    shown_pipelines,
    signatures_of,
)
from pye2_node.instances import RunningInstance
from pye2_node.machine import Machine
from pye2_node.node_clock import NodeClock
from pye2_node.presence import Presence
from pye2_wire.serializer import Pye2Serializer
from pye2core.abc import TransportFeatures
from pye2core.clock import SYSTEM_CLOCK
from pye2core.identity import Identity
from pye2core.messages import Capability, InstancePath, Provenance, SandboxReport, digest_of
from pye2core.messages import Presence as Standing

NODE = Identity.from_words(["the node"])


# --- when -----------------------------------------------------------------------------------------


@pytest.fixture
def schedule(clock):
    return HeartbeatSchedule(10, clock)


def test_the_first_is_due_at_once(schedule):
    assert schedule.seconds_left == 0


def test_then_one_is_due_at_each_interval(schedule, clock):
    schedule.sent_brief()
    clock.advance(4)

    assert schedule.seconds_left == 6


def test_a_change_is_told_soon_and_in_full(schedule, clock):
    schedule.sent_full()
    clock.advance(5)

    schedule.changed()

    assert schedule.seconds_left == pytest.approx(AFTER_CHANGE)
    assert schedule.due is Due.FULL


def test_whoever_asks_does_not_wait_for_changes_to_gather(schedule, clock):
    schedule.sent_full()
    clock.advance(5)

    schedule.changed()
    schedule.asked()

    assert schedule.seconds_left == pytest.approx(WHEN_ASKED)
    assert schedule.due is Due.ANSWER


def test_who_asks_changes_nothing_for_those_who_do_not(schedule, clock):
    schedule.sent_full()
    clock.advance(5)

    schedule.asked()
    clock.advance(WHEN_ASKED)
    schedule.answered()

    assert schedule.seconds_left == pytest.approx(5 - WHEN_ASKED)
    assert schedule.due is Due.BRIEF


def test_what_is_asked_for_is_sent_to_everybody_where_that_is_due_anyway(schedule, clock):
    schedule.sent_full()
    schedule.changed()
    schedule.asked()

    clock.advance(AFTER_CHANGE)
    is_due, due = schedule.seconds_left <= 0, schedule.due
    schedule.sent_full()

    assert (is_due, due) == (True, Due.FULL)
    assert schedule.seconds_left == 10


@pytest.mark.parametrize("sent", ["sent_full", "answered"])
def test_however_often_is_asked_answers_keep_their_distance(schedule, clock, sent):
    schedule.sent_brief()
    getattr(schedule, sent)()
    for _ in range(10):
        schedule.asked()

    assert schedule.seconds_left == AT_LEAST_BETWEEN


def test_many_changes_are_told_together_and_not_too_often(schedule):
    schedule.sent_full()
    for _ in range(10):
        schedule.changed()

    assert schedule.seconds_left == max(AFTER_CHANGE, AT_LEAST_BETWEEN)


def test_changes_that_go_on_do_not_put_the_heartbeat_off(schedule, clock):
    schedule.sent_full()
    clock.advance(5)
    for _ in range(10):
        schedule.changed()
        clock.advance(AFTER_CHANGE / 10)

    assert schedule.seconds_left <= 1e-9


def beats(schedule, clock, seconds):
    """Which of the heartbeats of that time are full, at their times."""
    sent = {}
    for _ in range(seconds):
        if schedule.seconds_left <= 0:
            is_full = sent[round(clock.monotonic())] = schedule.due is Due.FULL
            (schedule.sent_full if is_full else schedule.sent_brief)()
        clock.advance(1)
    return sent


@pytest.mark.parametrize("interval", [1, 7, 10, 25, 30])
def test_a_quiet_node_says_everything_about_once_a_minute(clock, interval):
    sent = beats(HeartbeatSchedule(interval, clock), clock, 600)

    full = [time for time, is_full in sent.items() if is_full]
    gaps = {later - earlier for earlier, later in pairwise(full)}
    assert all(abs(gap - FULL_EVERY) <= interval / 2 for gap in gaps)
    assert len(sent) == pytest.approx(600 / interval, abs=1)


# --- what -----------------------------------------------------------------------------------------


def test_code_is_shown_only_as_a_digest():
    whole = desired(pipeline("p", puppet(SECRET="the code", VALUE=1)))

    (shown,) = shown_pipelines([whole], refuses_nothing)

    assert shown.instances[0].settings == {"SECRET": digest_of("the code"), "VALUE": 1}
    assert "the code" not in str(shown)


def test_pipelines_are_shown_with_who_asked_for_them():
    whole = desired(pipeline("p", URL="x"))

    (shown,) = shown_pipelines([whole], refuses_nothing)

    assert shown.settings == {"URL": "x"}
    assert shown.provenance == Provenance(CLIENT, CLIENT, whole.updated_at)
    assert shown.initiator == CLIENT.address


def test_the_signatures_that_can_be_run_are_told_with_their_versions(registry):
    assert signatures_of(registry) == {
        "LIVE_PUPPET_01": "1.0",
        "PRIVATE_PUPPET_01": "1.0",
        "PUPPET_01": "1.0",
    }


def test_instances_are_told_with_what_they_did(facilities):
    instance = RunningInstance(
        puppet(PROCESS_DELAY=3),
        desired(pipeline("p", puppet())),
        facilities,
        is_confidential=refuses_nothing,
        on_state=lambda each: None,
    )
    instance.context.iteration = 5

    report = report_on(instance)

    assert report.path == InstancePath("p", "PUPPET_01", "i")
    assert (report.process_delay, report.payloads, report.doing) == (3, 5, "stopped")
    assert report.configured_at == instance.context.pipeline.updated_at
    assert (report.started_at, report.last_payload_at, report.first_failed_at) == (None, None, None)


def test_the_machines_figures_make_sense(tmp_path):
    machine = Machine(tmp_path, SYSTEM_CLOCK)

    figures = machine.sample()

    assert 0 < machine.free_memory() <= figures.memory
    assert 0 < figures.free_disk <= figures.disk
    assert 0 < figures.process_memory <= figures.memory
    assert 0 <= machine.load() <= 100
    assert figures.uptime >= 0
    assert figures.processor


def test_a_whole_heartbeat_survives_the_wire(presence):
    heartbeat = presence.full()

    sealed = Pye2Serializer("n1").parse(Pye2Serializer("n1").seal(heartbeat, NODE))
    sealed.verify()
    arrived = sealed.open(NODE)

    assert (arrived.name, arrived.address, arrived.secured) == ("n1", NODE.address, True)
    assert arrived.allowed == (CLIENT.address,)
    assert arrived.pipelines == (pipeline("p"),)
    assert arrived.signatures == {"S": "1.0"}
    assert arrived.sandbox == SandboxReport(("landlock",), {"uid": "the node is not run as root"})
    assert (arrived.load, arrived.free_memory) == (heartbeat.load, heartbeat.free_memory)
    assert (arrived.version, arrived.is_supervisor) == (heartbeat.version, False)
    assert arrived.status["MACHINE_MEMORY"] == heartbeat.report.machine.memory


@pytest.fixture
def presence(home, clock):
    return Presence(
        "n1",
        NODE.address,
        interval=10,
        signatures={"S": "1.0"},
        sandbox=lambda: SandboxReport(("landlock",), {"uid": "the node is not run as root"}),
        capabilities=lambda: frozenset({Capability.INBOX}),
        machine=Machine(home.path, clock),
        clock=clock,
        clock_trouble=NodeClock(clock, home).look,
        allowed=lambda: (CLIENT.address,),
        may_delegate=lambda: (NODE.address,),
        pipelines=lambda: (pipeline("p"),),
        instances=list,
    )


def test_a_full_heartbeat_says_everything_and_as_of_which_change(presence):
    presence.life.revision = 7

    said = presence.full()

    assert (said.is_brief, said.life, said.revision) == (False, presence.life.id, 7)
    assert (said.allowed, said.pipelines) == ((CLIENT.address,), (pipeline("p"),))
    assert said.capabilities == {Capability.INBOX}


def test_a_full_heartbeat_says_whether_its_clock_is_set(presence, home, clock, timesync):
    assert presence.full().clock_trouble is None

    home.note_running(clock.now() + timedelta(days=9))

    assert "this node ran at" in presence.full().clock_trouble
    assert presence.brief().clock_trouble is None


def test_a_brief_heartbeat_says_how_busy_the_node_is_and_as_of_which_change(presence):
    presence.life.revision = 7

    said = presence.brief()

    assert (said.is_brief, said.life, said.revision) == (True, presence.life.id, 7)
    assert said.load is not None
    assert said.free_memory is not None


def test_each_life_has_a_will_of_its_own_and_is_told_from_the_one_before(presence):
    before = presence.begin_life()
    presence.life.revision = 3

    will = presence.begin_life()

    assert will.presence is Standing.LOST
    assert before.life != will.life == presence.life.id
    assert presence.life.revision == 3


def test_a_farewell_says_which_life_has_ended(presence):
    last = presence.farewell()

    assert (last.presence, last.life) == (Standing.LEAVING, presence.life.id)


def test_the_load_is_not_measured_over_moments(presence, clock):
    clock.advance(1)
    first = presence.machine.load()

    assert [presence.machine.load() for _ in range(5)] == [first] * 5


def test_wills_are_promised_only_where_the_transport_has_them():
    without, with_wills = TransportFeatures(), TransportFeatures(last_will=True)

    with_all = capabilities_of(with_wills, hears_roll_calls=True)
    assert Capability.LAST_WILL in with_all
    assert capabilities_of(without, hears_roll_calls=True) == with_all - {Capability.LAST_WILL}


def test_an_answer_to_roll_calls_is_promised_only_by_who_hears_them():
    features = TransportFeatures()

    told = capabilities_of(features, hears_roll_calls=True)

    assert Capability.ROLL_CALL in told
    assert capabilities_of(features, hears_roll_calls=False) == told - {Capability.ROLL_CALL}
