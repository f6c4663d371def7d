"""The calls of the kernel that a worker may make: the filter, run here as the kernel runs it."""

import ctypes
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_verdicts import instructions_of, verdict_of

from pye2_node.sandbox.layers.seccomp import (
    ALLOW,
    DENY,
    KILL_PROCESS,
    NOT_THERE,
    WorkerFilter,
)
from pye2_node.sandbox.layers.syscalls import ARCHITECTURES

PID = 4321
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
WORDS = st.integers(0, 2**64 - 1)
architectures = pytest.mark.parametrize("machine", ARCHITECTURES)


def verdict_on(machine, number, *arguments, architecture=None):
    filter_ = instructions_of(WorkerFilter(ARCHITECTURES[machine]).program(PID))
    return verdict_of(filter_, machine, number, *arguments, architecture=architecture)


def named(machine, name, *arguments):
    return verdict_on(machine, ARCHITECTURES[machine].numbers[name], *arguments)


@architectures
@pytest.mark.parametrize("name", ["read", "write", "futex", "brk", "exit_group", "getrandom"])
def test_what_computing_needs_is_allowed(machine, name):
    assert named(machine, name, 1, 2, 3) == ALLOW


@architectures
@given(number=st.integers(0, 2**32 - 1), arguments=st.tuples(WORDS, WORDS, WORDS))
def test_a_call_that_is_not_listed_is_denied_whatever_its_arguments(machine, number, arguments):
    if number in ARCHITECTURES[machine].numbers.values():
        return

    assert verdict_on(machine, number, *arguments) == DENY


@architectures
@given(
    number=st.integers(0, 2**32 - 1),
    architecture=st.integers(0, 2**32 - 1),
    arguments=st.tuples(WORDS),
)
def test_a_call_by_the_rules_of_another_architecture_ends_the_process(
    machine, number, architecture, arguments
):
    if architecture == ARCHITECTURES[machine].audit:
        return

    assert verdict_on(machine, number, *arguments, architecture=architecture) == KILL_PROCESS


@given(number=st.integers(0, 2**30 - 1))
def test_the_second_set_of_calls_on_x86_is_denied(number):
    assert verdict_on("x86_64", number | 0x40000000) == DENY


@architectures
@pytest.mark.parametrize("name", ["mmap", "mprotect"])
@given(start=WORDS, size=WORDS, protection=WORDS)
def test_memory_is_never_made_executable(machine, name, start, size, protection):
    verdict = named(machine, name, start, size, protection)

    assert verdict == (DENY if protection & 4 else ALLOW)


@architectures
@given(pid=st.integers(0, 2**32 - 1))
def test_signals_go_to_the_worker_itself_only(machine, pid):
    assert named(machine, "tgkill", pid, 1, 9) == (ALLOW if pid == PID else DENY)


@architectures
@given(flags=WORDS)
def test_threads_can_be_made_and_processes_not(machine, flags):
    assert named(machine, "clone", flags) == (ALLOW if flags & 0x10000 else DENY)


@architectures
def test_the_call_whose_flags_cannot_be_seen_seems_not_to_be_there(machine):
    assert named(machine, "clone3", 1, 88) == NOT_THERE


@architectures
@given(option=st.integers(0, 2**32 - 1))
def test_the_only_attribute_that_can_be_set_is_a_threads_name(machine, option):
    assert named(machine, "prctl", option, 0) == (ALLOW if option == 15 else DENY)


@architectures
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed here")
    lines = re.findall(
        r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", HEADERS[machine].read_text(), re.MULTILINE
    )
    in_headers = {name: int(number) for name, number in lines}

    known = ARCHITECTURES[machine].numbers

    assert {name: in_headers[name] for name in known} == known


def test_an_instruction_has_the_size_that_the_kernel_expects():
    program = WorkerFilter(ARCHITECTURES["x86_64"]).program(PID)

    assert len(program) % ctypes.sizeof(ctypes.c_uint64) == 0
    assert len(program) // 8 < 4096
