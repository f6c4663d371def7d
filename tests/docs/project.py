"""The folder in which a page's code runs: its files, its installed distribution, its commands.

Everything runs in processes of their own, as a reader would run it. ``pip install`` is done by
building the project's wheel and unpacking it on the path of those processes, so that no test
changes this environment or asks a package index.
"""

from __future__ import annotations

import doctest
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from pages import Block, Page

_RUNNER = Path(__file__).with_name("block_runner.py")
_PROGRAMS = Path(sys.executable).parent
_PATIENCE = 300.0
_COMPARED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Project:
    """What a page builds.

    Args:
        page: the page.
        folder: an empty folder for it.
    """

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._files = folder / "project"
        self._site = folder / "site"
        self._files.mkdir()
        self._site.mkdir()
        self._environment = _environment(self._site)
        self._python: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._python is not None:
            assert self._python.stdin is not None
            self._python.stdin.close()
            self._python.wait(_PATIENCE)
            assert self._python.stdout is not None
            self._python.stdout.close()

    def run(self, block: Block) -> None:
        """Write a block's file, or run it."""
        if block.not_run is not None:
            return
        if block.file is not None:
            self._write(block)
        elif block.language == "python":
            self._run_python(block)
        elif block.language == "console":
            self._run_commands(block)

    def _write(self, block: Block) -> None:
        assert block.file is not None
        path = self._files / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        assert path.exists() is block.continues, f"{self._where(block)}: {block.file} begins twice"
        with path.open("a", encoding="utf-8") as file:
            file.write(block.source.partition("\n")[2] if block.continues else block.source)

    def _run_python(self, block: Block) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, "-W", "error", str(_RUNNER), *self._given()],
                cwd=self._files,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        job = {"page": self._page.path, "line": block.line, "source": block.source}
        self._python.stdin.write(json.dumps(job) + "\n")
        self._python.stdin.flush()
        answer = self._python.stdout.readline()
        assert answer, f"{self._where(block)}: the process that ran it has ended"
        failure = json.loads(answer)
        assert failure is None, f"{self._where(block)}:\n{failure}"

    def _given(self) -> list[str]:
        return ["--network"] if self._page.wants_network else []

    def _run_commands(self, block: Block) -> None:
        commands = _commands(block)
        for command, expected in commands[:-1]:
            self._run_command(command, expected, block)
        self._run_command(*commands[-1], block, ends_with=block.ends_with)

    def _run_command(self, command: str, expected: str, block: Block, ends_with: int = 0) -> None:
        words = shlex.split(command)
        if words[:2] == ["pip", "install"]:
            self._install()
            return
        done = subprocess.run(
            words,
            cwd=self._files,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        told = f"{self._where(block)}: $ {command}\n{done.stdout}(ended with {done.returncode})"
        assert done.returncode == ends_with, told
        as_printed = doctest.OutputChecker().check_output(expected, done.stdout, _COMPARED)
        assert as_printed or not expected, f"{told}\nThe page says:\n{expected}"

    def _install(self) -> None:
        """Put the project where the page's processes find it, as an installer would."""
        shutil.rmtree(self._files / "dist", ignore_errors=True)
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
        done = subprocess.run(build, cwd=self._files, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        (wheel,) = (self._files / "dist").glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(self._site)
        shutil.rmtree(self._files / "dist")

    def _where(self, block: Block) -> str:
        return f"{self._page.path}:{block.line}"


def _environment(site: Path) -> dict[str, str]:
    """This environment without anybody's broker, and with what the page installs."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    kept["PATH"] = os.pathsep.join([str(_PROGRAMS), kept.get("PATH", os.defpath)])
    kept["PYTHONPATH"] = str(site)
    kept["COLUMNS"] = "100"
    return kept


def _commands(block: Block) -> list[tuple[str, str]]:
    """Each command of a console, and what it prints."""
    commands: list[tuple[str, str]] = []
    for line in block.source.splitlines(keepends=True):
        if line.startswith("$ "):
            commands.append((line[2:].strip(), ""))
        elif commands:
            command, printed = commands[-1]
            commands[-1] = (command, printed + line)
    return commands
