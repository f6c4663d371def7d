"""``pye2 plugins``: what is installed, what it offers, what is broken and why.

``pye2 plugins info NAME`` says all of one plugin, the settings that it understands included.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import attrs
import click

from pye2_cli.cells import cell
from pye2core import PluginRegistry, installed_plugins
from pye2core.plugins import PluginState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core import SignatureDescriptor, TransportDescriptor
    from pye2core.plugins import PluginRecord


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
@click.pass_context
def plugins(ctx: click.Context, *, as_json: bool) -> None:
    """List the installed plugins and what they offer."""
    if ctx.invoked_subcommand is not None:
        return
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
            cell(record.name),
            cell(f"{record.distribution} {record.version}"),
            cell(record.state.value, colour),
            cell("\n".join(_offers(record, registry))),
        )
    console = Console()
    console.print(table)
    for record in registry.records:
        if record.error:
            told = cell(f" ({record.phase.value}): {record.error}")
            console.print(cell(record.name, "red") + told)


# --- one plugin -----------------------------------------------------------------------------------


@plugins.command()
@click.argument("name")
def info(name: str) -> None:
    """Say all of one plugin, with the settings that it understands."""
    registry = installed_plugins()
    records = [record for record in registry.records if record.name == name]
    if not records:
        known = ", ".join(record.name for record in registry.records) or "none"
        raise click.ClickException(f"no plugin is called {name!r}; installed are: {known}")
    for record in records:
        for line in _lines(record, registry):
            click.echo(line)


def _lines(record: PluginRecord, registry: PluginRegistry) -> Iterator[str]:
    yield f"{record.name}, from {record.distribution} {record.version} ({record.target})"
    yield f"state     {record.state.value} (phase {record.phase.value})"
    if record.error:
        yield f"error     {record.error}"
    for offer in _offers(record, registry):
        yield f"offers    {offer}"
    transports = {each.name: each for each in registry.transports().values()}
    for transport in transports.values():
        if registry.plugin_of(transport) == record.name:
            yield from _variables(transport, registry)
    for signature in registry.signatures().values():
        if registry.plugin_of(signature) == record.name:
            yield from _instance_settings(signature, registry)


def _variables(transport: TransportDescriptor, registry: PluginRegistry) -> Iterator[str]:
    """The environment variables of a transport."""
    if transport.settings is None:
        return
    from pye2core.settings import plugin_settings

    settings_class = registry.load(transport, transport.settings)
    for each in plugin_settings(transport.name, settings_class):
        default = "secret" if each.secret else _default(each.default)
        yield f"setting   {each.variable}: {each.type_name} [{default}] {each.help}".rstrip()


def _instance_settings(signature: SignatureDescriptor, registry: PluginRegistry) -> Iterator[str]:
    """What an instance of a signature can be configured with."""
    if signature.settings is None:
        return
    yield f"settings of an instance of {signature.name}:"
    settings_class = registry.load(signature, signature.settings)
    for each in attrs.fields(settings_class):
        yield f"setting   {each.name.upper()} [{_default(each.default)}]"


def _default(value: object) -> str:
    if value is attrs.NOTHING:
        return "required"
    # attrs's factories have no type that a type checker knows.
    return "computed" if hasattr(value, "factory") else repr(value)
