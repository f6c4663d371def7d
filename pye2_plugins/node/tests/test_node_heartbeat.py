"""When a heartbeat is due and what it says."""

import json

import pytest
from node_support import CLIENT, desired, pipeline, puppet, refuses_nothing

from pye2_node.changes import digest_of
from pye2_node.heartbeat import (
    AFTER_CHANGE,
    AT_LEAST_BETWEEN,
    WHEN_ASKED,
    HeartbeatSchedule,
    farewell,
    shown_pipelines,
    signatures_of,
    status_of,
)
from pye2_node.instances import RunningInstance
from pye2_node.machine import Machine
from pye2_wire.serializer import Pye2Serializer
from pye2core.clock import SYSTEM_CLOCK
from pye2core.identity import Identity
from pye2core.messages import Heartbeat

NODE = Identity.from_words(["the node"])


# --- when -----------------------------------------------------------------------------------------


@pytest.fixture
def schedule(clock):
    return HeartbeatSchedule(10, clock)


def test_the_first_is_due_at_once(schedule):
    assert schedule.seconds_left == 0


def test_then_one_is_due_at_each_interval(schedule, clock):
    schedule.sent()
    clock.advance(4)

    assert schedule.seconds_left == 6


def test_a_change_is_told_soon(schedule, clock):
    schedule.sent()
    clock.advance(5)

    schedule.changed()

    assert schedule.seconds_left == pytest.approx(AFTER_CHANGE)


def test_whoever_asks_does_not_wait_for_changes_to_gather(schedule, clock):
    schedule.sent()
    clock.advance(5)

    schedule.changed()
    schedule.asked()

    assert schedule.seconds_left == pytest.approx(WHEN_ASKED)


def test_many_changes_are_told_together_and_not_too_often(schedule, clock):
    schedule.sent()
    schedule.changed()
    schedule.asked()

    assert schedule.seconds_left == AT_LEAST_BETWEEN


def test_changes_that_go_on_do_not_put_the_heartbeat_off(schedule, clock):
    schedule.sent()
    clock.advance(5)
    for _ in range(10):
        schedule.changed()
        clock.advance(AFTER_CHANGE / 10)

    assert schedule.seconds_left <= 1e-9


# --- what -----------------------------------------------------------------------------------------


def test_code_is_shown_only_as_a_digest():
    whole = desired(pipeline("p", puppet(SECRET="the code", VALUE=1)))

    (shown,) = shown_pipelines([whole], refuses_nothing)

    assert shown.instances[0].settings == {"SECRET": digest_of("the code"), "VALUE": 1}
    assert "the code" not in str(shown)


def test_pipelines_are_shown_with_who_asked_for_them():
    (shown,) = shown_pipelines([desired(pipeline("p", URL="x"))], refuses_nothing)

    assert shown.settings["URL"] == "x"
    assert shown.settings["INITIATOR_ADDR"] == CLIENT.address
    assert shown.settings["INITIATOR_ID"] == CLIENT.name


def test_the_signatures_that_can_be_run_are_told_with_their_versions(registry):
    assert signatures_of(registry) == {"LIVE_PUPPET_01": "1.0", "PUPPET_01": "1.0"}


def test_instances_are_told_with_what_they_did(facilities, registry):
    instance = RunningInstance(
        puppet(PROCESS_DELAY=3),
        desired(pipeline("p", puppet())),
        facilities,
        is_confidential=refuses_nothing,
        on_state=lambda each: None,
    )
    instance.context.iteration = 5

    status = status_of({}, [instance], 10, SYSTEM_CLOCK.now())

    (active,) = status["ACTIVE_PLUGINS"]
    assert (active["STREAM_ID"], active["SIGNATURE"], active["INSTANCE_ID"]) == (
        "p",
        "PUPPET_01",
        "i",
    )
    assert (active["PROCESS_DELAY"], active["TOTAL_PAYLOAD_COUNT"]) == (3, 5)
    assert active["FREQUENCY"] == 0.333
    assert status["NR_PAYLOADS"] == 5


@pytest.mark.parametrize("delay", [None, 0, -1, True, "soon", [1]])
def test_an_odd_delay_has_no_frequency(facilities, delay):
    odd = puppet(PROCESS_DELAY=delay)
    instance = RunningInstance(
        odd,
        desired(pipeline("p", odd)),
        facilities,
        is_confidential=refuses_nothing,
        on_state=lambda each: None,
    )

    (active,) = status_of({}, [instance], 10, SYSTEM_CLOCK.now())["ACTIVE_PLUGINS"]

    assert active["FREQUENCY"] is None


def test_a_status_has_all_keys_of_a_pye2_node(tmp_path, facilities):
    """PyE2 wire protocol, section 9; the others are added on the wire."""
    keys = {"IN_KB", "OUT_KB", "LOOPS_TIMINGS", "TIMERS", "DEVICE_LOG", "ERROR_LOG", "STOP_LOG"}
    keys |= {"DCT_STATS", "COMM_STATS", "SERVING_PIDS", "GIT_BRANCH", "CONDA_ENV", "GPUS"}
    keys |= {"PY_VER", "MACHINE_IP", "MACHINE_MEMORY", "PROCESS_MEMORY", "UPTIME", "TIMESTAMP"}
    machine = Machine(tmp_path, SYSTEM_CLOCK)

    assert keys <= status_of(machine.sample(), [], 10, SYSTEM_CLOCK.now()).keys()


def test_the_machines_figures_make_sense(tmp_path):
    machine = Machine(tmp_path, SYSTEM_CLOCK)

    figures = machine.sample()

    assert 0 < machine.free_memory() <= figures["MACHINE_MEMORY"]
    assert 0 < figures["AVAILABLE_DISK"] <= figures["TOTAL_DISK"]
    assert 0 <= machine.load() <= 100
    assert figures["UPTIME"] >= 0
    json.dumps(figures)


def test_a_whole_heartbeat_survives_the_wire(tmp_path, facilities, registry):
    machine = Machine(tmp_path, SYSTEM_CLOCK)
    status = status_of(machine.sample(), [], 10, SYSTEM_CLOCK.now())
    pipelines = shown_pipelines([desired(pipeline("p", puppet(V=1)))], refuses_nothing)
    heartbeat = Heartbeat(
        "n1",
        NODE.address,
        (NODE.address,),
        pipelines=pipelines,
        load=machine.load(),
        free_memory=machine.free_memory(),
        version="1.0",
        signatures=signatures_of(registry),
        status=status,
    )

    sealed = Pye2Serializer("n1").parse(Pye2Serializer("n1").seal(heartbeat, NODE))
    sealed.verify()
    arrived = sealed.open(NODE)

    assert (arrived.name, arrived.address, arrived.secured) == ("n1", NODE.address, True)
    assert arrived.allowed == (NODE.address,)
    assert arrived.pipelines == (pipeline("p", puppet(V=1)),)
    assert arrived.signatures == {"LIVE_PUPPET_01": "1.0", "PUPPET_01": "1.0"}
    assert (arrived.load, arrived.free_memory) == (heartbeat.load, heartbeat.free_memory)
    assert (arrived.version, arrived.is_supervisor) == ("1.0", False)


def test_the_last_heartbeat_says_that_the_node_is_going():
    last = farewell("n1", NODE.address)

    assert last.leaving
    assert last.pipelines == ()
