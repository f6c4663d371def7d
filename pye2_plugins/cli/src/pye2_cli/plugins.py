"""``pye2 plugins``: what is installed, what it offers, what is broken and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pye2core import PluginRegistry, installed_plugins
from pye2core.plugins import PluginState

if TYPE_CHECKING:
    from pye2core.plugins import PluginRecord


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
def plugins(*, as_json: bool) -> None:
    """List the installed plugins and what they offer."""
    registry = installed_plugins()
    if as_json:
        for record in registry.records:
            click.echo(json.dumps(_as_object(record, registry)))
        return
    _print_table(registry)


def _as_object(record: PluginRecord, registry: PluginRegistry) -> dict[str, object]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
        "phase": record.phase.value,
        "error": record.error,
        "offers": _offers(record, registry),
    }


def _offers(record: PluginRecord, registry: PluginRegistry) -> list[str]:
    return [f"{kind} {name}" for kind, name in registry.offers(record.name)]


def _print_table(registry: PluginRegistry) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plugin", "from", "state", title="pye2 plugins")
    table.add_column("offers", overflow="fold")
    for record in registry.records:
        colour = "green" if record.state is PluginState.LOADED else "red"
        table.add_row(
            record.name,
            f"{record.distribution} {record.version}",
            f"[{colour}]{record.state.value}[/]",
            "\n".join(_offers(record, registry)),
        )
    console = Console()
    console.print(table)
    for record in registry.records:
        if record.error:
            console.print(f"[red]{record.name}[/] ({record.phase.value}): {record.error}")
