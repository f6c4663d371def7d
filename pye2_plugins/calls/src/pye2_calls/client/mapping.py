"""``Session.map``: a function over many arguments, with its calls as they end."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Sized
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tqdm import tqdm

AHEAD: Final = 2_000
"""Calls that are under way or wait to be taken, at most: an endless iterable is read as far as its
values are."""


class Mapped:
    """The calls of one ``map``, each as soon as it has ended.

    The first are under way when it is made, as with an executor's map; further ones are submitted
    as those are taken.

    Args:
        submit: has the function called with one tuple of arguments.
        iterables: the arguments; it ends with the shortest.
        ordered: whether calls come in the order of their arguments, or as they end.
        progress: whether to show a bar.
    """

    def __init__(
        self,
        submit: Callable[[tuple[Any, ...]], Future[Any]],
        iterables: Sequence[Iterable[Any]],
        *,
        ordered: bool,
        progress: bool,
    ) -> None:
        self._submit = submit
        self._arguments = zip(*iterables, strict=False)
        self._waiting: OrderedDict[Future[Any], None] = OrderedDict()
        self._ended: deque[Future[Any]] = deque()
        self._changed = threading.Condition()
        self._is_read = False
        self._next = self._next_in_order if ordered else self._next_ended
        self._note = self._expect if ordered else self._watch
        self._bar = _bar(_length_of(iterables)) if progress else None
        self._read_ahead()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Future[Any]:
        self._read_ahead()
        future = self._next()
        if self._bar is not None:
            self._bar.update()
        return future

    def close(self) -> None:
        """Give up what nobody will take; whoever waits for it in another thread is woken."""
        self._is_read = True
        for future in list(self._waiting):
            future.cancel()
        if self._bar is not None:
            self._bar.close()

    def _read_ahead(self) -> None:
        while not self._is_read and len(self._waiting) + len(self._ended) < AHEAD:
            try:
                arguments = next(self._arguments)
            except StopIteration:
                self._is_read = True
                return
            self._note(self._submit(arguments))

    def _expect(self, future: Future[Any]) -> None:
        self._waiting[future] = None

    def _watch(self, future: Future[Any]) -> None:
        with self._changed:
            self._waiting[future] = None
        future.add_done_callback(self._note_end)

    def _note_end(self, future: Future[Any]) -> None:
        with self._changed:
            del self._waiting[future]
            self._ended.append(future)
            self._changed.notify_all()

    def _next_in_order(self) -> Future[Any]:
        if not self._waiting:
            raise StopIteration
        future = next(iter(self._waiting))
        with suppress(CancelledError):
            future.exception()  # waits for it; whoever takes it sees what came of it
        del self._waiting[future]
        return future

    def _next_ended(self) -> Future[Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._waiting)
            if not self._ended:
                raise StopIteration
            return self._ended.popleft()


def _length_of(iterables: Sequence[Iterable[Any]]) -> int | None:
    lengths = [len(each) for each in iterables if isinstance(each, Sized)]
    return min(lengths) if len(lengths) == len(iterables) and lengths else None


def _bar(total: int | None) -> tqdm[Any]:
    from tqdm.auto import tqdm

    return tqdm(total=total, unit="call")
