"""What becomes of the things that custom code says while it runs: ``plugin.P``, payloads, caches.

The node's side; every name, size and type was checked before it comes here (``sandbox.events``).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pye2core.messages import InstancePath

_log = logging.getLogger("pye2_node.code")


class Owner(Protocol):
    """The instance whose code it is."""

    @property
    def path(self) -> InstancePath:
        """Which instance it is."""

    @property
    def folder(self) -> Path:
        """Its own folder."""

    async def emit(self, fields: Mapping[str, Any]) -> None:
        """Send a payload."""


class CodeEvents:
    """Hears the custom code of one instance; implements ``sandbox.WorkerEvents``."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def on_log(self, text: str) -> None:
        """Write what the code prints to the node's log."""
        path = self._owner.path
        _log.info("%s:%s: %s", path.pipeline, path.instance_id, text)

    async def on_payload(self, fields: Mapping[str, Any]) -> None:
        """Send a payload at once."""
        await self._owner.emit(fields)

    async def on_cache_save(self, name: str, text: str) -> None:
        """Keep a text in the instance's folder."""
        await asyncio.to_thread(_write, self._owner.folder, name, text)

    async def on_cache_load(self, name: str) -> str | None:
        """What is kept under a name."""
        return await asyncio.to_thread(_read, self._owner.folder, name)


def _write(folder: Path, name: str, text: str) -> None:
    caches = folder / "cache"
    caches.mkdir(mode=0o700, exist_ok=True)
    draft = caches / f".{name}.new"  # names that come here do not begin with a dot
    draft.write_text(text, encoding="utf-8")
    draft.replace(caches / name)


def _read(folder: Path, name: str) -> str | None:
    try:
        return (folder / "cache" / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
