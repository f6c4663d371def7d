"""What others say, as cells of a table: shown as it is, whatever it is.

A node's name or a plugin's error can hold anything: what the table's library takes for markup, or
what a terminal takes for a command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.printable import printable

if TYPE_CHECKING:
    from rich.text import Text


def cell(value: object, style: str = "") -> Text:
    """A value as text that means nothing but itself; None as nothing."""
    from rich.text import Text

    told = "" if value is None else str(value)
    return Text("\n".join(map(printable, told.split("\n"))), style)
