"""What foreign code prints and logs: sent as it comes, batched when it is much, cut when too much.

Runs in the worker. The first pieces of a call go out at once, so that they survive a crash right
after; later ones are gathered, so that a loop of prints does not cost the node a frame each.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE: Final = 64
_BATCH: Final = 2048


class TextStream:
    """One kind of text output of one worker.

    Safe to use from several threads.
    """

    def __init__(self, send: Callable[[str], None], limit: int, on_cut: Callable[[], None]) -> None:
        """Make a stream.

        Args:
            send: takes a piece of text to the node.
            limit: characters that one call may write; the rest is left out and a note says so.
            on_cut: called when that happens, once a call.
        """
        self._send = send
        self._limit = limit
        self._on_cut = on_cut
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._waiting_size = 0
        self._written = 0
        self._pieces = 0

    def write(self, text: str) -> None:
        """Send ``text``, now or with what follows, as far as the limit allows."""
        with self._lock:
            room = self._limit - self._written
            if not text or room < 0:
                return
            self._written += len(text)
            if len(text) > room:
                text = text[:room] + f"\n… output cut at {self._limit} characters a call\n"
                self._put(text)
                self._on_cut()
                return
            self._put(text)

    def finish_call(self) -> None:
        """Send what is waiting; the next call starts with the whole limit."""
        with self._lock:
            self._flush()
            self._written = 0
            self._pieces = 0

    def _put(self, text: str) -> None:
        self._pieces += 1
        self._waiting.append(text)
        self._waiting_size += len(text)
        if self._pieces <= _AT_ONCE or self._waiting_size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting = []
            self._waiting_size = 0
            self._send(text.encode("utf-8", "replace").decode("utf-8"))


class Printer:
    """The ``print`` of foreign code."""

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream

    def __call__(
        self,
        *values: object,
        sep: str | None = " ",
        end: str | None = "\n",
        file: object = None,
        flush: bool = False,
    ) -> None:
        """As Python's ``print``; the text goes to the node."""
        del flush
        if file is not None:
            raise TypeError("print(file=…) is not available on nodes: leave file out")
        between = " " if sep is None else sep
        self._stream.write(between.join(map(str, values)) + ("\n" if end is None else end))
