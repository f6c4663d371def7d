"""``pye2 pair``: have a node that shows a code allow this client, and know it from then on."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import click

from pye2_cli.options import takes_broker, takes_root_topic
from pye2core.pairing import LONGEST_NAME
from pye2core.printable import printable


@click.command()
@click.argument("code", nargs=-1, metavar="[CODE]")
@takes_broker
@takes_root_topic
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="This client's key, made if there is none.  [default: that of this folder's client]",
)
@click.option(
    "--as",
    "name",
    metavar="NAME",
    help="What the node's owner sees, and everybody on the broker: who you are.  [default: the name"
    " of this machine]",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Take the node's name from the address that it belonged to so far: for a node with a new"
    " key.",
)
@click.option("--json", "as_json", is_flag=True, help="One line for programs.")
def pair(
    *,
    code: tuple[str, ...],
    broker: str | None,
    root_topic: str | None,
    key_file: Path | None,
    name: str | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Pair this client with a node: the two come to know and to trust each other's addresses.

    On the node, `pye2 node --pair` shows the CODE, which is good for one client and 10 minutes. The
    node then allows this client, and this client knows the node's name as that node's alone. The
    passphrase of a protected key is PYE2_KEY_PASSPHRASE, or asked for at the terminal. Others on
    this machine can read the arguments of a process: without CODE it is asked for.
    """
    from pye2core import pair as pair_client

    told = printable(name or platform.node() or "pye2-pair")
    if len(told) > LONGEST_NAME:
        raise click.BadParameter(f"more than {LONGEST_NAME} characters", param_hint="--as")
    paired = pair_client(
        "".join(code) or str(click.prompt("Code", err=True)),
        broker=broker,
        root_topic=root_topic,
        key_file=key_file,
        name=told,
        replace=replace,
    )
    node = paired.node
    if as_json:
        said = {
            "name": node.name,
            "address": node.address,
            "client": paired.address,
            "known_nodes": str(paired.known_nodes),
        }
        click.echo(json.dumps(said))
        return
    click.echo(f"paired    {node.name}")
    click.echo(f"address   {node.address}")
    click.echo(f"client    {paired.address}, which may use that node now")
    click.echo(f"pinned    in {paired.known_nodes}")
    click.echo("next      `pye2 nodes` shows it; in programs that use this key:")
    click.echo(f'          Session().wait_for_node("{node.name}")')
