"""What dialects keep for longer than a process lives, in a file of SQLite's beside the key file.

Imported where an installed dialect has something to keep.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pye2core.connection.dialect_memory import VolatileMemory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_log = logging.getLogger("pye2core.connection")

_ONLY_OWNER = 0o600
_BUSY_SECONDS = 10.0

_TABLE = """
CREATE TABLE IF NOT EXISTS kept (
    kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID
"""


def memory_path(key_file: Path) -> Path:
    """Where the memory of the identity whose key is in that file is kept."""
    return key_file.with_name(f"{key_file.name}.dialects")


class FileMemory:
    """Keeps everything in a file that only its owner can read; thread-safe, and process-safe.

    It is asked seldom (once a day for a key, once for each new peer), so that the file is opened
    each time. Where it cannot be used, that is logged, and what is kept lives as long as this
    object.

    Args:
        path: the file, made when something is first to be kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._instead = VolatileMemory()
        self._warned = False

    def read(self, kind: str) -> Mapping[str, bytes]:
        """All that is kept of a kind, by name."""
        if not self.path.exists():
            return self._instead.read(kind)
        rows = self._rows("SELECT name, value FROM kept WHERE kind = ?", kind)
        return {**self._instead.read(kind), **dict(rows or ())}

    def get(self, kind: str, name: str) -> bytes | None:
        """What is kept of a kind under a name; None for nothing."""
        found = self._in_file(kind, name)
        return self._instead.get(kind, name) if found is None else found

    def _in_file(self, kind: str, name: str) -> bytes | None:
        if not self.path.exists():
            return None
        rows = self._rows("SELECT value FROM kept WHERE kind = ? AND name = ?", kind, name)
        return rows[0][0] if rows else None

    def write(self, kind: str, name: str, value: bytes) -> None:
        """Keep something, in the place of what has that name."""
        if self._rows("REPLACE INTO kept VALUES (?, ?, ?)", kind, name, value) is None:
            self._instead.write(kind, name, value)

    def add(self, kind: str, name: str, value: bytes) -> bytes:
        """Keep something, unless something has that name; gives what is kept."""
        self._rows("INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", kind, name, value)
        kept = self._in_file(kind, name)
        return self._instead.add(kind, name, value) if kept is None else kept

    def erase(self, kind: str, name: str) -> None:
        """Keep something no longer: it is overwritten in the file."""
        self._instead.erase(kind, name)
        self._rows("DELETE FROM kept WHERE kind = ? AND name = ?", kind, name)

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]] | None:
        """What a statement gives; None if the file cannot be used."""
        try:
            with closing(self._opened()) as database:
                return database.execute(statement, values).fetchall()
        except (OSError, sqlite3.Error) as error:
            if not self._warned:
                self._warned = True
                _log.warning(
                    "%s cannot be used (%s): what is encrypted for this process can be read by no"
                    " other of the same identity, and not after its end; and it is not known which"
                    " peers spoke pye2's own dialect before, so that they are spoken to, and"
                    " believed, in PyE2's weaker one until they are heard from. Mend or remove the"
                    " file, and start again",
                    self.path,
                    error,
                )
            return None

    def _opened(self) -> sqlite3.Connection:
        # Not made by SQLite: it would be readable for others, as the umask has it.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, _ONLY_OWNER)
        try:
            os.fchmod(descriptor, _ONLY_OWNER)
        finally:
            os.close(descriptor)
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        # What is erased is to be gone: overwritten, and in no journal that stays.
        database.execute("PRAGMA secure_delete = ON")
        database.execute(_TABLE)
        return database
