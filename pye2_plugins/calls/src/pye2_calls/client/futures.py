"""What ``submit`` gives: a future of a value that is computed on a node."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MOST_OUTPUT = 1024 * 1024
"""Characters of output that a future keeps; the oldest are dropped."""


class RemoteFuture(Future[_T]):
    """The value of a call on a node, as soon as it is there.

    As every future of ``concurrent.futures``, and works with its ``wait`` and ``as_completed``.
    What the function raises is raised again by :meth:`result`, with the traceback on the node as
    its cause. Unlike a pool's, a call that runs can be cancelled: it is stopped.

    Attributes:
        node: the name of the node that the call was given to; None while it waits.
        size: bytes of the call's arguments.
    """

    def __init__(self, cancel: Callable[[], object], size: int = 0) -> None:
        """Make one.

        Args:
            cancel: gives the call up, wherever it is; must not wait.
            size: bytes of the call's arguments.
        """
        super().__init__()
        self.size = size
        self.node: str | None = None
        self.has_callbacks = False
        self._give_up = cancel
        self._printed = ""
        self._cancelling = threading.RLock()  # what is called back may cancel it, too

    @property
    def stdout(self) -> str:
        """What the function has printed so far, as far as the node has sent it.

        With ``on_output=`` it comes while the function runs, otherwise at its end.
        """
        return self._printed

    def running(self) -> bool:
        """Whether a node has the call."""
        return self.node is not None and not self.done()

    def cancel(self) -> bool:
        """Give the call up; if it runs, it is stopped on its node.

        Returns:
            Whether it is cancelled; False if it had ended before.
        """
        with self._cancelling:
            if self.cancelled():
                return True
            if not super().cancel():
                return False
            self.set_running_or_notify_cancel()
        self._give_up()
        return True

    def add_done_callback(self, fn: Callable[[Future[_T]], object]) -> None:
        """Have ``fn`` called with this future when it is done; it may wait for other calls."""
        self.has_callbacks = True
        super().add_done_callback(fn)

    # --- for the dispatcher -----------------------------------------------------------------------

    def note_output(self, text: str) -> None:
        """The function has printed something more."""
        self._printed = (self._printed + text)[-MOST_OUTPUT:]

    def note_all_output(self, text: str) -> None:
        """All that the function printed, however much of it came before."""
        self._printed = text[-MOST_OUTPUT:]

    def succeed(self, value: Any) -> None:
        """The call returned; nothing happens if it was cancelled meanwhile."""
        with suppress(InvalidStateError):
            self.set_result(value)

    def fail(self, error: BaseException) -> None:
        """The call ended with an error; nothing happens if it was cancelled meanwhile."""
        with suppress(InvalidStateError):
            self.set_exception(error)
