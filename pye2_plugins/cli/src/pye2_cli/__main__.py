"""``python -m pye2_cli`` is the ``pye2`` command."""

from pye2_cli.main import main

main()
