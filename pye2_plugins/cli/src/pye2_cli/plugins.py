"""``pye2 plugins``: what is installed, what it offers, what is broken and why.

``pye2 plugins info NAME`` says all of one plugin or of one thing that is offered, with the settings
and parameters that it understands.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
from enum import Enum
from typing import TYPE_CHECKING

import attrs
import click

from pye2_cli.cells import cell
from pye2_cli.doctor.command import doctor
from pye2_cli.instance_settings import COMMON_SETTINGS
from pye2_cli.offers import fields_of, objects_of
from pye2_cli.scaffold.command import new
from pye2_cli.tables import print_whole
from pye2core import PluginRegistry, Stage, TransportDescriptor, installed_plugins
from pye2core.errors import NotProvided, PluginError
from pye2core.plugins import PluginState, distribution_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pye2core import (
        PresetDescriptor,
        SerializerDescriptor,
        SignatureDescriptor,
    )
    from pye2core.plugins import PluginRecord

    _Speaker = TransportDescriptor | SerializerDescriptor

_KNOWN_KINDS = ("transport", "signature", "serializer", "preset", "command")
"""Of what they offer, some names are known of distributions that are not installed."""


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
@click.pass_context
def plugins(ctx: click.Context, *, as_json: bool) -> None:
    """List the installed plugins and what they offer."""
    _hush(ctx)
    if ctx.invoked_subcommand is not None:
        return
    registry = installed_plugins()
    if as_json:
        for record in registry.records:
            click.echo(json.dumps(_as_object(record, registry)))
        return
    _print_table(registry)


plugins.add_command(doctor)


def _hush(ctx: click.Context) -> None:
    """Leave out the warnings of plugins: what is wrong with each is what these commands say."""
    log = logging.getLogger("pye2core.plugins")
    if log.isEnabledFor(logging.INFO):
        return
    ctx.call_on_close(functools.partial(log.setLevel, log.level))
    log.setLevel(logging.ERROR)


def _as_object(record: PluginRecord, registry: PluginRegistry) -> dict[str, object]:
    return {
        "name": record.name,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
        "phase": record.phase.value,
        "error": record.error,
        "advice": record.advice,
        "offers": _offers(record, registry),
    }


def _offers(record: PluginRecord, registry: PluginRegistry) -> list[str]:
    return [f"{kind} {name}" for kind, name in registry.offers(record.name)]


def _print_table(registry: PluginRegistry) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="pye2 plugins")
    for column in ("plugin", "from", "state", "offers"):
        table.add_column(column, no_wrap=True)
    for record in registry.records:
        colour = "green" if record.state is PluginState.LOADED else "red"
        table.add_row(
            cell(record.name),
            cell(f"{record.distribution} {record.version}"),
            cell(record.state.value, colour),
            cell("\n".join(_offers(record, registry))),
        )
    print_whole(table)
    console = Console(soft_wrap=True)
    for record in registry.records:
        if record.error:
            told = cell(f" ({record.phase.value}): {record.trouble}")
            console.print(cell(record.name, "red") + told)
    for conflict in registry.conflicts():
        console.print(cell(str(conflict)))


plugins.add_command(new)


# --- one plugin -----------------------------------------------------------------------------------


@plugins.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One line a plugin, for programs.")
def info(name: str, *, as_json: bool) -> None:
    """Say all of one plugin, or of one thing that a plugin offers.

    NAME is a plugin's, or a preset's, a signature's, a URL scheme's, …, in any case. The settings
    and parameters that it understands are shown.
    """
    registry = installed_plugins()
    records = [record for record in registry.records if record.name == name]
    for record in records:
        if as_json:
            click.echo(json.dumps(_whole_object(record, registry)))
        else:
            _echo_all(_lines(record, registry))
    if records:
        return
    found = [
        (record, kind, offered)
        for record in registry.records
        for kind, offered in registry.offers(record.name)
        if offered.lower() == name.lower()
    ]
    if not found:
        raise click.ClickException(_not_there(name, registry))
    if as_json:
        for record in dict.fromkeys(record for record, _, _ in found):
            click.echo(json.dumps(_whole_object(record, registry)))
        return
    for record, kind, offered in found:
        click.echo(f"{kind} {offered}, from {record.name} ({record.distribution})")
        _echo_all(_details(kind, offered, registry))


def _not_there(name: str, registry: PluginRegistry) -> str:
    """Nobody offers it: what to install, or whose it may be."""
    message = f"no plugin is called {name!r}, and none offers it"
    asked = ((kind, each) for kind in _KNOWN_KINDS for each in (name, name.lower(), name.upper()))
    brings = next(filter(None, itertools.starmap(distribution_for, asked)), None)
    if brings is not None and all(brings != record.distribution for record in registry.records):
        return f"{message}; `pip install {brings}` brings it"
    known = ", ".join(record.name for record in registry.records) or "none"
    listed = f"installed are: {known} (`pye2 plugins` lists what they offer)"
    return f"{message}; {listed}{registry.suspects(name)}"


def _whole_object(record: PluginRecord, registry: PluginRegistry) -> dict[str, object]:
    """A plugin with all that it offers; whoever asks for one thing gets the plugin that has it."""
    return {**_as_object(record, registry), "details": list(objects_of(record.name, registry))}


def _echo_all(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _lines(record: PluginRecord, registry: PluginRegistry) -> Iterator[str]:
    yield f"{record.name}, from {record.distribution} {record.version} ({record.target})"
    yield f"state     {record.state.value} (phase {record.phase.value})"
    if record.error:
        yield f"error     {record.error}"
    if record.advice:
        yield f"to do     {record.advice}"
    for offer in _offers(record, registry):
        yield f"offers    {offer}"
    transports = {each.name: each for each in registry.transports().values()}
    speakers: list[_Speaker] = [*transports.values(), *_dialects(registry)]
    for speaking in speakers:
        if registry.plugin_of(speaking) == record.name:
            yield from _speaker_lines(speaking, registry)
    signatures = [
        each for each in registry.signatures().values() if registry.plugin_of(each) == record.name
    ]
    for signature in signatures:
        yield from _instance_settings(signature, registry)
    if signatures:
        yield from _common_settings()
    for preset in registry.presets().values():
        if registry.plugin_of(preset) == record.name:
            yield from _parameters(preset, registry)


def _details(kind: str, name: str, registry: PluginRegistry) -> Iterator[str]:
    """What one offered thing can be told, where it can be told anything."""
    if kind == "transport":
        yield from _speaker_lines(registry.transport(name), registry)
    elif kind == "serializer":
        for dialect in _dialects(registry):
            if dialect.name == name:
                yield from _speaker_lines(dialect, registry)
    elif kind == "signature":
        yield from _instance_settings(registry.signature(name), registry)
        yield from _common_settings()
    elif kind == "preset":
        preset = registry.preset(name)
        yield preset.summary
        yield from _parameters(preset, registry)


def _abilities(transport: TransportDescriptor) -> Iterator[str]:
    """What can be said of a transport besides its settings."""
    yield f"made by   {transport.implementation}"
    for scheme in transport.schemes:
        port = transport.default_ports.get(scheme, "none unless a URL names it")
        yield f"port      {scheme}: {port}"
    for feature, value in fields_of(transport.features).items():
        told = (", ".join(value) or "none") if isinstance(value, list) else value
        yield f"feature   {feature}: {told}"


def _parameters(preset: PresetDescriptor, registry: PluginRegistry) -> Iterator[str]:
    """What a preset can be told: a whole job its class's fields, one function what it names."""
    if preset.stage is Stage.JOB:
        job = registry.load(preset, preset.implementation)
        told = [f"{name}{rest}" for name, rest in _fields_of(job)]
    else:
        told = [f"{each} [{_default(attrs.NOTHING)}]" for each in preset.parameters]
    if told:
        yield f"parameters of the preset {preset.name}:"
    for parameter in told:
        yield f"parameter {parameter}"


