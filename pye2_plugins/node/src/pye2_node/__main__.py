"""``python -m pye2_node`` is ``pye2 node`` with nothing else loaded."""

from pye2_node.cli import main

main()
