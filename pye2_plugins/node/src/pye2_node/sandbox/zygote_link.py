"""The node's side of a zygote: starts it, has it fork workers, hears how they ended.

Everything here is on the node's asyncio loop; the messages are described in ``zygote``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox.forks import Ended, Forked, no_process
from pye2_node.sandbox.frames import LONGEST_PACKET
from pye2core.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2_node.sandbox.channel_ends import ChannelEnd
    from pye2_node.sandbox.limits import SandboxLimits
    from pye2core.code.grants import Grants

_PROGRAM: Final = "from pye2_node.sandbox.zygote import main; main()"
_KEPT_VARIABLES: Final = ("LD_LIBRARY_PATH", "TZ")
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    # One thread in BLAS: the zygote must be single-threaded, and nodes are shared.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc reserves 64 MiB of address space for every arena, which the workers' limit counts.
    "MALLOC_ARENA_MAX": "2",
}


class ZygoteGone(NodeError):
    """The zygote ended while something was asked of it; another one can be started."""


class ZygoteLink:
    """One zygote, from its start to its end."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._control = control
        self._pidfd = os.pidfd_open(process.pid)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.missing: dict[str, str] = {}
        """Of each layer that was wanted and does not hold on this machine, why."""
        self.not_loaded: dict[str, str] = {}
        """Of each module that could not be loaded for its workers, why."""
        self._forking: dict[int, asyncio.Future[Forked]] = {}
        self._requests = 0
        self._endings: dict[int, asyncio.Future[Ended]] = {}
        self.dead: asyncio.Future[str] = self._loop.create_future()
        """Done, with how it ended in words, when the zygote is gone."""
        self._loop.add_reader(control, self._read)
        self._loop.add_reader(self._pidfd, self._on_death)

    @classmethod
    async def start(
        cls,
        python: str,
        limits: SandboxLimits,
        grants: Grants | None = None,
        modules: Sequence[str] = (),
    ) -> ZygoteLink:
        """Start a zygote and wait until it can fork.

        Args:
            python: the interpreter that runs it.
            limits: of its workers, and of how long this may take.
            grants: what is granted to its workers, if anything.
            modules: what it loads for its workers besides.

        Raises:
            NodeError: it did not start, or what is granted is not there; says why.
        """
        with contextlib.ExitStack() as unless_begun:
            try:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                unless_begun.callback(ours.close)
                ours.settimeout(0)
                with theirs:
                    link = cls(_execute(python, theirs, limits, grants, modules), ours)
            except OSError as error:
                raise no_process(str(error)) from None
            unless_begun.pop_all()
        try:
            async with asyncio.timeout(limits.start_seconds):
                await link._ready
        except TimeoutError:
            raise NodeError(
                f"the sandbox was not ready within {limits.start_seconds:g} s: the machine is "
                "overloaded, or the node's installation is damaged"
            ) from None
        finally:
            if not link._ready.done() or link._ready.cancelled() or link._ready.exception():
                await link.stop()
        return link

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    async def fork(self, channel: ChannelEnd) -> Forked:
        """Fork a worker that holds ``channel``.

        Raises:
            ZygoteGone: the zygote ended before it answered.
            NodeError: the machine has no room for another process.
        """
        self._requests += 1
        number = self._requests
        answer: asyncio.Future[Forked] = self._loop.create_future()
        self._forking[number] = answer
        packet = json.dumps({"fork": number}).encode()
        try:
            socket.send_fds(self._control, [packet], [channel.writing, channel.reading])
        except OSError as error:
            del self._forking[number]
            self.kill()
            await asyncio.shield(self.dead)
            raise ZygoteGone(f"the sandbox's zygote is gone: {error}") from None
        try:
            return await answer
        except asyncio.CancelledError:
            _discard(answer)
            raise

    def kill(self) -> None:
        """End the zygote at once; its workers die with it."""
        if not self.dead.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def stop(self, grace: float = 5.0) -> None:
        """Let the zygote end its workers and itself; kill it after ``grace`` seconds."""
        self._close_control()
        await asyncio.wait({self.dead}, timeout=grace)
        self.kill()
        await asyncio.shield(self.dead)

    # --- what the zygote says ---------------------------------------------------------------------

    def _read(self) -> None:
        """Take in all packets that are waiting."""
        while self._control.fileno() >= 0:
            try:
                packet, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_PACKET, 1)
            except BlockingIOError:
                return
            except OSError:
                packet, descriptors = b"", []
            if not packet:
                self._close_control()
                self.kill()
                return
            self._take_in(json.loads(packet), descriptors)

    def _take_in(self, message: dict[str, Any], descriptors: list[int]) -> None:
        if "forked" in message:
            self._on_forked(message, descriptors)
        elif "exited" in message:
            ending = self._endings.pop(message["exited"])
            ending.set_result(Ended(message["code"], message["signal"]))
        elif "refused" in message:
            self._on_refused(message)
        elif "ready" in message and not self._ready.done():
            self.missing = message["missing"]
            self.not_loaded = message["not_loaded"]
            self._ready.set_result(None)
        elif "lacks" in message and not self._ready.done():
            self._ready.set_exception(
                NodeError(f"what the code was granted cannot be had: {message['lacks']}")
            )
        elif "failed" in message and not self._ready.done():
            self._ready.set_exception(
                NodeError(
                    f"the sandbox could not be started: {message['failed']}; reinstall pye2-node "
                    "and numpy in this environment"
                )
            )

    def _on_forked(self, message: dict[str, Any], descriptors: list[int]) -> None:
        ending: asyncio.Future[Ended] = self._loop.create_future()
        self._endings[message["pid"]] = ending
        answer = self._forking.pop(message["forked"])
        # Where the worker is not handed on, it ends by itself when its channel is closed.
        if answer.done():
            for descriptor in descriptors:
                os.close(descriptor)
        elif not descriptors:
            answer.set_exception(no_process("too many open files in the node"))
        else:
            answer.set_result(Forked(message["pid"], descriptors[0], ending))

    def _on_refused(self, message: dict[str, Any]) -> None:
        answer = self._forking.pop(message["refused"])
        if not answer.done():
            answer.set_exception(no_process(message["why"]))

    # --- its end ----------------------------------------------------------------------------------

    def _on_death(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._read()
        self._close_control()
        os.close(self._pidfd)
        how = _in_words(self._process.wait())
        self.dead.set_result(how)
        for answer in self._forking.values():
            if not answer.done():
                answer.set_exception(ZygoteGone(f"the sandbox's zygote {how}"))
        for ending in self._endings.values():
            ending.set_result(Ended(None, None))
        self._forking.clear()
        self._endings.clear()
        if not self._ready.done():
            self._ready.set_exception(
                NodeError(
                    f"the sandbox could not be started: its process {how}; check that this "
                    "Python can run pye2-node"
                )
            )

    def _close_control(self) -> None:
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control)
            self._control.close()


