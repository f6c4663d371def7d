"""A node says what its machine's clock is worth: a Raspberry Pi has none when it is started."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from pye2_node.home import Home
from pye2_node.machine import clock_trouble
from pye2core.clock import SYSTEM_CLOCK

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def timesync(tmp_path, monkeypatch):
    """Where systemd-timesyncd would tell of what it does; it is not there yet."""
    folder = tmp_path / "timesync"
    monkeypatch.setattr("pye2_node.machine._TIMESYNC", folder)
    return folder


def test_a_clock_that_may_be_right_is_no_trouble():
    assert clock_trouble(NOON) is None
    assert clock_trouble(NOON, NOON - timedelta(days=9)) is None


def test_a_clock_that_begins_in_the_past_is_told():
    assert "1970-01-01" in clock_trouble(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))


def test_a_clock_that_is_behind_the_last_run_of_this_node_is_told():
    trouble = clock_trouble(NOON, NOON + timedelta(hours=2))

    assert "2026-03-01 12:00" in trouble
    assert "2026-03-01 14:00" in trouble


def test_a_clock_that_was_put_right_by_a_little_is_no_trouble():
    assert clock_trouble(NOON, NOON + timedelta(seconds=50)) is None


def test_a_clock_that_waits_for_the_network_is_told_until_it_was_set(timesync):
    timesync.mkdir()
    assert "network" in clock_trouble(NOON)

    (timesync / "synchronized").touch()

    assert clock_trouble(NOON) is None


def test_a_home_knows_when_its_node_last_ran(tmp_path):
    begun = SYSTEM_CLOCK.now()
    with Home.open(tmp_path / "home") as first:
        assert first.last_ran is None

    with Home.open(tmp_path / "home") as second:
        assert second.last_ran is not None
        assert abs(second.last_ran - begun) < timedelta(hours=1)


def test_a_home_knows_when_its_node_ended(tmp_path):
    home = Home.open(tmp_path / "home")
    lock = tmp_path / "home" / "node.lock"
    os.utime(lock, (1, 1))

    home.close()

    assert lock.stat().st_mtime > 1
