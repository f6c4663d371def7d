"""Runs all tests, in two processes at once: most of them wait for brokers and timers.

What installs, builds and type-checks takes the processor meanwhile; what it says is shown when the
others are done. Options are handed on to both. Where paths are given, these alone are run, in one
process. The exit code is 0 if nothing was found.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BUSY = ("tests/packaging", "tests/plugins", "tests/docs")
"""The folders whose tests run beside all others; they share nothing with those but the disk."""


def pytest(*arguments: str) -> list[str]:
    """The command that runs some of the tests."""
    return [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]


def main() -> int:
    """Run them; the exit code of the first process that found something."""
    if any(Path(each.partition("::")[0]).exists() for each in sys.argv[1:]):
        return subprocess.run(pytest(), cwd=ROOT, check=False).returncode
    others = pytest(*(f"--ignore={folder}" for folder in BUSY))
    # Two that keep what failed last would overwrite each other's.
    busy = pytest("-p", "no:cacheprovider", *BUSY)
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(busy, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT) as beside:
            codes = [subprocess.run(others, cwd=ROOT, check=False).returncode, beside.wait()]
        said.seek(0)
        print(f"\nBeside these ran {', '.join(BUSY)}:\n{said.read().decode(errors='replace')}")
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
