"""``python -m pye2_node`` with some layers of its sandbox turned off: a program for these tests.

``python escape_node.py LAYER[,LAYER…] OPTION…``: the options are those of ``pye2 node``.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from escape_layers import pool_without

from pye2_node import cli, node


def main() -> None:
    """Run the node."""
    layers = frozenset(filter(None, sys.argv.pop(1).split(",")))
    node.SandboxPool = lambda _, modules: pool_without(layers, modules)
    cli.main()


if __name__ == "__main__":
    main()
