"""The command ``pye2 node install-service``: what it takes.

On the command line's side. The unit alone goes to standard output, what to do with it to standard
error, so that ``pye2 node install-service > FILE`` writes a file that is right.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from attrs import fields_dict
from click.core import ParameterSource

from pye2_node.home import default_home
from pye2_node.settings import OwnersChoices
from pye2core.code.grants import Grants, read_grants
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pye2_node.service.unit import Service

_ACCOUNT: Final = "pye2"
_SECRETS: Final = Path("/etc/pye2")

_HANDED_ON: Final = frozenset({"broker", "root_topic", "verbose", *fields_dict(OwnersChoices)})
"""The options of ``pye2 node`` that a service is started with."""

_OF_THE_COMMAND: Final = frozenset({"name", "home"})
_MEMORY: Final = r"[1-9][0-9]*[KMGT%]?"


def _checked_account(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", value) is None:
        raise click.BadParameter(f"{value!r} is not the name of an account", ctx, param)
    return value


def _checked_memory(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if re.fullmatch(_MEMORY, value) is None:
        raise click.BadParameter(f"{value!r} is not like 75%, 2G or 512M", ctx, param)
    return value


_a_path = click.Path(path_type=Path)


@click.command("install-service")
@click.option(
    "--user-account",
    "account",
    metavar="ACCOUNT",
    default=_ACCOUNT,
    show_default=True,
    callback=_checked_account,
    help="Whom the service runs as. As root every worker is a user of its own, too, but what a"
    " defect of the node itself gives away is then the machine.",
)
@click.option(
    "--user",
    "of_a_user",
    is_flag=True,
    help="A unit for your own service manager (systemctl --user), which needs no root and fences"
    " less.",
)
@click.option(
    "--environment-file",
    type=_a_path,
    help=f"The file with PYE2_BROKER=… and other secrets.  [default: {_SECRETS}/NAME.env]",
)
@click.option(
    "--passphrase-credential",
    "passphrase",
    metavar="FILE",
    type=_a_path,
    help="The passphrase of the node's key, as systemd-creds has encrypted it.",
)
@click.option(
    "--device",
    "devices",
    metavar="/dev/…",
    multiple=True,
    help="A device that you will grant to somebody; without any, the service sees none.",
)
@click.option(
    "--folder",
    "folders",
    metavar="PATH",
    multiple=True,
    help="A folder that you will grant to somebody for reading; without any, none of the home"
    " folders is seen.",
)
@click.option(
    "--folder-rw",
    "folders_rw",
    metavar="PATH",
    multiple=True,
    help="A folder that you will grant to somebody for writing; without any, only the node's home"
    " can be written to.",
)
@click.option(
    "--memory-max",
    "memory",
    metavar="SIZE",
    default="75%",
    show_default=True,
    callback=_checked_memory,
    help="Memory for the node and all its workers together.",
)
@click.option(
    "--tasks-max",
    "tasks",
    metavar="NUMBER",
    default=2048,
    show_default=True,
    type=click.IntRange(64),
    help="Processes and threads for all of it together.",
)
@click.pass_context
def _install_service(ctx: click.Context, /, **asked: Any) -> None:
    """Print a systemd unit that runs this node, as it would run with these options.

    It is printed on standard output and nothing is installed; standard error says what to do with
    it. The options of `pye2 node` can stand before the command or behind it.
    """
    from pye2_node.service.advice import what_to_do
    from pye2_node.service.unit import unit_text

    service = _service(ctx, _given(ctx), asked)
    click.echo(unit_text(service), nl=False)
    for line in what_to_do(service):
        click.echo(line, err=True)


def install_service(node: click.Group) -> click.Command:
    """The command, with those options of ``pye2 node`` that a service is started with."""
    of_node = [each for each in node.params if each.name in _HANDED_ON | _OF_THE_COMMAND]
    return click.Command(
        _install_service.name,
        callback=_install_service.callback,
        params=[*_install_service.params, *of_node],
        help=_install_service.help,
    )


def _given(ctx: click.Context) -> dict[str, Any]:
    """Of each option of ``pye2 node`` that was given, its value; behind the command counts more.

    Raises:
        click.UsageError: one of them has no place in a service.
    """
    assert ctx.parent is not None
    before = _of_command_line(ctx.parent)
    others = before.keys() - _HANDED_ON - _OF_THE_COMMAND
    if "allowed" in others:
        raise click.UsageError(
            "a service has no --allow: it would allow an address again, at each start, that you"
            " have denied since. `pye2 node allow ADDRESS --home …` does it once"
        )
    for option in ctx.parent.command.params:
        if option.name in others:
            raise click.UsageError(f"a service has no {option.opts[0]}")
    return {**before, **_of_command_line(ctx)}


def _of_command_line(ctx: click.Context) -> dict[str, Any]:
    return {
        name: value
        for name, value in ctx.params.items()
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }


def _service(ctx: click.Context, given: Mapping[str, Any], asked: Mapping[str, Any]) -> Service:
    from pye2_node.service.places import installation
    from pye2_node.service.unit import Service

    name = given.get("name") or "node"
    if asked["of_a_user"] and "account" in _of_command_line(ctx):
        raise click.UsageError("--user is a service of your own account: it has no --user-account")
    account = None if asked["of_a_user"] else asked["account"]
    home = _home(given, name, is_system=account is not None)
    folder = home.parent if account is None else _SECRETS
    secrets = asked["environment_file"] or folder / f"{name}.env"
    _refuse_password(given, secrets)
    assert ctx.parent is not None
    assert isinstance(ctx.parent.command, click.Group)
    # -I: nothing of the environment says what Python loads. The module alone, not all of `pye2`.
    command = [sys.executable, "-I", "-m", "pye2_node", "--name", name, "--home", str(home)]
    let_in = _let_in(asked)
    return Service(
        name=name,
        command=[*command, *_options(ctx.parent.command, given)],
        home=home,
        account=account,
        environment_file=secrets,
        is_environment_needed="broker" not in given,
        passphrase=asked["passphrase"],
        installation=installation(),
        devices=[Path(each) for each in let_in.devices],
        folders=[Path(each) for each in let_in.folders],
        folders_rw=[Path(each) for each in let_in.folders_rw],
        memory=asked["memory"],
        tasks=asked["tasks"],
    )


def _let_in(asked: Mapping[str, Any]) -> Grants:
    """What is to be granted: nothing that `pye2 node allow` refuses."""
    try:
        return read_grants({key: asked[key] for key in ("devices", "folders", "folders_rw")})
    except ValueError as error:
        raise click.UsageError(f"what is to be let in {error}") from None


def _home(given: Mapping[str, Any], name: str, *, is_system: bool) -> Path:
    from pye2_node.service.unit import STATES

    home: Path | None = given.get("home")
    if home is not None:
        return home.absolute()
    return STATES / "pye2" / name if is_system else default_home(name)


def _refuse_password(given: Mapping[str, Any], secrets: Path) -> None:
    """A unit can be read by everybody on the machine, and so can what a process is started with."""
    from pye2core.settings import parse_broker_url

    broker = given.get("broker")
    if broker is not None and parse_broker_url(broker).password is not None:
        raise SettingsError(
            "a unit can be read by everybody on the machine, so that no password may be in it:"
            f" leave --broker away and write PYE2_BROKER=… into {secrets}, of mode 600",
            setting="password",
        )


def _options(node: click.Group, given: Mapping[str, Any]) -> Iterator[str]:
    """What was given, as it would be given again."""
    for option in node.params:
        if option.name not in _HANDED_ON or option.name not in given:
            continue
        value = given[option.name]
        for each in value if isinstance(value, tuple) else (value,):
            yield option.secondary_opts[0] if each is False else option.opts[0]
            if not isinstance(each, bool):
                yield str(each)
