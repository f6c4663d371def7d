"""``pye2 pair``: what is typed and what is printed. The pairing itself is tested with a node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pye2_cli.pair import pair
from pye2core import Pairing
from pye2core.errors import PairingFailed
from pye2core.pairing import PairedNode

CODE = "00G4-0R40-M30E-209J"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the kernel was asked for, in place of a network."""
    asked: dict[str, Any] = {}

    def pair_client(code: str, **more: Any) -> Pairing:
        asked.update(code=code, **more)
        node = PairedNode("attic", "0xai_attic", more["name"])
        return Pairing(node, "0xai_client", Path("known_nodes.toml"))

    monkeypatch.setattr("pye2core.pair", pair_client)
    return asked


def run(*arguments: str, typed: str | None = None) -> Any:
    return CliRunner().invoke(pair, arguments, input=typed)


def test_it_tells_the_node_and_what_to_do_next(given: dict[str, Any]) -> None:
    done = run(CODE, "--broker", "mqtt://b", "--as", "laptop", "--key-file", "k.pem")

    assert done.exit_code == 0, done.output
    assert "paired    attic\naddress   0xai_attic\n" in done.stdout
    assert "known_nodes.toml" in done.stdout
    assert 'wait_for_node("attic")' in done.stdout
    assert given == {
        "code": CODE,
        "broker": "mqtt://b",
        "root_topic": None,
        "key_file": Path("k.pem"),
        "name": "laptop",
        "replace": False,
    }


def test_programs_are_told_one_line(given: dict[str, Any]) -> None:
    said = json.loads(run(CODE, "--json").stdout)

    assert said == {
        "name": "attic",
        "address": "0xai_attic",
        "client": "0xai_client",
        "known_nodes": "known_nodes.toml",
    }


def test_a_code_may_be_typed_in_groups(given: dict[str, Any]) -> None:
    run("00G4", "0R40", "M30E", "209J")

    assert given["code"] == CODE.replace("-", "")


def test_a_code_that_is_no_argument_is_asked_for(given: dict[str, Any]) -> None:
    done = run("--json", typed=f"{CODE}\n")

    assert given["code"] == CODE
    assert json.loads(done.stdout)["name"] == "attic"


def test_who_it_is_is_the_name_of_the_machine_unless_it_is_said(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.node", lambda: "tower")

    run(CODE)

    assert given["name"] == "tower"


def test_a_name_that_no_node_takes_is_refused_before_anything_is_sent(
    given: dict[str, Any],
) -> None:
    assert run(CODE, "--as", "x" * 65).exit_code == 2
    assert given == {}


def test_a_code_that_was_mistyped_is_refused_without_a_broker(tmp_path: Path) -> None:
    done = run("00G4-0R40-M30E-209K", "--key-file", str(tmp_path / "key.pem"))

    assert isinstance(done.exception, PairingFailed)
    assert "mistyped" in str(done.exception)
    assert not (tmp_path / "key.pem").exists()
