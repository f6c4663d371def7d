"""Counts lists while bytes are read: an empty one takes a byte there, and some sixty in memory.

You are at the bottom of ``messages``, beside the checks.
"""

from __future__ import annotations

from typing import Any


class ListCount:
    """How many lists may still come; its ``counted`` is MessagePack's ``list_hook``.

    Args:
        most: how many there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def counted(self, items: tuple[Any, ...]) -> tuple[Any, ...]:
        """A list that was read.

        Raises:
            ValueError: it is one too many.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"it has more than {self._most} lists")
        return items
