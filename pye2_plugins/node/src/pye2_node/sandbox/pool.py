"""All the workers of a node, and one that is kept ready.

Where they come from is another's business (``forks``): a node's are forked from its zygote.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2_node.sandbox.channel_ends import ChannelEnd, open_channel
from pye2_node.sandbox.forks import no_process
from pye2_node.sandbox.granted_zygotes import GrantedZygotes, Share
from pye2_node.sandbox.limits import SandboxLimits, Surroundings
from pye2_node.sandbox.process import SandboxProcess
from pye2_node.sandbox.worker_channel import WorkerChannel
from pye2_node.sandbox.zygotes import Zygotes
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pye2_node.sandbox.events import WorkerEvents
    from pye2_node.sandbox.forks import Forked, Forks
    from pye2core.code.grants import Grants
    from pye2core.messages import SandboxReport


_NOBODYS: Final = Share()

SPARE_AFTER: Final = 0.01
"""Seconds after a worker was handed out until the next one is forked in advance."""


@frozen
class _Forked:
    """A worker that nobody has been given yet, and the node's end of its channel."""

    forked: Forked
    channel: ChannelEnd

    @property
    def is_alive(self) -> bool:
        """Whether its process still runs: the descriptor of one that ended is readable."""
        poll = select.poll()
        poll.register(self.forked.pidfd, select.POLLIN)
        return not poll.poll(0)

    def discard(self) -> None:
        """Let go of it; the process ends when its channel does."""
        self.channel.close()
        os.close(self.forked.pidfd)


class SandboxPool:
    """Starts workers and ends them.

    Example:
        >>> async def hello(handler):
        ...     pool = SandboxPool()
        ...     await pool.start()
        ...     worker = await pool.spawn(handler)
        ...     await worker.define({"hello": FunctionSource("return 6 * plugin.cfg_factor")})
        ...     await worker.configure({"FACTOR": 7})
        ...     result = await worker.call("hello", timeout=5)
        ...     await pool.stop()
        ...     return result.value
    """

    def __init__(
        self,
        limits: SandboxLimits | None = None,
        python: str = sys.executable,
        log: logging.Logger | None = None,
        forks: Forks | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        """Make a pool; nothing is started yet.

        Args:
            limits: what the workers may use.
            python: the interpreter that runs them.
            log: where to report what nobody asks about.
            forks: where the workers come from; a zygote's if it is not given.
            modules: what its workers have loaded besides.
        """
        self.limits = limits or SandboxLimits()
        self._log = log or logging.getLogger("pye2.node.sandbox")
        self._forks = forks or Zygotes(self.limits, python, self._log, modules=modules)
        self._granted = GrantedZygotes(
            lambda grants: Zygotes(self.limits, python, self._log, grants, modules)
        )
        self._workers: set[SandboxProcess] = set()
        self._spare: _Forked | None = None
        self._sparing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be ready, so that the first worker need not wait.

        Raises:
            NodeError: that cannot be; says why.
        """
        await self._forks.start()

    def report(self) -> SandboxReport | None:
        """What stands between the workers and this machine; None while that is not known."""
        return self._forks.report()

    async def spawn(
        self,
        handler: WorkerEvents,
        surroundings: Surroundings | None = None,
        grants: Grants | None = None,
        share: Share = _NOBODYS,
        in_sandbox: str | None = None,
    ) -> SandboxProcess:
        """Fork a worker.

        Args:
            handler: hears what the code in the worker says while it runs.
            surroundings: what the code is told of where it runs.
            grants: what it may do besides computing, if anything.
            share: on whose account that is.
            in_sandbox: import string of its signature's part in it, if there is one.

        Raises:
            NodeError: no process could be started, or what is granted cannot be had; says why.
        """
        if grants is None:
            fresh = self._take_spare() or await self._fork_fresh(self._forks.fork)
        else:
            fresh = await self._fork_fresh(partial(self._granted.fork, grants, share))
        channel = WorkerChannel(fresh.channel)
        worker = SandboxProcess(fresh.forked, channel, handler, self.limits, self._log)
        worker.begin(surroundings or Surroundings(), in_sandbox)
        self._workers.add(worker)
        worker.exited.add_done_callback(lambda _: self._workers.discard(worker))
        if grants is None:
            self._replace_spare()
        return worker

    async def stop(self) -> None:
        """End all workers and where they come from, for good."""
        if self._sparing is not None:
            self._sparing.cancel()
            await asyncio.wait({self._sparing})
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
        await asyncio.gather(*(worker.stop(grace=0) for worker in self._workers))
        await self._granted.stop()
        await self._forks.stop()

    # --- the spare: forked beforehand, so that a new instance finds its process up and warm ------
    # A node that never had an instance keeps none: it costs memory.

    def _take_spare(self) -> _Forked | None:
        spare, self._spare = self._spare, None
        if spare is not None and not spare.is_alive:
            spare.discard()
            return None
        return spare

    def _replace_spare(self) -> None:
        if self._spare is None and (self._sparing is None or self._sparing.done()):
            self._sparing = asyncio.create_task(self._fork_spare())

    async def _fork_spare(self) -> None:
        # Whoever has just been given a process needs the processor more.
        await asyncio.sleep(SPARE_AFTER)
        try:
            self._spare = await self._fork_fresh(self._forks.fork)
        except NodeError as error:
            self._log.info("no process is kept ready for custom code: %s", error)

    # --- forking ----------------------------------------------------------------------------------

    async def _fork_fresh(self, fork: Callable[[ChannelEnd], Awaitable[Forked]]) -> _Forked:
        try:
            ours, theirs = open_channel()
        except OSError as error:
            raise no_process(f"{error.strerror} in the node") from None
        with contextlib.ExitStack() as unless_forked:
            unless_forked.callback(ours.close)
            with contextlib.closing(theirs):
                forked = await fork(theirs)
            unless_forked.pop_all()
        return _Forked(forked, ours)
