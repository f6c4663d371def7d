"""What this distribution offers; names only, so that finding it costs nothing."""

from __future__ import annotations

from pye2core import CliCommandDescriptor, hookimpl


@hookimpl
def pye2_register_commands() -> list[CliCommandDescriptor]:
    """The command that runs a node."""
    summary = "Run an edge node, and say who may use it."
    return [CliCommandDescriptor("node", "pye2_node.cli:node", summary)]
