"""Every distribution builds as a wheel, and the wheels alone run the hello world."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from pye2_testing import NatsServer
from pye2_testing.child import Child
from pye2_testing.fixtures import require_nats_server
from pye2_testing.mosquitto import Mosquitto
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    CleanPython = Callable[..., Path]
    Run = Callable[..., str]

OTHER_PYTHONS = ("3.12", "3.13")

SUITE = "pye2-suite"


def test_every_distribution_builds_as_a_wheel(
    wheels: dict[str, Path], distributions: set[str]
) -> None:
    assert set(wheels) == distributions


def test_every_wheel_has_its_type_marker(wheels: dict[str, Path]) -> None:
    lacking = [
        name
        for name, wheel in wheels.items()
        if name != SUITE
        and not any(each.endswith("py.typed") for each in zipfile.ZipFile(wheel).namelist())
    ]

    assert lacking == []


@pytest.fixture(scope="session")
def usual_set(clean_python: CleanPython) -> Path:
    """The interpreter of an environment with what most users install, and the other transports."""
    return clean_python(f"{SUITE}[amqp,nats]")


def hello_world(run: Run, python: Path, folder: Path) -> int:
    """How many primes the demo finds."""
    found: int = json.loads(run(python.parent / "pye2", "demo", "primes", "--json", cwd=folder))[
        "count"
    ]
    return found


def hello_world_over_nats(run: Run, python: Path, folder: Path) -> int:
    """The same over a nats-server that lets nobody in without a password."""
    require_nats_server()
    with NatsServer(folder / "nats", user="me", password="pw") as server:
        url = server.url.replace("://", "://me:pw@")
        demo = ("demo", "primes", "--broker", url, "--json")
        found: int = json.loads(run(python.parent / "pye2", *demo, cwd=folder))["count"]
    return found


@pytest.mark.slow
def test_the_wheels_alone_run_the_hello_world(run: Run, usual_set: Path, tmp_path: Path) -> None:
    assert hello_world(run, usual_set, tmp_path) == 168


def required_of_others(wheels: dict[str, Path]) -> list[Requirement]:
    """What our distributions require of what is not ours, without their extras."""
    found = []
    for wheel in wheels.values():
        archive = zipfile.ZipFile(wheel)
        (name,) = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        told = archive.read(name).decode().splitlines()
        asked = [line.partition(": ")[2] for line in told if line.startswith("Requires-Dist: ")]
        found += [Requirement(each) for each in asked]
    return [each for each in found if each.name not in wheels and each.marker is None]


def is_lowest(version: str, requirement: Requirement) -> bool:
    """Whether that version is the first that is allowed: 2.1.0 of >=2.1."""
    (bound,) = [each.version for each in requirement.specifier if each.operator == ">="]
    release = Version(bound).release
    return Version(version).release[: len(release)] == release


@pytest.mark.slow
def test_the_lowest_versions_that_are_allowed_run_the_hello_world(
    run: Run, clean_python: CleanPython, wheels: dict[str, Path], tmp_path: Path
) -> None:
    required = required_of_others(wheels)
    direct = tmp_path / "direct.txt"  # or only what the usual set itself requires would be lowest
    direct.write_text("".join(f"{each}\n" for each in required))
    lowest = ("--resolution", "lowest-direct", "--requirements", str(direct))
    python = clean_python(f"{SUITE}[amqp,nats]", *lowest)

    for each in required:
        ask = f"import importlib.metadata as m; print(m.version({each.name!r}), end='')"
        assert is_lowest(run(python, "-c", ask, cwd=tmp_path), each), each
    assert hello_world(run, python, tmp_path) == 168
    assert hello_world_over_nats(run, python, tmp_path) == 168


@pytest.fixture(scope="session", params=OTHER_PYTHONS)
def other_python(request: pytest.FixtureRequest, clean_python: CleanPython) -> Path:
    """The interpreter of an environment of another Python, with what most users install."""
    return clean_python(SUITE, python=found_python(request.param))


@pytest.mark.slow
def test_other_pythons_run_the_hello_world(run: Run, other_python: Path, tmp_path: Path) -> None:
    assert hello_world(run, other_python, tmp_path) == 168


CALLER = """
import sys
from dataclasses import dataclass
import numpy as np
from pye2core import Session

