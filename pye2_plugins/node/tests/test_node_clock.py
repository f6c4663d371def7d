"""A node knows what its machine's clock is worth: a Raspberry Pi has none when it is started."""

import logging
import os
from datetime import UTC, datetime, timedelta

import pytest
from node_support import WallClock

from pye2_node.home import Home
from pye2_node.node_clock import NodeClock, clock_trouble

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AT_BOOT = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_word_of_the_network(timesync):
    """Whatever the machine on which this runs may know."""


@pytest.fixture
def wall():
    return WallClock(NOON)


@pytest.fixture
def clock(wall, home):
    return NodeClock(wall, home)


# --- what it is worth -----------------------------------------------------------------------------


def test_a_clock_that_may_be_right_is_set(clock, home):
    home.note_running(NOON - timedelta(days=9))

    assert clock.look() is None
    assert clock.is_set()


def test_a_clock_that_begins_in_the_past_is_not_set(home):
    clock = NodeClock(WallClock(AT_BOOT), home)

    assert not clock.is_set()
    assert "1970-01-01" in clock.look()


def test_a_clock_that_is_behind_the_last_run_of_this_node_is_not_set(wall, home):
    home.note_running(NOON + 2 * HOUR)

    clock = NodeClock(wall, home)

    assert not clock.is_set()
    assert "2026-03-01 12:00" in clock.look()
    assert "2026-03-01 14:00" in clock.look()


def test_a_clock_that_was_put_right_by_a_little_is_set(wall, home):
    home.note_running(NOON + timedelta(seconds=50))

    assert NodeClock(wall, home).is_set()


def test_a_clock_that_waits_for_the_network_is_not_set(clock, timesync):
    timesync.mkdir()

    assert not clock.is_set()
    assert "network" in clock.look()


def test_a_clock_that_the_network_has_set_is_set_whatever_an_earlier_one_said(wall, home, timesync):
    home.note_running(NOON + timedelta(days=4000))
    timesync.mkdir()
    (timesync / "synchronized").touch()

    clock = NodeClock(wall, home)

    assert clock.is_set()
    clock.look()
    assert home.last_ran == NOON


# --- when it becomes right ------------------------------------------------------------------------


def test_a_clock_is_set_as_soon_as_it_is_right(wall, home, timesync):
    home.note_running(NOON + 2 * HOUR)
    clock = NodeClock(wall, home)
    clock.look()

    wall.put_forward(2 * HOUR)

    assert clock.is_set()
    assert clock.look() is None


def test_a_clock_is_set_as_soon_as_the_network_has_set_it(clock, timesync):
    timesync.mkdir()
    clock.look()

    (timesync / "synchronized").touch()

    assert clock.is_set()


def test_the_owner_can_say_that_it_was_the_earlier_clock_that_was_wrong(wall, home):
    home.note_running(NOON + timedelta(days=4000))
    clock = NodeClock(wall, home)
    assert clock.look() is not None

    os.utime(home.path / "node.lock", (NOON.timestamp(), NOON.timestamp()))

    assert clock.look() is None
    assert clock.is_set()


def test_it_is_logged_that_a_clock_is_not_set_and_then_that_it_is_once_each(wall, home, caplog):
    caplog.set_level(logging.INFO)
    home.note_running(NOON + 2 * HOUR)
    clock = NodeClock(wall, home)

    clock.look()
    clock.look()
    assert caplog.text.count("the clock of this machine is not set") == 1

    wall.put_forward(2 * HOUR)
    clock.look()
    clock.look()
    assert caplog.text.count("the clock of this machine is set now") == 1


# --- when the node last ran -----------------------------------------------------------------------


def test_a_home_knows_when_its_node_last_ran_by_the_nodes_clock(tmp_path, wall):
    with Home.open(tmp_path) as first:
        assert first.last_ran is None
        NodeClock(wall, first).look()

    with Home.open(tmp_path) as second:
        assert second.last_ran == NOON


def test_what_is_known_is_kept_where_the_node_is_started_with_a_clock_that_is_behind(
    tmp_path, wall
):
    with Home.open(tmp_path) as first:
        first.note_running(NOON + 2 * HOUR)
    for _ in range(2):
        with Home.open(tmp_path) as again:
            assert NodeClock(wall, again).look() is not None

    with Home.open(tmp_path) as last:
        assert last.last_ran == NOON + 2 * HOUR


def test_that_a_node_runs_is_noted_once_an_hour(clock, wall, home):
    clock.look()
    wall.advance(HOUR.total_seconds() - 1)
    clock.look()
    assert home.last_ran == NOON

    wall.advance(1)
    clock.look()
    assert home.last_ran == NOON + HOUR


def test_that_it_cannot_be_noted_is_logged(clock, home, caplog, monkeypatch):
    def fail(moment):
        raise OSError("read-only file system")

    monkeypatch.setattr(home, "note_running", fail)

    assert clock.look() is None
    assert "read-only file system" in caplog.text


def test_without_a_node_only_the_machine_can_tell(tmp_path):
    assert clock_trouble(NOON, tmp_path / "nothing") is None
    assert "1970-01-01" in clock_trouble(AT_BOOT, tmp_path / "nothing")
