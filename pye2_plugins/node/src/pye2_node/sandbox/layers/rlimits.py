"""The layer ``rlimits``: how much of the machine one worker may use."""

from __future__ import annotations

import resource
from typing import NamedTuple


class WorkerLimits(NamedTuple):
    """What one worker may use. A plain tuple: it travels to the zygote as JSON.

    Attributes:
        memory: bytes of address space, the zygote's about 100 MiB included.
        open_files: file descriptors.
        file_size: bytes of the largest file it may write; files are the node's business, so 0.
        processes: processes and threads; where the worker has no user of its own, those of all
            workers of its zygote together.
        output: characters that one call may print, and again that it may log.
        payloads: payloads that one call may send besides its result.
        cache_text: characters of one text that it may have the node keep.
        exchange: bytes that a runner and its part in the worker may give each other at once.
    """

    memory: int = 1024 * 1024 * 1024
    open_files: int = 64
    file_size: int = 0
    processes: int = 256
    output: int = 64 * 1024
    payloads: int = 1000
    cache_text: int = 4 * 1024 * 1024
    exchange: int = 256 * 1024 * 1024


def limit_resources(limits: WorkerLimits) -> None:
    """Have the kernel keep this process within its limits; it can only lower them afterwards."""
    _limit(resource.RLIMIT_AS, limits.memory)
    _limit(resource.RLIMIT_NOFILE, limits.open_files)
    _limit(resource.RLIMIT_FSIZE, limits.file_size)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_MEMLOCK, 0)
    _limit(resource.RLIMIT_MSGQUEUE, 0)


def limit_processes(most: int) -> None:
    """Limit how many processes and threads this process's user may have.

    Only where that user is nobody else's: a user namespace's, or a worker's own.
    """
    _limit(resource.RLIMIT_NPROC, most)


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (allowed, allowed))
