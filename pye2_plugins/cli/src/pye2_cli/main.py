"""The entry of the ``pye2`` command: finds the subcommand, and tells errors in plain words."""

from __future__ import annotations

import logging
import pkgutil
import sys
from typing import TYPE_CHECKING, Any

import click

from pye2_cli.options import told
from pye2core import Pye2Error, __version__, installed_plugins
from pye2core.errors import NotProvided

if TYPE_CHECKING:
    from pye2core import CliCommandDescriptor, PluginRegistry

_OWN = {
    "demo": ("pye2_cli.demo:demo", "Start a broker and nodes, run a job on them, stop everything."),
    "key": ("pye2_cli.keys.commands:key", "Make, show and replace keys of clients and nodes."),
    "nodes": ("pye2_cli.nodes:nodes", "Watch who is online."),
    "call": ("pye2_cli.calls:call", "Run a function of yours on a node."),
    "map": ("pye2_cli.calls:map_", "Run a function of yours for each line of a file."),
    "pair": ("pye2_cli.pair:pair", "Have a node that shows a code allow this client."),
    "plugins": ("pye2_cli.plugins:plugins", "List what is installed, and what is broken."),
    "run": ("pye2_cli.run:run", "Run a whole-job preset on nodes that are online."),
    "up": ("pye2_cli.up:up", "Run a broker and several nodes on this machine."),
    "wire": ("pye2_cli.wire.commands:wire", "Show and check what passes on a network."),
}

_INTERRUPTED = 128 + 2
"""What shells take for an end by SIGINT, which is signal 2."""


def command_of(descriptor: CliCommandDescriptor, registry: PluginRegistry) -> click.Command:
    """Import a plugin's subcommand.

    Raises:
        PluginBroken: it cannot be imported, or is no ``click.Command``; names the plugin.
    """
    found = registry.load(descriptor, descriptor.implementation)
    if isinstance(found, click.Command):
        return found
    what = f"offers {descriptor.implementation}, which is no click.Command"
    raise registry.broken_in_use(descriptor, what)


class _Pye2(click.Group):
    """Subcommands of this package and of plugins, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted({*_OWN, *installed_plugins().commands()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A subcommand by its name; one that no plugin offers says what to install."""
        if cmd_name in _OWN:
            own: click.Command = pkgutil.resolve_name(_OWN[cmd_name][0])
            return own
        registry = installed_plugins()
        try:
            descriptor = registry.command(cmd_name)
        except NotProvided as error:
            ctx.fail(f"{error}; pye2 itself has: {', '.join(_OWN)}")
        return command_of(descriptor, registry)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; Ctrl-C ends it with one line and the exit code that shells expect."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo("pye2: interrupted", err=True)
            ctx.exit(_INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands from what is known without importing them."""
        offered = installed_plugins().commands()
        summaries = {name: summary for name, (_, summary) in _OWN.items()}
        summaries |= {name: each.summary for name, each in offered.items()}
        with formatter.section("Commands"):
            formatter.write_dl([(name, summaries[name]) for name in self.list_commands(ctx)])


@click.group(cls=_Pye2)
@click.version_option(__version__, prog_name="pye2")
@click.option("-v", "--verbose", is_flag=True, help="Write what happens to standard error.")
def pye2(*, verbose: bool) -> None:
    """Send your own functions to machines you own."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s")


def main() -> None:
    """Run the command; errors of pye2 are one line on standard error and exit code 1."""
    try:
        pye2()
    except Pye2Error as error:
        click.echo(f"pye2: {told(error)}", err=True)
        sys.exit(1)