def _dialects(registry: PluginRegistry) -> Sequence[SerializerDescriptor]:
    """The wire dialects; none where something is wrong with them, which is said elsewhere."""
    try:
        return registry.serializers()
    except (NotProvided, PluginError):
        return ()


def _speaker_lines(speaking: _Speaker, registry: PluginRegistry) -> Iterator[str]:
    if isinstance(speaking, TransportDescriptor):
        yield from _abilities(speaking)
    yield from _variables(speaking, registry)


def _variables(speaking: _Speaker, registry: PluginRegistry) -> Iterator[str]:
    """The environment variables of a transport or a wire dialect."""
    if speaking.settings is None:
        return
    from pye2core.settings import plugin_settings

    settings_class = registry.load(speaking, speaking.settings)
    for each in plugin_settings(registry.plugin_of(speaking), settings_class):
        default = "secret" if each.secret else _default(each.default)
        yield f"setting   {each.variable}: {each.type_name} [{default}] {each.help}".rstrip()


def _instance_settings(signature: SignatureDescriptor, registry: PluginRegistry) -> Iterator[str]:
    """What an instance of a signature can be configured with."""
    if signature.settings is None:
        return
    yield f"settings of an instance of {signature.name}:"
    for name, told in _fields_of(registry.load(signature, signature.settings)):
        yield f"setting   {name.upper()}{told}"


def _fields_of(told: type) -> Iterator[tuple[str, str]]:
    """Each field of an attrs class that can be given: its name, and its type, default and help."""
    from pye2core.settings import plugin_settings

    try:
        known = plugin_settings("", told)
    except NameError:  # its annotations name what only type checkers import
        for each in attrs.fields(told):
            if each.init:
                yield each.name, f" [{_default(each.default)}]"
        return
    for its in known:
        yield its.name, f": {its.type_name} [{_default(its.default)}] {its.help}".rstrip()


def _common_settings() -> Iterator[str]:
    """What instances of whatever signature can be configured with."""
    yield "settings of every instance, whatever its signature:"
    for each in COMMON_SETTINGS:
        yield f"setting   {each.name} [{each.default}] {each.help}"


def _default(value: object) -> str:
    if value is attrs.NOTHING:
        return "required"
    # attrs's factories have no type that a type checker knows.
    if hasattr(value, "factory"):
        return "computed"
    return repr(value.value if isinstance(value, Enum) else value)
