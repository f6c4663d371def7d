"""A session's key: nobody else may read it, and a passphrase may protect it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pye2core import Session
from pye2core.errors import KeyFileError
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from pathlib import Path


def test_the_passphrase_of_its_key_can_be_a_variable(
    broker: Any, registry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.pem"
    address = load_or_create_key(file, "a word").address
    monkeypatch.setenv("PYE2_KEY_PASSPHRASE", "a word")

    with Session(broker.url, registry=registry, key_file=file) as session:
        assert session.address == address


def test_a_wrong_passphrase_leaves_its_key_as_it_is(
    broker: Any, registry: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.pem"
    load_or_create_key(file, "a word")
    before = file.read_bytes()
    monkeypatch.setenv("PYE2_KEY_PASSPHRASE", "another")

    with pytest.raises(KeyFileError, match="PYE2_KEY_PASSPHRASE"):
        Session(broker.url, registry=registry, key_file=file)

    assert file.read_bytes() == before


def test_a_key_that_others_can_read_is_not_used(broker: Any, registry: Any, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    load_or_create_key(file)
    file.chmod(0o640)

    with pytest.raises(KeyFileError, match=f"chmod 600 {file}"):
        Session(broker.url, registry=registry, key_file=file)
