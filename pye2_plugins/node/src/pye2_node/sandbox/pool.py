"""All the workers of a node: one zygote, and the processes that it has forked.

The zygote is started with the pool and again whenever it dies; its workers die with it and say so
to their owners, who ask for new ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import sys
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2_node.sandbox.limits import SandboxLimits, Surroundings
from pye2_node.sandbox.process import SandboxProcess
from pye2_node.sandbox.zygote_link import Forked, ZygoteGone, ZygoteLink
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from pye2_node.sandbox.events import WorkerEvents


SPARE_AFTER: Final = 0.01
"""Seconds after a worker was handed out until the next one is forked in advance."""


@frozen
class _Forked:
    """A worker that nobody has been given yet, and the node's end of its channel."""

    forked: Forked
    channel: socket.socket

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
    ) -> None:
        """Make a pool; nothing is started yet.

        Args:
            limits: what the workers may use.
            python: the interpreter that runs them.
            log: where to report what nobody asks about.
        """
        self.limits = limits or SandboxLimits()
        self._python = python
        self._log = log or logging.getLogger("pye2.node.sandbox")
        self._zygote: asyncio.Task[ZygoteLink] | None = None
        self._workers: set[SandboxProcess] = set()
        self._spare: _Forked | None = None
        self._sparing: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Start the zygote, so that the first worker need not wait for it.

        Raises:
            NodeError: it does not start; says why.
        """
        await self._ready_zygote()

    async def spawn(
        self, handler: WorkerEvents, surroundings: Surroundings | None = None
    ) -> SandboxProcess:
        """Fork a worker.

        Args:
            handler: hears what the code in the worker says while it runs.
            surroundings: what the code is told of where it runs.

        Raises:
            NodeError: no process could be started; says why.
        """
        fresh = self._take_spare() or await self._fork_fresh()
        with contextlib.ExitStack() as unless_spawned:
            unless_spawned.callback(fresh.discard)
            streams = await asyncio.open_unix_connection(sock=fresh.channel)
            unless_spawned.pop_all()
        worker = SandboxProcess(fresh.forked, streams, handler, self.limits, self._log)
        worker.begin(surroundings or Surroundings())
        self._workers.add(worker)
        worker.exited.add_done_callback(lambda _: self._workers.discard(worker))
        self._replace_spare()
        return worker

    async def stop(self) -> None:
        """End all workers and the zygote, for good."""
        self._stopping = True
        if self._sparing is not None:
            self._sparing.cancel()
            await asyncio.wait({self._sparing})
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
        await asyncio.gather(*(worker.stop(grace=0) for worker in self._workers))
        starting, self._zygote = self._zygote, None
        if starting is not None:
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await starting.result().stop()

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
            self._spare = await self._fork_fresh()
        except NodeError as error:
            self._log.info("no process is kept ready for custom code: %s", error)

    # --- forking ----------------------------------------------------------------------------------

    async def _fork_fresh(self) -> _Forked:
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        with contextlib.ExitStack() as unless_forked:
            unless_forked.callback(ours.close)
            with theirs:
                forked = await self._fork(theirs)
            unless_forked.pop_all()
        return _Forked(forked, ours)

    async def _fork(self, channel: socket.socket) -> Forked:
        """Have the zygote fork; once more with a new one if it has just died."""
        try:
            return await self._fork_once(channel)
        except ZygoteGone:
            return await self._fork_once(channel)

    async def _fork_once(self, channel: socket.socket) -> Forked:
        zygote = await self._ready_zygote()
        try:
            async with asyncio.timeout(self.limits.start_seconds):
                return await zygote.fork(channel)
        except TimeoutError:
            zygote.kill()
            raise NodeError(
                f"no process could be started for custom code within "
                f"{self.limits.start_seconds:g} s: the machine is overloaded"
            ) from None

    async def _ready_zygote(self) -> ZygoteLink:
        if self._stopping:
            raise NodeError("the sandbox is being stopped and starts no more processes")
        if self._zygote is None:
            self._start_zygote()
        assert self._zygote is not None
        return await asyncio.shield(self._zygote)

    def _start_zygote(self) -> None:
        self._zygote = asyncio.create_task(ZygoteLink.start(self._python, self.limits))
        self._zygote.add_done_callback(self._watch_zygote)

    def _watch_zygote(self, started: asyncio.Task[ZygoteLink]) -> None:
        if started.cancelled():
            return
        error = started.exception()
        if error is not None:
            self._log.error("%s", error)
            self._zygote = None  # whoever needs one next tries again
            return
        started.result().dead.add_done_callback(self._on_zygote_death)

    def _on_zygote_death(self, dead: asyncio.Future[str]) -> None:
        if self._stopping:
            return
        self._log.warning("the sandbox's zygote %s; starting another", dead.result())
        self._start_zygote()
