"""Where a pool's workers come from, and what it is given of each.

A node's come from its zygote (``zygotes``). What is here is the seam between the two.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, NamedTuple, Protocol

from attrs import frozen

from pye2core.errors import NodeError

if TYPE_CHECKING:
    import asyncio

    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2core.messages import SandboxReport


class Ended(NamedTuple):
    """How a worker ended: one of the two is None, or both where nobody could tell."""

    code: int | None
    signal: int | None


@frozen
class Forked:
    """A worker that was just started.

    Attributes:
        pid: its process id, which is also its session's and process group's.
        pidfd: readable when the worker is gone; now the receiver's to close.
        ended: done when it was reaped and what it started was ended, or nobody is left to do that.
    """

    pid: int
    pidfd: int
    ended: asyncio.Future[Ended]

    def kill(self) -> None:
        """End it; whoever started it ends what it started."""
        with contextlib.suppress(ProcessLookupError):  # it is gone, and the loop will hear of it
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def kill_group(self) -> None:
        """End what it started, where nobody is left who reaps it: its number is still its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def no_process(why: str) -> NodeError:
    """The error where there is no room for another worker.

    Args:
        why: what there is no room for, and where.
    """
    return NodeError(
        f"no process could be started for custom code: {why}; stop other instances of this node or "
        "programs of this machine, or raise the limit"
    )


class Forks(Protocol):
    """Starts workers."""

    async def start(self) -> None:
        """Be ready, so that the first worker need not wait.

        Raises:
            NodeError: that cannot be; says why.
        """

    def report(self) -> SandboxReport | None:
        """What stands around the workers; None while that is not known."""

    async def fork(self, channel: ChannelEnd) -> Forked:
        """Start a worker that holds ``channel``.

        Raises:
            NodeError: none could be started; says why.
        """

    async def stop(self) -> None:
        """Start no more, and end what is left of them."""
