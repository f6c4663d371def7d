"""``pye2 key``: the client key of the working folder."""

from __future__ import annotations

import json

import click

from pye2core.identity import load_or_create_key
from pye2core.settings import client_key_path


@click.group()
def key() -> None:
    """The key by which nodes know this folder's client."""


@key.command()
@click.option("--json", "as_json", is_flag=True, help="One line for programs.")
def show(*, as_json: bool) -> None:
    """Show the client's address; the key is made if there is none.

    Nodes take commands from addresses that they allow: on the node's machine run
    `pye2 node allow ADDRESS`.
    """
    path = client_key_path()
    is_new = not path.exists()
    identity = load_or_create_key(path)
    if as_json:
        click.echo(json.dumps({"address": identity.address, "file": str(path), "new": is_new}))
        return
    click.echo(identity.address)
    click.echo(f"{'made now in' if is_new else 'from'} {path}", err=True)
