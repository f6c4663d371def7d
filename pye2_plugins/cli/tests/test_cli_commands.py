"""The ``pye2`` command by itself: what it lists, what it says of mistakes. No broker is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pye2_cli.cells import cell
from pye2_cli.instance_settings import COMMON_SETTINGS
from pye2_cli.plugins import info
from pye2_cli.up import environment_lines, write_settings
from pye2_node.pausing import PAUSE_KEYS
from pye2core import PluginRegistry
from pye2core.messages import FORMATTER
from pye2core.settings import client_settings


def pye2(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with nothing of this environment's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", *arguments],
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_its_own_subcommands_and_those_of_plugins(tmp_path: Path) -> None:
    told = pye2("--help", cwd=tmp_path).stdout

    for command in ("broker", "demo", "key", "node", "nodes", "plugins", "run", "up"):
        assert f"\n  {command} " in told


def test_key_show_makes_a_key_at_first_use_and_keeps_it(tmp_path: Path) -> None:
    first = json.loads(pye2("key", "show", "--json", cwd=tmp_path).stdout)
    second = json.loads(pye2("key", "show", "--json", cwd=tmp_path).stdout)

    assert first["new"]
    assert not second["new"]
    assert first["address"] == second["address"]
    assert (tmp_path / "_local_cache/_data/_pk_sdk.pem").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_cannot_be_read_is_told_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "_local_cache/_data/_pk_sdk.pem"
    file.parent.mkdir(parents=True)
    file.write_text("not a key")

    done = pye2("key", "show", cwd=tmp_path)

    assert done.returncode == 1
    assert "_pk_sdk.pem" in done.stderr
    assert file.read_text() == "not a key"


def test_plugins_lists_what_is_installed_without_importing_an_implementation(
    tmp_path: Path,
) -> None:
    script = (
        "import sys; from pye2_cli.main import pye2; pye2(['plugins', '--json'],"
        " standalone_mode=False); heavy = {'numpy', 'paho', 'cryptography', 'pye2_mqtt.transport'};"
        " print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    names = {json.loads(line)["name"] for line in done.stdout.splitlines()}
    assert {"mqtt", "wire", "node", "custom-code", "chain-job", "collect", "primes"} <= names
    assert done.stderr.strip() == "[]"


def test_a_disabled_plugin_is_listed_as_disabled(tmp_path: Path) -> None:
    lines = pye2("plugins", "--json", cwd=tmp_path, PYE2_DISABLE_PLUGINS="mqtt").stdout

    states = {json.loads(line)["name"]: json.loads(line)["state"] for line in lines.splitlines()}
    assert states["mqtt"] == "disabled"
    assert states["wire"] == "loaded"


def test_plugins_works_with_every_plugin_disabled(tmp_path: Path) -> None:
    done = pye2("plugins", "--json", cwd=tmp_path, PYE2_DISABLE_PLUGINS="*")

    states = {json.loads(line)["state"] for line in done.stdout.splitlines()}
    assert done.returncode == 0, done.stderr
    assert states == {"disabled"}


def test_the_doctor_finds_nothing_wrong_with_what_we_install(tmp_path: Path) -> None:
    done = pye2("plugins", "doctor", "--json", cwd=tmp_path)

    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {"mqtt", "wire", "node"} <= {each["name"] for each in findings}
    assert [each for each in findings if not each["ok"]] == []


def test_what_is_switched_off_on_purpose_is_not_wrong(tmp_path: Path) -> None:
    done = pye2("plugins", "doctor", cwd=tmp_path, PYE2_DISABLE_PLUGINS="*")

    assert done.returncode == 0, done.stderr
    assert "disabled  mqtt, from pye2-mqtt" in done.stdout
    assert "→ take its name out of PYE2_DISABLE_PLUGINS to use it" in done.stdout


def test_a_setting_that_cannot_be_used_is_found_by_the_doctor(tmp_path: Path) -> None:
    done = pye2("plugins", "doctor", cwd=tmp_path, PYE2_WIRE_HEARTBEAT_VERSION="v7")

    assert done.returncode == 1
    assert "PYE2_WIRE_HEARTBEAT_VERSION" in done.stdout


def test_info_says_what_an_instance_of_a_signature_can_be_told(tmp_path: Path) -> None:
    told = pye2("plugins", "info", "custom-code", cwd=tmp_path).stdout

    assert "pye2-custom-code" in told
    assert "offers    signature CUSTOM_EXEC_01" in told
    assert "setting   CODE: str [required]" in told
    assert "setting   PROCESS_DELAY: float [0.05]" in told


@pytest.mark.parametrize("name", ["custom-code", "CUSTOM_EXEC_01", "chain-job"])
def test_info_says_once_what_every_instance_can_be_told(tmp_path: Path, name: str) -> None:
    lines = pye2("plugins", "info", name, cwd=tmp_path).stdout.splitlines()

    heading = "settings of every instance, whatever its signature:"
    assert lines.count(heading) == 1
    after = lines[lines.index(heading) + 1 :]
    assert [line.split()[1] for line in after] == [each.name for each in COMMON_SETTINGS]
    assert any(line.startswith("setting   FORCED_PAUSE [False] it does not run") for line in after)


@pytest.mark.parametrize("name", ["mqtt", "mqtts"])
def test_info_of_a_transport_says_what_it_can_do_and_where_it_connects(
    tmp_path: Path, name: str
) -> None:
    lines = pye2("plugins", "info", name, cwd=tmp_path).stdout.splitlines()

    assert "port      mqtts: 8883" in lines
    assert "feature   manual_ack: True" in lines
    assert "feature   durable: config, inbox, notif, payloads" in lines
    assert any(each.startswith("made by   pye2_mqtt.") for each in lines)


@pytest.mark.parametrize(("name", "plugin"), [("mqtt", "mqtt"), ("CUSTOM_EXEC_01", "custom-code")])
def test_info_is_there_for_programs(tmp_path: Path, name: str, plugin: str) -> None:
    told = json.loads(pye2("plugins", "info", name, "--json", cwd=tmp_path).stdout)

    assert (told["name"], told["state"]) == (plugin, "loaded")
    details = {each["name"]: each for each in told["details"]}
    if plugin == "mqtt":
        (of_mqtt,) = [each for each in details.values() if each["kind"] == "transport"]
        assert of_mqtt["default_ports"]["mqtt"] == 1883
        assert of_mqtt["features"]["manual_ack"] is True
        assert all(each["variable"].startswith("PYE2_MQTT_") for each in of_mqtt["settings"])
    else:
        settings = {each["name"]: each for each in details["CUSTOM_EXEC_01"]["settings"]}
        assert settings["code"]["required"] is True
        assert settings["process_delay"]["default"] == 0.05


def test_what_has_no_instances_has_no_settings_of_them(tmp_path: Path) -> None:
    assert "every instance" not in pye2("plugins", "info", "mqtt", cwd=tmp_path).stdout


def test_the_settings_of_every_instance_are_those_of_the_protocol() -> None:
    page = (Path(__file__).parents[3] / "docs/protocol.md").read_text("utf-8")
    table = page.partition("Settings that all instances understand:")[2].partition("## 8")[0]
    documented = re.findall(
        r"`([A-Z_]+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE))
    )

    told = {each.name for each in COMMON_SETTINGS}
    assert told == set(documented)
    assert told > PAUSE_KEYS | {FORMATTER}


def test_info_of_a_plugin_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    done = pye2("plugins", "info", "mqqt", cwd=tmp_path)

    assert done.returncode != 0
    assert "mqtt" in done.stderr


def test_info_of_what_a_plugin_offers_that_is_switched_off_names_that_plugin(
    tmp_path: Path,
) -> None:
    name = "CUSTOM_EXEC_01"
    done = pye2("plugins", "info", name, cwd=tmp_path, PYE2_DISABLE_PLUGINS="custom-code")

    assert done.returncode != 0
    assert "one that is switched off (custom-code): see PYE2_DISABLE_PLUGINS" in done.stderr


@pytest.mark.parametrize(
    ("name", "brings"), [("AMQP", "pye2-amqp"), ("custom_exec_01", "pye2-custom-code")]
)
def test_info_of_what_is_known_and_not_installed_says_what_to_install(
    name: str, brings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pye2_cli.plugins.installed_plugins", lambda: PluginRegistry([]))

    done = CliRunner().invoke(info, [name])

    assert done.exit_code == 1
    assert f"`pip install {brings}` brings it" in done.output


def test_a_subcommand_whose_plugin_is_switched_off_says_so(tmp_path: Path) -> None:
    done = pye2("node", cwd=tmp_path, PYE2_DISABLE_PLUGINS="node")

    assert done.returncode != 0
    assert "pye2-node" in done.stderr
    assert "PYE2_DISABLE_PLUGINS" in done.stderr


def test_an_unknown_subcommand_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    done = pye2("plugns", cwd=tmp_path)

    assert done.returncode != 0
    assert "plugins" in done.stderr
    assert "broker" in done.stderr


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("[/red]", "[/red]"),
        ("pye2core[fast]", "pye2core[fast]"),
        ("\x1b[2Jnode", "?[2Jnode"),
        ("two\nlines", "two\nlines"),
        (None, ""),
        (0.5, "0.5"),
    ],
)
def test_what_others_say_is_shown_and_never_obeyed(said: object, shown: str) -> None:
    assert cell(said).plain == shown


@pytest.mark.parametrize(
    "command", [("run", "primes", "--upto", "100"), ("nodes",), ("wire", "listen"), ("node",)]
)
def test_a_missing_broker_is_one_line_that_says_how_to_give_one(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = pye2(*command, cwd=tmp_path)

    assert done.returncode == 1
    assert "--broker mqtt://" in done.stderr
    assert "PYE2_BROKER" in done.stderr
    assert "Session(" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_broker_that_cannot_be_understood_is_told_as_that(tmp_path: Path) -> None:
    done = pye2("nodes", "--broker", "broker.lan", cwd=tmp_path)

    assert done.returncode == 1
    assert "'broker.lan' is not a broker's address" in done.stderr


@pytest.mark.parametrize(
    "command",
    [("run", "primes"), ("nodes",), ("wire", "listen"), ("demo", "primes"), ("up",), ("node",)],
)
def test_each_command_that_connects_takes_the_broker_and_the_root(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    told = pye2(*command, "--help", cwd=tmp_path).stdout

    assert "--broker " in told
    assert "--root-topic NAME" in told


@pytest.mark.parametrize("command", [("run", "primes"), ("nodes",), ("wire", "listen"), ("node",)])
def test_a_root_that_cannot_be_one_is_told_before_anything_is_connected(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    broker = ("--broker", "mqtt://127.0.0.1:9")

    done = pye2(*command, *broker, "--root-topic", "a/#", cwd=tmp_path, HOME=str(tmp_path))

    assert done.returncode == 1
    assert "root_topic is 'a/#' and should be a name" in done.stderr


@pytest.mark.parametrize("command", [("demo", "primes"), ("up",)])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nats://127.0.0.1", "no installed plugin offers the transport 'nats'"),
        ("broker.lan", "'broker.lan' is not a broker's address"),
    ],
)
def test_a_broker_that_nobody_can_reach_is_told_once_and_before_nodes_start(
    tmp_path: Path, command: tuple[str, ...], url: str, told: str
) -> None:
    done = pye2(
        *command, "--broker", url, cwd=tmp_path, HOME=str(tmp_path), PYE2_DISABLE_PLUGINS="nats"
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert told in done.stderr


def test_an_unknown_preset_is_told_with_what_is_installed(tmp_path: Path) -> None:
    done = pye2("run", "prime", cwd=tmp_path)

    assert done.returncode != 0
    assert "primes" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_an_unknown_preset_is_told_with_those_that_run_takes(tmp_path: Path) -> None:
    told = pye2("run", "nosuch", cwd=tmp_path).stderr

    assert "primes, primes-brute-force, primes-sieve, primes-trial-division" in told
    assert "PRIMES" not in told
    assert "FINISH_CONDITION" not in told


def test_a_preset_that_is_one_function_of_a_job_cannot_be_run(tmp_path: Path) -> None:
    done = pye2("run", "finish_condition___aggregated_data_more_than_x", cwd=tmp_path)

    assert done.returncode == 2
    assert "not a whole one" in done.stderr


def test_a_preset_of_a_plugin_that_is_switched_off_says_so(tmp_path: Path) -> None:
    told = pye2("run", "primes", cwd=tmp_path, PYE2_DISABLE_PLUGINS="primes").stderr

    assert "pye2-primes" in told
    assert "PYE2_DISABLE_PLUGINS" in told


@pytest.mark.parametrize("command", [("run", "primes"), ("demo", "primes")])
def test_a_wrong_parameter_is_all_that_is_told(tmp_path: Path, command: tuple[str, str]) -> None:
    done = pye2(*command, "--method", "guessing", cwd=tmp_path)

    assert done.returncode == 1
    assert "`method`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_plugins_breaks_no_name_over_lines(tmp_path: Path) -> None:
    told = pye2("plugins", cwd=tmp_path, COLUMNS="40").stdout

    longest = "PROCESS_REAL_TIME_COLLECTED_DATA__KEEP_UNIQUES_IN_AGGREGATED_COLLECTED_DATA"
    assert longest in told
    assert "pye2-custom-code 0.1.0" in told


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("primes-sieve", "parameter upto: int [1000]"),
        ("FINISH_CONDITION___AGGREGATED_DATA_MORE_THAN_X", "parameter X [required]"),
        ("custom_exec_01", "setting   PROCESS_DELAY: float [0.05]"),
        ("mqtts", "transport mqtts, from mqtt (pye2-mqtt)"),
    ],
)
def test_info_takes_what_plugins_offer(tmp_path: Path, name: str, shown: str) -> None:
    told = pye2("plugins", "info", name, cwd=tmp_path).stdout

    assert shown in told.splitlines()


@pytest.mark.parametrize("name", ["wire", "pye2"])
def test_info_shows_the_settings_of_a_wire_dialect(tmp_path: Path, name: str) -> None:
    told = pye2("plugins", "info", name, cwd=tmp_path).stdout

    assert "setting   PYE2_WIRE_HEARTBEAT_VERSION: one of 'v1', 'v2' ['v2'] v1 leaves" in told


def test_a_preset_shows_its_parameters_as_options(tmp_path: Path) -> None:
    told = pye2("run", "primes", "--help", cwd=tmp_path).stdout

    assert "--upto" in told
    assert "--workers" in told
    assert "--method" in told


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        ("mqtt://127.0.0.1:1999", {"EE_HOSTNAME=127.0.0.1", "EE_PORT=1999", "EE_SECURED=false"}),
        ("mqtts://me:secret@broker.lan", {"EE_PORT=8883", "EE_USERNAME=me", "EE_PASSWORD=secret"}),
    ],
)
def test_the_lines_for_a_clients_env_file_say_where_the_broker_is(
    url: str, lines: set[str]
) -> None:
    told = environment_lines(client_settings(broker=url, environment={})).splitlines()

    assert lines <= set(told)
    assert not any(line.startswith("PYE2_ROOT_TOPIC") for line in told)


def test_the_lines_for_a_clients_env_file_say_the_root_where_it_is_not_the_usual_one() -> None:
    found = client_settings(broker="mqtt://127.0.0.1", root_topic="attic", environment={})

    assert "PYE2_ROOT_TOPIC=attic" in environment_lines(found).splitlines()


def test_a_settings_file_keeps_its_other_lines_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("API_KEY=mine\nexport EE_PORT=1\n# a note\nEE_HOST=other\n")
    file.chmod(0o644)

    write_settings(file, "EE_HOSTNAME=127.0.0.1\nEE_PORT=1999\n")

    kept = "API_KEY=mine\n# a note\nEE_HOST=other\n"
    assert file.read_text() == f"{kept}EE_HOSTNAME=127.0.0.1\nEE_PORT=1999\n"
    assert file.stat().st_mode & 0o777 == 0o600
