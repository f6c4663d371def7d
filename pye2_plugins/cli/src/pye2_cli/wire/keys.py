"""The keys with which encrypted messages are read: key files, and what dialects keep beside them.

You are in ``pye2 wire``. Nothing here changes a file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from pye2_cli.keys.places import client_passphrases
from pye2core.connection import FileMemory, VolatileMemory, memory_path
from pye2core.identity import load_key
from pye2core.settings import client_key_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pye2core.abc import DialectMemory
    from pye2core.identity import Identity


class BorrowedMemory(VolatileMemory):
    """What dialects keep for several identities, to look at; what is new stays here.

    Args:
        lenders: whose it is.
    """

    def __init__(self, lenders: Iterable[DialectMemory]) -> None:
        super().__init__()
        self._lenders = tuple(lenders)

    def read(self, kind: str) -> Mapping[str, bytes]:
        """All that is kept of a kind by any of them, by name."""
        found: dict[str, bytes] = {}
        for lender in self._lenders:
            found |= lender.read(kind)
        return {**found, **super().read(kind)}

    def get(self, kind: str, name: str) -> bytes | None:
        """What is kept of a kind under a name by any of them; None for nothing."""
        return self.read(kind).get(name)


@frozen
class Keys:
    """Whose encrypted messages can be read.

    Attributes:
        identities: those for them and, in PyE2's dialect, those from them.
        memory: what dialects keep for them.
    """

    identities: Sequence[Identity]
    memory: DialectMemory


def keys_in(files: Sequence[Path]) -> Keys:
    """The keys in these files, and in this folder's client key if there is one.

    Raises:
        KeyFileError: one of them cannot be used.
    """
    own = client_key_path()
    paths = [*files, *([own] if own.is_file() else [])]
    passphrases = client_passphrases()
    memories = [FileMemory(memory_path(path)) for path in paths]
    return Keys([load_key(path, passphrases) for path in paths], BorrowedMemory(memories))
