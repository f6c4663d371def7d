"""The import name ``PyE2``."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import PyE2
import pye2core

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    [
        "CustomPluginTemplate",
        "DistributedCustomCodePresets",
        "Instance",
        "Payload",
        "Pipeline",
        "Session",
    ],
)
def test_each_public_name_is_pye2cores(name: str) -> None:
    assert name in PyE2.__all__
    assert getattr(PyE2, name) is getattr(pye2core, name)


def imported_beside(distribution: str, folder: Path) -> str:
    """What importing PyE2 says where a distribution of that name is installed, too."""
    info = folder / f"{distribution}-1.1.37.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.1.37\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import PyE2"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_the_original_beside_it_is_told_with_what_to_uninstall(tmp_path: Path) -> None:
    told = imported_beside("PyE2", tmp_path)

    assert "RuntimeWarning" in told
    assert "pip uninstall PyE2" in told


def test_nothing_is_told_where_the_original_is_not_installed(tmp_path: Path) -> None:
    assert imported_beside("something-else", tmp_path) == ""
