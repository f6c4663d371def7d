"""Distributions that exist for one test, and environments that they are installed in.

They are built by a backend of their own that needs nothing but Python, so that nothing is fetched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]

BACKEND = """
import pathlib, tomllib, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    metadata = ["Metadata-Version: 2.1", f"Name: {project['name']}"]
    metadata += [f"Version: {project['version']}"]
    metadata += [f"Requires-Dist: {each}" for each in project["dependencies"]]
    files = {each.name: each.read_text() for each in pathlib.Path("modules").glob("*.py")}
    info = f"{stem}.dist-info"
    points = project["entry-points"]["pye2"].items()
    files[f"{info}/METADATA"] = "\\n".join(metadata) + "\\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/entry_points.txt"] = "[pye2]\\n" + "".join(f"{k} = {v}\\n" for k, v in points)
    record = f"{info}/RECORD"
    files[record] = "".join(f"{name},,\\n" for name in [*files, record])
    with zipfile.ZipFile(pathlib.Path(wheel_directory, f"{stem}-py3-none-any.whl"), "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return f"{stem}-py3-none-any.whl"
"""


SOUND_LOFT = """
from pye2core.abc import Transport
Loft = type("Loft", (Transport,), dict.fromkeys(Transport.__abstractmethods__))
"""
"""A module with a transport ``Loft`` that has all that one has to have, and can do nothing."""


@frozen
class Throwaway:
    """A distribution with one plugin.

    Attributes:
        plugin: the plugin's name; its module is ``<distribution>_plugin``.
        source: that module.
        distribution: the distribution's name; ``<plugin>-dist`` if None.
        version: its version.
        requires: what it says that it requires.
        modules: further modules, by name.
    """

    plugin: str
    source: str
    distribution: str = field(kw_only=True)
    version: str = "1.0"
    requires: tuple[str, ...] = ("pye2core>=0.1,<0.2",)
    modules: dict[str, str] = field(factory=dict)

    @distribution.default
    def _own_name(self) -> str:
        return f"{self.plugin}-dist"

    @property
    def module(self) -> str:
        """The module that its entry point names."""
        return f"{self.distribution.replace('-', '_')}_plugin"

    def write(self, parent: Path) -> Path:
        """Write what it is built from; gives its folder."""
        folder = parent / self.distribution
        (folder / "modules").mkdir(parents=True)
        for name, source in {self.module: self.source, **self.modules}.items():
            (folder / f"modules/{name}.py").write_text(dedent(source))
        (folder / "backend.py").write_text(BACKEND)
        (folder / "pyproject.toml").write_text(
            "[build-system]\n"
            'requires = []\nbackend-path = ["."]\nbuild-backend = "backend"\n'
            "[project]\n"
            f'name = "{self.distribution}"\nversion = "{self.version}"\n'
            f"dependencies = {json.dumps(self.requires)}\n"
            f'[project.entry-points.pye2]\n{self.plugin} = "{self.module}"\n'
        )
        return folder


@frozen
class Environment:
    """A virtual environment of its own.

    Attributes:
        folder: where it is.
    """

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "env/bin/python"

    def make(self, paths: Iterable[str]) -> None:
        """Create it, with these lines of a ``.pth`` file."""
        run(_uv(), "venv", "--python", sys.executable, self.folder / "env", cwd=self.folder)
        packages = next((self.folder / "env/lib").glob("python*/site-packages"))
        (packages / "workspace.pth").write_text("".join(f"{each}\n" for each in paths))

    def install(self, *distributions: Throwaway) -> None:
        """Build distributions and install them, without what they require."""
        self.install_from(*(each.write(self.folder / "sources") for each in distributions))

    def install_from(self, *folders: Path) -> None:
        """The same with distributions that are written already; nothing is fetched."""
        options = ("--no-deps", "--no-index", "--no-build-isolation", "--python", self.python)
        run(_uv(), "pip", "install", *options, *folders, cwd=self.folder)

    def pye2(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the ``pye2`` command."""
        return start(self.python, "-P", "-m", "pye2_cli", *arguments, cwd=self.folder, **variables)

    def runs(self, program: str, **variables: str) -> str:
        """What a program prints there."""
        return run(self.python, "-P", "-c", dedent(program), cwd=self.folder, **variables)


def lines_of(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What a command said of each plugin, by distribution."""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["distribution"]: each for each in lines}


def with_workspace() -> list[str]:
    """Path lines for an environment that has all of this workspace's."""
    return [f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"]


_KERNEL_AND_COMMAND = [str(ROOT / each) for each in ("pye2core/src", "pye2_plugins/cli/src")]


def with_broken_plugins_only() -> list[str]:
    """Path lines for one that has the metadata of all our plugins, and none of their modules."""
    return [*_KERNEL_AND_COMMAND, sysconfig.get_path("purelib")]


def without_plugins(folder: Path) -> list[str]:
    """Path lines for one that has the kernel, the command and what they need of others.

    Args:
        folder: where to put links to the latter.
    """
    for each in Path(sysconfig.get_path("purelib")).iterdir():
        if not each.name.startswith(("pye2", "_pye2")):
            (folder / each.name).symlink_to(each)
    return [*_KERNEL_AND_COMMAND, str(folder)]


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    """Run a program that must succeed; its standard output."""
    done = start(*command, cwd=cwd, **variables)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def start(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing of this environment's settings."""
    ours = ("PYE2_", "EE_", "AIXP_", "VIRTUAL_ENV", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def _uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    assert Path(found).exists(), "uv is missing; run the tests by `make test`"
    return found
