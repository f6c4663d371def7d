"""The options that say which node a command of ``pye2 node`` is about."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pye2_node.home import default_home
from pye2_node.owner import act_as_owner_of
from pye2_node.settings import LABEL_PATTERN, NAME_PATTERN

DEFAULT_NAME = "node"


def _checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A name can be part of channels and folders."""
    if value is not None and re.fullmatch(NAME_PATTERN, value) is None:
        message = f"{value!r} is not 1 to 64 letters, digits, '_' and '-'"
        raise click.BadParameter(message, ctx, param)
    return value


name_option = click.option(
    "--name", callback=_checked_name, help=f"What the node is called.  [default: {DEFAULT_NAME}]"
)


def _checked_labels(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The labels; None for none, so that the variable's count."""
    for value in values:
        if re.fullmatch(LABEL_PATTERN, value) is None:
            message = f"{value!r} is not NAME=VALUE, of letters, digits and a few signs"
            raise click.BadParameter(message, ctx, param)
    return values or None


label_option = click.option(
    "--label",
    "labels",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_checked_labels,
    help="What clients may choose this node by, as in gpu=1; may be repeated."
    "  [PYE2_NODE_LABELS: gpu=1, …]",
)
home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder with the node's key, white list and state.  [default: ~/.pye2/NAME]",
)


def home_of(of_group: Path, name: str | None, home: Path | None) -> Path:
    """The node's home; the options stand before the subcommand or behind it."""
    if home is not None:
        return home
    return of_group if name is None else default_home(name)


def home_meant(of_group: Path, name: str | None, home: Path | None) -> Path:
    """The same; from here on this process does what it does as whose the home is."""
    meant = home_of(of_group, name, home)
    act_as_owner_of(meant)
    return meant
