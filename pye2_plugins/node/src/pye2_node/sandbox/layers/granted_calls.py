"""The calls of the kernel that a worker may make besides, where something was granted to it.

The numbers are those of the kernel's headers, as in ``syscalls``. Of the network only what opens
connections: no listening, no socket but one of the internet's. Of files no links, so that nobody
else is led astray; no bits that would have a program run as its owner; and nothing at which
Landlock, or an early version of it, does not look: modes, times and lengths of files, and opening
one neither to read nor to write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pye2_node.sandbox.layers.seccomp import (
    ALLOW,
    DENY,
    JUMP_IF_ANY_BIT,
    JUMP_IF_EQUAL,
    LOAD,
    RETURN,
    Instruction,
    at_argument,
    if_argument_is,
    returning_allow,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_node.sandbox.layers.openings import Openings

_Numbers = dict[str, tuple[int | None, int | None]]

# name: (x86-64, aarch64); None where the architecture has no such call
_READING: Final[_Numbers] = {
    "access": (21, None),
    "chdir": (80, 49),
    "dup": (32, 23),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "fadvise64": (221, 223),
    "fstatfs": (138, 44),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "sendfile": (40, 71),
    "stat": (4, None),
    "statfs": (137, 43),
    "statx": (332, 291),
}
_WRITING: Final[_Numbers] = {
    "copy_file_range": (326, 285),
    "fallocate": (285, 47),
    "fdatasync": (75, 83),
    "flock": (73, 32),
    "fsync": (74, 82),
    "ftruncate": (77, 46),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "pwrite64": (18, 68),
    "pwritev": (296, 70),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "rmdir": (84, None),
    "umask": (95, 166),
    "unlink": (87, None),
    "unlinkat": (263, 35),
}
_CONNECTING: Final[_Numbers] = {
    "connect": (42, 203),
    "getpeername": (52, 205),
    "getsockname": (51, 204),
    "getsockopt": (55, 209),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "sendmmsg": (307, 269),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "setsockopt": (54, 208),
    "shutdown": (48, 210),
}
_OPENAT: Final = (257, 56)
_SOCKET: Final = (41, 198)
_IOCTL: Final = (16, 29)
_FCNTL: Final = (72, 25)

_AF_INET: Final = 2
_AF_INET6: Final = 10
_FIONREAD: Final = 0x541B
_FIONBIO: Final = 0x5421
_TYPES_FOR_OTHERS: Final = (0x5412, 0x541C)
"""Requests that put text into a terminal: ``TIOCSTI``, ``TIOCLINUX``."""
_SIGNALS_OTHERS: Final = (0x8901, 0x8902)
"""Requests that have a socket send signals to whom one likes."""
_ABOUT_DESCRIPTORS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
"""What ``fcntl`` may do: copies, flags and locks; not have signals sent."""

_RUNS_AS_OWNER: Final = 0o6000
_TO_WRITE: Final = 1
_TO_READ_AND_WRITE: Final = 2
_CUT: Final = 0o1000
"""Flags of ``openat``; the first two together: neither, but with the rights for both."""

_COLUMNS: Final = {"x86_64": 0, "aarch64": 1}


def calls_for(openings: Openings, machine: str) -> list[Instruction]:
    """The part of the filter that allows them, to be put before the rest.

    Args:
        openings: what is left open.
        machine: the name of the architecture, one of ``syscalls.ARCHITECTURES``.
    """
    column = _COLUMNS[machine]
    return [
        *(_calls_on_files(column) if openings.places else ()),
        *(_calls_of_network(column) if openings.network else ()),
        *(_calls_on_devices(column) if openings.has_devices else ()),
        *if_argument_is(_FCNTL[column], 1, _ABOUT_DESCRIPTORS),
    ]


def _calls_on_files(column: int) -> Iterator[Instruction]:
    for name in sorted(_READING | _WRITING):
        number = (_READING | _WRITING)[name][column]
        if number is not None:
            yield from returning_allow(number)
    yield from _opening(_OPENAT[column])


def _opening(number: int) -> Iterator[Instruction]:
    """Allow to open a file to read or to write it, and to cut it only where it is to be written."""
    flags, mode = at_argument(2), at_argument(3)
    yield Instruction(JUMP_IF_EQUAL, 0, 9, number)
    yield Instruction(LOAD, 0, 0, mode)
    yield Instruction(JUMP_IF_ANY_BIT, 6, 0, _RUNS_AS_OWNER)
    yield Instruction(LOAD, 0, 0, flags)
    yield Instruction(JUMP_IF_ANY_BIT, 0, 1, _TO_WRITE)
    yield Instruction(JUMP_IF_ANY_BIT, 3, 2, _TO_READ_AND_WRITE)
    yield Instruction(JUMP_IF_ANY_BIT, 1, 0, _TO_READ_AND_WRITE)
    yield Instruction(JUMP_IF_ANY_BIT, 1, 0, _CUT)
    yield Instruction(RETURN, 0, 0, ALLOW)
    yield Instruction(RETURN, 0, 0, DENY)


def _calls_on_devices(column: int) -> Iterator[Instruction]:
    yield from if_argument_is(_IOCTL[column], 1, (*_TYPES_FOR_OTHERS, *_SIGNALS_OTHERS), DENY)
    yield from returning_allow(_IOCTL[column])


def _calls_of_network(column: int) -> Iterator[Instruction]:
    for name in sorted(_CONNECTING):
        number = _CONNECTING[name][column]
        if number is not None:
            yield from returning_allow(number)
    yield from if_argument_is(_SOCKET[column], 0, (_AF_INET, _AF_INET6))
    yield from if_argument_is(_IOCTL[column], 1, (_FIONREAD, _FIONBIO))
