"""A sandbox that confines nothing: custom code runs in threads of this process. For tests only.

It does what a node's own does (the same check of the code, the same ``plugin`` object, the same
frames), without processes, and so at once. A call that takes too long is given up, not ended: its
thread goes on until the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING

from attrs import field, frozen

from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.sandbox.forks import Ended, Forked
from pye2core.messages import SandboxReport

if TYPE_CHECKING:
    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2_node.sandbox.layers.rlimits import WorkerLimits

_log = logging.getLogger(__name__)

_numbers = itertools.count(1)


def inline_pool() -> SandboxPool:
    """A pool for a node in a test."""
    limits = SandboxLimits()
    return SandboxPool(limits, forks=InlineThreads(limits.worker))


@frozen
class InlineWorker(Forked):
    """A worker that is a thread, and can be left alone at most.

    Attributes:
        channel: its end of the channel to the node.
        lifeline: what keeps ``pidfd`` from being readable; written to when it is left.
        using_channel: held while the channel is closed, or taken from the thread.
    """

    channel: ChannelEnd
    lifeline: socket.socket
    using_channel: threading.Lock = field(factory=threading.Lock)

    def kill(self) -> None:
        """Leave it alone: it can say nothing more, and ends when it next listens."""
        with self.using_channel:
            if self.channel.writing >= 0:  # it has not ended
                _lead_nowhere(self.channel)
        if not self.ended.done():
            self.ended.set_result(Ended(None, signal.SIGKILL))
        self.say_that_it_is_gone()

    def say_that_it_is_gone(self) -> None:
        """Make ``pidfd`` readable."""
        with contextlib.suppress(OSError):  # nobody listens any more
            self.lifeline.send(b"x")

    def kill_group(self) -> None:
        """There is none."""


class InlineThreads:
    """Starts workers as threads; implements ``pye2_node.sandbox.forks.Forks``.

    Args:
        limits: what custom code may say; of the rest, nothing is limited.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits

    async def start(self) -> None:
        """Say what this is."""
        _log.info("the sandbox is inline: custom code runs in this process, for tests only")

    def report(self) -> SandboxReport:
        """Nothing stands around them."""
        return SandboxReport(missing={"process": "inline, for tests only"}, unsafe=True)

    async def fork(self, channel: ChannelEnd) -> Forked:
        """Start a thread that holds ``channel``."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Ended] = loop.create_future()
        watched, lifeline = socket.socketpair()
        worker = InlineWorker(os.getpid(), watched.detach(), ended, channel.duplicate(), lifeline)

        def serve() -> None:
            code = _serve(worker.channel, self._limits)
            with worker.using_channel:
                worker.channel.close()
            worker.say_that_it_is_gone()
            # Here, as the loop may end before it would: a warning in somebody's test is an error.
            worker.lifeline.close()
            with contextlib.suppress(RuntimeError):  # the loop may have ended before
                loop.call_soon_threadsafe(_conclude, worker, code)

        threading.Thread(
            target=serve, name=f"pye2-inline-worker-{next(_numbers)}", daemon=True
        ).start()
        return worker

    async def stop(self) -> None:
        """Nothing is left: the pool has stopped its workers."""


def _conclude(worker: InlineWorker, code: int) -> None:
    if not worker.ended.done():
        worker.ended.set_result(Ended(code, None))


def _lead_nowhere(channel: ChannelEnd) -> None:
    """Have the node see the end of it, and the thread that uses it see no more of the node."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (channel.reading, channel.writing):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _serve(channel: ChannelEnd, limits: WorkerLimits) -> int:
    """Serve one instance in this thread; the exit code that a process would have."""
    # It brings numpy, which whoever runs no custom code does not need.
    from pye2_node.sandbox.node_link import LinkBroken, NodeLink
    from pye2_node.sandbox.worker import EXIT_DONE, EXIT_LINK_BROKEN, Worker

    try:
        Worker(NodeLink(channel), limits).serve()
    except LinkBroken:
        return EXIT_LINK_BROKEN
    return EXIT_DONE
