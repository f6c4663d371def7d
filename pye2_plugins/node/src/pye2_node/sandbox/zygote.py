"""The zygote: a program that has loaded what workers need and forks one whenever the node asks.

Started fresh with :func:`main`, for one set of grants, most often of none, it holds no keys and one
descriptor: its control socket, on which every message is one packet of JSON.

====================================== =========================================================
from the node                          from here
====================================== =========================================================
(nothing)                              ``{"ready": true, "missing": {layer: why, …},
                                       "not_loaded": {module: why, …}}`` when all is loaded
                                       and locked, or ``{"failed": why}``, or
                                       ``{"lacks": why}`` where something was granted that
                                       is not there
``{"fork": n}`` + a channel's end      ``{"forked": n, "pid": …}`` + its pidfd, or
                                       ``{"refused": n, "why": …}``
(nothing)                              ``{"exited": pid, "code": …, "signal": …}``, one of the two
                                       null, when a worker has ended
(closes the socket, or dies)           kills all workers and ends
====================================== =========================================================

It stays single-threaded, so that a fork is a whole copy, and runs no foreign code itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

from pye2_node.memory import give_back, let_go_of_code
from pye2_node.sandbox.channel_ends import ChannelEnd
from pye2_node.sandbox.confinement import (
    READING_FD,
    WRITING_FD,
    adopt_orphans,
    confine_worker,
    die_with_parent,
)
from pye2_node.sandbox.family import Family
from pye2_node.sandbox.frames import LONGEST_PACKET
from pye2_node.sandbox.layers.names import Layer
from pye2_node.sandbox.layers.rlimits import WorkerLimits
from pye2_node.sandbox.preparation import prepare_confinement
from pye2core.code.rules import GIVEN_MODULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2_node.sandbox.confinement import Confinement
    from pye2_node.sandbox.functions import Language
    from pye2_node.sandbox.layers.openings import Openings
    from pye2core.code.grants import Grants

EXIT_UNCONFINED: Final = 72

_PLACES: Final = (WRITING_FD, READING_FD)
"""Where a worker finds what comes with ``fork``, in that order."""

_LOADED_LATE: Final = (
    "_strptime",
    "numpy.fft",
    "numpy.linalg",
    "numpy.polynomial",
    "numpy.random",
    "concurrent.futures.thread",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "pye2_node.sandbox.worker",
)
"""What would otherwise be imported at its first use: later layers forbid to open a file then."""

_PARTS_OF_NUMPY: Final = ("char", "emath", "rec", "strings")
"""What numpy itself imports when it is first asked for; which of them there are depends on it.

``numpy.ma`` is left out: it would take 8 MiB.
"""

_SHA2: Final = "_sha2" if sys.version_info >= (3, 12) else "_sha512"
_OWN_HASHES: Final = ("_md5", "_sha1", _SHA2, "_sha3", "_blake2")
"""Python's own hashes; some builds leave them to OpenSSL."""

_SWEEPS: Final = 100
_WITHOUT_GRANTS: Final = 6
"""How many arguments there are, the program's name included, where nothing was granted."""
_LONGEST_REASON: Final = 1000


