"""``pye2 node``: run an edge node; say who may use it.

On the command line's side of the node: options, what is printed, signals. It uses click and nothing
heavier, because it stays in memory with the node.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from pye2_node import allow_file
from pye2_node.cli_access import allow, deny, shown, tell_if_no_node_has_run, who
from pye2_node.cli_options import DEFAULT_NAME, home_of, home_option, label_option, name_option
from pye2_node.home import Home, default_home
from pye2_node.service.command import install_service
from pye2_node.settings import (
    KEY_PASSPHRASE,
    LONGEST_HEARTBEAT_SECONDS,
    NodeSettings,
    OwnersChoices,
)
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import BrokerUrlError, Pye2Error, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pye2_node.commands import NodeAction
    from pye2_node.node import Node
    from pye2core.identity import Passphrases
    from pye2core.settings import ClientSettings

_DEFAULTS = OwnersChoices()


@click.group(invoke_without_command=True)
@name_option
@home_option
@click.option(
    "--broker",
    metavar="URL",
    help="Where to connect: mqtt://[user:password@]host[:port]. Others on this machine can read"
    " the arguments of a process: give a URL with a password as PYE2_BROKER, in the environment or"
    " in a .env file.",
)
@click.option(
    "--root-topic",
    metavar="NAME",
    help="What the names of all channels begin with, to keep networks on one broker apart;"
    " PYE2_ROOT_TOPIC or .env otherwise, else naeural.",
)
@click.option("--allow", "allowed", metavar="ADDRESS", multiple=True, help="Allow an address too.")
@click.option(
    "--may-delegate",
    "delegating",
    metavar="ADDRESS",
    multiple=True,
    help="Allow a node, and its work for clients that sign no delegation.",
)
@click.option(
    "--pair",
    is_flag=True,
    help="Show a one-time code with which one client can have itself allowed: `pye2 pair CODE`."
    " If the node runs already, it does that and this command ends; if not, it is started.",
)
@click.option(
    "--pair-as", "alias", metavar="ALIAS", help="With --pair: what you call that client's owner."
)
@click.option(
    "--heartbeat-interval",
    metavar="SECONDS",
    type=click.FloatRange(0.1, LONGEST_HEARTBEAT_SECONDS),
    help="Time between two heartbeats."
    f"  [PYE2_NODE_HEARTBEAT_INTERVAL; default: {_DEFAULTS.heartbeat_interval:g}]",
)
@click.option(
    "--exec-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="How long one call of custom code may take, where an instance does not say."
    f"  [PYE2_NODE_EXEC_TIMEOUT; default: {_DEFAULTS.exec_timeout:g}]",
)
@click.option(
    "--max-exec-timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="How long one call may take, whatever an instance says."
    f"  [PYE2_NODE_MAX_EXEC_TIMEOUT; default: {_DEFAULTS.max_exec_timeout:g}]",
)
@click.option(
    "--memory-megabytes",
    metavar="MEGABYTES",
    type=click.IntRange(256),
    help="Memory for one instance's process, about 100 for Python itself included."
    f"  [PYE2_NODE_MEMORY_MEGABYTES; default: {_DEFAULTS.memory_megabytes}]",
)
@click.option(
    "--kept-megabytes",
    metavar="MEGABYTES",
    type=click.IntRange(1),
    help="What the code of one instance may keep on the disk, and write there each minute."
    f"  [PYE2_NODE_KEPT_MEGABYTES; default: {_DEFAULTS.kept_megabytes}]",
)
@click.option(
    "--payloads-per-second",
    metavar="NUMBER",
    type=click.FloatRange(0, min_open=True),
    help="How many payloads one instance may send in the long run, large ones counting more than"
    f" once; five times as many at once.  [PYE2_NODE_PAYLOADS_PER_SECOND; default:"
    f" {_DEFAULTS.payloads_per_second:g}]",
)
@click.option(
    "--slots",
    metavar="NUMBER",
    type=click.IntRange(1),
    help="How many function calls run at once, each in a process of its own."
    "  [PYE2_NODE_SLOTS; default: as many as there are cores]",
)
@click.option(
    "--call-megabytes",
    metavar="MEGABYTES",
    type=click.IntRange(1),
    help="What the arguments of one function call may have, and its result."
    f"  [PYE2_NODE_CALL_MEGABYTES; default: {_DEFAULTS.call_megabytes}]",
)
@label_option
@click.option(
    "--results-to-everyone",
    is_flag=True,
    default=None,
    help="Send results to everybody, as PyE2's nodes do, not to the asker alone: for programs that"
    " only listen.  [PYE2_NODE_RESULTS_TO_EVERYONE]",
)
@click.option(
    "--accept-unencrypted-commands/--encrypted-commands-only",
    default=None,
    help="Take, or refuse, commands that others can read."
    "  [PYE2_NODE_ACCEPT_UNENCRYPTED_COMMANDS, PYE2_NODE_ENCRYPTED_COMMANDS_ONLY; default: take]",
)
@click.option(
    "--show-code",
    is_flag=True,
    default=None,
    help="Show the code of instances to everybody in heartbeats, as PyE2's nodes do, and not only"
    " its digest.  [PYE2_NODE_SHOW_CODE]",
)
@click.option(
    "--unsafe",
    is_flag=True,
    default=None,
    help="Run code of others even where this machine can confine it with neither Landlock nor"
    " seccomp: whoever is allowed can then do whatever the node's user can.  [PYE2_NODE_UNSAFE]",
)
@click.option("--json", "as_json", is_flag=True, help="One line for programs when it is ready.")
@click.option(
    "--verbose",
    is_flag=True,
    help="Write what happens, each failure in full, and what custom code prints, to standard"
    " error.",
)
@click.option("--parent-death", is_flag=True, hidden=True)
@click.pass_context
def node(
    ctx: click.Context,
    /,
    *,
    name: str | None,
    home: Path | None,
    broker: str | None,
    root_topic: str | None,
    allowed: Sequence[str],
    delegating: Sequence[str],
    pair: bool,
    alias: str | None,
    as_json: bool,
    verbose: bool,
    parent_death: bool,
    **choices: Any,
) -> None:
    """Run an edge node, until Ctrl-C or SIGTERM.

    The broker is --broker, or PYE2_BROKER in the environment or in a .env file. Options that choose
    how the node behaves may stand there, too, under the names in brackets below; a switch is then
    1 or 0. The passphrase of a protected key is PYE2_NODE_KEY_PASSPHRASE, or asked for at the
    terminal. Only addresses that are allowed can use the node: `pye2 node allow ADDRESS`.
    """
    name = name or DEFAULT_NAME
    home = home or default_home(name)
    ctx.obj = home
    if ctx.invoked_subcommand is not None:
        return
    if alias is not None and not pair:
        raise click.UsageError("--pair-as goes with --pair")
    if pair:
        from pye2_node.pairing_cli import pair_running_node, pairing_too

        if pair_running_node(home, alias, as_json=as_json):
            return
    if parent_death:
        _die_with_parent()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if verbose:
        # Whoever called this command may have set up logging already.
        logging.getLogger().setLevel(logging.INFO)
    found = _client_settings(broker, root_topic)
    if broker is not None and found.broker.password is not None:
        click.echo("the password in --broker can be read in `ps`; use PYE2_BROKER", err=True)
    settings = NodeSettings(
        name=name,
        broker=found.broker,
        root=found.root_topic,
        home=home,
        allow=tuple(allowed),
        may_delegate=tuple(delegating),
        choices=_owners_choices(choices, ctx),
        passphrase=_passphrases(found.environment),
    )
    say_ready: Callable[[Node], None] = _say_ready_as_json if as_json else _say_ready
    if pair:
        say_ready = pairing_too(say_ready, alias, as_json=as_json)
    end = asyncio.run(_run(settings, say_ready))
    if _is_restart(end):
        _begin_anew()


def _client_settings(broker: str | None, root_topic: str | None) -> ClientSettings:
    """The network as a client in this folder would find it."""
    from pye2core.plugins import installed_plugins
    from pye2core.settings import client_settings

    try:
        return client_settings(
            broker=broker,
            root_topic=root_topic,
            secured_schemes=installed_plugins().secured_schemes(),
        )
    except SettingsError as error:
        if error.setting != "broker" or isinstance(error, BrokerUrlError):
            raise
        message = (
            "no broker is given: use --broker mqtt://HOST:1883, or set PYE2_BROKER in the"
            " environment or in a .env file"
        )
        raise SettingsError(message, setting="broker") from error


def _owners_choices(given: Mapping[str, Any], ctx: click.Context) -> OwnersChoices:
    """What was chosen in the environment, and by those of the options that were given.

    Raises:
        SettingsError: a variable cannot be used, or nobody reads it.
    """
    from pye2core.plugins import installed_plugins
    from pye2core.settings import (
        load_plugin_settings,
        plugin_settings,
        read_environment,
        refuse_unknown_variables,
    )

    variables = read_environment()
    refuse_unknown_variables(
        "node",
        plugin_settings("node", OwnersChoices),
        variables,
        plugins=[each.name for each in installed_plugins().records],
        elsewhere=_no_choices_among(ctx, variables),
    )
    chosen = load_plugin_settings("node", OwnersChoices, environment=variables)
    return evolve(chosen, **{name: value for name, value in given.items() if value is not None})


_NO_CHOICES = {
    "PYE2_NODE_NAME": ("name", "--name"),
    "PYE2_NODE_HOME": ("home", "--home"),
    "PYE2_NODE_ALLOW": ("allowed", "--allow"),
    "PYE2_NODE_BROKER": ("broker", "PYE2_BROKER"),
    "PYE2_NODE_ROOT_TOPIC": ("root_topic", "PYE2_ROOT_TOPIC"),
}
"""Variables that one could believe in: the option's parameter, and what says it."""


