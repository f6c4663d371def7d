"""The calls of the kernel that a worker may make, and their numbers on each architecture.

The numbers are those of the kernel's headers (``asm/unistd_64.h``, ``asm-generic/unistd.h``). What
is not here fails with ``EPERM``, whatever it is. An architecture that is not in
:data:`ARCHITECTURES` has no seccomp layer.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Final, NamedTuple


class Architecture(NamedTuple):
    """What the filter must know of a kind of processor.

    Attributes:
        audit: what the kernel calls it (``AUDIT_ARCH_…`` of ``linux/audit.h``).
        foreign_bit: a bit in the numbers of a second set of calls, which must be refused; 0: none.
        numbers: of each call's name, its number.
    """

    audit: int
    foreign_bit: int
    numbers: dict[str, int]


_NUMBERS: Final[dict[str, tuple[int | None, int | None]]] = {
    # name: (x86-64, aarch64); None where the architecture has no such call
    # memory
    "brk": (12, 214),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    # the channel and /dev/null
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "poll": (7, None),
    "ppoll": (271, 73),
    "pselect6": (270, 72),
    "read": (0, 63),
    "readv": (19, 65),
    "select": (23, None),
    "write": (1, 64),
    "writev": (20, 66),
    # time
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "gettimeofday": (96, 169),
    "nanosleep": (35, 101),
    "times": (100, 153),
    # itself
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "sigaltstack": (131, 132),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    # threads
    "clone": (56, 220),
    "clone3": (435, 435),
    "futex": (202, 98),
    "membarrier": (324, 283),
    "prctl": (157, 167),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "set_robust_list": (273, 99),
    "tgkill": (234, 131),
    # the end
    "exit": (60, 93),
    "exit_group": (231, 94),
}

ARCHITECTURES: Final = {
    "x86_64": Architecture(
        audit=0xC000003E,
        foreign_bit=0x40000000,  # the x32 calls
        numbers={name: x86 for name, (x86, _) in _NUMBERS.items() if x86 is not None},
    ),
    "aarch64": Architecture(
        audit=0xC00000B7,
        foreign_bit=0,
        numbers={name: arm for name, (_, arm) in _NUMBERS.items() if arm is not None},
    ),
}


def this_architecture() -> Architecture:
    """That of this process.

    Raises:
        OSError: its calls are not known here.
    """
    machine = os.uname().machine
    if machine not in ARCHITECTURES or sys.maxsize < 2**32:
        known = ", ".join(ARCHITECTURES)
        bits = 64 if sys.maxsize > 2**32 else 32
        raise OSError(
            errno.ENOSYS,
            f"the calls of a {bits}-bit program on {machine} are not known here, only those of "
            f"64-bit programs on {known}",
        )
    return ARCHITECTURES[machine]
