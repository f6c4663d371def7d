"""How a command on the same machine has a running node look at its white list at once.

A FIFO in the node's home: unlike a signal it cannot reach a process that is not the node, as the
number of a process could that ended, or that lives in another container.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def doorbell_of(home: Path) -> Path:
    """Where the node that lives in ``home`` can be rung."""
    return home / "node.bell"


def ring(home: Path) -> bool:
    """Have the node of this home look; whether one is there to hear it."""
    try:
        descriptor = os.open(doorbell_of(home), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.write(descriptor, b"!")
    except BlockingIOError:
        return True  # it was rung so often that it will look in any case
    finally:
        os.close(descriptor)
    return True


class Doorbell:
    """A node's end of it, on the node's loop.

    Args:
        home: the node's home.
        on_ring: called when somebody rings.
    """

    def __init__(self, home: Path, on_ring: Callable[[], None]) -> None:
        path = doorbell_of(home)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        # Open for writing too: with no writer left a FIFO would be at its end again and again.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._on_ring = on_ring
        asyncio.get_running_loop().add_reader(self._descriptor, self._answer)

    def _answer(self) -> None:
        os.read(self._descriptor, 4096)
        self._on_ring()

    def close(self) -> None:
        """Hear nothing more."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
