"""``pye2 call`` and ``pye2 map`` as processes, on real nodes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from call_network import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from call_network import CallNetwork

    Pye2 = Callable[..., subprocess.CompletedProcess[str]]

SHAPES = """
def area(width, height=1.0):
    print("computing")
    return width * height


def steps(n):
    for number in range(n):
        yield {"step": number}


def inverse(number):
    return 1 / number


def name_of(plugin):
    return plugin.node_id
"""


@pytest.fixture
def pye2(network: CallNetwork, tmp_path: Path) -> Pye2:
    """Runs a command in a folder with a module, as the client that the nodes allow."""
    (tmp_path / "shapes.py").write_text(SHAPES)
    key = tmp_path / "_local_cache/_data/_pk_sdk.pem"
    key.parent.mkdir(parents=True)
    shutil.copy(network.key_file, key)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_"))}
    environment["PYE2_BROKER"] = network.url

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pye2_cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run


def test_call_prints_the_value_and_tells_what_was_printed_apart(pye2: Pye2) -> None:
    done = pye2("call", "shapes:area", "3", "height=4.5", "--need", "gpu=1", "--timeout", "30")

    assert (done.returncode, done.stdout, done.stderr) == (0, "13.5\n", "computing\n")


def test_call_runs_on_the_node_that_is_named(pye2: Pye2) -> None:
    assert pye2("call", "shapes:name_of", "--node", "n1", "--json").stdout == '"n1"\n'


def test_call_prints_what_a_generator_yields(pye2: Pye2) -> None:
    lines = pye2("call", "shapes:steps", "3").stdout.splitlines()

    assert [json.loads(line) for line in lines] == [{"step": n} for n in range(3)]


def test_call_shows_where_the_function_raised(pye2: Pye2) -> None:
    done = pye2("call", "shapes:inverse", "0")

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "return 1 / number" in done.stderr
    assert "pye2_calls" not in done.stderr


@pytest.mark.parametrize(
    ("function", "told"),
    [("shapes", "MODULE:FUNCTION"), ("forms:area", "forms"), ("shapes:volume", "volume")],
)
def test_call_says_what_it_does_not_find(pye2: Pye2, function: str, told: str) -> None:
    done = pye2("call", function)

    assert done.returncode == 2
    assert told in done.stderr


def test_map_reads_lines_and_writes_lines(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "sizes.jsonl").write_text("[3, 4.5]\n\n[1, 2]\n")

    done = pye2("map", "shapes:area", "sizes.jsonl", "--spread", "-o", "areas.jsonl")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "areas.jsonl").read_text() == "13.5\n2\n"


def test_map_keeps_going_where_it_is_told_to(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("4\n0\n2\n")

    stopped = pye2("map", "shapes:inverse", "numbers.jsonl")
    went_on = pye2("map", "shapes:inverse", "numbers.jsonl", "--keep-going", "--nodes", "2")

    assert (stopped.returncode, stopped.stdout) == (1, "0.25\n")
    assert went_on.returncode == 0
    first, failed, last = map(json.loads, went_on.stdout.splitlines())
    assert (first, last) == (0.25, 0.5)
    assert "ZeroDivisionError" in failed["error"]


def test_map_says_which_line_it_cannot_read(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("4\nfour\n")

    done = pye2("map", "shapes:inverse", "numbers.jsonl")

    assert done.returncode == 2
    assert "line 2 is not JSON" in done.stderr