@dataclass
class Grid:
    rows: np.ndarray
    size: int = 0

class Empty(Exception):
    pass

def summed(grid: Grid, by=2) -> Grid:
    if not grid.rows.size:
        raise Empty(f"{grid.size} rows")
    return Grid(grid.rows.sum(axis=0) * by, len(grid.rows))

def counted(n):
    yield from range(n)

if __name__ == "__main__":
    broker, key_file, *newer = sys.argv[1:]
    with Session(broker=broker, key_file=key_file, silent=True) as session:
        assert session.wait_for_node("other", timeout=60, verbose=False)
        grid = session.submit(summed, Grid(np.arange(6).reshape(3, 2))).result(60)
        error = session.submit(summed, Grid(np.zeros(0))).exception(60)
        with session.submit(counted, 3) as items:
            print(grid, repr(error), list(items), list(session.map(abs, [-1, 2])))
        for name in newer:
            print(session.submit(__import__(name).quoted, 3).exception(60))
"""
"""A program that calls functions with all sorts of things, and what comes of it."""

CALLED = "Grid(rows=array([12, 18]), size=3) Empty('0 rows') [0, 1, 2] [1, 2]"


NEWER = '# since Python 3.12\ndef quoted(x):\n    return f"{ {"a": x}["a"]}"\n'


@contextmanager
def node_of(python: Path, broker: str, key_file: Path) -> Iterator[None]:
    """A node that this interpreter runs, for the one client with that key."""
    home, allowed = str(key_file.with_suffix("")), load_or_create_key(key_file).address
    options = ("--broker", broker, "--allow", allowed, "--home", home)
    command = [str(python), "-m", "pye2_node", "--name", "other", "--json", *options]
    child = Child(command, lambda line: b'"ready"' in line)
    try:
        assert child.failure(60) is None
        yield
    finally:
        child.end([signal.SIGTERM, signal.SIGKILL])


@pytest.mark.slow
def test_functions_are_called_between_two_pythons(
    run: Run, usual_set: Path, other_python: Path, tmp_path: Path
) -> None:
    program, keys = tmp_path / "caller.py", (tmp_path / "one.pem", tmp_path / "two.pem")
    program.write_text(CALLER)
    (tmp_path / "newer.py").write_text(NEWER)

    with Mosquitto(tmp_path / "mosquitto") as broker:
        call = (program, broker.url)
        with node_of(other_python, broker.url, keys[0]):
            there = run(usual_set, *call, keys[0], cwd=tmp_path)
        with node_of(usual_set, broker.url, keys[1]):
            here, newer, *_ = run(other_python, *call, keys[1], "newer", cwd=tmp_path).split("\n")

    assert there == f"{CALLED}\n"
    assert here == CALLED
    if sys.version_info < (3, 12):  # that of the usual set
        assert f"refused: {tmp_path}/newer.py:3: syntax error: " in newer
        assert "(Python 3.11 runs here: write it so that this one reads it, too)" in newer


def found_python(version: str) -> str:
    """The interpreter of that version, on the path or where pyenv keeps them."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")]
    found = [str(place) for place in places if place is not None]
    return found[-1] if found else pytest.skip(f"this machine has no Python {version}")


@pytest.mark.slow
def test_all_plugins_load_from_the_wheels(run: Run, usual_set: Path, tmp_path: Path) -> None:
    out = run(usual_set.parent / "pye2", "plugins", "--json", cwd=tmp_path)

    states = {json.loads(line)["name"]: json.loads(line)["state"] for line in out.splitlines()}
    assert set(states.values()) == {"loaded"}
    assert {"mqtt", "wire", "node", "custom-code", "chain-job", "collect", "primes"} <= set(states)
    assert {"amqp", "nats"} <= set(states)
