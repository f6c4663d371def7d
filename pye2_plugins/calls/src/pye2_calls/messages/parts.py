"""A message that is too large for one: cut into ``Part`` records, and put together again."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from pye2_calls.messages.checks import MOST_RECORDS
from pye2_calls.messages.packing import MessageNotReadable
from pye2_calls.messages.records import Part

PART_SIZE: Final = 4 * 1024 * 1024
"""Bytes of each part but the last: one message carries them, in whatever dialect."""

MOST_BEGUN: Final = 64
"""Messages of which parts have come and others have not."""

_OF_A_PART: Final = 100
"""Bytes that any part counts for besides its data, however small it is."""


def cut(message: bytes, number: int, size: int = PART_SIZE) -> list[Part]:
    """The parts of a message, each to be sent as the only record of a message of its own.

    Args:
        message: what ``pack`` gave; they are views of it.
        number: the sender's number for it, different for each that it cuts.
        size: bytes of each part but the last.

    Raises:
        ValueError: they would be more than the receiver takes.
    """
    count = max(1, -(-len(message) // size))
    if count > MOST_RECORDS:
        raise ValueError(f"{len(message)} bytes are more than {MOST_RECORDS} parts of {size}")
    view = memoryview(message)
    return [
        Part(number, index, count, view[index * size : (index + 1) * size])
        for index in range(count)
    ]


@define
class _Begun:
    """A message of which parts have come."""

    count: int
    parts: dict[int, bytes | memoryview] = field(factory=dict)
    size: int = 0


class Assembly:
    """Puts messages together whose parts come in any order, those of several mixed.

    Args:
        largest: bytes that all that is incomplete may have together.

    Attributes:
        size: about how many bytes of memory it takes.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._begun: dict[int, _Begun] = {}
        self._bytes = 0
        self.size = 0

    def take(self, part: Part) -> bytes | None:
        """The whole message if ``part`` was the last that it lacked.

        Raises:
            MessageNotReadable: it contradicts an earlier part, or there is more than ``largest``,
                or of too many messages; what had come of that message is forgotten.
        """
        begun = self._begun.setdefault(part.message, _Begun(part.count))
        if begun.count != part.count or part.index in begun.parts:
            self.forget(part.message)
            raise MessageNotReadable(f"two parts of the message {part.message} contradict")
        begun.parts[part.index] = part.data
        begun.size += len(part.data)
        self._bytes += len(part.data)
        self.size += len(part.data) + _OF_A_PART
        if self._bytes > self._largest:
            self.forget(part.message)
            raise MessageNotReadable(f"the parts have more than {self._largest} bytes")
        if len(self._begun) > MOST_BEGUN:
            self.forget(part.message)
            raise MessageNotReadable(f"more than {MOST_BEGUN} messages have begun and not ended")
        if len(begun.parts) < begun.count:
            return None
        self.forget(part.message)
        return b"".join([begun.parts[index] for index in range(begun.count)])

    def forget(self, message: int) -> None:
        """Give up what has come of a message, if anything has."""
        begun = self._begun.pop(message, None)
        if begun is not None:
            self._bytes -= begun.size
            self.size -= begun.size + _OF_A_PART * len(begun.parts)
