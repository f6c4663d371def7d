"""Calls of the Linux kernel for which Python has no function, as functions that raise ``OSError``.

There is no ``pathlib`` here: it would take 0.6 MiB in every worker.

The numbers and structures are those of the kernel's headers: ``linux/prctl.h``, ``linux/sched.h``,
``linux/mount.h``, ``linux/capability.h``.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_RDONLY: Final = 1
MS_NOSUID: Final = 2
MS_NODEV: Final = 4
MS_NOEXEC: Final = 8
MS_REMOUNT: Final = 32
MS_BIND: Final = 4096
MS_REC: Final = 16384
MS_PRIVATE: Final = 1 << 18
MNT_DETACH: Final = 2

_CAPABILITY_VERSION_3: Final = 0x20080522


def write_setting(path: str, text: str) -> None:
    """Write to a file of ``/proc``, in one go."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read_setting(path: str) -> str:
    """What a file of ``/proc`` says."""
    descriptor = os.open(path, os.O_RDONLY)
    with os.fdopen(descriptor, encoding="ascii") as file:
        return file.read()


def prctl(option: int, *values: int) -> None:
    """Set an attribute of this process."""
    given = (*values, 0, 0, 0, 0)[:4]
    _checked(_LIBC.prctl(option, *map(ctypes.c_ulong, given)), f"prctl({option}, {values[0]})")


def syscall(name: str, number: int, *arguments: int) -> int:
    """Make a call by its number; pointers are given as addresses.

    Args:
        name: for the error.
        number: on this machine.
        arguments: at most six.
    """
    given = (ctypes.c_long(argument) for argument in arguments)
    return _checked(_LIBC.syscall(ctypes.c_long(number), *given), name)


def unshare(flags: int) -> None:
    """Give this process namespaces of its own."""
    _checked(_LIBC.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system, or change a mount."""
    texts = (source.encode(), target.encode(), kind.encode())
    result = _LIBC.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    _checked(result, f"mount {kind or source} on {target}")


def pivot_root(new_root: str, old_root: str) -> None:
    """Make ``new_root`` the root of the file system and hang the old one at ``old_root``."""
    _checked(_LIBC.pivot_root(new_root.encode(), old_root.encode()), "pivot_root")


def unmount(target: str) -> None:
    """Take a mount away, at once for whoever looks, later for who still uses it."""
    _checked(_LIBC.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def drop_capabilities() -> None:
    """Give up every capability that this process has."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_LIBC.capset(ctypes.byref(header), ctypes.byref(none)), "capset")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
