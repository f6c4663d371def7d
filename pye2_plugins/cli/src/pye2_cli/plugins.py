"""``pye2 plugins``: what is installed, what it offers, what is broken and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pye2core import PluginRegistry, installed_plugins
from pye2core.plugins import PluginState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.descriptors import Descriptor
    from pye2core.plugins import PluginRecord


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
def plugins(*, as_json: bool) -> None:
    """List the installed plugins and what they offer."""
    registry = installed_plugins()
    offers = _offers(registry)
    if as_json:
        for record in registry.records:
            click.echo(json.dumps(_as_object(record, offers.get(record.name, []))))
        return
    _print_table(registry, offers)


def _offers(registry: PluginRegistry) -> dict[str, list[str]]:
    kinds: dict[str, Mapping[str, Descriptor]] = {
        "transport": registry.transports(),
        "signature": registry.signatures(),
        "preset": registry.presets(),
        "command": registry.commands(),
        "dialect": {each.name: each for each in registry.serializers()},
    }
    offers: dict[str, list[str]] = {}
    for kind, found in kinds.items():
        for name, descriptor in found.items():
            offers.setdefault(registry.plugin_of(descriptor), []).append(f"{kind} {name}")
    return offers


def _as_object(record: PluginRecord, offers: list[str]) -> dict[str, object]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
        "phase": record.phase.value,
        "error": record.error,
        "offers": offers,
    }


def _print_table(registry: PluginRegistry, offers: dict[str, list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plugin", "distribution", "version", "state", "offers", title="pye2 plugins")
    for record in registry.records:
        colour = "green" if record.state is PluginState.LOADED else "red"
        table.add_row(
            record.name,
            record.distribution,
            record.version,
            f"[{colour}]{record.state.value}[/]",
            "\n".join(offers.get(record.name, [])),
        )
    console = Console()
    console.print(table)
    for record in registry.records:
        if record.error:
            console.print(f"[red]{record.name}[/] ({record.phase.value}): {record.error}")
