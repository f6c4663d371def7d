"""Whether a node hears roll calls: brokers may forbid them, and some do so in silence.

On the node's loop, except where it is said otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE_SECONDS: Final = 1.0
"""For so long the first heartbeat waits for it to be known."""


class RollCalls:
    """What a node knows of the roll calls at its broker: it hears them if it hears its own.

    Args:
        is_forbidden: whether the broker said that they may not be listened to.
        on_first: called when the first one was heard.
    """

    def __init__(self, is_forbidden: Callable[[], bool], on_first: Callable[[], None]) -> None:
        self._is_forbidden = is_forbidden
        self._on_first = on_first
        self._heard = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def may_be_heard(self) -> bool:
        """Whether it is worth while to call one."""
        return not self._is_forbidden()

    @property
    def are_heard(self) -> bool:
        """Whether those that others call are heard here; from any thread."""
        return self._heard.is_set() and self.may_be_heard

    def note(self) -> None:
        """One was heard; from any thread."""
        if not self._heard.is_set():
            self._loop.call_soon_threadsafe(self._note_first)

    def _note_first(self) -> None:
        if not self._heard.is_set():
            self._heard.set()
            self._on_first()

    async def wait_for_own(self) -> None:
        """Wait until the one that this node called has come back, or will not."""
        if self.may_be_heard:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._heard.wait()
