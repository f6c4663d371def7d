"""``pye2 node`` without a running node: the white list, and what is wrong with what was typed."""

import json
import subprocess
import sys

import pytest
from attrs import evolve, fields
from click.testing import CliRunner

from pye2_node.cli import node
from pye2_node.settings import OwnersChoices
from pye2core.errors import BrokerUrlError, SettingsError
from pye2core.identity import Identity
from pye2core.settings import plugin_settings

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
    assert "not allowed any more; what it has running goes on" in run(*home, "deny", LAPTOP).output
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

    assert lines == [
        {"address": LAPTOP, "alias": None, "grants": {}, "may_delegate": False},
        {"address": PHONE, "alias": None, "grants": {}, "may_delegate": False},
    ]


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


@pytest.fixture
def started(monkeypatch):
    """With which settings nodes were to be run."""
    found = []

    async def run_none(settings, say_ready):
        found.append(settings)

    monkeypatch.setattr("pye2_node.cli._run", run_none)
    return found


CHOICES = {
    "heartbeat_interval": (7.0, ["--heartbeat-interval", "7"]),
    "exec_timeout": (5.0, ["--exec-timeout", "5"]),
    "max_exec_timeout": (9.0, ["--max-exec-timeout", "9"]),
    "memory_megabytes": (512, ["--memory-megabytes", "512"]),
    "kept_megabytes": (7, ["--kept-megabytes", "7"]),
    "payloads_per_second": (3.0, ["--payloads-per-second", "3"]),
    "results_to_everyone": (True, ["--results-to-everyone"]),
    "accept_unencrypted_commands": (False, ["--encrypted-commands-only"]),
    "unsafe": (True, ["--unsafe"]),
    "show_code": (True, ["--show-code"]),
    "slots": (3, ["--slots", "3"]),
    "call_megabytes": (7, ["--call-megabytes", "7"]),
    "labels": (("gpu=1", "site=attic"), ["--label", "gpu=1", "--label", "site=attic"]),
}


def test_all_that_an_owner_can_choose_is_listed_here():
    assert CHOICES.keys() == {each.name for each in fields(OwnersChoices)}


@pytest.mark.parametrize("name", CHOICES)
def test_each_choice_can_be_made_by_an_option_and_in_the_environment(
    run, started, monkeypatch, name
):
    value, option = CHOICES[name]
    wanted = evolve(OwnersChoices(), **{name: value})

    run("--broker", "mqtt://nowhere", *option)
    written = ", ".join(value) if isinstance(value, tuple) else str(value)
    monkeypatch.setenv(f"PYE2_NODE_{name.upper()}", written)
    run("--broker", "mqtt://nowhere")

    assert [each.choices for each in started] == [wanted, wanted]


def test_without_a_choice_there_are_defaults_and_an_option_counts_more_than_a_variable(
    run, started, monkeypatch
):
    run("--broker", "mqtt://nowhere")
    monkeypatch.setenv("PYE2_NODE_EXEC_TIMEOUT", "5")
    monkeypatch.setenv("PYE2_NODE_ACCEPT_UNENCRYPTED_COMMANDS", "false")
    run("--broker", "mqtt://nowhere", "--exec-timeout", "6", "--accept-unencrypted-commands")

    assert [each.choices for each in started] == [OwnersChoices(), OwnersChoices(exec_timeout=6)]


def test_the_variable_of_each_choice_is_told_in_the_help(run):
    told = run("--help").stdout

    for setting in plugin_settings("node", OwnersChoices):
        assert all(variable in told for variable in setting.variables)


def test_an_option_that_protects_has_its_variable_too(run, started, monkeypatch):
    monkeypatch.setenv("PYE2_NODE_ENCRYPTED_COMMANDS_ONLY", "1")

    run("--broker", "mqtt://nowhere")

    assert [each.choices.accept_unencrypted_commands for each in started] == [False]


def test_a_misspelt_variable_keeps_the_node_from_starting(run, started, monkeypatch):
    monkeypatch.setenv("PYE2_NODE_EXEC_TIMOUT", "3")

    result = run("--broker", "mqtt://nowhere", ok=False)

    assert "did you mean PYE2_NODE_EXEC_TIMEOUT?" in str(result.exception)
    assert not started


def test_a_variable_for_what_only_an_option_says_is_refused_unless_the_option_is_there(
    run, started, monkeypatch
):
    monkeypatch.setenv("PYE2_NODE_NAME", "attic")

    assert "use --name" in str(run("--broker", "mqtt://nowhere", ok=False).exception)
    monkeypatch.setenv("PYE2_NODE_KEY_PASSPHRASE", "not misspelt")
    run("--broker", "mqtt://nowhere", "--name", "attic")
    assert [each.name for each in started] == ["attic"]


def test_a_choice_that_makes_no_sense_is_refused_by_its_variable(run, monkeypatch):
    monkeypatch.setenv("PYE2_NODE_HEARTBEAT_INTERVAL", "31")

    result = run("--broker", "mqtt://nowhere", ok=False)

    assert isinstance(result.exception, SettingsError)
    assert "PYE2_NODE_HEARTBEAT_INTERVAL" in str(result.exception)


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


@pytest.mark.parametrize("label", ["gpu", "=1", "gpu=a b", "g p=1", "gpu=1,"])
def test_a_label_that_is_none_is_refused(run, started, label):
    result = run("--broker", "mqtt://nowhere", "--label", label, ok=False)

    assert "NAME=VALUE" in result.output
    assert not started


def test_the_help_warns_of_passwords_in_arguments(run):
    said = " ".join(run("--help").output.split())

    assert "Others on this machine can read the arguments" in said
