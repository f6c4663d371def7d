"""Tables whose cells are never broken over lines: an address or a name in pieces is of no use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ANY_WIDTH = 10_000


def width_of(table: Table, console: Console) -> int:
    """How many columns of a terminal a table takes where nothing in it is broken or cut."""
    from rich.measure import Measurement

    options = console.options.update(width=_ANY_WIDTH)
    return Measurement.get(console, options, table).maximum


def print_whole(table: Table) -> None:
    """Print a table, wider than the terminal if it must be."""
    from rich.console import Console

    console = Console()
    console.width = max(console.width, width_of(table, console))
    console.print(table)
