"""Which key is meant, by the options that all subcommands share, and where its passphrase is."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from pye2core.identity import KEY_PASSPHRASE, Passphrases
from pye2core.settings import client_key_path, read_environment

if TYPE_CHECKING:
    from collections.abc import Callable

_HOME_MODE = 0o700


@frozen
class KeyPlace:
    """A key that is meant.

    Attributes:
        path: its file.
        passphrases: where to look for its passphrase.
        home: the home of the node whose it is; None for a client's.
        is_usual: whether it is the key of this folder's client, which is made when it is needed.
    """

    path: Path
    passphrases: Passphrases
    home: Path | None = None
    is_usual: bool = False

    def prepare(self) -> None:
        """Make a node's home, for its owner alone, before a key is written to it."""
        if self.home is not None:
            self.home.mkdir(mode=_HOME_MODE, parents=True, exist_ok=True)

    def is_in_use(self) -> bool:
        """Whether a node runs with this key at this moment."""
        if self.home is None or not self.home.is_dir():
            return False
        from pye2_node.home import Home
        from pye2core.errors import HomeInUse

        try:
            Home.open(self.home).close()
        except HomeInUse:
            return True
        return False


def client_passphrases() -> Passphrases:
    """Where the passphrase of a client's key is looked for."""
    return Passphrases(read_environment())


def node_passphrases() -> Passphrases:
    """Where the passphrase of a node's key is looked for."""
    from pye2_node.settings import KEY_PASSPHRASE as NODE_KEY_PASSPHRASE

    return Passphrases(read_environment(), (NODE_KEY_PASSPHRASE, KEY_PASSPHRASE))


def takes_key(command: Callable[..., None]) -> Callable[..., None]:
    """Give a subcommand the options that say which key is meant, and hand it a `place`."""

    @click.option("--node", "node_name", metavar="NAME", help="The key of this machine's node.")
    @click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="The key of the node with this home folder.",
    )
    @click.option("--file", type=click.Path(path_type=Path), help="The key in this file.")
    @functools.wraps(command)
    def with_place(
        *, node_name: str | None, home: Path | None, file: Path | None, **others: Any
    ) -> None:
        command(place=_place(node_name, home, file), **others)

    return with_place


def _place(node_name: str | None, home: Path | None, file: Path | None) -> KeyPlace:
    if sum(each is not None for each in (node_name, home, file)) > 1:
        raise click.UsageError("--node, --home and --file each name a key; give one of them")
    if node_name is None and home is None:
        path = file or client_key_path()
        return KeyPlace(path, client_passphrases(), is_usual=file is None)
    from pye2_node.home import default_home, key_file_of
    from pye2_node.settings import NAME_PATTERN

    if node_name is not None:
        if re.fullmatch(NAME_PATTERN, node_name) is None:
            message = f"{node_name!r} is not 1 to 64 letters, digits, '_' and '-'"
            raise click.BadParameter(message, param_hint="--node")
        home = default_home(node_name)
    assert home is not None
    return KeyPlace(key_file_of(home), node_passphrases(), home)
