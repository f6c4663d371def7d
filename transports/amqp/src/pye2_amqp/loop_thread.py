"""A thread with an asyncio loop: the one thread that touches what is made there.

pika's connections belong to one thread; whoever else wants something of them asks for it here.
Nothing here knows AMQP.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_T = TypeVar("_T")


class LoopThread:
    """Runs what it is given, until :meth:`stop`.

    Args:
        name: the thread's name.
        on_fault: called by the thread with whatever a callback raised.
    """

    def __init__(self, name: str, on_fault: Callable[[BaseException], None]) -> None:
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._stopping = False
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._fault)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; what was asked for before is done now. Harmless when repeated."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    @property
    def runs_here(self) -> bool:
        """Whether this is asked from within the thread."""
        return self._thread is threading.current_thread()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the thread call something soon; nothing happens after :meth:`stop`."""
        with self._lock:
            if not self._stopping:
                self._loop.call_soon_threadsafe(function, *arguments)

    def submit(self, begin: Callable[[], Coroutine[Any, Any, _T]]) -> Future[_T]:
        """Have the thread run a coroutine; its future, which :meth:`stop` cancels.

        Cancelling the future cancels the coroutine.
        """
        with self._lock:
            if not self._stopping:
                return asyncio.run_coroutine_threadsafe(begin(), self._loop)
        nothing: Future[_T] = Future()
        nothing.cancel()
        return nothing

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End after ``last``, cancelling all else; does not wait, harmless when repeated."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
            asyncio.run_coroutine_threadsafe(self._end(last), self._loop)
        self.start()

    def join(self, timeout: float) -> bool:
        """Wait for the end; whether it has come."""
        if self._thread.ident is not None and not self.runs_here:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()
        finally:
            self._loop.stop()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            # Host names are looked up in threads of the loop's own.
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def _fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and "handle" in context:
            self._on_fault(error)
        else:
            loop.default_exception_handler(context)
