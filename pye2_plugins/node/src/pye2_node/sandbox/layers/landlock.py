"""The layer ``landlock``: no file, no TCP, no signal and no socket to a process outside.

A ruleset without rules, handling whatever this kernel's Landlock can handle. Numbers and bits are
those of ``linux/landlock.h``; its calls have the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

from pye2_node.sandbox.layers.linux import syscall

_CREATE_RULESET: Final = 444
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1

_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""Of each version that added some: how many rights on files there are, one bit each."""
_NET_RIGHTS: Final = {4: 2}
_SCOPES: Final = {6: 2}
"""Abstract sockets, then signals."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def landlock_version() -> int:
    """The version of Landlock's interface that this kernel has.

    Raises:
        OSError: it has none, or it is turned off.
    """
    return syscall("landlock", _CREATE_RULESET, 0, 0, _ASK_VERSION)


def deny_files_and_signals() -> None:
    """Deny this process, for good, all that Landlock can deny.

    Needs "no new privileges".
    """
    version = landlock_version()
    ruleset = _Ruleset(
        _bits(_FILE_RIGHTS, version), _bits(_NET_RIGHTS, version), _bits(_SCOPES, version)
    )
    size = 8 * (1 + (version >= min(_NET_RIGHTS)) + (version >= min(_SCOPES)))
    descriptor = syscall(
        "landlock_create_ruleset", _CREATE_RULESET, ctypes.addressof(ruleset), size, 0
    )
    try:
        syscall("landlock_restrict_self", _RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def _bits(rights: dict[int, int], version: int) -> int:
    known = [number for since, number in rights.items() if since <= version]
    return (1 << max(known, default=0)) - 1
