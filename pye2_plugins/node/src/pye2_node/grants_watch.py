"""Has instances hear of what is granted, or granted no more, while they run.

On the node's loop. Commands on this machine ring, and are heard at once; whoever writes into
``allow.toml`` by hand is noticed by a look at the file every few seconds, for as long as an
instance asks for something, or is one client's alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pye2core.messages import GRANTS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from pye2_node.allow_list import AllowList
    from pye2_node.instances import RunningInstance

_log = logging.getLogger("pye2_node")

LOOK_AGAIN: Final = 3.0
"""Seconds between two looks at the file; nothing is read where it has not changed."""


class GrantsWatch:
    """Compares what is granted with what it was, and has instances look where it is something else.

    Args:
        allow_list: knows what is granted.
        instances: gives all instances of the node.
        loop: the node's.
    """

    def __init__(
        self,
        allow_list: AllowList,
        instances: Callable[[], Iterable[RunningInstance]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._allow_list = allow_list
        self._instances = instances
        self._loop = loop
        self._known = self._present()
        self._next: asyncio.TimerHandle | None = None
        self._reviews: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    def look_soon(self) -> None:
        """Something is asked for: look at the file again in a while."""
        if self._next is None and not self._is_stopped:
            self._next = self._loop.call_later(LOOK_AGAIN, self._look_again)

    def look(self) -> None:
        """Look now."""
        present = self._present()
        if present == self._known:
            return
        self._known = present
        for each in self._asking():
            review = self._loop.create_task(each.review_grants())
            self._reviews.add(review)
            review.add_done_callback(self._on_reviewed)

    def stop(self) -> None:
        """Look no more."""
        self._is_stopped = True
        if self._next is not None:
            self._next.cancel()
        for review in self._reviews:
            review.cancel()

    def _look_again(self) -> None:
        self._next = None
        self.look()
        if self._asking():
            self.look_soon()

    def _present(self) -> object:
        return {each.address: each.grants for each in self._allow_list.guests()}

    def _asking(self) -> list[RunningInstance]:
        """Those that may have to end: they ask for something, or are one client's alone."""
        return [
            each
            for each in self._instances()
            if each.context.is_private or each.config.settings.get(GRANTS) is not None
        ]

    def _on_reviewed(self, review: asyncio.Task[None]) -> None:
        self._reviews.discard(review)
        if not review.cancelled() and (error := review.exception()) is not None:
            _log.error("what is granted was not looked at again", exc_info=error)
