"""How a runner is dealt with, whatever it does: it is waited for so long, and then ended.

On the node's loop, behind ``instances``, which says what is asked of a runner and when.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2_node.pausing import LOOK_AGAIN
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pye2core.abc import Runner
    from pye2core.messages import InstancePath

_log = logging.getLogger("pye2_node")


@frozen
class Patience:
    """How long a runner is waited for, and how soon it is begun anew; all in seconds.

    Attributes:
        to_start: for starting, reconfiguring and commands.
        to_stop: for each of the two: ending its work, and releasing what it took.
        first_pause: before it is begun anew for the first time.
        longest_pause: at most, however often it fails.
        settled: after so long without failing, the next failure is the first again.
        look_again: until the clock is looked at again, where there are working hours.
    """

    to_start: float = 60.0
    to_stop: float = 2.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    settled: float = 60.0
    look_again: float = LOOK_AGAIN

    def pause_after(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        if failures == 0:
            return 0.0
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 16))


PATIENCE: Final = Patience()


class Attendant:
    """Waits for the runners of one instance, one after the other.

    Args:
        path: which instance that is.
        patience: how long they are waited for.
    """

    def __init__(self, path: InstancePath, patience: Patience) -> None:
        self._path = path
        self._patience = patience

    async def in_time(self, doing: Coroutine[Any, Any, None], what: str) -> None:
        """Wait for something that a runner does.

        Args:
            doing: what it does.
            what: that in words, as in "did not … within 60 s".

        Raises:
            NodeError: it is not done in time.
            Exception: whatever the runner raises.
        """
        try:
            async with asyncio.timeout(self._patience.to_start) as limit:
                await doing
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise NodeError(
                f"the instance {self._path.instance_id!r} did not {what} within"
                f" {self._patience.to_start:g} s"
            ) from error

    async def end_work(self, work: asyncio.Task[None]) -> None:
        """End what a runner works at; what does not end is left behind."""
        if work.done():
            return
        work.cancel()
        _, unfinished = await asyncio.wait({work}, timeout=self._patience.to_stop)
        if unfinished:
            _log.error("the runner of %s does not end when cancelled; left behind", self._path)

    async def end(self, runner: Runner) -> None:
        """Have a runner release what it took; what it raises is only logged."""
        stopping = asyncio.ensure_future(runner.stop())
        try:
            await asyncio.wait({stopping}, timeout=self._patience.to_stop)
        finally:
            if not stopping.done():
                stopping.cancel()
                _log.error("the runner of %s did not stop in time; it is ended", self._path)
            elif not stopping.cancelled() and (error := stopping.exception()) is not None:
                _log.error("the runner of %s failed to stop", self._path, exc_info=error)
