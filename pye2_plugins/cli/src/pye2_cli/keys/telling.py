"""What is printed about keys: the address alone on standard output, all else on standard error."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from pye2core.identity import public_key_of, with_legacy_prefix

if TYPE_CHECKING:
    from pathlib import Path

    from pye2_cli.keys.places import KeyPlace
    from pye2core.identity import KeyFile


def facts_of(found: KeyFile) -> dict[str, Any]:
    """What may be known of a key; nothing of the private one."""
    return {
        "address": found.identity.address,
        "legacy_address": with_legacy_prefix(found.identity.address),
        "public_key": public_key_of(found.identity.address).hex(),
        "file": str(found.path),
        "mode": f"{found.mode:03o}" if os.name == "posix" else None,
        "encrypted": found.is_protected,
    }


def tell(found: KeyFile, *, as_json: bool, **more: object) -> None:
    """Print what may be known of a key."""
    facts = facts_of(found)
    if as_json:
        click.echo(json.dumps({**facts, **more}))
        return
    click.echo(facts["address"])
    click.echo(f"also      {facts['legacy_address']} (as older peers write it)", err=True)
    click.echo(f"key       {facts['public_key']} (the public one)", err=True)
    click.echo(f"file      {facts['file']}{', made now' if more.get('new') else ''}", err=True)
    click.echo(f"mode      {_mode(facts['mode'])}", err=True)
    click.echo(f"encrypted {'yes' if found.is_protected else 'no'}", err=True)


def _mode(mode: str | None) -> str:
    if mode is None:
        return "not checked: on Windows, who may read the folder may read the key"
    return f"{mode} (its owner's alone)"


def still_to_do(place: KeyPlace, old: str, new: str, old_file: Path, *, runs: bool) -> list[str]:
    """What a new key asks for elsewhere: nobody there knows of it."""
    everywhere = f"on every node that allows the old address: pye2 node allow {new}"
    undo = f"and there: pye2 node deny {old}"
    keep = (
        f"keep {old_file} as long as something may come that was encrypted for it; delete it if"
        " others may have had it, after the old address is denied everywhere"
    )
    if place.home is None:
        restart = "start programs that run with this key anew: until then they use the old one"
        return [everywhere, undo, restart, keep]
    restart = "restart the node, which still runs with the old key" if runs else "start the node"
    names = (
        "start clients anew that have heard the node's name: for them it belongs to the old"
        f" address; where it is pinned, pin {new} (pinned_nodes; `pye2 pair --replace` or your"
        " editor does it in known_nodes.toml)"
    )
    return [restart, names, everywhere + " (nodes whose jobs it does, or who do its)", undo, keep]
