"""``pye2 wire forget``: one side is told that another no longer speaks a stronger dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from click.testing import CliRunner

from pye2_cli.wire.commands import wire
from pye2core.connection import Dialects, memory_of
from pye2core.identity import Identity, load_or_create_key
from pye2core.messages import Heartbeat, Introduction, Origin
from pye2core.plugins import installed_plugins

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PEER = Identity.generate()


def known_after_meeting(key_file: Path) -> Dialects:
    """The dialects of one side, which has met the peer and spoken to it."""
    own = load_or_create_key(key_file)
    registry = installed_plugins()
    dialects = Dialects.installed(registry, memory=lambda: memory_of(own.address, key_file))
    theirs = Dialects.installed(registry)
    told = theirs._serializers[-1].introduction(PEER)
    assert told is not None
    heartbeat = Heartbeat("attic", PEER.address, introductions=(Introduction("native", told),))
    dialects.take_in(evolve(heartbeat, origin=Origin(PEER.address)), 0)
    dialects._speakers.keep(PEER.address)
    dialects._speakers.settle()
    assert dialects.speaks_stronger(PEER.address)
    return dialects


def test_a_peer_is_forgotten_also_in_another_spelling(tmp_path: Path) -> None:
    key_file = tmp_path / "key.pem"
    known_after_meeting(key_file)
    spelled = "aixp_" + PEER.address.removeprefix("0xai_")

    done = CliRunner().invoke(wire, ["forget", spelled, "--key", str(key_file)])

    assert done.exit_code == 0, done.output
    own = load_or_create_key(key_file).address
    again = Dialects.installed(installed_plugins(), memory=lambda: memory_of(own, key_file))
    assert not again.speaks_stronger(PEER.address)


def test_who_is_not_known_is_told_in_one_line(tmp_path: Path) -> None:
    key_file = tmp_path / "key.pem"
    load_or_create_key(key_file)

    done = CliRunner().invoke(wire, ["forget", PEER.address, "--key", str(key_file)])

    assert done.exit_code == 1
    assert "remembers nothing" in done.output
    assert "--key" in done.output


def test_without_a_client_key_it_asks_for_the_file_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(wire, ["forget", PEER.address])

    assert done.exit_code == 1
    assert "there is no client key here" in done.output
    assert "name one with --key FILE" in done.output
