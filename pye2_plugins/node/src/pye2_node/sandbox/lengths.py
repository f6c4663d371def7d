"""How long the texts about a failure may be, and how longer ones are cut.

In the worker, before it sends them, and on the node's side, which does not believe that it did.
Standard library only.
"""

from __future__ import annotations

from typing import Final

LONGEST_NAME: Final = 200
LONGEST_MESSAGE: Final = 4096
LONGEST_TRACEBACK: Final = 16 * 1024

MOST_PROBLEMS: Final = 2000
"""Problems of refused code that the node reads: the check tells fewer of any one function."""

_ROOM_FOR_THE_NOTE: Final = 64


def cut(text: str, longest: int) -> str:
    r"""``text`` without its middle if it is longer than ``longest``, as text that can be sent.

    The note of how much was left out comes on top; what was cut before is not cut again.

    Example:
        >>> cut("x" * 1000, 10)
        'xxxxx\n… 990 characters left out …\nxxxxx'
    """
    if len(text) > longest + _ROOM_FOR_THE_NOTE:
        half = longest // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text.encode("utf-8", "replace").decode("utf-8")
