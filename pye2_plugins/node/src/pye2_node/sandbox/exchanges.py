"""Bytes between a runner and its part in a worker: cut into frames, counted, put together again.

Used on both sides of the channel. What does not fit into one frame comes in *pieces*: binary frames
that say so, before the one that they belong to. On the node's side an :class:`Exchange` stands for
the request that is under way and takes what a worker says meanwhile, believing nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    Frame = Sequence[bytes | memoryview]
    """A packed frame: what is to be written, one after the other, with nothing between."""

PIECE: Final = 15 * 1024 * 1024
"""Bytes of each piece, about as many as a frame may have: several have to be put together, which
takes as much memory again."""

_SMALL: Final = 64 * 1024
"""Bytes that are copied into one packet, which takes less time than to write two."""


def packed(
    piece: Mapping[str, Any], head: Mapping[str, Any], data: Sequence[bytes | memoryview]
) -> Iterator[Frame]:
    """The frames that bring bytes, the last one with ``head``, each before it with ``piece``.

    Args:
        piece: what the others say.
        head: what the last one says.
        data: the bytes, one after the other; views are of single bytes.
    """
    left = sum(map(len, data))
    if left <= _SMALL:
        yield (b"".join((frames.begin_binary(head, left), *data)),)
        return
    rest = deque(data)
    while left > PIECE:
        yield (frames.begin_binary(piece, PIECE), *_taken(rest, PIECE))
        left -= PIECE
    yield (frames.begin_binary(head, left), *rest)


def _taken(rest: deque[bytes | memoryview], size: int) -> Iterator[memoryview]:
    """The first ``size`` bytes of ``rest``, which loses them."""
    while size:
        first = memoryview(rest.popleft())
        if len(first) > size:
            rest.appendleft(first[size:])
            first = first[:size]
        size -= len(first)
        yield first


class Pieces:
    """Puts together what came in pieces.

    Args:
        most: bytes that it may have.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._pieces: list[memoryview] = []
        self._size = 0

    def add(self, data: memoryview) -> None:
        """Take a piece that is not the last.

        Raises:
            frames.FrameError: they are too many bytes by now.
        """
        self._size += len(data)
        if self._size > self.most:
            raise frames.FrameError(f"more than {self.most} bytes in one exchange")
        self._pieces.append(data)

    def end(self, data: memoryview) -> memoryview:
        """The whole, of which ``data`` is the last piece; what comes next begins anew.

        Raises:
            frames.FrameError: they are too many bytes.
        """
        self.add(data)
        pieces, self._pieces, self._size = self._pieces, [], 0
        return data if len(pieces) == 1 else memoryview(b"".join(pieces))


class Exchange:
    """A request that is under way, on the node's side.

    Args:
        most: bytes that an answer, or an item, may have.
        on_output: told what is printed meanwhile.
        on_item: told of each item; None where none is expected.
    """

    def __init__(
        self,
        most: int,
        on_output: Callable[[str], None] | None,
        on_item: Callable[[memoryview], Awaitable[None]] | None,
    ) -> None:
        self._pieces = Pieces(most)
        self._on_output = on_output
        self._on_item = on_item

    def print(self, text: str) -> None:
        """Take what was printed."""
        if self._on_output is not None:
            self._on_output(text)

    def add(self, data: memoryview) -> None:
        """Take a piece of what is to come.

        Raises:
            frames.FrameError: it is too much.
        """
        self._pieces.add(data)

    async def item(self, data: memoryview) -> None:
        """Take an item; returns when its owner is done with it.

        Raises:
            frames.FrameError: it is too large, or none is expected.
        """
        whole = self._pieces.end(data)
        if self._on_item is None:
            raise frames.FrameError("an item that nobody asked for")
        await self._on_item(whole)

    def answer(self, data: memoryview) -> memoryview:
        """The whole answer, of which ``data`` is the last piece.

        Raises:
            frames.FrameError: it is too large.
        """
        return self._pieces.end(data)
