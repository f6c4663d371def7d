"""What becomes of the things that custom code says while it runs: ``plugin.P``, payloads, caches.

The node's side; every name, size and type was checked before it comes here (``sandbox.events``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import stat
from typing import TYPE_CHECKING, Any, Final, Protocol

from pye2_node.sandbox.events import NotKept
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pye2_node.budget import Budget
    from pye2core.clock import Clock
    from pye2core.messages import InstancePath

_log = logging.getLogger("pye2_node.code")

_LINES_AT_ONCE: Final = 100
_LONGEST_KEPT: Final = 64 * 1024 * 1024
_TABULATOR: Final = 4
_SMALLEST: Final = 4096
"""Bytes that even an empty file counts for."""


class Owner(Protocol):
    """The instance whose code it is."""

    @property
    def path(self) -> InstancePath:
        """Which instance it is."""

    @property
    def folder(self) -> Path:
        """Its own folder."""

    @property
    def most_kept(self) -> int:
        """Bytes that it may keep."""

    @property
    def keeping(self) -> Budget:
        """Bytes that it may have written, old ones over and over included."""

    @property
    def clock(self) -> Clock:
        """The node's clock."""

    def tell_limit(self, name: str, value: float) -> None:
        """Say that it has come to a limit."""

    async def emit(self, fields: Mapping[str, Any]) -> None:
        """Send a payload."""


class CodeEvents:
    """Hears the custom code of one instance; implements ``sandbox.WorkerEvents``."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def on_log(self, text: str) -> None:
        """Write what the code prints to the node's log, each line as one of this instance."""
        path = self._owner.path
        who = printable(f"{path.pipeline}:{path.instance_id}")
        for number, line in enumerate(text.splitlines() or [""]):
            if number % _LINES_AT_ONCE == 0:
                await asyncio.sleep(0)  # the node has more to do
            _log.info("%s: %s", who, printable(line.expandtabs(_TABULATOR)))

    async def on_payload(self, fields: Mapping[str, Any]) -> None:
        """Send a payload at once."""
        await self._owner.emit(fields)

    async def on_cache_save(self, name: str, text: str) -> None:
        """Keep a text in the instance's folder, as soon as its budget lets it.

        Raises:
            NotKept: with the others there it would be more than the instance may keep.
        """
        most, data = self._owner.most_kept, text.encode()
        await self._keep_to_budget(max(len(data), _SMALLEST))
        try:
            await asyncio.to_thread(_write, self._owner.folder, name, data, most)
        except NotKept:
            self._owner.tell_limit("disk", most)
            raise

    async def _keep_to_budget(self, size: int) -> None:
        """Spare the disk: code that writes over the same text again and again would wear it out."""
        keeping, clock = self._owner.keeping, self._owner.clock
        while (seconds := keeping.seconds_to_wait(clock.monotonic())) > 0:
            self._owner.tell_limit("kept_rate", keeping.a_second)
            await asyncio.sleep(seconds)
        keeping.spend(size, clock.monotonic())

    async def on_cache_load(self, name: str) -> str | None:
        """What is kept under a name."""
        return await asyncio.to_thread(_read, self._owner.folder, name)

    async def on_limit(self, name: str, value: float) -> None:
        """Say that the code has come to a limit."""
        self._owner.tell_limit(name, value)


# What is in this folder may be anything, should somebody have come to it: no link is followed, and
# nothing but files is opened.


def _write(folder: Path, name: str, data: bytes, most: int) -> None:
    draft = f".{secrets.token_hex(8)}.new"  # names that come here do not begin with a dot
    with _opened(folder) as caches:
        if _taken(caches, name) + max(len(data), _SMALLEST) > most:
            raise NotKept(
                f"{name} cannot be kept: an instance may keep {most} bytes in all; replace what is "
                "kept under other names by less"
            )
        fresh = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(draft, fresh, 0o600, dir_fd=caches)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(draft, name, src_dir_fd=caches, dst_dir_fd=caches)
        except BaseException:
            os.unlink(draft, dir_fd=caches)
            raise


def _taken(caches: int, name: str) -> int:
    """Bytes that everything but the file of this name takes."""
    with os.scandir(caches) as entries:
        others = [each for each in entries if each.name != name]
        return sum(max(each.stat(follow_symlinks=False).st_size, _SMALLEST) for each in others)


def _read(folder: Path, name: str) -> str | None:
    with _opened(folder) as caches:
        known = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(name, known, dir_fd=caches)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, encoding="utf-8") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LONGEST_KEPT:
                raise OSError(f"{name} is no file that a node keeps")
            return file.read()


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of the folder where the texts are; made if it is not there yet."""
    caches = folder / "cache"
    caches.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(caches, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