def _no_choices_among(ctx: click.Context, variables: Mapping[str, str]) -> list[str]:
    """Variables that are no choices and do no harm: others read them, or an option says all.

    Raises:
        SettingsError: one is believed in.
    """
    for variable, (parameter, instead) in _NO_CHOICES.items():
        if variables.get(variable) and not ctx.params.get(parameter):
            raise SettingsError(
                f"{variable} is set and nobody reads it: use {instead}", setting=variable
            )
    return [*_NO_CHOICES, KEY_PASSPHRASE, f"{KEY_PASSPHRASE}_FILE"]


def _passphrases(variables: Mapping[str, str]) -> Passphrases:
    from pye2core.identity import KEY_PASSPHRASE as EVERY_KEYS_PASSPHRASE
    from pye2core.identity import Passphrases

    return Passphrases(variables, (KEY_PASSPHRASE, EVERY_KEYS_PASSPHRASE), ask=_ask)


def _ask(prompt: str) -> str | None:
    """Ask at the terminal; Ctrl-C ends the node, which asyncio would see to only afterwards."""
    from pye2core.identity import ask_at_terminal

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return ask_at_terminal(prompt)
    finally:
        signal.signal(signal.SIGINT, before)


async def _run(settings: NodeSettings, say_ready: Callable[[Node], None]) -> NodeAction:
    from pye2_node.memory import give_back, let_go_of_code, share_one_arena
    from pye2_node.node import Node

    share_one_arena()

    def on_ready() -> None:
        give_back()
        let_go_of_code()
        say_ready(running)

    with Home.open(settings.home) as home:
        guests = [allow_file.Guest(address) for address in settings.allow]
        guests += [allow_file.Guest(each, may_delegate=True) for each in settings.may_delegate]
        allow_file.allow(home.allow_file, guests, SYSTEM_CLOCK.now())
        running = Node(settings, home)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, running.stop)
        return await running.run(on_ready)


