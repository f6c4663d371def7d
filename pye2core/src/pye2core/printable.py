"""What others say, as text that a terminal shows and does not obey.

You are in the kernel, below everything that shows something; it imports nothing.
"""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text on one line, with a question mark for each character that cannot be shown.

    A node's name can hold anything: line ends, and what a terminal takes for a command.

    Example:
        >>> printable("attic\x1b[2J")
        'attic?[2J'
    """
    return "".join(each if each.isprintable() else "?" for each in text)
