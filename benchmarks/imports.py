"""What importing costs, in fresh interpreters."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from benchmarks.table import Row, typical_pair, with_bytecode

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def _import_ms(statement: str) -> Callable[[], float]:
    def measure() -> float:
        command = [sys.executable, "-c", _TIMED.format(statement)]
        done = subprocess.run(
            command, env=with_bytecode(), capture_output=True, text=True, check=True
        )
        return float(done.stdout) * 1000

    return measure


def rows() -> list[Row]:
    """Import of the kernel and of Session, against what they may cost."""
    kernel, small = typical_pair(
        _import_ms("import pye2core"), _import_ms("import attrs, pluggy"), runs=15
    )
    session, numpy = typical_pair(
        _import_ms("from pye2core import Session"), _import_ms("import numpy"), runs=15
    )
    return [
        Row("import pye2core", kernel, "ms", "against import attrs, pluggy", small, 1.3),
        Row("from pye2core import Session", session, "ms", "against import numpy", numpy, 1.0),
    ]
