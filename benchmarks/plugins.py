"""What plugins add to start-up that are installed and not used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.table import Row, medians_in_turn, with_bytecode

if TYPE_CHECKING:
    from collections.abc import Callable

HOW_MANY = 50
ALLOWED_MS = 50.0

_MODULE = """
from pye2core import SignatureDescriptor, hookimpl

@hookimpl
def pye2_register_signatures():
    return [SignatureDescriptor("MANY_{n}", client="many_{n}_use:C", runner="many_{n}_use:R")]
"""
_METADATA = """Metadata-Version: 2.3
Name: pye2-many-{n}
Version: 1.0
Requires-Dist: pye2core<0.2,>=0.1
Requires-Dist: attrs>=24.2

"""
_README = "What people read of a distribution is part of its metadata, and makes it long.\n" * 50

_LOAD_AND_CHECK = (
    "from pye2core import installed_plugins; loaded = installed_plugins().signatures(); import sys;"
    f" assert sum(name.startswith('MANY_') for name in loaded) in {{0, {HOW_MANY}}};"
    " assert not [name for name in sys.modules if name.endswith('_use')]"
)
_PLUGGY = (
    "import pye2core.hookspecs, pye2core.descriptors, pluggy;"
    " pluggy.PluginManager('pye2').load_setuptools_entrypoints('pye2')"
)


def _install(folder: Path) -> None:
    for n in range(HOW_MANY):
        (folder / f"many_{n}.py").write_text(_MODULE.format(n=n))
        (folder / f"many_{n}_use.py").write_text("class C: ...\nclass R: ...\n")
        info = folder / f"pye2_many_{n}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(_METADATA.format(n=n) + _README)
        (info / "entry_points.txt").write_text(f"[pye2]\nmany-{n} = many_{n}\n")


def _start_ms(statement: str, *path: str) -> Callable[[], float]:
    timed = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    environment = {**with_bytecode(), "PYTHONPATH": os.pathsep.join(path)}

    def measure() -> float:
        command = [sys.executable, "-c", timed]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return float(done.stdout) * 1000

    return measure


def _added_ms(statement: str, folder: str) -> Callable[[], float]:
    """What the plugins in a folder add to a statement, of two processes one after the other."""
    bare, with_plugins = _start_ms(statement), _start_ms(statement, folder)
    return lambda: with_plugins() - bare()


def rows() -> list[Row]:
    """What 50 plugins add to start-up, and what they add where pluggy's own loader loads them."""
    with tempfile.TemporaryDirectory() as folder:
        _install(Path(folder))
        ours, pluggys = medians_in_turn(
            _added_ms(_LOAD_AND_CHECK, folder), _added_ms(_PLUGGY, folder), runs=25
        )
    name = f"{HOW_MANY} installed plugins, added to start-up"
    note = "against what pluggy's load_setuptools_entrypoints adds, which checks nothing"
    return [
        Row(name, ours, "ms", "against what they may add", ALLOWED_MS, 1.0),
        Row(f"{name}, beside pluggy", ours, "ms", note, pluggys),
    ]