def _say_ready_as_json(running: Node) -> None:
    event = {"event": "ready", "name": running.settings.name, "address": running.address}
    click.echo(json.dumps(event))
    sys.stdout.flush()


def _say_ready(running: Node) -> None:
    settings = running.settings
    click.echo(f"node      {settings.name}")
    click.echo(f"address   {running.address}")
    click.echo(f"broker    {settings.broker.url}")
    click.echo(f"home      {settings.home}")
    guests = running.allow_list.guests()
    for guest in guests:
        click.echo(f"allowed   {shown(guest)}")
    if not guests:
        click.echo(
            "allowed   nobody yet. `pye2 key show` on the client prints its address; then run\n"
            f"          pye2 node allow ADDRESS --home {settings.home}\n"
            "          (no restart is needed), or have it paired:\n"
            f"          pye2 node --pair --home {settings.home}"
        )
    sys.stdout.flush()


def _is_restart(end: NodeAction) -> bool:
    from pye2_node.commands import NodeAction

    return end is NodeAction.RESTART


def _begin_anew() -> None:
    """Become a new process of the same command: same id, same parent, nothing of the old state.

    Nor does it offer to be paired again: the command to restart came over the network.
    """
    sys.stdout.flush()
    from pye2_node.pairing_cli import without_pairing

    arguments = without_pairing(sys.orig_argv[1:])
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - our own command


def _die_with_parent() -> None:
    from pye2_node.sandbox.confinement import die_with_parent

    die_with_parent(signal.SIGTERM, os.getppid())


# --- further commands ---------------------------------------------------------------------------

for _command in (allow, deny, who, install_service(node)):
    node.add_command(_command)


@node.command()
@click.option("--json", "as_json", is_flag=True, help="One object, for programs.")
@name_option
@home_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, name: str | None, home: Path | None) -> None:
    """Try what confines other people's code on this machine, and say what is missing.

    It also says whether all is there that the node of --name or --home grants, and whether the
    clock is behind its last run. Run it as the user that the node runs as. Ends with 1 if nodes
    here would refuse such code.
    """
    from pye2_node.doctor import show_examination

    examined = home_of(ctx.obj, name, home)
    is_well = show_examination(examined, as_json=as_json)
    if not as_json:
        tell_if_no_node_has_run(examined)
    ctx.exit(0 if is_well else 1)


def main() -> None:
    """Run the command by itself; errors of pye2 are one line on standard error and exit code 1."""
    try:
        node(prog_name="pye2 node")
    except Pye2Error as error:
        click.echo(f"pye2: {error}", err=True)
        sys.exit(1)
