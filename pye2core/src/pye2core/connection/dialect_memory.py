"""What dialects keep: keys, and who speaks what. Implements ``pye2core.abc.DialectMemory``.

It lies beside the key file of the identity whose it is, so that all processes of one identity share
it: what is encrypted for one of them can be read by all (``file_memory``). Here is what serves
where there is no file.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pye2core.abc import DialectMemory

_IDENTITIES = 1024


class VolatileMemory:
    """Keeps everything for as long as this object lives, and no longer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, bytes]] = {}

    def read(self, kind: str) -> Mapping[str, bytes]:
        """All that is kept of a kind, by name."""
        with self._lock:
            return dict(self._kept.get(kind, {}))

    def get(self, kind: str, name: str) -> bytes | None:
        """What is kept of a kind under a name; None for nothing."""
        with self._lock:
            return self._kept.get(kind, {}).get(name)

    def write(self, kind: str, name: str, value: bytes) -> None:
        """Keep something, in the place of what has that name."""
        with self._lock:
            self._kept.setdefault(kind, {})[name] = value

    def add(self, kind: str, name: str, value: bytes) -> bytes:
        """Keep something, unless something has that name; gives what is kept."""
        with self._lock:
            return self._kept.setdefault(kind, {}).setdefault(name, value)

    def erase(self, kind: str, name: str) -> None:
        """Keep something no longer."""
        with self._lock:
            self._kept.get(kind, {}).pop(name, None)


@lru_cache(maxsize=_IDENTITIES)
def _memory_of_this_process(address: str) -> VolatileMemory:
    """The memory of an identity that is in no file, shared by all who use it in this process."""
    del address
    return VolatileMemory()


def memory_of(address: str, key_file: Path | None) -> DialectMemory:
    """The memory of an identity.

    Args:
        address: the identity's.
        key_file: the file that its key is in; None if it is in none.
    """
    if key_file is None:
        return _memory_of_this_process(address)
    # Imported where something is to be kept: most processes never do.
    from pye2core.connection.file_memory import FileMemory, memory_path

    return FileMemory(memory_path(key_file))
