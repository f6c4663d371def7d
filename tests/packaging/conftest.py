"""Wheels of every distribution, and clean environments to install them into.

Environments are made outside of the workspace; ours come from a local folder only, so that a
missing dependency, file or entry point shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def _uv() -> str:
    """The uv that runs these tests, or the one that the Makefile installed."""
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    assert Path(found).exists(), "uv is missing; run the tests by `make test`"
    return found


def _run(*command: str | Path, cwd: Path) -> str:
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


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs a program outside the workspace's environment; gives its standard output."""
    return _run


@pytest.fixture(scope="session")
def distributions() -> set[str]:
    """Names of all distributions of the workspace."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["uv"]["workspace"]["members"]
    files = [folder / "pyproject.toml" for each in patterns for folder in ROOT.glob(each)]
    names = {tomllib.loads(each.read_text())["project"]["name"] for each in files if each.exists()}
    return names | {project["project"]["name"]}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel of every distribution, by the distribution's name."""
    folder = tmp_path_factory.mktemp("wheels")
    _run(_uv(), "build", "--all-packages", "--wheel", "--out-dir", folder, cwd=ROOT)
    return {each.name.split("-")[0].replace("_", "-"): each for each in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def clean_python(
    tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]
) -> Callable[..., Path]:
    """Makes environments in which only one distribution was asked for; gives the interpreter.

    It may be asked for with an extra: "pye2-suite[amqp]". What that requires of ours comes from
    the folder of wheels; what it forgets to require is missing.
    """

    def make(wanted: str, *options: str, python: str = sys.executable) -> Path:
        folder = tmp_path_factory.mktemp("clean")
        _run(_uv(), "venv", "--python", python, folder / "env", cwd=folder)
        interpreter = folder / "env/bin/python"
        overrides = folder / "overrides.txt"
        name = wanted.partition("[")[0]  # not overridden, or its extras would be lost
        others = {each: wheel for each, wheel in wheels.items() if each != name}
        lines = [f"{each} @ {wheel.as_uri()}\n" for each, wheel in others.items()]
        overrides.write_text("".join(lines))
        asked = ["--python", interpreter, "--overrides", overrides, *options]
        _run(_uv(), "pip", "install", *asked, f"{wanted} @ {wheels[name].as_uri()}", cwd=folder)
        return interpreter

    return make
