"""Nodes as an executor of ``concurrent.futures``."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from concurrent.futures import CancelledError, Executor, Future, wait
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from pye2_calls.client.futures import RemoteFuture
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pye2_calls.client.calls import SessionCalls


class RemoteExecutor(Executor):
    """Runs functions on nodes, wherever an executor is taken.

    Its futures are ``RemoteFuture``: they can be cancelled while they run, too. Shutting it down
    ends neither the session nor what others have submitted.

    Example:
        >>> with session.executor(timeout=60) as executor:
        ...     values = list(executor.map(score, rows))
    """

    def __init__(self, calls: SessionCalls, options: Mapping[str, Any]) -> None:
        self._calls = calls
        self._options = options
        self._lock = threading.Lock()
        self._is_shut_down = False
        self._unfinished: weakref.WeakSet[RemoteFuture[Any]] = weakref.WeakSet()

    @property
    def slots(self) -> int:
        """How many calls its nodes run at once, those that are there now.

        Raises:
            CallRefused: there is none that it may use.
        """
        return self._calls.slots(self._options)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have ``fn(*args, **kwargs)`` run on a node; all of them are the function's own.

        Raises:
            RuntimeError: the executor was shut down.
            Pye2Error: as ``Session.submit``.
        """
        return self._begin(fn, args, kwargs)

    def _begin(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        together: int = 1,
    ) -> RemoteFuture[Any]:
        with self._lock:
            if self._is_shut_down:
                message = "cannot schedule new futures after shutdown"
                raise RuntimeError(message)
            future = self._calls.call(fn, args, kwargs, self._options, together=together)
            if not isinstance(future, RemoteFuture):
                future.close()
                raise SettingsError(
                    "an executor takes functions that return a value; a generator function is"
                    " for session.submit()",
                    setting="fn",
                )
            self._unfinished.add(future)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """As ``Executor.map``; short calls are put together by themselves, too.

        Letting go of what it returns gives up the calls that are left.

        Args:
            fn: what to call.
            iterables: its arguments; it ends with the shortest.
            timeout: seconds from now in which each value has to come.
            chunksize: how many calls a node is given at once for each of its slots, at least.
            buffersize: calls whose values were not taken yet, after which no further arguments are
                read; None to read all of them at once.

        Raises:
            TypeError, ValueError: ``chunksize`` or ``buffersize`` is no number from one.
            TimeoutError: on iterating: a value did not come in time.
        """
        if chunksize < 1:
            message = "chunksize must be >= 1."
            raise ValueError(message)
        _check_buffersize(buffersize)
        deadline = None if timeout is None else self._calls.clock.monotonic() + timeout
        begun = (self._begin(fn, each, {}, chunksize) for each in zip(*iterables, strict=False))
        values = self._values(begun, buffersize, deadline)
        next(values)
        return values

    def _values(
        self,
        begun: Iterator[RemoteFuture[Any]],
        buffersize: int | None,
        deadline: float | None,
    ) -> Iterator[Any]:
        """First None when the first calls are under way, and then the values."""
        futures: deque[RemoteFuture[Any]] = deque()
        try:
            futures.extend(islice(begun, buffersize))
            yield None
            while futures:
                if buffersize is not None:
                    futures.extend(islice(begun, 1))
                yield self._value_of(futures, deadline)
        finally:
            for future in futures:
                future.cancel()

    def _value_of(self, futures: deque[RemoteFuture[Any]], deadline: float | None) -> Any:
        left = None if deadline is None else deadline - self._calls.clock.monotonic()
        with suppress(CancelledError):
            futures[0].exception(left)  # one that does not come in time is given up with the rest
        return futures.popleft().result()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Python's
        """Take no more calls.

        Args:
            wait: whether to return only when all calls have ended.
            cancel_futures: whether to give up those that have not begun: those that nodes were
                given ahead of time are asked back.
        """
        with self._lock:
            self._is_shut_down = True
            left = [each for each in self._unfinished if not each.done()]
        if cancel_futures:
            for future in left:
                future.withdraw()
        if wait:
            _wait_for(left)


def _wait_for(futures: list[RemoteFuture[Any]]) -> None:
    wait(futures)


def _check_buffersize(given: object) -> None:
    if given is None:
        return
    if not isinstance(given, int):
        message = "buffersize must be an integer or None"
        raise TypeError(message)
    if given < 1:
        message = "buffersize must be None or > 0"
        raise ValueError(message)
