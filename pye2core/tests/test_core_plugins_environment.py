"""What the environment says about plugins, seen from fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pye2core.plugins.discovery import LoadPolicy, policy_from

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json
from pye2core import installed_plugins
registry = installed_plugins()
assert installed_plugins() is registry
print(json.dumps({r.name: [r.state.value, r.phase.value] for r in registry.records}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two distributions, one of them broken."""
    for name, source in (("sound", "x = 1"), ("rotten", "1 / 0")):
        (tmp_path / f"core_env_{name}.py").write_text(source)
        info = tmp_path / f"core_env_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: core-env-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[pye2]\nenv-{name} = core_env_{name}\n")
    return tmp_path


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYE2_")}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**inherited, "PYTHONPATH": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def outcomes(result: subprocess.CompletedProcess[str]) -> Any:
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_installed_plugins_are_loaded_once_each_with_its_outcome(folder: Path) -> None:
    result = run(folder)

    assert outcomes(result)["env-sound"] == ["loaded", "loaded"]
    assert outcomes(result)["env-rotten"] == ["broken", "import"]
    assert "env-rotten" in result.stderr


def test_pye2_disable_plugins_switches_off_the_plugins_that_it_names(folder: Path) -> None:
    found = outcomes(run(folder, PYE2_DISABLE_PLUGINS=" env-rotten, unknown ,"))

    assert found["env-rotten"] == ["disabled", "enabled"]
    assert found["env-sound"] == ["loaded", "loaded"]


def test_pye2_disable_plugins_can_switch_off_all(folder: Path) -> None:
    found = outcomes(run(folder, PYE2_DISABLE_PLUGINS="*"))

    assert {tuple(outcome) for outcome in found.values()} == {("disabled", "enabled")}


def test_pye2_strict_plugins_makes_a_broken_plugin_an_error(folder: Path) -> None:
    result = run(folder, PYE2_STRICT_PLUGINS="1", PYE2_DISABLE_PLUGINS="env-sound")

    assert result.returncode == 1
    assert "pye2core.errors.PluginBroken" in result.stderr


def test_pye2_trace_plugins_shows_the_phases_where_no_log_is_configured(folder: Path) -> None:
    result = run(folder, PYE2_TRACE_PLUGINS="1")

    assert "pye2 plugins: env-rotten: import\n" in result.stderr
    assert "pye2 plugins: env-rotten: register\n" not in result.stderr
    assert "pye2 plugins: env-sound: validate\n" in result.stderr
    assert outcomes(result)["env-sound"] == ["loaded", "loaded"]


def test_without_variables_nothing_is_disabled_strict_or_traced() -> None:
    assert policy_from({}) == LoadPolicy()
    assert not policy_from({"PYE2_STRICT_PLUGINS": "0", "PYE2_TRACE_PLUGINS": ""}).strict
