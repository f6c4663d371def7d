"""Tells a real Ctrl-C from a ``KeyboardInterrupt`` that a plugin raises by itself.

You are beside the loader, which has plugins' code run and lets none of them end more than itself.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType


class CtrlC:
    """A context that notes whether the process was told to stop by SIGINT.

    Only the main thread hears signals: elsewhere, and where nobody has a handler for SIGINT, what
    is raised is never a real one.

    Attributes:
        was_pressed: whether it was, since the context was entered.
    """

    def __init__(self) -> None:
        self.was_pressed = False
        self._before: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT)
        if is_main and callable(before):
            self._before = before
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        # A plugin may have put another handler there meanwhile.
        if self._before is not None and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.was_pressed = True
        self._before(number, frame)
