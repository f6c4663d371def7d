"""The layer ``seccomp``: a worker computes, and reads and writes what was opened for it.

A program for the kernel's packet filter (``linux/bpf_common.h``, ``linux/seccomp.h``) that looks at
every call before it is made. What is not allowed fails with ``EPERM``, so that Python raises
``PermissionError`` where foreign code tries; calls of another architecture end the process.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from pye2_node.sandbox.layers.linux import PR_SET_SECCOMP, prctl

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pye2_node.sandbox.layers.syscalls import Architecture

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
DENY: Final = _ERRNO | errno.EPERM
NOT_THERE: Final = _ERRNO | errno.ENOSYS

LOAD: Final = 0x20
JUMP_IF_EQUAL: Final = 0x15
JUMP_IF_ANY_BIT: Final = 0x45
RETURN: Final = 0x06

_AT_NUMBER: Final = 0
_AT_ARCHITECTURE: Final = 4
_AT_ARGUMENTS: Final = 16

_CLONE_THREAD: Final = 0x00010000
_PROT_EXEC: Final = 4
_PR_SET_NAME: Final = 15
_FILTER: Final = 2

_WITHOUT_NEW_CODE: Final = ("mmap", "mprotect")
_WITH_RULES: Final = frozenset({"clone", "clone3", "prctl", "tgkill", *_WITHOUT_NEW_CODE})


class Instruction(NamedTuple):
    """One of the packet filter's: ``struct sock_filter``.

    Attributes:
        code: what it does.
        if_true: how many instructions a jump skips where its condition holds.
        if_false: and where it does not.
        value: what is loaded, compared or returned.
    """

    code: int
    if_true: int
    if_false: int
    value: int


class WorkerFilter:
    """The filter of one zygote's workers; everything in it but a worker's process id is ready.

    Args:
        architecture: of this process.
        granted: allows what was granted to these workers, before anything else is looked at.
    """

    def __init__(self, architecture: Architecture, granted: Sequence[Instruction] = ()) -> None:
        self._tgkill = architecture.numbers["tgkill"]
        self._head = _packed([*_head(architecture), *granted])
        self._tail = _packed(_tail(architecture))

    def program(self, pid: int) -> bytes:
        """The filter, as the kernel takes it, for the process ``pid``."""
        # The calls are looked at in this order, so the rule with the changing number goes between.
        return self._head + _packed(_only_with(self._tgkill, 0, pid)) + self._tail

    def install(self, pid: int) -> None:
        """Filter the calls of this process, whose id is ``pid``, from now on.

        Needs "no new privileges".
        """
        program = self.program(pid)
        text = ctypes.create_string_buffer(program, len(program))
        count = len(program) // _INSTRUCTION.size
        header = struct.pack("HxxxxxxQ", count, ctypes.addressof(text))
        whole = ctypes.create_string_buffer(header, len(header))
        prctl(PR_SET_SECCOMP, _FILTER, ctypes.addressof(whole))


_INSTRUCTION: Final = struct.Struct("HBBI")


def _packed(instructions: Iterable[Instruction]) -> bytes:
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in instructions)


def _head(architecture: Architecture) -> Iterable[Instruction]:
    """Refuse calls by the rules of another architecture; load the call's number."""
    yield Instruction(LOAD, 0, 0, _AT_ARCHITECTURE)
    yield Instruction(JUMP_IF_EQUAL, 1, 0, architecture.audit)
    yield Instruction(RETURN, 0, 0, KILL_PROCESS)
    yield Instruction(LOAD, 0, 0, _AT_NUMBER)
    if architecture.foreign_bit:
        yield Instruction(JUMP_IF_ANY_BIT, 0, 1, architecture.foreign_bit)
        yield Instruction(RETURN, 0, 0, DENY)


def _tail(architecture: Architecture) -> Iterable[Instruction]:
    """Allow the calls that need no look at their arguments, then those that do."""
    numbers = architecture.numbers
    for name in sorted(numbers.keys() - _WITH_RULES):
        yield from _returning(numbers[name], ALLOW)
    for name in _WITHOUT_NEW_CODE:
        yield from _without_bits(numbers[name], 2, _PROT_EXEC)
    yield from _only_with(numbers["prctl"], 0, _PR_SET_NAME)
    yield from _only_with_bits(numbers["clone"], 0, _CLONE_THREAD)
    # glibc then makes threads with clone, whose flags can be seen here.
    yield from _returning(numbers["clone3"], NOT_THERE)
    yield Instruction(RETURN, 0, 0, DENY)


def _returning(number: int, verdict: int) -> Iterable[Instruction]:
    yield Instruction(JUMP_IF_EQUAL, 0, 1, number)
    yield Instruction(RETURN, 0, 0, verdict)


def returning_allow(number: int) -> Iterable[Instruction]:
    """Allow a call whatever its arguments."""
    return _returning(number, ALLOW)


def at_argument(argument: int) -> int:
    """Where the lower half of a call's argument is to be loaded from."""
    return _AT_ARGUMENTS + 8 * argument


def if_argument_is(
    number: int, argument: int, values: Sequence[int], verdict: int = ALLOW
) -> Iterable[Instruction]:
    """Allow a call with one of these values as that argument; otherwise go on looking.

    The argument is looked at, then the number is loaded again: rules below compare it.
    """
    yield Instruction(JUMP_IF_EQUAL, 0, 2 + 2 * len(values), number)
    yield Instruction(LOAD, 0, 0, at_argument(argument))
    for value in values:
        yield Instruction(JUMP_IF_EQUAL, 0, 1, value)
        yield Instruction(RETURN, 0, 0, verdict)
    yield Instruction(LOAD, 0, 0, _AT_NUMBER)


def _only_with(number: int, argument: int, value: int) -> Iterable[Instruction]:
    return _if_argument(number, argument, Instruction(JUMP_IF_EQUAL, 0, 1, value))


def _only_with_bits(number: int, argument: int, bits: int) -> Iterable[Instruction]:
    return _if_argument(number, argument, Instruction(JUMP_IF_ANY_BIT, 0, 1, bits))


def _without_bits(number: int, argument: int, bits: int) -> Iterable[Instruction]:
    return _if_argument(number, argument, Instruction(JUMP_IF_ANY_BIT, 1, 0, bits))


def _if_argument(number: int, argument: int, condition: Instruction) -> Iterable[Instruction]:
    """Allow a call whose argument meets a condition: its lower half, all that the kernel reads."""
    yield Instruction(JUMP_IF_EQUAL, 0, 4, number)
    yield Instruction(LOAD, 0, 0, at_argument(argument))
    yield condition
    yield Instruction(RETURN, 0, 0, ALLOW)
    yield Instruction(RETURN, 0, 0, DENY)
