"""A session for programs on asyncio: the same, awaited.

You are in the client room, outermost: this wraps a ``Session`` and adds nothing of its own. What
takes time in a session runs in a thread; what a call gives is awaited on the loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pye2core.client.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from pye2core.client.session_calls import Stream


class AsyncSession:
    """A ``Session`` whose calls are awaited.

    Everything else is reached through :attr:`session`, and waits as it does there: give what takes
    long to ``asyncio.to_thread``.

    Args:
        arguments: as ``Session``; it connects when it is entered.

    Attributes:
        session: the session; None before it is entered.

    Example:
        ::

            async with AsyncSession("mqtt://broker.lan") as session:
                print(await session.submit(pow, 2, 10))
                async for value in session.map(score, rows):
                    ...
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.session: Session | None = None
        self._make = lambda: Session(*arguments, **named)

    async def __aenter__(self) -> Self:
        thread = ThreadPoolExecutor(1, "pye2-connect")
        connecting = thread.submit(self._make)
        thread.shutdown(wait=False)
        try:
            self.session = await asyncio.wrap_future(connecting)
        except asyncio.CancelledError:
            connecting.add_done_callback(_close_unused)  # a thread is not to be stopped
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session; calls that have not ended are ended."""
        if self.session is not None:
            await asyncio.to_thread(self.session.close)

    @property
    def _open(self) -> Session:
        if self.session is None:
            message = "the session is not connected yet: use it in `async with AsyncSession(…)`"
            raise RuntimeError(message)
        return self.session

    def submit(
        self, function: Callable[..., Any], /, *args: Any, node: str | None = None, **kwargs: Any
    ) -> Any:
        """Have a function run on a node; as ``Session.submit``.

        Returns:
            What can be awaited for its value, and cancelled as every task; for a generator
            function an asynchronous iterator of what it yields.
        """
        outcome = self._open.submit(function, *args, node=node, **kwargs)
        if isinstance(outcome, Future):
            return asyncio.wrap_future(outcome)
        return AsyncStream(outcome)

    async def map(
        self,
        function: Callable[..., Any],
        /,
        *iterables: Iterable[Any],
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Call a function with each of many arguments; as ``Session.map``.

        Yields:
            The values. Leaving the loop early gives up the calls that are left.
        """
        loop = asyncio.get_running_loop()
        # A thread of its own: those that the loop shares out are few, and whatever else needs one
        # would have to wait until values come.
        thread = ThreadPoolExecutor(1, "pye2-map")
        run: Callable[..., Any] = copy_context().run
        making = thread.submit(run, self._open.map_calls, function, *iterables, **options)
        try:
            ends = await asyncio.wrap_future(making)
            take = partial(loop.run_in_executor, thread, run, next, ends, None)
            while (future := await take()) is not None:
                yield future.result()
        finally:
            making.add_done_callback(_close_unused)  # a thread is not to be stopped
            thread.shutdown(wait=False)


class AsyncStream:
    """What a generator on a node yields, for ``async for``.

    Leaving an ``async with`` block, or :meth:`aclose`, stops the generator.

    Attributes:
        stream: the stream itself, with ``node`` and ``stdout``.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        stream.when_changed(self._wake)

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits on it any more
            self._loop.call_soon_threadsafe(self._changed.set)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while True:
            self._changed.clear()
            try:
                is_there, item = self.stream.take_ready()
            except StopIteration:
                raise StopAsyncIteration from None
            if is_there:
                return item
            await self._changed.wait()

    async def aclose(self) -> None:
        """Stop the generator."""
        self.stream.close()


def _close_unused(making: Future[Any]) -> None:
    """Close what somebody has asked for who does not wait for it (any more)."""
    if not making.cancelled() and making.exception() is None:
        making.result().close()
