"""What ``pye2 node --pair`` says, without a broker."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from pye2_node import pairing_cli
from pye2_node.cli import node
from pye2_node.home import Home
from pye2_node.pairing_cli import _Show, _show_all, pair_running_node, without_pairing
from pye2core.errors import NodeError

CODE = "00G4-0R40-M30E-209J"
OPEN = {"event": "open", "name": "attic", "address": "0xai_attic", "seconds": 600.0}
PAIRED = {"event": "paired", "address": "0xai_client", "alias": "laptop\x1b[2J"}


class Told:
    """Events as a node tells them; after them it is silent, or gone."""

    def __init__(self, *events, then=None):
        self._events = [*events]
        self._then = then

    def next(self, seconds):
        if self._events:
            return self._events.pop(0)
        if self._then is not None:
            raise self._then
        return None


def show(*events, capsys, tmp_path, as_json=False, then=None):
    """What is printed, and what is raised in the end."""
    raised = None
    try:
        _show_all(Told(*events, then=then), tmp_path, _Show(CODE, as_json=as_json), 600)
    except NodeError as error:
        raised = error
    return capsys.readouterr().out, raised


def test_the_code_is_shown_with_what_to_do_and_then_who_was_paired(capsys, tmp_path):
    shown, raised = show(OPEN, PAIRED, capsys=capsys, tmp_path=tmp_path)

    assert raised is None
    assert f"code      {CODE}\n" in shown
    assert f"pye2 pair {CODE}\n" in shown
    assert "good for 10 minutes" in shown
    assert "paired    0xai_client  laptop?[2J\n" in shown  # a client's name gives no orders


def test_programs_are_told_a_line_an_event(capsys, tmp_path):
    shown, _ = show(OPEN, PAIRED, capsys=capsys, tmp_path=tmp_path, as_json=True)

    opened, paired = map(json.loads, shown.splitlines())
    assert (opened["event"], opened["code"], opened["name"]) == ("pairing-open", CODE, "attic")
    assert (paired["event"], paired["address"]) == ("pairing-paired", "0xai_client")


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ({"event": "expired", "seconds": 600.0}, "nobody has used the code in time"),
        ({"event": "closed", "why": "the node was stopped"}, "the node was stopped"),
    ],
)
def test_that_nobody_was_paired_is_told_and_is_an_error(capsys, tmp_path, end, text):
    shown, raised = show(OPEN, end, capsys=capsys, tmp_path=tmp_path)

    assert text in shown
    assert "nobody was paired" in str(raised)
    assert "a new code" in str(raised)


def test_a_node_that_dies_is_told(capsys, tmp_path):
    _, raised = show(OPEN, capsys=capsys, tmp_path=tmp_path, then=EOFError())

    assert "ended, and with it the pairing" in str(raised)


def test_a_node_that_says_nothing_more_is_told(capsys, tmp_path):
    _, raised = show(OPEN, capsys=capsys, tmp_path=tmp_path)

    assert "does not say what came of it" in str(raised)


def test_a_node_that_takes_no_notice_is_told_and_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(pairing_cli, "_TAKEN_SECONDS", 0.01)
    with (
        Home.open(tmp_path / "home") as home,
        pytest.raises(NodeError, match="does not take notice"),
    ):
        pair_running_node(home.path, None, as_json=False)

    assert list((tmp_path / "home").glob("*pairing*")) == []


@pytest.mark.parametrize("folder", ["none", "home"])
def test_where_no_node_runs_none_is_asked(tmp_path, folder):
    (tmp_path / "home").mkdir()

    assert not pair_running_node(tmp_path / folder, None, as_json=False)


def test_a_name_for_a_client_without_pairing_is_refused(tmp_path):
    result = CliRunner().invoke(node, ["--home", str(tmp_path), "--pair-as", "laptop"])

    assert result.exit_code == 2
    assert "--pair-as goes with --pair" in result.output


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["node", "--pair", "--home", "h"], ["node", "--home", "h"]),
        (["--pair-as", "my laptop", "--pair", "--json"], ["--json"]),
        (["--pair-as=x", "--name", "n"], ["--name", "n"]),
        (["--pair-as"], []),
    ],
)
def test_a_node_that_is_told_to_restart_does_not_offer_to_be_paired_again(typed, kept):
    assert without_pairing(typed) == kept
