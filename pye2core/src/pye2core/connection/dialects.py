"""The wire dialects of this process, and which of them each peer is known to speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2core.abc import SealedMessage, Serializer


class Dialects:
    """Chooses the serializer for what comes in and for what goes out.

    Args:
        serializers: the dialects, the weakest first; that one is used where nothing is known.
    """

    def __init__(self, serializers: Sequence[Serializer]) -> None:
        self._serializers = tuple(serializers)
        self._spoken: dict[str, int] = {}

    def for_peer(self, address: str | None) -> Serializer:
        """The strongest dialect that this peer is known to speak."""
        return self._serializers[self._spoken.get(address or "", 0)]

    def parse(self, data: bytes) -> tuple[int, SealedMessage]:
        """Read the shape of a message with the dialect that recognises it.

        Returns:
            The dialect's place among the dialects, for :meth:`heard`, and the sealed message.

        Raises:
            MessageRejected: no dialect recognises it, or the one that does cannot read it.
        """
        for place, serializer in enumerate(self._serializers):
            if serializer.recognises(data):
                return place, serializer.parse(data)
        raise MessageRejected("no installed wire dialect recognises it", reason="shape")

    def heard(self, sender: str, place: int) -> None:
        """Remember that a verified message of ``sender`` came in this dialect."""
        if place > self._spoken.get(sender, 0):
            self._spoken[sender] = place
