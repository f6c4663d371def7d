"""Runs the user's callbacks, those of each owner on a thread of its own.

You are in the client room, at the border between the transport's threads, which must never wait,
and the user's code, which may. An owner (the session, a pipeline, an instance) has one thread,
started at first use, and one queue. A slow or raising callback delays only itself, and blocking
calls inside it (``deploy()``, ``close()``) work, because what they wait for arrives on another
thread.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakSet

from attrs import define

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_log = logging.getLogger("pye2core.client")

BOUND = 1_000
"""Calls that may wait in a queue before payloads are no longer acknowledged as they come."""

LIMIT = 100_000
"""Calls that may wait at all, where the transport cannot be held back; the oldest make room."""

BYTES_BOUND = 64 * 1024**2
"""As ``BOUND``: bytes of the messages that may wait."""

SHARED_BOUND = 20_000
"""As ``BOUND``, where others take payloads from the same connection and would have to wait, too."""

SHARED_BYTES_BOUND = 256 * 1024**2
"""As ``SHARED_BOUND``: bytes."""

BYTES_LIMIT = 512 * 1024**2
"""As ``LIMIT``: bytes. A broker that can be held back sends 20 messages more, of 16 MiB at most:
those are never dropped."""


@define(eq=False)
class _Waiting:
    """A call that waits for its turn."""

    call: Callable[[], object]
    taken: Callable[[], None] | None = None
    key: str | None = None
    size: int = 0


class CallbackThread:
    """The thread and the queue of one owner of callbacks.

    Args:
        owner: whose callbacks these are, for messages and the thread's name.
        report: told in one line of every callback that raised.
        after_each: called on this thread when a callback is done.
    """

    def __init__(
        self, owner: str, report: Callable[[str], None], after_each: Callable[[], None]
    ) -> None:
        self.owner = owner
        self._report = report
        self._after_each = after_each
        self._waiting: deque[_Waiting] = deque()
        self._newest: dict[str, _Waiting] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._finishing = False
        self._dropped = 0
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether so much waits that nothing more should be asked for."""
        return len(self._waiting) >= BOUND or self._bytes >= BYTES_BOUND

    @property
    def overfull(self) -> bool:
        """Whether so much waits that others have to wait for it, too."""
        return len(self._waiting) >= SHARED_BOUND or self._bytes >= SHARED_BYTES_BOUND

    @property
    def takes_more(self) -> bool:
        """Whether calls are still taken."""
        return not self._finishing

    def put(
        self, call: Callable[[], object], taken: Callable[[], None] | None = None, size: int = 0
    ) -> None:
        """Queue a call, as :meth:`append` does, and see to it that it is run."""
        self.append(call, taken, size)
        self.wake()

    def append(
        self, call: Callable[[], object], taken: Callable[[], None] | None = None, size: int = 0
    ) -> None:
        """Queue a call; never waits. It is run at the next :meth:`wake`, if not before.

        Args:
            call: what to run.
            taken: called when the call leaves the queue, whether to be run or to be dropped.
            size: bytes of the message that the call keeps in memory.
        """
        new = _Waiting(call, taken, size=size)
        with self._changed:
            if self._finishing:
                dropped = [new]
            else:
                dropped = self._make_room(size)
                self._add(new)
        for waiting in dropped:
            if waiting.taken is not None:
                waiting.taken()

    def put_newest(self, key: str, call: Callable[[], object]) -> None:
        """Queue a call in the place of the one that still waits under the same key, if one does."""
        with self._changed:
            if self._finishing:
                return
            waiting = self._newest.get(key)
            if waiting is not None:
                waiting.call = call
                return
            waiting = self._newest[key] = _Waiting(call, key=key)
            self._add(waiting)
        self.wake()

    def wake(self) -> None:
        """Have what waits run now.

        Each time two threads have to take turns at the interpreter: who appends much at once wakes
        at the end.
        """
        with self._changed:
            self._changed.notify()

    def _add(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._bytes += waiting.size
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"pye2-{self.owner}", daemon=True
            )
            self._thread.start()

    def _make_room(self, size: int) -> list[_Waiting]:
        dropped = []
        while self._waiting and not self._has_room(size):
            self._tell_of_drop()
            dropped.append(self._pop())
        return dropped

    def _has_room(self, size: int) -> bool:
        return len(self._waiting) < LIMIT and self._bytes + size <= BYTES_LIMIT

    def _tell_of_drop(self) -> None:
        if self._dropped % LIMIT == 0:
            _log.warning(
                "the callbacks of %s are too slow: %d calls wait, for messages of %d bytes, and the"
                " oldest are dropped",
                self.owner,
                len(self._waiting),
                self._bytes,
            )
        self._dropped += 1

    def _pop(self) -> _Waiting:
        waiting = self._waiting.popleft()
        self._bytes -= waiting.size
        if waiting.key is not None:
            del self._newest[waiting.key]
        return waiting

    def finish(self) -> None:
        """Take no more calls; those that wait are still run."""
        with self._changed:
            self._finishing = True
            self._changed.notify()

    def join(self, timeout: float) -> None:
        """Wait until what waits was run, at most ``timeout`` seconds; then drop what is left.

        Returns at once when called from a callback of this very owner.
        """
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        with self._changed:
            left = [self._pop() for _ in range(len(self._waiting))]
        for waiting in left:
            if waiting.taken is not None:
                waiting.taken()
        if left:
            _log.warning(
                "the callbacks of %s did not finish: %d calls dropped", self.owner, len(left)
            )

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            try:
                if waiting.taken is not None:
                    waiting.taken()
                waiting.call()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - it is logged and shown
                _log.exception("a callback of %s raised", self.owner)
                self._report(f"a callback of {self.owner} raised {_told(error)}")
            finally:
                del waiting  # and with it what it was called with, however long the next takes
                self._after_each()

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finishing)
            return self._pop() if self._waiting else None


