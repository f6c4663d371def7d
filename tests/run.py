"""Runs all tests, three groups at once: most of them wait for brokers and timers.

What a group says is shown when it is done. Options are handed on to each. Where paths are given,
these alone are run, in one process. The exit code is 0 if nothing was found.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent

GROUPS = (
    ("tests/wire",),
    ("pye2_plugins/node",),
    ("transports",),
    ("tests/packaging", "tests/plugins", "tests/docs"),
    ("tests/e2e",),
    ("tests/chaos",),
    ("tests/calls",),
    ("tests/examples",),
    ("tests/security", "presets", "pye2_plugins/broker", "pye2_plugins/testing"),
    ("pye2core",),
)
"""Folders of which each group runs in a process of its own, the longest first. They share nothing
but the disk. What is not named here runs as one more group."""

EVERYWHERE = ("pye2core", "pye2_plugins", "transports", "presets", "tests")
"""Where tests are."""

AT_ONCE = 3
_NO_TESTS = 5


class Outcome(NamedTuple):
    """What became of one group."""

    name: str
    code: int
    output: str
    seconds: float


def pytest(*arguments: str) -> list[str]:
    """The command that runs some of the tests."""
    return [sys.executable, "-m", "pytest", *arguments, *sys.argv[1:]]


def main() -> int:
    """Run them; 0 if nothing was found."""
    if any(Path(each.partition("::")[0]).exists() for each in sys.argv[1:]):
        return subprocess.run(pytest(), cwd=ROOT, check=False).returncode
    codes = []
    for outcome in _outcomes():
        codes.append(outcome.code)
        print(f"\n{outcome.output}\n{outcome.name}: {outcome.seconds:.0f} s", flush=True)
    ran_nothing = all(code == _NO_TESTS for code in codes)
    return 1 if ran_nothing else max(code for code in codes if code != _NO_TESTS)


def _outcomes() -> Iterator[Outcome]:
    """Run the groups; what became of each, as they end."""
    named = [folder for group in GROUPS for folder in group]
    others = [f"--ignore={folder}" for folder in named]
    jobs = {", ".join(group): list(group) for group in GROUPS}
    jobs["all others"] = [*others, *(each for each in EVERYWHERE if each not in named)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from (
            each.result() for each in as_completed(pool.submit(_run, *job) for job in jobs.items())
        )


def _run(name: str, arguments: list[str]) -> Outcome:
    print(f"running {name}", flush=True)
    start = time.monotonic()
    # Several that keep what failed last would overwrite each other's.
    command = pytest("-p", "no:cacheprovider", *arguments)
    done = subprocess.run(
        command,
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return Outcome(name, done.returncode, done.stdout, time.monotonic() - start)


if __name__ == "__main__":
    sys.exit(main())
