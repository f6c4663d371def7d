"""The functions that a client has sent: kept in memory as long as there is room for them."""

from __future__ import annotations

from collections import OrderedDict
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pye2_calls.messages import Code

_OF_ITSELF: Final = 1024
"""Bytes of what holds the texts."""

MOST_BYTES: Final = 64 * 1024 * 1024
"""Bytes of all that one client's functions are kept with; of more, the newest used are kept."""


class Codes:
    """Functions by their digest.

    Args:
        most: bytes that they may have together; one that has more by itself is kept alone.

    Attributes:
        size: about how many bytes of memory they take.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._codes: OrderedDict[str, Code] = OrderedDict()
        self.size = 0

    def __contains__(self, digest: str) -> bool:
        return digest in self._codes

    def add(self, code: Code) -> None:
        """Keep a function; those that were used longest ago may have to go for it."""
        known = self._codes.pop(code.digest, None)
        if known is not None:
            self.size -= size_of(known)
        self._codes[code.digest] = code
        self.size += size_of(code)
        while self.size > self._most and len(self._codes) > 1:
            _, oldest = self._codes.popitem(last=False)
            self.size -= size_of(oldest)

    def clear(self) -> None:
        """Keep none."""
        self._codes.clear()
        self.size = 0

    def use(self, digest: str) -> Code:
        """A function that is known, which counts as used now."""
        self._codes.move_to_end(digest)
        return self._codes[digest]


def size_of(code: Code) -> int:
    """About what it takes in memory: short texts take more than their characters, too."""
    names = (code.digest, code.name, *code.parameters, *code.classes, *code.modules)
    texts = (code.source, *names, *(name for name, _ in code.values))
    return _OF_ITSELF + sum(map(getsizeof, texts)) + sum(getsizeof(each) for _, each in code.values)


def as_told(code: Code | None) -> tuple[Any, ...]:
    """What a child is told of a function; see ``child``."""
    assert code is not None, "a call that waits for its function has its turn"
    return (
        code.name,
        code.source,
        code.parameters,
        code.values,
        code.takes_plugin,
        code.is_generator,
    )
