"""Runs all tests, in three processes at once: most of them wait for brokers and timers.

What one says is shown as it comes, what the others say when all are done. Options are handed on to
each. Where paths are given, these alone are run, in one process. The exit code is 0 if nothing was
found.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

BESIDE = (
    ("tests/packaging", "tests/plugins", "tests/docs"),
    ("transports", "presets", "pye2_plugins/broker", "pye2_plugins/testing", "tests/security"),
)
"""The folders whose tests run beside all others: what installs, builds and type-checks; what
mostly waits for brokers. They share nothing with the others but the disk."""

OTHERS = ("pye2core", "pye2_plugins", "tests")
"""Where the others are, besides those folders."""


def pytest(*arguments: str) -> list[str]:
    """The command that runs some of the tests."""
    return [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]


def main() -> int:
    """Run them; the exit code of the first process that found something."""
    if any(Path(each.partition("::")[0]).exists() for each in sys.argv[1:]):
        return subprocess.run(pytest(), cwd=ROOT, check=False).returncode
    with ExitStack() as until_all_are_done:
        beside = [(folders, *_begin(folders, until_all_are_done)) for folders in BESIDE]
        ignored = (f"--ignore={folder}" for folders in BESIDE for folder in folders)
        codes = [subprocess.run(pytest(*ignored, *OTHERS), cwd=ROOT, check=False).returncode]
        for folders, process, said in beside:
            codes.append(process.wait())
            said.seek(0)
            print(f"\nBeside these ran {', '.join(folders)}:\n{said.read()}", flush=True)
    return next((code for code in codes if code), 0)


def _begin(
    folders: tuple[str, ...], until_all_are_done: ExitStack
) -> tuple[subprocess.Popen[bytes], IO[str]]:
    said = until_all_are_done.enter_context(
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - the stack closes it
    )
    # Several that keep what failed last would overwrite each other's.
    command = pytest("-p", "no:cacheprovider", *folders)
    process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT)
    return until_all_are_done.enter_context(process), said


if __name__ == "__main__":
    sys.exit(main())
