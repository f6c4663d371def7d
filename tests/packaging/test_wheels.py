"""Every distribution builds as a wheel, and the wheels alone run the hello world.

The environment is made outside the workspace; ours come from a local folder only, so that a missing
dependency, file or entry point shows.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def uv() -> str:
    """The uv that runs these tests, or the one that the Makefile installed."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    assert Path(found).exists(), "uv is missing; run the tests by `make test`"
    return found


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program outside the workspace's environment; its standard output."""
    environment = {
        key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def distributions() -> set[str]:
    """Names of all distributions of the workspace."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["uv"]["workspace"]["members"]
    files = [folder / "pyproject.toml" for each in patterns for folder in ROOT.glob(each)]
    names = {tomllib.loads(each.read_text())["project"]["name"] for each in files if each.exists()}
    return names | {project["project"]["name"]}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel of every distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    run(uv(), "build", "--all-packages", "--wheel", "--out-dir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="session")
def clean_python(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """The interpreter of a new environment in which only the usual set was asked for.

    What it requires of ours comes from the folder of wheels; what it forgets to require is missing.
    """
    folder = tmp_path_factory.mktemp("clean")
    run(uv(), "venv", "--python", sys.executable, folder / "env", cwd=folder)
    python = folder / "env/bin/python"
    overrides = folder / "overrides.txt"
    overrides.write_text("".join(f"{name} @ {url}\n" for name, url in wheel_urls(wheels).items()))
    suite = f"pye2-suite @ {wheel_urls(wheels)['pye2-suite']}"
    run(uv(), "pip", "install", "--python", python, "--overrides", overrides, suite, cwd=folder)
    return python


def wheel_urls(wheels: Path) -> dict[str, str]:
    """Where the wheel of each distribution is."""
    return {
        each.name.split("-")[0].replace("_", "-"): each.as_uri() for each in wheels.glob("*.whl")
    }


def test_every_distribution_builds_as_a_wheel(wheels: Path) -> None:
    assert set(wheel_urls(wheels)) == distributions()


def test_every_wheel_has_its_type_marker(wheels: Path) -> None:
    import zipfile

    lacking = [
        each.name
        for each in wheels.glob("*.whl")
        if not each.name.startswith("pye2_suite")
        and not any(name.endswith("py.typed") for name in zipfile.ZipFile(each).namelist())
    ]

    assert lacking == []


@pytest.mark.slow
def test_the_wheels_alone_run_the_hello_world(clean_python: Path, tmp_path: Path) -> None:
    out = run(clean_python.parent / "pye2", "demo", "primes", "--json", cwd=tmp_path)

    assert json.loads(out)["count"] == 168


@pytest.mark.slow
def test_all_plugins_load_from_the_wheels(clean_python: Path, tmp_path: Path) -> None:
    out = run(clean_python.parent / "pye2", "plugins", "--json", cwd=tmp_path)

    states = {json.loads(line)["name"]: json.loads(line)["state"] for line in out.splitlines()}
    assert set(states.values()) == {"loaded"}
    assert {"mqtt", "wire", "node", "custom-code", "chain-job", "collect", "primes"} <= set(states)
