"""Who waits for a heartbeat; from any thread.

Anybody may ask, as often as they like. What that costs does not grow with the questions: one who
asks alone is answered in its inbox, where several wait one heartbeat is for all.
"""

from __future__ import annotations

import threading
from typing import Final

_SEVERAL: Final = 2


class Askers:
    """Those who asked and were not answered yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._addresses: set[str | None] = set()

    def add(self, address: str | None) -> bool:
        """Somebody asks, None for one without an inbox; whether it changes who is to be told."""
        with self._lock:
            if address in self._addresses or len(self._addresses) >= _SEVERAL:
                return False
            self._addresses.add(address)
            return True

    def take(self) -> str | None:
        """They are answered: the address of the one who asked, None if everybody is to be told."""
        with self._lock:
            addresses, self._addresses = self._addresses, set()
        return addresses.pop() if len(addresses) == 1 else None
