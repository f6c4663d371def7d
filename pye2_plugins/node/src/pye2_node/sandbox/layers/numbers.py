"""Part of the layer ``namespaces``: a worker that sees no process but its own.

Where the node is an ordinary user's, all workers are that user, and so is the node; and in some
containers all are ``nobody``. Who can name another process of the same user by its number may
change its limits, and with older kernels end it. The layer ``seccomp`` forbids these calls; where
it is missing, each worker is the first process of a space of numbers of its own, in which no other
has any.

A process cannot enter such a space, only its children can: the one that the zygote has forked stays
behind as the worker's *keeper*, does nothing but wait, and ends as the worker does.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, NoReturn

from pye2_node.sandbox.layers import linux
from pye2_node.sandbox.layers.proof import must_be_forbidden

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_DESCRIPTOR = 3


def live_apart() -> None:
    """Go on as the first process of a space of numbers of its own; for a worker.

    Only the new process returns from this.

    Raises:
        OSError: this kernel has no such spaces, or none for this user.
    """
    linux.unshare(linux.CLONE_NEWPID)
    keeper = os.pidfd_open(os.getpid())
    worker = os.fork()
    if worker != 0:
        _keep(worker)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    watching = select.poll()
    watching.register(keeper, select.POLLIN)
    if watching.poll(0):  # it died before the signal was set
        os._exit(1)
    os.close(keeper)


def _keep(worker: int) -> NoReturn:
    """The keeper's life: it holds nothing, waits, and ends as the worker has ended."""
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    os.closerange(_FIRST_DESCRIPTOR, os.sysconf("SC_OPEN_MAX"))
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    if code < 0:
        with contextlib.suppress(OSError):  # nothing else could be done on SIGKILL anyway
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def no_process_of_others(zygote: int) -> Callable[[], None]:
    """What tries it: raises if a process outside can be named by its number."""

    def attempt() -> None:
        must_be_forbidden("another process could be named", lambda: os.getpgid(zygote))
        if os.getpid() != 1:
            raise RuntimeError("it was put on without an error and yet it is not the first process")

    return attempt
