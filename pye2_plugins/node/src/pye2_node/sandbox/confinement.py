"""What a worker may do to the machine, and when it must die: the operating system's layers.

This is the seam for the full confinement. Called by the zygote (which is ours) for itself, and in
every child between the fork and the first byte of foreign code. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from typing import Final, NamedTuple

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38


class WorkerLimits(NamedTuple):
    """What one worker may use. A plain tuple: it travels to the zygote as JSON.

    Attributes:
        memory: bytes of address space, the zygote's about 100 MiB included.
        open_files: file descriptors.
        file_size: bytes of the largest file it may write; files are the node's business, so 0.
        output: characters that one call may print, and again that it may log.
        payloads: payloads that one call may send besides its result.
        cache_text: characters of one text that it may have the node keep.
    """

    memory: int = 1024 * 1024 * 1024
    open_files: int = 64
    file_size: int = 0
    output: int = 64 * 1024
    payloads: int = 1000
    cache_text: int = 4 * 1024 * 1024


def confine_worker(limits: WorkerLimits, parent: int) -> None:
    """Lock this process, just forked, before it sees foreign code.

    Today: death with the zygote, a session and process group of its own, resource limits, not
    dumpable, no new privileges. The environment is clean already (the zygote was started with
    almost none) and the only open descriptors are the channel and ``/dev/null``.

    The layers still to come go here, in this order, because each takes away what the next but one
    would need:

    1. death signal of the parent (here),
    2. namespaces: user, mount, network, ipc, pid,
    3. another uid (a change of uid clears the death signal: set it again after this step),
    4. resource limits (here),
    5. not dumpable (here),
    6. no new privileges (here),
    7. Landlock, denying everything,
    8. seccomp, an allow-list with EPERM for the rest.

    With neither 7 nor 8 available the full sandbox will refuse foreign code unless the node's owner
    says otherwise.

    Args:
        limits: what it may use.
        parent: the zygote's process id, to notice a zygote that died before the signal was set.
    """
    die_with_parent(signal.SIGKILL, parent)
    os.setsid()
    _limit(resource.RLIMIT_AS, limits.memory)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.file_size)
    _limit(resource.RLIMIT_CORE, 0)
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """Have the kernel send ``death_signal`` to this process when its parent dies.

    Args:
        death_signal: the signal.
        parent: who the parent should be; if it is gone already, this process ends at once.
    """
    _prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that none can slip away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))


_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    arguments = (ctypes.c_ulong(argument) for argument in (value, 0, 0, 0))
    if _LIBC.prctl(option, *arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")
