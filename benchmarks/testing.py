"""What a network for tests costs to start: everything in one process, after the imports."""

from __future__ import annotations

import statistics
import time

from benchmarks.table import Row, progress
from pye2_testing import MemoryNetwork

NODES = 3
RUNS = 15
MOST_MS = 100.0


def _start_ms() -> float:
    start = time.perf_counter()
    with MemoryNetwork(NODES):
        return (time.perf_counter() - start) * 1000


def rows() -> list[Row]:
    """A network of three nodes, from nothing to all of them ready."""
    progress("networks in one process")
    ours = statistics.median(_start_ms() for _ in range(RUNS))
    note = f"against {MOST_MS:.0f} ms"
    return [Row(f"a network of {NODES} nodes for tests, started", ours, "ms", note, MOST_MS, 1.0)]
