"""Recognises messages that arrive a second time.

Sans-I/O. A broker delivers again what it believes unacknowledged, a node may say the same on two
channels, and anybody can publish again what they have recorded: callbacks are to be called once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from pye2core.abc import SealedMessage

REMEMBERED = 10_000
"""Messages that are remembered."""


class Repetitions:
    """Remembers the digests of the newest messages."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def refuse(self, sealed: SealedMessage) -> None:
        """Let a message pass once.

        Args:
            sealed: a message whose signature was verified.

        Raises:
            MessageRejected: reason "replay": it has passed before.
        """
        with self._lock:
            if sealed.digest in self._seen:
                raise MessageRejected(
                    "it has arrived before", reason="replay", sender=sealed.sender
                )
            self._seen[sealed.digest] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
