"""What ``submit`` gives for a generator function: its items, as it yields them."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar

from pye2_calls.client.futures import MOST_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

CREDIT: Final = 32
"""Items that a node may send before the first is taken here: a generator that nobody reads is not
run any further. No more than these ever wait here, whatever a node sends."""


class RemoteStream(Generic[_T]):
    """The items of a generator that runs on a node.

    Iterate over it once. A generator is run as far as its items are taken, and a few further.
    Leaving a ``with`` block, or :meth:`close`, stops it, and so does letting go of this.

    Attributes:
        node: the name of the node that runs it; None before.
        came: how many items have come.
        pull: lets the node send so many items more; must not wait.

    Example:
        >>> with session.submit(readings, 0.5) as stream:
        ...     for value in stream:
        ...         print(value)
    """

    def __init__(
        self, cancel: Callable[[], object], abandon: Callable[[], object] = lambda: None
    ) -> None:
        """Make one.

        Args:
            cancel: gives the call up, wherever it is; must not wait.
            abandon: has it given up soon; must take no lock, as it is called at any moment.
        """
        self.node: str | None = None
        self.came = 0
        self.pull: Callable[[int], object] = lambda _: None
        self._give_up = cancel
        self._abandon = abandon
        self._changed = threading.Condition()
        self._items: deque[_T] = deque()
        self._credit = CREDIT
        self._is_over = False
        self._error: BaseException | None = None
        self._taken = 0
        self._printed = ""
        self._on_change: Callable[[], object] | None = None

    @property
    def stdout(self) -> str:
        """What the generator has printed so far, as far as the node has sent it."""
        return self._printed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._is_over)
            if not self._items:
                return self._end()
            item = self._items.popleft()
        self._note_taken()
        return item

    def take(self, timeout: float) -> _T:
        """The next item.

        Args:
            timeout: seconds to wait for it.

        Raises:
            TimeoutError: it did not come in time; it may still come.
            StopIteration: there are no more.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._is_over, timeout):
                message = f"the generator yielded nothing in {timeout:g} s"
                raise TimeoutError(message)
        return next(self)

    def _end(self) -> _T:
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def _note_taken(self) -> None:
        self._taken += 1
        if self._taken >= CREDIT // 2 and not self._is_over:
            taken, self._taken = self._taken, 0
            with self._changed:
                self._credit += taken
            self.pull(taken)

    def close(self) -> None:
        """Stop the generator; items that have come can still be taken. Harmless if it has ended."""
        if self._finish(None):
            self._give_up()

    def __del__(self) -> None:
        if not self._is_over:
            self._abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def when_changed(self, tell: Callable[[], object]) -> None:
        """Have ``tell`` called whenever there may be something to take; it must not wait."""
        self._on_change = tell
        tell()

    def take_ready(self) -> tuple[bool, Any]:
        """Whether there is an item now, or the end; and the item.

        Raises:
            StopIteration: there are no more.
        """
        with self._changed:
            if not self._items and not self._is_over:
                return False, None
        return True, next(self)

    # --- for the dispatcher -----------------------------------------------------------------------

    def note_output(self, text: str) -> None:
        """The generator has printed something more."""
        self._printed = (self._printed + text)[-MOST_OUTPUT:]

    def note_all_output(self, text: str) -> None:
        """All that it printed, however much of it came before."""
        self._printed = text[-MOST_OUTPUT:]

    def count_item(self) -> bool:
        """A further item has come; whether its node was let send that many."""
        with self._changed:
            if not self._credit:
                return False
            self._credit -= 1
            self.came += 1
            return True

    def add(self, item: _T) -> None:
        """The generator yielded something."""
        with self._changed:
            if not self._is_over:
                self._items.append(item)
        self._tell()

    def succeed(self, value: object = None, size: int = 0) -> None:
        """The generator is over."""
        del value, size
        self._finish(None)

    def fail(self, error: BaseException) -> None:
        """The generator raised, or was lost."""
        self._finish(error)

    def _finish(self, error: BaseException | None) -> bool:
        with self._changed:
            if self._is_over:
                return False
            self._is_over = True
            self._error = error
        self._tell()
        return True

    def _tell(self) -> None:
        with self._changed:
            self._changed.notify_all()
        if self._on_change is not None:
            self._on_change()
