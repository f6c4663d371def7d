"""`pye2 node doctor`: what confines code on this machine, and what to do about what is missing."""

import json
import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from pye2_node.cli import node
from pye2_node.home import Home, key_file_of
from pye2_node.node_clock import clock_trouble
from pye2_node.sandbox.layers.names import ALL_LAYERS, Layer
from pye2core.clock import SYSTEM_CLOCK, ManualClock

LAYERS = {layer.value for layer in ALL_LAYERS - {Layer.CHECK}}


@pytest.fixture
def machine(monkeypatch):
    """Lets a test say what is missing here."""

    def says(missing):
        async def found():
            return missing

        monkeypatch.setattr("pye2_node.doctor._missing_layers", found)

    return says


@pytest.fixture
def closed_to_us():
    """Makes a folder one that this process may not look into, root's process neither."""

    @contextmanager
    def close(folder):
        mode, user = folder.stat().st_mode, os.geteuid()
        folder.chmod(0)
        if user == 0:
            os.seteuid(60991)
        try:
            yield
        finally:
            os.seteuid(user)
            folder.chmod(mode)

    return close


def examine(*arguments):
    return CliRunner().invoke(node, ["doctor", *arguments], catch_exceptions=False)


def test_it_has_every_layer_tried_on_this_machine():
    said = json.loads(examine("--json").stdout)

    assert {each["layer"] for each in said["layers"]} == LAYERS
    assert {each["layer"] for each in said["layers"] if each["holds"]} >= {"rlimits"}


def test_a_machine_where_everything_holds_is_called_so(machine):
    machine({})

    result = examine()

    assert result.exit_code == 0
    assert "every layer" in result.stdout


def test_a_missing_layer_is_told_with_why_and_what_to_do(machine):
    machine({"landlock": "Function not implemented"})

    result = examine()

    assert result.exit_code == 0
    assert "missing: Function not implemented" in result.stdout
    assert "5.13" in result.stdout


def test_without_landlock_and_seccomp_it_ends_with_1(machine):
    machine({"landlock": "Function not implemented", "seccomp": "Invalid argument"})

    assert examine().exit_code == 1
    said = json.loads(examine("--json").stdout)
    assert said["runs_custom_code"] is False
    assert "--unsafe" in examine().stdout


def test_a_clock_that_is_not_set_is_told(machine, monkeypatch):
    machine({})
    set_right = examine().stdout
    monkeypatch.setattr(
        "pye2_node.doctor.SYSTEM_CLOCK", ManualClock(datetime(1970, 1, 1, tzinfo=UTC))
    )

    assert "clock" not in set_right
    assert "the clock of this machine is not set" in examine().stdout
    assert "1970" in json.loads(examine("--json").stdout)["clock_trouble"]


def test_a_clock_that_is_behind_the_last_run_of_the_node_is_told(machine, tmp_path, timesync):
    machine({})
    with Home.open(tmp_path) as home:
        home.note_running(SYSTEM_CLOCK.now() + timedelta(days=9))

    told = CliRunner().invoke(node, ["--home", str(tmp_path), "doctor"]).stdout

    assert "this node ran at" in told


def test_of_a_home_that_this_user_may_not_see_the_clock_is_compared_with_nothing(
    tmp_path, closed_to_us, monkeypatch
):
    monkeypatch.setattr("pye2_node.node_clock._TIMESYNC", Path("/no-timesync"))
    folder = tmp_path / "home"
    with Home.open(folder) as home:
        home.note_running(SYSTEM_CLOCK.now() + timedelta(days=9))

    with closed_to_us(folder):
        assert clock_trouble(SYSTEM_CLOCK.now(), folder) is None


@pytest.mark.parametrize("layer", sorted(LAYERS))
def test_whatever_is_missing_there_is_something_to_do(machine, layer):
    machine({layer: "no"})

    said = json.loads(examine("--json").stdout)

    (finding,) = [each for each in said["layers"] if not each["holds"]]
    assert finding["layer"] == layer
    assert finding["what_to_do"]


def test_of_a_home_in_which_no_node_has_run_it_says_so(machine, tmp_path):
    machine({})

    result = CliRunner().invoke(node, ["doctor", "--home", str(tmp_path / "atic")])

    assert f"no node has run in {tmp_path / 'atic'} yet" in result.stderr


def test_of_a_home_in_which_a_node_has_run_it_does_not_ask_which_is_meant(machine, tmp_path):
    machine({})
    key_file_of(tmp_path).touch(mode=0o600)

    result = CliRunner().invoke(node, ["doctor", "--home", str(tmp_path)])

    assert "no node has run" not in result.output
