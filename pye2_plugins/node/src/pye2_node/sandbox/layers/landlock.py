"""The layer ``landlock``: no file, no TCP, no signal and no socket to a process outside.

A ruleset handling whatever this kernel's Landlock can handle, without rules but for what was
granted to the workers of this zygote. Numbers and bits are those of ``linux/landlock.h``; its calls
have the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers.linux import syscall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2_node.sandbox.layers.openings import Place

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1

_FILE_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""Of each version that added some: how many rights on files there are, one bit each."""
_NET_RIGHTS: Final = {4: 2}
_SCOPES: Final = {6: 2}
"""Abstract sockets, then signals."""
_CONNECT_TCP: Final = 1 << 1
_BENEATH_PATH: Final = 1

_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_TRUNCATE: Final = 1 << 14
_IOCTL: Final = 1 << 15
_READING: Final = _READ_FILE | 1 << 3  # … and listing a folder
_CHANGING: Final = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13
"""Removing folders and files, making folders and files, moving between folders: no links, no
devices, no sockets."""


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


def deny_files_and_signals(places: Iterable[Place] = (), *, network: bool = False) -> None:
    """Deny this process, for good, all that Landlock can deny.

    Needs "no new privileges".

    Args:
        places: what it may open all the same.
        network: whether it may open connections all the same.
    """
    version = landlock_version()
    files = _bits(_FILE_RIGHTS, version)
    net = _bits(_NET_RIGHTS, version)
    ruleset = _Ruleset(files, net & ~_CONNECT_TCP if network else net, _bits(_SCOPES, version))
    size = 8 * (1 + (version >= min(_NET_RIGHTS)) + (version >= min(_SCOPES)))
    descriptor = syscall(
        "landlock_create_ruleset", _CREATE_RULESET, ctypes.addressof(ruleset), size, 0
    )
    try:
        for place in places:
            _allow(descriptor, place, files)
        syscall("landlock_restrict_self", _RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def _allow(ruleset: int, place: Place, handled: int) -> None:
    rights = _rights_in(place) & handled
    try:
        descriptor = os.open(place.path, os.O_PATH | os.O_CLOEXEC)
    except PermissionError:
        return  # without namespaces its path leads through folders that are closed to this user
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        text = ctypes.create_string_buffer(rule, len(rule))
        address = ctypes.addressof(text)
        syscall("landlock_add_rule", _ADD_RULE, ruleset, _BENEATH_PATH, address, 0)
    finally:
        os.close(descriptor)


def _rights_in(place: Place) -> int:
    if place.is_device:
        return _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL
    if not place.is_folder:
        return _READ_FILE
    return _READING | (_WRITE_FILE | _TRUNCATE | _CHANGING if place.is_written else 0)


def _bits(rights: dict[int, int], version: int) -> int:
    known = [number for since, number in rights.items() if since <= version]
    return (1 << max(known, default=0)) - 1
