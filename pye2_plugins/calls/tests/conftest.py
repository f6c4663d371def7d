"""Fixtures of the tests of calls. What tests import by name is in ``shipping_support``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


@pytest.fixture
def library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], ModuleType | None]]:
    """Writes a module of the user's, and imports it if it can be by now."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name: str, text: str) -> ModuleType | None:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()
        if "import" in text:
            return None
        return importlib.import_module(name.replace("/", ".").removesuffix(".__init__"))

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
