"""``python -m benchmarks [NAME …]``: run the benchmarks and print their table."""

from __future__ import annotations

import importlib
import sys

from benchmarks.table import progress, show

NAMES = (
    "imports",
    "plugins",
    "deploy",
    "primes",
    "idle",
    "wire",
    "dialects",
    "values",
    "calls",
    "flood",
    "quiet",
    "nats",
    "testing",
    "sandbox",
    "throughput",
)


def main(names: list[str]) -> int:
    """Run those that are named, or all; 1 if a bound was missed."""
    unknown = set(names) - set(NAMES)
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    rows = []
    for name in names or NAMES:
        progress(name)
        rows += importlib.import_module(f"benchmarks.{name}").rows()
    show(rows)
    return 1 if any(row.verdict == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
