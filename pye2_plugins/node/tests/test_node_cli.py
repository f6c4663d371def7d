"""``pye2 node`` without a running node: the white list, and what is wrong with what was typed."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pye2_node.cli import node
from pye2core.errors import BrokerUrlError, SettingsError
from pye2core.identity import Identity

LAPTOP = Identity.from_words(["the laptop"]).address
PHONE = Identity.from_words(["the phone"]).address


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in an empty folder, with nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PYE2_BROKER", "EE_HOSTNAME", "AIXP_HOSTNAME"):
        monkeypatch.delenv(name, raising=False)

    def invoke(*arguments, ok=True):
        result = CliRunner().invoke(node, arguments)
        assert (result.exit_code == 0) is ok, result.output
        return result

    return invoke


def test_whoever_asks_about_a_home_without_a_node_is_told(run, tmp_path):
    assert "no node has run in" in run("--home", str(tmp_path / "wrong"), "who").stderr

    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "node.pem").touch()
    assert "no node has run" not in run("--home", str(tmp_path / "home"), "who").stderr


def test_addresses_are_allowed_listed_and_denied(run, tmp_path):
    home = ("--home", str(tmp_path / "home"))

    assert "nobody" in run(*home, "who").stdout
    assert f"{LAPTOP}: allowed" in run(*home, "allow", LAPTOP, "--alias", "laptop").output
    assert "was allowed already" in run(*home, "allow", LAPTOP).output
    assert run(*home, "who").stdout == f"{LAPTOP}  laptop\n"
    assert "not allowed any more" in run(*home, "deny", LAPTOP).output
    assert "was not allowed" in run(*home, "deny", LAPTOP).output
    assert "nobody" in run(*home, "who").stdout


def test_the_home_can_be_named_before_and_behind_the_subcommand(run, tmp_path):
    home = str(tmp_path / "home")

    run("allow", LAPTOP, "--home", home)
    assert LAPTOP in run("--home", home, "who").stdout
    run("allow", PHONE, "--name", "kitchen")
    assert PHONE in run("--name", "kitchen", "who").stdout
    assert (tmp_path / ".pye2" / "kitchen" / "allow.toml").exists()


def test_the_list_can_be_had_for_programs(run):
    run("allow", LAPTOP, PHONE)

    lines = [json.loads(line) for line in run("who", "--json").stdout.splitlines()]

    assert lines == [{"address": LAPTOP, "alias": None}, {"address": PHONE, "alias": None}]


def test_pye2s_list_can_be_taken_over(run, tmp_path):
    (tmp_path / "authorized_addrs").write_text(f"{LAPTOP.removeprefix('0xai_')} laptop\n{PHONE}\n")

    run("allow", "--from-pye2", "authorized_addrs")

    assert run("who").stdout == f"{LAPTOP}  laptop\n{PHONE}\n"


def test_what_is_no_address_is_refused(run):
    result = run("allow", "my laptop", ok=False)

    assert "is not an address" in str(result.exception)


@pytest.mark.parametrize("arguments", [["allow"], ["allow", LAPTOP, PHONE, "--alias", "both"]])
def test_what_makes_no_sense_is_refused(run, arguments):
    assert "Usage" in run(*arguments, ok=False).output


@pytest.mark.parametrize("name", ["a/b", "", "x" * 65, "naïve", "a b", "+"])
def test_a_name_that_cannot_be_part_of_a_channel_is_refused(run, name):
    assert "letters, digits" in run("--name", name, "who", ok=False).output


def test_without_a_broker_it_says_how_to_name_one(run):
    result = run(ok=False)

    assert isinstance(result.exception, SettingsError)
    assert "--broker" in str(result.exception)
    assert "PYE2_BROKER" in str(result.exception)


def test_a_broker_that_is_none_is_refused(run):
    result = run("--broker", "broker.lan", ok=False)

    assert isinstance(result.exception, BrokerUrlError)


def test_a_node_loads_nothing_that_it_does_not_need():
    program = (
        "import sys, pye2_node.cli, pye2_node.node, pye2_node.machine, pye2_node.plugin;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )

    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()

    assert not {"numpy", "rich", "typer", "cattrs", "dotenv", "paho", "tomli_w"} & set(loaded)


def test_offering_the_command_loads_nothing_of_the_node():
    program = "import sys, pye2_node.plugin as p; p.pye2_register_commands(); print(*sys.modules)"

    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()

    assert [name for name in loaded if name.startswith("pye2_node.")] == ["pye2_node.plugin"]


def test_the_help_warns_of_passwords_in_arguments(run):
    said = " ".join(run("--help").output.split())

    assert "Others on this machine can read the arguments" in said
