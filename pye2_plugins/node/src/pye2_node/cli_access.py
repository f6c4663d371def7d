"""``pye2 node allow``, ``deny`` and ``who``: who may use a node, and what their code may do there.

On the command line's side of the node; they work on ``allow.toml`` and ring the node.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pye2_node import allow_file
from pye2_node.cli_options import home_meant, home_option, name_option
from pye2_node.doorbell import ring
from pye2_node.granting import refuse_home
from pye2_node.home import allow_file_of, key_file_of
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code.grants import NO_GRANTS, Grants, read_grants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def _grant_options(verb: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that name grants, collected as the argument ``grants``."""
    options = [
        click.option("--network", is_flag=True, help=f"{verb} connections to the outside."),
        click.option("--folder", multiple=True, metavar="PATH", help=f"{verb} reading a folder."),
        click.option(
            "--folder-rw",
            multiple=True,
            metavar="PATH",
            help=f"{verb} reading and writing a folder.",
        ),
        click.option(
            "--device", multiple=True, metavar="/dev/…", help=f"{verb} the use of a device."
        ),
        click.option(
            "--module",
            multiple=True,
            metavar="NAME",
            help=f"{verb} importing a module, which must be installed where the node is.",
        ),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_grants(
            *args: Any,
            network: bool,
            folder: Sequence[str],
            folder_rw: Sequence[str],
            device: Sequence[str],
            module: Sequence[str],
            **kwargs: Any,
        ) -> None:
            grants = _read(
                {
                    "network": network,
                    "folders": list(map(_absolute, folder)),
                    "folders_rw": list(map(_absolute, folder_rw)),
                    "devices": list(device),
                    "modules": list(module),
                }
            )
            command(*args, grants=grants, **kwargs)

        decorated: Callable[..., None] = with_grants
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _read(given: dict[str, Any]) -> Grants:
    try:
        return read_grants(given)
    except ValueError as error:
        raise click.UsageError(f"what is to be granted {error}") from None


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - the plain form; pathlib would keep a `..`


@click.command()
@click.argument("addresses", nargs=-1, metavar="ADDRESS...")
@click.option("--alias", help="What you call the owner of the address.")
@click.option(
    "--from-pye2",
    "pye2_list",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Allow all that PyE2's file authorized_addrs allows.",
)
@click.option(
    "--may-delegate",
    is_flag=True,
    help="It is a node that you trust to bring work for others: its distributed jobs for clients"
    " that sign no delegation, as PyE2's cannot. Whoever may use that node can then use this one.",
)
@_grant_options("Grant")
@name_option
@home_option
@click.pass_obj
def allow(
    node_home: Path,
    addresses: Sequence[str],
    alias: str | None,
    pye2_list: Path | None,
    *,
    may_delegate: bool,
    name: str | None,
    home: Path | None,
    grants: Grants,
) -> None:
    """Let clients and other nodes use this node, by their addresses.

    Their code computes, and does nothing else, unless you grant more: what is granted here is added
    to what they are granted already. Instances get it that ask for it.
    """
    home = home_meant(node_home, name, home)
    if alias is not None and len(addresses) != 1:
        raise click.UsageError("an alias belongs to one address")
    refuse_home(grants, home)
    guests = [allow_file.Guest(address, alias, grants, may_delegate) for address in addresses]
    if pye2_list is not None:
        guests += allow_file.guests_of_pye2(pye2_list.read_text(encoding="utf-8"))
    if not guests:
        raise click.UsageError("which addresses? `pye2 key show` on a client prints its address")
    added = allow_file.allow(allow_file_of(home), guests, SYSTEM_CLOCK.now())
    ring(home)
    for guest in guests:
        address = allow_file.full_address(guest.address)
        click.echo(f"{address}: {'allowed' if address in added else 'was allowed already'}")
        if any(guest.grants):
            click.echo(f"{address}: granted {guest.grants}")
        if guest.may_delegate:
            click.echo(f"{address}: may bring work for others without a delegation")
    _tell_what_is_not_there(grants, home)
    tell_if_no_node_has_run(home)


def _tell_what_is_not_there(grants: Grants, home: Path) -> None:
    """It may come later, or be mistyped. As another account root does not see all of this."""
    from pye2_node.doctor_grants import problems_of

    if os.getuid() == os.geteuid():
        for problem in problems_of(grants, home):
            click.echo(f"note: {problem}", err=True)


@click.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@click.option(
    "--may-delegate",
    is_flag=True,
    help="Take away that it may bring work for others without a delegation.",
)
@_grant_options("Take away")
@name_option
@home_option
@click.pass_obj
def deny(
    node_home: Path,
    addresses: Sequence[str],
    *,
    may_delegate: bool,
    name: str | None,
    home: Path | None,
    grants: Grants,
) -> None:
    """Let them use this node no more; what they have running goes on.

    But for what uses something that was granted: that ends. With options, only what they name is
    taken away.
    """
    home = home_meant(node_home, name, home)
    told: Callable[[Path, str], str] = _denied
    if may_delegate or any(grants):
        told = functools.partial(_withdrawn, less=grants, may_delegate=may_delegate)
    for address in addresses:
        click.echo(f"{address}: {told(allow_file_of(home), address)}")
    ring(home)
    tell_if_no_node_has_run(home)


def _denied(file: Path, address: str) -> str:
    if not allow_file.deny(file, address):
        return "was not allowed"
    return "not allowed any more; what it has running goes on, but for calls and what uses grants"


def _withdrawn(file: Path, address: str, less: Grants, *, may_delegate: bool) -> str:
    left = allow_file.withdraw(file, address, less, may_delegate=may_delegate)
    return "was not allowed" if left is None else f"allowed, and granted {left}"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line each, for programs.")
@name_option
@home_option
@click.pass_obj
def who(node_home: Path, *, as_json: bool, name: str | None, home: Path | None) -> None:
    """Show who may use this node, and what is granted to them."""
    home = home_meant(node_home, name, home)
    content = allow_file.read_allow_file(allow_file_of(home))
    for problem in content.problems:
        click.echo(f"ignored: {problem}", err=True)
    for guest in content.guests:
        line = {
            "address": guest.address,
            "alias": guest.alias,
            "grants": guest.grants.as_settings(),
            "may_delegate": guest.may_delegate,
        }
        click.echo(json.dumps(line) if as_json else shown(guest))
    if not content.guests and not as_json:
        click.echo(f"nobody; allow somebody with `pye2 node allow ADDRESS --home {home}`")
    tell_if_no_node_has_run(home)


def tell_if_no_node_has_run(home: Path) -> None:
    """It may be another home that is meant. Of one that this user may not see nothing is said."""
    try:
        has_run = key_file_of(home).exists()
    except PermissionError:
        return
    if not has_run:
        click.echo(f"no node has run in {home} yet; --home or --name says which is meant", err=True)


def shown(guest: allow_file.Guest) -> str:
    """Somebody who is allowed, in one line."""
    parts = [guest.address, guest.alias]
    if guest.grants != NO_GRANTS:
        parts.append(f"({guest.grants})")
    if guest.may_delegate:
        parts.append("(may bring work for others)")
    return "  ".join(part for part in parts if part)
