"""What a node must still know after a crash: what to run, what it has seen, what instances keep.

One SQLite file in the node's home. A commit returns when the disk has it (measured at 0.2 ms,
against 0.02 ms for one that may be lost with the power: both are nothing beside a message's way, so
it is the safe one). The methods may be called from any thread; they wait for the disk, so the loop
calls the writing ones through a thread.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from pye2_node import desired as pipelines_as_json
from pye2core.clock import EARLIEST
from pye2core.errors import NodeError
from pye2core.messages import InstancePath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pye2_node.desired import DesiredPipeline
    from pye2core.clock import Clock

DIGESTS_KEPT = timedelta(days=30)
"""For this long a command that was seen is not executed again."""

_PURGE_EVERY = 86_400.0
"""Seconds."""

_SMALLEST_LEAP = 3_600.0
"""Seconds by which a clock is put forward when it was wrong, and not merely inexact."""

_UNDATED = 0.0
"""When something was seen while the clock was not set."""

_READERS_KIBIBYTES = 256
"""What the connection that only looks keeps of the file in memory."""

_FORMAT = 1

_TABLES = """
CREATE TABLE pipelines (
    name TEXT PRIMARY KEY,
    content TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE seen (
    sender TEXT NOT NULL,
    digest TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (sender, digest)
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);
CREATE TABLE states (
    pipeline TEXT NOT NULL,
    signature TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (pipeline, signature, instance_id)
);
"""
_LATER_TABLES = """
CREATE TABLE IF NOT EXISTS guest_nodes (address TEXT PRIMARY KEY) WITHOUT ROWID;
"""
"""What the first databases of this format do not have."""


@frozen
class Put:
    """A pipeline that is new or changed."""

    pipeline: DesiredPipeline


@frozen
class Drop:
    """A pipeline that is to be forgotten, by name."""

    name: str


Change = Put | Drop


@frozen
class CommandId:
    """What tells a command from all others: its sender in full form, and its content's digest."""

    sender: str
    digest: str


class Store:
    """A node's memory on disk.

    Args:
        file: the database; made if there is none.
        clock: says when a command was seen, and whether it is set.

    Raises:
        NodeError: the file is not such a database, or cannot be written.
    """

    def __init__(self, file: Path, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._began = clock.now().timestamp()
        self._looked = (self._began, clock.monotonic())
        self._noted: set[CommandId] = set()
        try:
            self._database = self._opened()
            self._reader = self._opened_to_read()
        except (sqlite3.Error, OSError) as error:
            message = (
                f"the node's state in {file} cannot be used: {error}; move the file away to start"
                " with no pipelines, or restore it from a copy"
            )
            raise NodeError(message) from error

    def _opened(self) -> sqlite3.Connection:
        self._file.touch(mode=0o600)
        database = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            found = database.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                database.executescript(f"BEGIN;{_TABLES}PRAGMA user_version = {_FORMAT};COMMIT;")
            elif found != _FORMAT:
                message = f"it has format {found}, and this version of pye2-node knows {_FORMAT}"
                raise sqlite3.DatabaseError(message)
            database.executescript(_LATER_TABLES)
            self._purge(database)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _opened_to_read(self) -> sqlite3.Connection:
        """A second connection: who only looks does not wait while the disk is written to."""
        reader = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        reader.execute("PRAGMA query_only = ON")
        reader.execute(f"PRAGMA cache_size = -{_READERS_KIBIBYTES}")
        return reader

    def pipelines(self) -> dict[str, DesiredPipeline]:
        """All pipelines by name, in the order of their names.

        Raises:
            NodeError: one of them cannot be read.
        """
        with self._lock:
            rows = self._database.execute("SELECT name, content FROM pipelines").fetchall()
        found: dict[str, DesiredPipeline] = {}
        for name, content in rows:
            try:
                found[name] = pipelines_as_json.from_json(content)
            except (ValueError, KeyError, TypeError) as error:
                message = f"the pipeline {name!r} in {self._file} cannot be read: {error!r}"
                raise NodeError(message) from error
        return found

    def has_seen(self, command: CommandId) -> bool:
        """Whether this command was taken already, and that is noted or on the disk."""
        with self._reading:
            return self._knows(command)

    def _knows(self, command: CommandId) -> bool:
        """The same, for who has the lock."""
        if command in self._noted:
            return True
        row = self._reader.execute(
            "SELECT 1 FROM seen WHERE sender = ? AND digest = ?",
            (command.sender, command.digest),
        ).fetchone()
        return row is not None

    def note(self, command: CommandId) -> bool:
        """Note that a command was taken, in memory; :meth:`keep_noted` brings it to the disk.

        For one that would do nothing if it came again after a crash. It does not wait for the disk.

        Returns:
            False if the command was taken already.
        """
        with self._reading:
            if self._knows(command):
                return False
            self._noted.add(command)
            return True

    @property
    def noted(self) -> int:
        """How many commands are noted, and not on the disk yet."""
        return len(self._noted)

    def keep_noted(self) -> None:
        """Bring to the disk what is noted; waits for it once.

        Raises:
            NodeError: it could not be written; all is still noted.
        """
        with self._reading:
            noted = list(self._noted)
        with self._transaction() as database:
            for each in noted:
                self._mark(database, each)
        with self._reading:
            self._noted.difference_update(noted)

    def commit(self, changes: Sequence[Change], command: CommandId | None = None) -> bool:
        """Keep what a command changes, and that it was taken, both or neither.

        Returns:
            False, and nothing was changed, if the command was taken already.

        Raises:
            NodeError: it could not be written; nothing was changed.
        """
        return self.commit_all([(changes, command)])[0]

    def commit_all(self, taken: Sequence[tuple[Sequence[Change], CommandId | None]]) -> list[bool]:
        """Keep what several commands change, and that they were taken, in their order.

        The disk is waited for once.

        Returns:
            Of each, False, and nothing was changed, if it was taken already.

        Raises:
            NodeError: they could not be written; nothing was changed.
        """
        with self._transaction() as database:
            return [self._keep(database, changes, command) for changes, command in taken]

    def _keep(
        self, database: sqlite3.Connection, changes: Sequence[Change], command: CommandId | None
    ) -> bool:
        if command is not None and not self._mark(database, command):
            return False
        for change in changes:
            if isinstance(change, Put):
                _put(database, change.pipeline)
            else:
                _drop(database, change.name)
        return True

    def _mark(self, database: sqlite3.Connection, command: CommandId) -> bool:
        is_due = self._clock.monotonic() - self._looked[1] >= _PURGE_EVERY
        if is_due or self._leap() >= _SMALLEST_LEAP:
            self._purge(database)
        at = self._clock.now().timestamp() if self._clock.is_set() else _UNDATED
        cursor = database.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (command.sender, command.digest, at)
        )
        return cursor.rowcount == 1

    def _leap(self) -> float:
        """By how many seconds the clock was put forward since it was looked at."""
        said, monotonic = self._looked
        passed = self._clock.monotonic() - monotonic
        return self._clock.now().timestamp() - said - passed

    def _purge(self, database: sqlite3.Connection) -> None:
        """Forget what was seen long ago; nothing while that cannot be known."""
        if not self._clock.is_set():
            return
        now, leap = self._clock.now().timestamp(), self._leap()
        if leap >= _SMALLEST_LEAP:
            # What was seen in this run, by a clock that was behind, was seen later than it said.
            database.execute("UPDATE seen SET at = at + ? WHERE at >= ?", (leap, self._began))
        # What was seen while the clock was not set, or was ahead, may have been seen a minute ago.
        database.execute(
            "UPDATE seen SET at = ? WHERE at < ? OR at > ?", (now, EARLIEST.timestamp(), now)
        )
        oldest = now - DIGESTS_KEPT.total_seconds()
        database.execute("DELETE FROM seen WHERE at < ?", (oldest,))
        self._looked = (now, self._clock.monotonic())

    def save_state(self, path: InstancePath, state: bytes) -> None:
        """Keep an instance's state in place of what was kept before.

        Raises:
            NodeError: it could not be written.
        """
        with self._transaction() as database:
            database.execute(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", (*_key_of(path), state)
            )

    def load_state(self, path: InstancePath) -> bytes | None:
        """What the instance of this path kept last, if anything."""
        with self._lock:
            row = self._database.execute(
                "SELECT state FROM states WHERE pipeline = ? AND signature = ? AND instance_id = ?",
                _key_of(path),
            ).fetchone()
        return None if row is None else bytes(row[0])

    def forget_state(self, path: InstancePath) -> None:
        """Forget what the instance of this path kept.

        Raises:
            NodeError: it could not be written.
        """
        with self._transaction() as database:
            database.execute(
                "DELETE FROM states WHERE pipeline = ? AND signature = ? AND instance_id = ?",
                _key_of(path),
            )

    def kept_states(self) -> set[InstancePath]:
        """The paths of all instances that have kept something."""
        with self._lock:
            rows = self._database.execute("SELECT pipeline, signature, instance_id FROM states")
            return {InstancePath(*row) for row in rows.fetchall()}

    def guest_nodes(self) -> set[str]:
        """Those who were allowed and heard of as nodes."""
        with self._lock:
            return {row[0] for row in self._database.execute("SELECT address FROM guest_nodes")}

    def keep_guest_node(self, address: str) -> None:
        """Keep that somebody who is allowed is a node.

        Raises:
            NodeError: it could not be written.
        """
        with self._transaction() as database:
            database.execute("INSERT OR IGNORE INTO guest_nodes VALUES (?)", (address,))

    def close(self) -> None:
        """Write out everything and let go of the file."""
        with self._reading:
            self._reader.close()
        with self._lock:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                except BaseException:
                    self._database.execute("ROLLBACK")
                    raise
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                message = f"the node's state could not be written to {self._file}: {error}"
                raise NodeError(message) from error


def _put(database: sqlite3.Connection, pipeline: DesiredPipeline) -> None:
    content = pipelines_as_json.to_json(pipeline)
    database.execute(
        "INSERT OR REPLACE INTO pipelines VALUES (?, ?)", (pipeline.config.name, content)
    )


def _drop(database: sqlite3.Connection, name: str) -> None:
    database.execute("DELETE FROM pipelines WHERE name = ?", (name,))


def _key_of(path: InstancePath) -> tuple[str, str, str]:
    return (path.pipeline or "", path.signature or "", path.instance_id or "")
