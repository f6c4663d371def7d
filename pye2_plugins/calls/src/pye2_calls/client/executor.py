"""Nodes as an executor of ``concurrent.futures``."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Executor, Future, wait
from typing import TYPE_CHECKING, Any

from pye2_calls.client.streams import RemoteStream
from pye2core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

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
        self._unfinished: weakref.WeakSet[Future[Any]] = weakref.WeakSet()

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
        with self._lock:
            if self._is_shut_down:
                message = "cannot schedule new futures after shutdown"
                raise RuntimeError(message)
            future = self._calls.call(fn, args, kwargs, self._options)
            if isinstance(future, RemoteStream):
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
    ) -> Iterator[Any]:
        """As ``Executor.map``; short calls are put together by themselves, too.

        Raises:
            ValueError: ``chunksize`` is less than one.
            TimeoutError: on iterating: a value did not come in time.
        """
        if chunksize < 1:
            message = "chunksize must be >= 1."
            raise ValueError(message)
        return super().map(fn, *iterables, timeout=timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as in Python's
        """Take no more calls.

        Args:
            wait: whether to return only when all calls have ended.
            cancel_futures: whether to give up those that no node has begun.
        """
        with self._lock:
            self._is_shut_down = True
            left = [each for each in self._unfinished if not each.done()]
        if cancel_futures:
            for future in left:
                if not future.running():
                    future.cancel()
        if wait:
            _wait_for(left)


def _wait_for(futures: list[Future[Any]]) -> None:
    wait(futures)
