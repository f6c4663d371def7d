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
from click.testing import CliRunner

from pye2_cli.calls import call, map_

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from call_network import CallNetwork
    from click import Command

    Pye2 = Callable[..., subprocess.CompletedProcess[str]]

SHAPES = """
def area(width, height=1.0):
    print("computing")
    return width * height


def steps(plugin, n):
    for number in range(n):
        yield {"step": number, "on": plugin.node_id}


def inverse(number):
    return 1 / number


def where(plugin, number):
    return plugin.node_id


def wait(seconds):
    import time

    time.sleep(seconds)
    return seconds
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


def test_call_prints_what_a_generator_on_the_named_node_yields(pye2: Pye2) -> None:
    done = pye2("call", "shapes:steps", "3", "--node", "n1", "--json")

    lines = done.stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"step": n, "on": "n1"} for n in range(3)]


def test_call_shows_where_the_function_raised(pye2: Pye2) -> None:
    done = pye2("call", "shapes:inverse", "0")

    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "return 1 / number" in done.stderr
    assert "pye2_calls" not in done.stderr


def test_map_reads_lines_and_writes_lines(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "sizes.jsonl").write_text("[3, 4.5]\n\n[1, 2]\n")

    done = pye2("map", "shapes:area", "sizes.jsonl", "--spread", "-o", "areas.jsonl")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "areas.jsonl").read_text() == "13.5\n2\n"


def test_map_keeps_going_where_it_is_told_to(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("4\n0\n2\n")

    done = pye2("map", "shapes:inverse", "numbers.jsonl", "--keep-going", "--nodes", "2")

    assert done.returncode == 0, done.stderr
    first, failed, last = map(json.loads, done.stdout.splitlines())
    assert (first, last) == (0.25, 0.5)
    assert "ZeroDivisionError" in failed["error"]


def test_map_says_which_line_failed(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("4\n\n0\n2\n")

    done = pye2("map", "shapes:inverse", "numbers.jsonl")

    assert (done.returncode, done.stdout) == (1, "0.25\n")
    assert "line 3 of numbers.jsonl: the function raised, on the node:" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr


def test_map_says_which_line_took_too_long(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "seconds.jsonl").write_text("0\n60\n")

    done = pye2("map", "shapes:wait", "seconds.jsonl", "--timeout", "0.5")

    assert (done.returncode, done.stdout) == (1, "0\n")
    assert "line 2 of seconds.jsonl: wait took longer than 0.5 s" in done.stderr


def test_map_uses_the_nodes_that_are_named(pye2: Pye2, tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text("1\n" * 8)

    done = pye2("map", "shapes:where", "numbers.jsonl", "--node", "n1", "--node", "n2")

    assert done.returncode == 0, done.stderr
    assert set(done.stdout.splitlines()) <= {'"n1"', '"n2"'}


# --- what is found before anything is connected ---------------------------------------------------


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command says that cannot be carried out."""
    (tmp_path / "shapes.py").write_text(SHAPES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "shapes", raising=False)

    def run(command: Command, *arguments: str) -> str:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 2
        return result.output

    return run


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("shapes", "MODULE:FUNCTION"),
        ("forms:area", "forms"),
        ("shapes:volume", "volume"),
        ("shapes:__doc__", "no function"),
    ],
)
def test_call_says_what_it_does_not_find(
    refusal: Callable[..., str], function: str, told: str
) -> None:
    assert told in refusal(call, function)


@pytest.mark.parametrize("number", ["-3", "-4.5", "-.5"])
def test_call_says_where_negative_numbers_stand(refusal: Callable[..., str], number: str) -> None:
    told = refusal(call, "shapes:area", "3", number)

    assert f"{number} reads as an option: negative numbers stand behind --" in told


def test_call_takes_no_unknown_option_for_a_number(refusal: Callable[..., str]) -> None:
    assert "No such option" in refusal(call, "shapes:area", "-x", "-3")


def test_map_says_which_line_it_cannot_read(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_text('4\n{"a"\n')

    told = refusal(map_, "shapes:inverse", "numbers.jsonl")

    assert "line 2 is not JSON: Expecting ':' delimiter, at character 5" in told


def test_map_says_which_line_has_other_arguments(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "sizes.jsonl").write_text("[1, 2]\n\n[3]\n")

    assert "line 3 is not a list" in refusal(map_, "shapes:area", "sizes.jsonl", "--spread")


def test_map_says_what_is_no_text(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_bytes(b"1\n\xff\n")

    assert "no text in UTF-8" in refusal(map_, "shapes:inverse", "numbers.jsonl")


def test_map_reads_what_windows_writes(refusal: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "numbers.jsonl").write_bytes(b"\xef\xbb\xbf1\r\nfour\r\n")

    assert "line 2 is not JSON" in refusal(map_, "shapes:inverse", "numbers.jsonl")


def test_map_takes_a_number_of_nodes_or_their_names(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "numbers.jsonl").write_text("1\n")

    told = refusal(map_, "shapes:inverse", "numbers.jsonl", "--nodes", "2", "--node", "attic")

    assert "give one of them" in told


def test_map_says_before_anything_is_sent_that_it_cannot_write(
    tmp_path: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "numbers.jsonl").write_text("1\n")

    result = CliRunner().invoke(map_, ["shapes:inverse", "numbers.jsonl", "-o", "none/out.jsonl"])

    assert result.exit_code == 1
    assert "none/out.jsonl" in result.output
    assert not isinstance(result.exception, OSError)


@pytest.mark.parametrize("command", [call, map_], ids=["call", "map"])
def test_help_shows_examples_line_by_line(command: Command) -> None:
    examples = [
        line
        for line in CliRunner().invoke(command, ["--help"]).output.splitlines()
        if line.lstrip().startswith(("pye2 ", "seq "))
    ]

    assert len(examples) >= 2
