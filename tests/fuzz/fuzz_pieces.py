"""Makes of any bytes a sequence of events, for targets that are told one thing after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_PIECE = 255


def pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The events that these bytes are: each a number, a length, and so many bytes."""
    place = 0
    while place + 2 <= len(data):
        number, length = data[place], data[place + 1]
        place += 2 + length
        yield number, data[place - length : place]


def joined(*events: tuple[int, bytes]) -> bytes:
    """What :func:`pieces` makes these of."""
    assert all(len(piece) <= LONGEST_PIECE for _, piece in events)
    return b"".join(bytes([number, len(piece)]) + piece for number, piece in events)


def require_few_words(error: Exception, most: int) -> None:
    """What is refused is told in words that are not all that was sent."""
    assert len(str(error)) < most