def _told(error: BaseException) -> str:
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}: {error}{place}"


class Receipts:
    """Keeps back the acknowledgements of payloads while a queue is full.

    The broker stops delivering payloads when too many are unacknowledged; so a full queue holds
    back the payloads, and nothing else. That would hold back those of other owners, too: where
    there are others, a queue may become much longer before it does.

    Args:
        most: how many may be left unacknowledged.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._lock = threading.Lock()
        self._owners: WeakSet[CallbackThread] = WeakSet()

    @property
    def held(self) -> int:
        """How many are kept back."""
        return self._held

    def for_payload(
        self, ack: Callable[[], None], owners: Sequence[CallbackThread]
    ) -> Callable[[], None] | None:
        """Acknowledge a payload now, or when all its owners have taken it.

        Args:
            ack: acknowledges it.
            owners: the threads that it is about to be given to.

        Returns:
            What each owner is to call when it takes the payload; None if it is acknowledged.
        """
        if not self._is_too_much_for(owners) or not self._reserve():
            ack()
            return None
        left = len(owners)

        def taken() -> None:
            nonlocal left
            with self._lock:
                left -= 1
                if left:
                    return
                self._held -= 1
            ack()

        return taken

    def _is_too_much_for(self, owners: Sequence[CallbackThread]) -> bool:
        self._remember(owners)
        if not any(owner.full for owner in owners):
            return False
        with self._lock:
            others = [each for each in self._owners if each not in owners and each.takes_more]
        return all(each.full for each in others) or any(owner.overfull for owner in owners)

    def _remember(self, owners: Sequence[CallbackThread]) -> None:
        for owner in owners:
            if owner not in self._owners:
                with self._lock:
                    self._owners.add(owner)

    def _reserve(self) -> bool:
        with self._lock:
            if self._held >= self._most:
                return False
            self._held += 1
            return True
