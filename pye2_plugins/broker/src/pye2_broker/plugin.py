"""What this distribution offers to the kernel: the command ``pye2 broker``.

Imported with every start of pye2: keep subprocess and click out of here.
"""

from __future__ import annotations

from pye2core import CliCommandDescriptor, hookimpl


@hookimpl
def pye2_register_commands() -> list[CliCommandDescriptor]:
    """Offer ``pye2 broker``."""
    return [CliCommandDescriptor("broker", "pye2_broker.cli:broker", "Run the embedded broker.")]
