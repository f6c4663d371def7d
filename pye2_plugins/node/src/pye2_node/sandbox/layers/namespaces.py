"""The layer ``namespaces``: an empty root, no network, no memory shared with anybody.

The zygote enters them when it has loaded all that it needs, so that its workers cost nothing more:
its root is then an empty folder that cannot be written, and its network has no interface that is
up. Each worker leaves the shared memory of its siblings behind.

An ordinary user needs a user namespace for that, which some distributions forbid.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers import linux

if TYPE_CHECKING:
    from collections.abc import Callable

_KEYCTL: Final = {"x86_64": 250, "aarch64": 219}
"""The call's number, by architecture."""

_KEYCTL_JOIN_SESSION_KEYRING: Final = 1

_ANYWHERE: Final = "/proc"
"""Where the new root is mounted for a moment: a folder that every system has, seen by us alone."""


def enter_namespaces(*, network: bool = False, fill: Callable[[str], None] | None = None) -> None:
    """Leave the machine's files, network and shared memory behind; for the zygote.

    Args:
        network: whether the network stays what it is.
        fill: puts into the new root, given its folder, what is to be there; without it the root
            stays empty.
    """
    if os.geteuid() != 0:
        _become_root_of_nobody()
    left = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS
    linux.unshare(left if network else left | linux.CLONE_NEWNET)
    if fill is None:
        _take_root("size=4k,nr_inodes=2,mode=755")
    else:
        _take_root("size=256k,nr_inodes=1k,mode=755", fill)


def leave_siblings() -> None:
    """Leave the shared memory of the zygote's other workers behind; for a worker.

    Where they are all the same ordinary user, their kernel keyrings, too: those of a user are its
    namespace's.
    """
    users = 0 if os.geteuid() == 0 else linux.CLONE_NEWUSER
    linux.unshare(linux.CLONE_NEWIPC | users)


def leave_session_keyring() -> None:
    """Have a session keyring of one's own, where workers could reach the one they share."""
    number = _KEYCTL.get(os.uname().machine)
    if number is None:
        return
    try:
        linux.syscall("keyctl", number, _KEYCTL_JOIN_SESSION_KEYRING, 0)
    except OSError as error:
        if error.errno not in {errno.ENOSYS, errno.EPERM}:  # with these no worker has any
            raise


def _become_root_of_nobody() -> None:
    """Enter a user namespace in which this user is still itself, but may enter others."""
    user, group = os.geteuid(), os.getegid()
    linux.unshare(linux.CLONE_NEWUSER)
    linux.write_setting("/proc/self/setgroups", "deny")
    linux.write_setting("/proc/self/uid_map", f"{user} {user} 1")
    linux.write_setting("/proc/self/gid_map", f"{group} {group} 1")


def _take_root(options: str, fill: Callable[[str], None] | None = None) -> None:
    linux.mount("none", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    fixed = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    linux.mount("none", _ANYWHERE, "tmpfs", fixed, options)
    if fill is not None:
        fill(_ANYWHERE)
    os.chdir(_ANYWHERE)
    linux.pivot_root(".", ".")
    linux.unmount(".")
    os.chdir("/")
    linux.mount("none", "/", "", linux.MS_REMOUNT | linux.MS_RDONLY | fixed)
