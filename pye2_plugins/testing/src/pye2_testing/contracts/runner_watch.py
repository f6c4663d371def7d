"""What the runners of a signature do on the loop of a network's nodes, seen from beside it.

You are among the contracts' foundations, beside those of signatures. A node mends some of what is
seen here, or does not notice it: others need not.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from unittest import mock

from pye2_node.context import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from types import FrameType, TracebackType

    from pye2core.abc import Runner

_T = TypeVar("_T")

_PATIENCE: Final = 30.0
_EVERY: Final = 0.025
_LOOKS: Final = 20
"""How often in a row, and how many seconds apart, the loop has to be found in a runner. A machine
that is busy with other things keeps the one who looks from looking, too, and so blames nobody."""

HELD_UP_SECONDS: Final = _EVERY * _LOOKS
"""Who holds up the loop for so long is noticed."""


class RunnerWatch:
    """Sees what the runners of one class do, for as long as a ``with`` block lasts.

    Args:
        runner: the class.
        loop: the nodes' loop, which runs in a thread.

    Attributes:
        keys: the keys of all payloads, as the runners gave them.
        held_up: where a runner kept the loop from everything else.
    """

    def __init__(self, runner: type[Runner], loop: asyncio.AbstractEventLoop) -> None:
        self.keys: set[str] = set()
        self.held_up: list[str] = []
        self._home = _home_of(runner)
        self._loop = loop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="pye2-runner-watch", daemon=True)
        self._noting = mock.patch.object(Context, "emit", self._noted(Context.emit))

    def __enter__(self) -> Self:
        self._loop_thread = self._on_loop(_own_thread)
        self._noting.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._noting.stop()

    def left_behind(self) -> list[str]:
        """The tasks of the runners that are not done."""
        return self._on_loop(self._tasks)

    def _on_loop(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(_PATIENCE)

    async def _tasks(self) -> list[str]:
        coroutines = [each.get_coro() for each in asyncio.all_tasks()]
        return [
            each.__qualname__
            for each in coroutines
            if inspect.iscoroutine(each) and self._is_a_runners(each.cr_code.co_filename)
        ]

    # --- what they send ---------------------------------------------------------------------------

    def _noted(self, emit: Any) -> Any:
        @functools.wraps(emit)
        async def noting(context: Context, fields: Mapping[str, Any]) -> None:
            self.keys.update(fields)
            await emit(context, fields)

        return noting

    # --- how long they take -----------------------------------------------------------------------

    def _look(self) -> None:
        """Look again and again whether the loop takes its turns, and where it is if it does not."""
        looks, turn = 0, self._next_turn()
        while not self._over.wait(_EVERY):
            if turn.is_set():
                looks, turn = 0, self._next_turn()
                continue
            place = self._place()
            looks = looks + 1 if place else 0
            if looks == _LOOKS and place:
                self.held_up.append(place)

    def _next_turn(self) -> threading.Event:
        turn = threading.Event()
        self._loop.call_soon_threadsafe(turn.set)
        return turn

    def _place(self) -> str | None:
        """Where in a runner the loop's thread is; None where it is elsewhere, or imports."""
        frames = list(_frames(self._loop_thread))
        if any("importlib._bootstrap" in each.f_code.co_filename for each in frames):
            return None  # it happens once, and takes as long as the disk does
        own = (each for each in frames if self._is_a_runners(each.f_code.co_filename))
        innermost = next(own, None)
        if innermost is None:
            return None
        code = innermost.f_code
        return f"{Path(code.co_filename).name}:{innermost.f_lineno}, in {code.co_qualname}"

    def _is_a_runners(self, file: str) -> bool:
        return Path(file).is_relative_to(self._home)


async def _own_thread() -> int:
    return threading.get_ident()


def _home_of(runner: type[Runner]) -> Path:
    """Where a runner's code lies: its folder, or its file if that is in no package."""
    file = Path(inspect.getfile(runner))
    return file.parent if "." in runner.__module__ else file


def _frames(thread: int) -> Iterator[FrameType]:
    """What a thread is in, from the inside out."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented; its name says "rarely"
    while frame is not None:
        yield frame
        frame = frame.f_back
