"""A cell around a whole node: what breaks out of its sandbox ends up here, not on the machine.

A program of the standard library only: ``python escape_cell.py JSON``. It takes a mount, pid, ipc
and uts namespace of its own, makes everything but the named folders read-only, and runs a command
there; its first process is the init of that pid namespace, so that nothing inside can outlive it.

The cell hides nothing from the node and what runs on it: the node's home, ``/etc/passwd``, the
network, all processes of the cell and the folders that witnesses watch are as they would be
without. It is no part of what is tested.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any, Final

_CLONE_NEWNS: Final = 0x00020000
_CLONE_NEWUTS: Final = 0x04000000
_CLONE_NEWIPC: Final = 0x08000000
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWPID: Final = 0x20000000
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 1 << 18
_MOUNT_SETATTR: Final = 442  # the same number on every machine
_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_READ_ONLY: Final = 1
_PR_SET_PDEATHSIG: Final = 1
_PR_CAPBSET_DROP: Final = 24
_WITHOUT_CAPABILITIES: Final = (16, 17, 22, 25, 27, 32, 33, 34)
"""Modules, raw devices, reboot, the clock, devices, other security modules, the kernel's log."""
_LARGEST_FILE: Final = 512 * 1024 * 1024

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def main() -> int:
    """Run ``command`` in a cell; the exit code is its own."""
    asked = json.loads(sys.argv[1])
    _say(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    spaces = _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWUTS
    if os.geteuid() == 0:
        _say(_LIBC.unshare(spaces), "unshare")
    else:
        _enter_user_namespace(spaces)
    init = os.fork()
    if init == 0:
        os._exit(_live(asked))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(init, signal.SIGTERM))
    return os.waitstatus_to_exitcode(os.waitpid(init, 0)[1]) & 0xFF


def _enter_user_namespace(spaces: int) -> None:
    user, group = os.getuid(), os.getgid()
    _say(_LIBC.unshare(_CLONE_NEWUSER | spaces), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _live(asked: dict[str, Any]) -> int:
    """The life of the cell's first process: it furnishes the cell, starts the command, reaps."""
    _say(_LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    _furnish(asked["writable"], asked["uid"])
    command = os.fork()
    if command == 0:
        _become(asked["uid"])
        os.execv(asked["command"][0], asked["command"])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(command, signal.SIGTERM))
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == command:
            return os.waitstatus_to_exitcode(status) & 0xFF


def _furnish(writable: list[str], uid: int | None) -> None:
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    if uid is not None:
        _open_the_way_to(sys.base_prefix)
    for folder in writable:
        _mount(folder, folder, "", _MS_BIND | _MS_REC)
    _set_attributes("/", _READ_ONLY, 0, _AT_RECURSIVE)
    _mount("tmpfs", "/dev/shm", "tmpfs", 0)
    Path("/dev/shm").chmod(0o1777)
    _mount("proc", "/proc", "proc", 0)
    _mount("/proc/sys", "/proc/sys", "", _MS_BIND | _MS_REC)
    _set_attributes("/proc/sys", _READ_ONLY, 0, _AT_RECURSIVE)
    for folder in writable:
        _set_attributes(folder, 0, _READ_ONLY, _AT_RECURSIVE)


def _open_the_way_to(folder: str) -> None:
    """Show ``folder`` to another user where one of those above it is closed to everybody else."""
    closed = [above for above in reversed(Path(folder).parents) if not above.stat().st_mode & 0o001]
    if not closed:
        return
    inside = os.open(folder, os.O_PATH)
    _mount("tmpfs", str(closed[0]), "tmpfs", 0)
    closed[0].chmod(0o755)
    Path(folder).mkdir(parents=True)
    _mount(f"/proc/self/fd/{inside}", folder, "", _MS_BIND | _MS_REC)
    os.close(inside)


def _become(uid: int | None) -> None:
    for capability in _WITHOUT_CAPABILITIES:
        if os.geteuid() == 0:
            _say(_LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, _LARGEST_FILE))
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), None)
    _say(_LIBC.mount(*arguments), f"mount {source} on {target}")


def _set_attributes(path: str, on: int, off: int, how: int) -> None:
    attributes = struct.pack("QQQQ", on, off, 0, 0)
    arguments = (_AT_FDCWD, path.encode(), how, attributes, ctypes.c_size_t(len(attributes)))
    _say(_LIBC.syscall(ctypes.c_long(_MOUNT_SETATTR), *arguments), f"attributes of {path}")


def _say(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    sys.exit(main())