def _execute(
    python: str,
    control: socket.socket,
    limits: SandboxLimits,
    grants: Grants | None,
    modules: Sequence[str],
) -> subprocess.Popen[bytes]:
    """Start the zygote's program with almost nothing of the node's."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    worker_limits = json.dumps(limits.worker_with(grants)._asdict())
    layers = json.dumps(sorted(limits.layers))
    loaded = json.dumps(list(modules))
    arguments = [str(control.fileno()), str(os.getpid()), worker_limits, layers, loaded]
    if grants is not None:
        arguments.append(json.dumps({**grants._asdict(), "work_bytes": limits.written_bytes}))
    return subprocess.Popen(  # noqa: S603 - our own program, no text of others
        [python, "-I", "-c", _PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={**_ENVIRONMENT, **kept},
        pass_fds=(control.fileno(),),
        start_new_session=True,
    )


def _discard(answer: asyncio.Future[Forked]) -> None:
    """Let go of a worker that came in the moment in which who asked for it stopped waiting."""
    if answer.done() and not answer.cancelled() and answer.exception() is None:
        os.close(answer.result().pidfd)


def _in_words(return_code: int) -> str:
    if return_code < 0:
        return f"was ended by signal {-return_code} ({signal.Signals(-return_code).name})"
    return f"ended with exit code {return_code}"
