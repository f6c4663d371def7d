"""Bytes between a runner and its part in a worker: cut into frames, counted, put together again.

Used on both sides of the channel. What does not fit into one frame comes in *pieces*: binary frames
that say so, before the one that they belong to. On the node's side an :class:`Exchange` stands for
the request that is under way and takes what a worker says meanwhile, believing nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

PIECE: Final = 4 * 1024 * 1024
"""Bytes of each piece: such a frame keeps neither side from the rest of its work for long."""


def packed(piece: Mapping[str, Any], head: Mapping[str, Any], data: bytes) -> Iterator[bytes]:
    """The frames that bring ``data``, the last one with ``head``, each before it with ``piece``."""
    rest = memoryview(data)
    while len(rest) > PIECE:
        yield frames.encode_binary(piece, rest[:PIECE])
        rest = rest[PIECE:]
    yield frames.encode_binary(head, rest)


class Pieces:
    """Puts together what came in pieces.

    Args:
        most: bytes that it may have.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        """Take a piece that is not the last.

        Raises:
            frames.FrameError: they are too many bytes by now.
        """
        self._size += len(data)
        if self._size > self.most:
            raise frames.FrameError(f"more than {self.most} bytes in one exchange")
        self._pieces.append(data)

    def end(self, data: bytes) -> bytes:
        """The whole, of which ``data`` is the last piece; what comes next begins anew.

        Raises:
            frames.FrameError: they are too many bytes.
        """
        self.add(data)
        pieces, self._pieces, self._size = self._pieces, [], 0
        return data if len(pieces) == 1 else b"".join(pieces)


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
        on_item: Callable[[bytes], Awaitable[None]] | None,
    ) -> None:
        self._pieces = Pieces(most)
        self._on_output = on_output
        self._on_item = on_item

    def print(self, text: str) -> None:
        """Take what was printed."""
        if self._on_output is not None:
            self._on_output(text)

    def add(self, data: bytes) -> None:
        """Take a piece of what is to come.

        Raises:
            frames.FrameError: it is too much.
        """
        self._pieces.add(data)

    async def item(self, data: bytes) -> None:
        """Take an item; returns when its owner is done with it.

        Raises:
            frames.FrameError: it is too large, or none is expected.
        """
        whole = self._pieces.end(data)
        if self._on_item is None:
            raise frames.FrameError("an item that nobody asked for")
        await self._on_item(whole)

    def answer(self, data: bytes) -> bytes:
        """The whole answer, of which ``data`` is the last piece.

        Raises:
            frames.FrameError: it is too large.
        """
        return self._pieces.end(data)
