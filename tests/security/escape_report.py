"""Try snippets by hand and see a table: ``python tests/security/escape_report.py --help``."""

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from escape_arena import Arena
from escape_corpus import attacks, snippets, twins
from escape_layers import LAYERS
from escape_table import summary, table
from escape_trials import Trials


def main() -> int:
    """Print what becomes of the snippets that were asked for; 1 if one reached anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["*"], help="patterns of snippets' names")
    parser.add_argument(
        "--without", default="", help=f"layers to turn off, by commas: {', '.join(LAYERS)}"
    )
    parser.add_argument("--only", help="turn off all layers but these")
    parser.add_argument("--as-user", action="store_true", help="the node is no root's")
    parser.add_argument("--at-once", type=int, default=8)
    asked = parser.parse_args()
    without = frozenset(filter(None, asked.without.split(",")))
    if asked.only is not None:
        without = frozenset(LAYERS) - frozenset(asked.only.split(","))
    known = [
        *attacks(),
        *snippets("abuse"),
        *snippets("surface"),
        *twins().values(),
    ]
    chosen = [
        each
        for each in known
        if any(fnmatch.fnmatch(each.name, pattern) for pattern in asked.names)
    ]
    with Arena(without, asked.as_user) as arena:
        outcomes = Trials(arena).run(chosen, at_once=asked.at_once)
    sys.stdout.write("\n".join([*table(outcomes), summary(outcomes), ""]))
    return int(any(outcome.evidence for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
