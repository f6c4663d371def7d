"""``Session.map``: a function over many arguments, with its calls as they end."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sized
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tqdm import tqdm

    from pye2_calls.client.futures import RemoteFuture
    from pye2_calls.client.plans import Flow

AHEAD: Final = 2_000
"""Calls that are under way or wait to be taken, at most: an endless iterable is read as far as its
values are."""

BYTES_AHEAD: Final = 128 * 1024 * 1024
"""Bytes of the arguments of such calls after which no more are read: with a folder of photographs,
its first ones."""


class Mapped:
    """The calls of one ``map``, each as soon as it has ended.

    The first are under way when it is made, as with an executor's map; further ones are submitted
    as those are taken.

    Args:
        submit: has the function called with one tuple of arguments.
        iterables: the arguments; it ends with the shortest.
        flow: what is known of their values that nobody has taken.
        go_on: has calls looked at again that were held back for these.
        ordered: whether calls come in the order of their arguments, or as they end.
        progress: whether to show a bar.
    """

    def __init__(
        self,
        submit: Callable[[tuple[Any, ...]], RemoteFuture[Any]],
        iterables: Sequence[Iterable[Any]],
        flow: Flow,
        go_on: Callable[[], object],
        *,
        ordered: bool,
        progress: bool,
    ) -> None:
        self._submit = submit
        self._arguments = zip(*iterables, strict=False)
        self._waiting: OrderedDict[RemoteFuture[Any], None] = OrderedDict()
        self._ended: deque[RemoteFuture[Any]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_read = False
        self._is_closed = False
        self._next = self._next_in_order if ordered else self._next_ended
        self._note = self._expect if ordered else self._watch
        self._flow = flow
        self._go_on = go_on
        self._bar = _bar(_length_of(iterables)) if progress else None
        try:
            self._read_ahead()
        except BaseException:  # nobody else has what was submitted until then
            self.close()
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> RemoteFuture[Any]:
        self._read_ahead()
        future = self._next()
        self._bytes -= future.size
        self._flow.taken += future.came
        self._flow.is_waited_for = False
        if self._flow.is_held:
            self._go_on()
        if self._bar is not None:
            self._bar.update()
        return future

    def close(self) -> None:
        """Give up what nobody will take; whoever waits for it in another thread is woken."""
        self._is_read = self._is_closed = True
        for future in list(self._waiting):
            future.cancel()
        if self._bar is not None:
            self._bar.close()

    def _read_ahead(self) -> None:
        while not self._is_read and self._may_read_on():
            try:
                arguments = next(self._arguments)
            except StopIteration:
                self._is_read = True
                return
            future = self._submit(arguments)
            self._bytes += future.size
            self._note(future)
            if self._is_closed:  # another thread has closed this, and may not have seen it
                future.cancel()

    def _may_read_on(self) -> bool:
        return len(self._waiting) + len(self._ended) < AHEAD and self._bytes < BYTES_AHEAD

    def _expect(self, future: RemoteFuture[Any]) -> None:
        self._waiting[future] = None

    def _watch(self, future: RemoteFuture[Any]) -> None:
        with self._changed:
            self._waiting[future] = None
        future.when_done(self._note_end)

    def _note_end(self, future: Any) -> None:  # the one that was watched
        with self._changed:
            del self._waiting[future]
            self._ended.append(future)
            self._changed.notify_all()

    def _next_in_order(self) -> RemoteFuture[Any]:
        if not self._waiting:
            raise StopIteration
        future = next(iter(self._waiting))
        self._flow.is_waited_for = True
        if self._flow.is_held:
            self._go_on()
        with suppress(CancelledError):
            future.exception()  # waits for it; whoever takes it sees what came of it
        del self._waiting[future]
        return future

    def _next_ended(self) -> RemoteFuture[Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._waiting)
            if not self._ended:
                raise StopIteration
            return self._ended.popleft()


def _length_of(iterables: Sequence[Iterable[Any]]) -> int | None:
    """How many calls there are at most, as far as that is known without reading."""
    return min((len(each) for each in iterables if isinstance(each, Sized)), default=None)


def _bar(total: int | None) -> tqdm[Any]:
    from tqdm.auto import tqdm

    # None: a terminal shows it, and a log does not; notebooks show it in their own way.
    return tqdm(total=total, unit="call", disable=None)
