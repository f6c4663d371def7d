"""The ``pye2`` command by itself: what it lists, what it says of mistakes. No broker is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pye2_cli.up import environment_lines
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from pathlib import Path


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


def test_a_missing_broker_is_one_line_that_says_how_to_give_one(tmp_path: Path) -> None:
    done = pye2("run", "primes", "--upto", "100", cwd=tmp_path)

    assert done.returncode == 1
    assert "PYE2_BROKER" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_preset_is_told_with_what_is_installed(tmp_path: Path) -> None:
    done = pye2("run", "prime", cwd=tmp_path)

    assert done.returncode != 0
    assert "primes" in done.stderr.lower()
    assert "Traceback" not in done.stderr


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
    assert lines <= set(environment_lines(parse_broker_url(url)).splitlines())
