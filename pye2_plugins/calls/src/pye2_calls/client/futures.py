"""What ``submit`` gives: a future of a value that is computed on a node."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MOST_OUTPUT: Final = 1024 * 1024
"""Characters of output that a future keeps; the oldest are dropped."""

_cancelling: Final = threading.Lock()
"""Guards for a moment which of several threads that cancel a future is the first."""


class Keeper(Protocol):
    """Who has the calls of a session. Nothing here waits."""

    def cancel(self, call_id: int) -> object:
        """Give a call up, wherever it is."""

    def withdraw(self, call_id: int) -> bool:
        """Give a call up unless it has begun; whether it is certain that it has not."""

    def call_back(self, call: Callable[[], object]) -> object:
        """Run what may take its time, on a thread on which no results come."""


class RemoteFuture(Future[_T]):
    """The value of a call on a node, as soon as it is there.

    As every future of ``concurrent.futures``, and works with its ``wait`` and ``as_completed``.
    What the function raises is raised again by :meth:`result`, with the traceback on the node as
    its cause. Unlike a pool's, a call that runs can be cancelled: it is stopped.

    Attributes:
        node: the name of the node that the call was given to; None while it waits.
        size: bytes of the call's arguments.
        came: bytes of its value; 0 before it has come.
    """

    def __init__(self, keeper: Keeper, call_id: int, size: int = 0) -> None:
        """Make one.

        Args:
            keeper: who has the call.
            call_id: which one it is there.
            size: bytes of the call's arguments.
        """
        super().__init__()
        self.size = size
        self.came = 0
        self.node: str | None = None
        self._keeper = keeper
        self._id = call_id
        self._is_given_up = False
        self._settling: int | None = None
        self._printed = ""

    @property
    def stdout(self) -> str:
        """What the function has printed so far, as far as the node has sent it.

        With ``on_output=`` it comes while the function runs, otherwise at its end.
        """
        return self._printed

    def __repr__(self) -> str:
        if not self.running():
            return super().__repr__()
        # To what made it, it is pending as long as it can be cancelled, which a running one can.
        return f"<{type(self).__name__} at {id(self):#x} state=running>"

    def running(self) -> bool:
        """Whether a node has the call."""
        return self.node is not None and not self.done()

    def cancel(self) -> bool:
        """Give the call up; if it runs, it is stopped on its node.

        Returns:
            Whether it is cancelled; False if it had ended before.
        """
        if not super().cancel():
            return False
        with _cancelling:
            is_first, self._is_given_up = not self._is_given_up, True
        if is_first:
            self.set_running_or_notify_cancel()
            self._keeper.cancel(self._id)
        return True

    def withdraw(self) -> None:
        """Give the call up unless it has begun, which its node may have to be asked."""
        if self._keeper.withdraw(self._id):
            self.cancel()

    def add_done_callback(self, fn: Callable[[Future[_T]], object]) -> None:
        """Have ``fn`` called with this future when it is done; it may wait for other calls."""
        # What is kept for good must not name this future: its value would wait for the collector.
        super().add_done_callback(partial(_call_back, fn))

    def when_done(self, tell: Callable[[Future[_T]], object]) -> None:
        """Have something told at once when this is done, on any thread; it must not wait."""
        super().add_done_callback(tell)

    def call_back(self, fn: Callable[[Future[_T]], object]) -> None:
        """Have ``fn`` called with this now, but not on a thread on which results come."""
        if self._settling == threading.get_ident():
            self._keeper.call_back(partial(fn, self))
        else:
            fn(self)

    # --- for the dispatcher -----------------------------------------------------------------------

    def note_output(self, text: str) -> None:
        """The function has printed something more."""
        self._printed = (self._printed + text)[-MOST_OUTPUT:]

    def note_all_output(self, text: str) -> None:
        """All that the function printed, however much of it came before."""
        self._printed = text[-MOST_OUTPUT:]

    def succeed(self, value: Any, size: int = 0) -> None:
        """The call returned; nothing happens if it was cancelled meanwhile.

        Args:
            value: what it returned.
            size: its bytes.
        """
        self.came = size
        self._settle(partial(self.set_result, value))

    def fail(self, error: BaseException) -> None:
        """The call ended with an error; nothing happens if it was cancelled meanwhile."""
        self._settle(partial(self.set_exception, error))

    def _settle(self, end: Callable[[], object]) -> None:
        self._settling = threading.get_ident()
        with suppress(InvalidStateError):
            end()
        self._settling = None


def _call_back(fn: Callable[[Future[Any]], object], done: Future[Any]) -> None:
    assert isinstance(done, RemoteFuture), "it was added to one"
    done.call_back(fn)
