"""The kernel does without plugins, and each plugin with the kernel and what it says it requires."""

from __future__ import annotations

import json
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    CleanPython = Callable[..., Path]
    Run = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]

KERNEL, SUITE = "pye2core", "pye2-suite"

STATES = """
import json
from pye2core import installed_plugins
records = installed_plugins().records
print(json.dumps({each.name: [each.state.value, each.error] for each in records}))
"""

IMPLEMENTATIONS = """
from pye2core import installed_plugins
registry = installed_plugins()
for record in registry.records:
    for descriptor in registry.descriptors_of(record.name):
        for name in ("implementation", "client", "runner", "settings", "progress"):
            if getattr(descriptor, name, None) is not None:
                registry.load(descriptor, getattr(descriptor, name))
                print(record.name, getattr(descriptor, name))
"""


def members() -> list[str]:
    """Names of all distributions but the kernel and the usual set."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["uv"]["workspace"]["members"]
    files = [folder / "pyproject.toml" for each in patterns for folder in ROOT.glob(each)]
    names = {tomllib.loads(each.read_text())["project"]["name"] for each in files if each.exists()}
    return sorted(names - {KERNEL})


def plugins_of(name: str) -> set[str]:
    """The plugins that a distribution of the workspace has, by its own entry points."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["uv"]["workspace"]["members"]
    files = [folder / "pyproject.toml" for each in patterns for folder in ROOT.glob(each)]
    said = [tomllib.loads(each.read_text())["project"] for each in files if each.exists()]
    points = {each["name"]: each.get("entry-points", {}).get("pye2", {}) for each in said}
    return set(points[name])


def packages_in(wheel: Path) -> set[str]:
    """The import names that a wheel installs."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist() if "/" in name}
    return {name for name in names if not name.endswith(".dist-info")}


@pytest.mark.slow
def test_the_kernel_alone_can_be_imported_and_says_what_to_install(
    run: Run, clean_python: CleanPython, tmp_path: Path
) -> None:
    python = clean_python(KERNEL)

    said = run(
        python,
        "-c",
        "from pye2core import Session, installed_plugins\n"
        "from pye2core.errors import NotProvided\n"
        "assert installed_plugins().records == ()\n"
        "try:\n"
        "    Session('mqtt://127.0.0.1')\n"
        "except NotProvided as error:\n"
        "    print(error)\n",
        cwd=tmp_path,
    )

    assert "pip install pye2-" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", members())
def test_a_plugin_alone_with_the_kernel_can_be_used(
    run: Run, clean_python: CleanPython, wheels: dict[str, Path], tmp_path: Path, name: str
) -> None:
    python = clean_python(name)

    for package in packages_in(wheels[name]):
        run(python, "-c", f"import {package}", cwd=tmp_path)
    states = json.loads(run(python, "-c", STATES, cwd=tmp_path))
    own = plugins_of(name)
    assert own <= states.keys()
    assert all(state == "loaded" for state, _ in states.values()), states
    used = run(python, "-c", IMPLEMENTATIONS, cwd=tmp_path).splitlines()
    assert own <= {line.split()[0] for line in used}
