"""What to do about a defect depends on whose the code is: what is edited here is mended here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pye2core.plugins import PluginRegistry, installed_candidates, remedy

if TYPE_CHECKING:
    from pathlib import Path


def install(site: Path, origin: str | None) -> None:
    """A distribution ``own-pigeons`` with a plugin that cannot be imported."""
    metadata = site / "own_pigeons-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-pigeons\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[pye2]\nown_pigeons = own_pigeons\n")
    (site / "own_pigeons.py").write_text("1 / 0\n")
    if origin is not None:
        (metadata / "direct_url.json").write_text(origin)


def origin(*, editable: bool) -> str:
    return json.dumps({"url": "file:///home/me/my%20own", "dir_info": {"editable": editable}})


def test_the_author_of_a_broken_plugin_is_told_where_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, origin(editable=True))
    monkeypatch.syspath_prepend(tmp_path)

    (candidate,) = (each for each in installed_candidates() if each.name == "own_pigeons")
    (record,) = PluginRegistry([candidate]).records

    assert "mend it: it is installed from /home/me/my own; until then" in (record.advice or "")
    assert "pip install" not in (record.advice or "")


@pytest.mark.parametrize(
    "said",
    [
        None,
        origin(editable=False),
        "{",
        "[]",
        '{"dir_info": 1}',
        '{"dir_info": {"editable": true}}',
    ],
)
def test_whoever_has_it_from_elsewhere_is_told_to_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None
) -> None:
    install(tmp_path, said)
    monkeypatch.syspath_prepend(tmp_path)

    assert remedy("own-pigeons") == "`pip install --upgrade own-pigeons` or tell its makers"


def test_what_is_not_installed_is_nobodys_to_edit() -> None:
    assert remedy("no-such-distribution").startswith("`pip install --upgrade")