def main() -> None:
    """Run the zygote.

    ``argv``: the control socket's descriptor, the node's pid, the limits, the wanted layers, the
    modules to load besides, and what was granted, if anything.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    granted = json.loads(sys.argv[6]) if len(sys.argv) > _WITHOUT_GRANTS else None
    wanted = _wanted(sys.argv[4])
    try:
        die_with_parent(signal.SIGTERM, int(sys.argv[2]))
        adopt_orphans()
        _load(may_need_openssl=granted is not None)
        family = Family()
        opened = _open_up(granted, wanted) if granted is not None else None
        not_loaded = _load_for_signatures(json.loads(sys.argv[5]))  # which may use what was granted
        let_go_of_code()
        openings = opened[1] if opened is not None else None
        confinement, missing = prepare_confinement(wanted, _limits(sys.argv[3]), openings)
    except Exception as error:
        _say_why_not(control, error)
        raise
    give_back()
    gc.disable()
    grants = opened[0] if opened is not None else None
    Zygote(control, confinement, family, grants).serve(missing, not_loaded)


def _open_up(granted: dict[str, Any], wanted: frozenset[Layer]) -> tuple[Grants, Openings]:
    from pye2_node.sandbox.granted import open_up

    return open_up(granted, as_stranger=Layer.UID in wanted and os.geteuid() == 0)


def _say_why_not(control: socket.socket, error: Exception) -> None:
    """Tell the node; a class is known by its name where its module may not be loaded."""
    if type(error).__name__ == "CannotOpen":
        said = {"lacks": str(error)[:_LONGEST_REASON]}
    else:
        said = {"failed": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]}
    control.send(json.dumps(said).encode())


def _wanted(text: str) -> frozenset[Layer]:
    return frozenset(map(Layer, json.loads(text)))


def _limits(text: str) -> WorkerLimits:
    return WorkerLimits(**json.loads(text))


def _load(*, may_need_openssl: bool) -> None:
    """Import what workers need; without OpenSSL if Python has its own hashes: 3 MiB less."""
    if not may_need_openssl and all(map(importlib.util.find_spec, _OWN_HASHES)):
        sys.modules["_hashlib"] = None  # type: ignore[assignment] # as the import system documents
    for name in (*_LOADED_LATE, *sorted(GIVEN_MODULES)):
        importlib.import_module(name)
    numpy = importlib.import_module("numpy")
    for name in _PARTS_OF_NUMPY:
        getattr(numpy, name, None)


def _load_for_signatures(modules: list[str]) -> dict[str, str]:
    """Import what plugins have in workers; of each module that fails, why: it costs only itself."""
    failed: dict[str, str] = {}
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - a plugin's code, whose node is told of it
            failed[name] = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
    return failed


class Zygote:
    """Forks workers, reaps them and tells the node of both."""

    def __init__(
        self,
        control: socket.socket,
        confinement: Confinement,
        family: Family,
        grants: Grants | None = None,
    ) -> None:
        self._control = control
        self._confinement = confinement
        self._family = family
        self._grants = grants
        self._workers: dict[int, int] = {}
        """Of each worker's pidfd, its pid."""
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self, missing: dict[str, str], not_loaded: dict[str, str]) -> None:
        """Work until the node closes the socket or dies; then leave nothing behind.

        Args:
            missing: which layers do not hold here, and why.
            not_loaded: which modules could not be loaded, and why.
        """
        signal.signal(signal.SIGTERM, self._hear_no_more)
        self._tell({"ready": True, "missing": missing, "not_loaded": not_loaded})
        try:
            while self._serve_once():
                pass
        finally:
            self._kill_all()

    def _hear_no_more(self, *_: object) -> None:
        """End as if the node had closed the socket, which it may do in the same moment.

        An exception could come while the workers are being killed, and leave what they started.
        """
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RD)

    def _serve_once(self) -> bool:
        for descriptor, _ in self._poll.poll():
            if descriptor in self._workers:
                self._bury(descriptor)
            elif not self._answer():
                return False
        return True

    def _answer(self) -> bool:
        packet, channel, _, _ = socket.recv_fds(self._control, LONGEST_PACKET, len(_PLACES))
        if not packet:
            return False
        number = json.loads(packet)["fork"]
        try:
            self._fork(number, channel)
        except OSError as error:
            self._tell({"refused": number, "why": str(error)})
        finally:
            for each in channel:
                os.close(each)
        return True

    def _fork(self, number: int, channel: Sequence[int]) -> None:
        if len(channel) < len(_PLACES):
            raise OSError("too many open files in the zygote")
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_worker(channel, zygote)
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        self._workers[pidfd] = pid
        self._poll.register(pidfd, select.POLLIN)
        packet = json.dumps({"forked": number, "pid": pid}).encode()
        socket.send_fds(self._control, [packet], [pidfd])

    def _become_worker(self, channel: Sequence[int], zygote: int) -> None:
        """The child's life; it never returns to the zygote's code."""
        code = EXIT_UNCONFINED
        try:
            self._control.detach()
            # In this order none is lost: the kernel gave them the lowest numbers, rising.
            for descriptor, place in zip(channel, _PLACES, strict=True):
                os.dup2(descriptor, place)
                os.set_inheritable(place, False)  # noqa: FBT003 - the standard library's
            os.closerange(READING_FD + 1, os.sysconf("SC_OPEN_MAX"))
            confine_worker(self._confinement, zygote)
            from pye2_node.sandbox.worker import run_worker

            node = ChannelEnd(READING_FD, WRITING_FD)
            code = run_worker(node, self._confinement.limits, self._language())
        finally:
            os._exit(code)

    def _language(self) -> Language:
        from pye2_node.sandbox.functions import CHECKED, UNCHECKED

        if Layer.CHECK not in self._confinement.layers:
            return UNCHECKED
        if self._grants is None:
            return CHECKED
        from pye2_node.sandbox.granted import language_for

        return language_for(self._grants)

    # --- the end of workers -----------------------------------------------------------------------

    def _bury(self, pidfd: int) -> None:
        """Reap a worker that has ended, end what it started, and tell the node."""
        pid = self._workers.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _kill_group(pid)  # before the pid is reaped, so that it cannot be another's yet
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._sweep()
        code, number = (status, None) if status >= 0 else (None, -status)
        self._tell({"exited": pid, "code": code, "signal": number})

    def _sweep(self) -> None:
        """End processes that left their worker's group: they have become children of this one."""
        for _ in range(_SWEEPS):
            strays = self._family.children() - set(self._workers.values())
            if not strays:
                return
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _kill_all(self) -> None:
        for pid in self._workers.values():
            _kill_group(pid)
        for pid in self._workers.values():
            os.waitpid(pid, 0)
        self._workers.clear()
        self._sweep()

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(json.dumps(message).encode())  # without a node, poll says so next


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
