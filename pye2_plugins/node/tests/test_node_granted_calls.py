"""The calls that grants add to the filter, run here as the kernel runs it, for each processor."""

import functools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_verdicts import instructions_of, verdict_of

from pye2_node.sandbox.layers import granted_calls
from pye2_node.sandbox.layers.openings import Openings, Place
from pye2_node.sandbox.layers.seccomp import (
    ALLOW,
    DENY,
    KILL_PROCESS,
    WorkerFilter,
)
from pye2_node.sandbox.layers.syscalls import ARCHITECTURES

PID = 4321
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
COLUMNS = {"x86_64": 0, "aarch64": 1}
NOTHING = Openings(network=False, places=(), work_bytes=0, groups=())
NETWORK = NOTHING._replace(network=True)
FILES = NOTHING._replace(places=(Place("/srv", "/srv", is_folder=True),))
DEVICES = NOTHING._replace(places=(Place("/dev/x", "/dev/x", is_device=True),))
WORDS = st.integers(0, 2**64 - 1)
architectures = pytest.mark.parametrize("machine", ARCHITECTURES)


def numbers(machine):
    """The numbers of all calls that grants may add."""
    tables = [granted_calls._READING, granted_calls._WRITING, granted_calls._CONNECTING]
    found = {name: both for table in tables for name, both in table.items()}
    found |= {
        "openat": granted_calls._OPENAT,
        "socket": granted_calls._SOCKET,
        "ioctl": granted_calls._IOCTL,
        "fcntl": granted_calls._FCNTL,
    }
    by_machine = {name: both[COLUMNS[machine]] for name, both in found.items()}
    return {name: number for name, number in by_machine.items() if number is not None}


@functools.cache
def filter_of(machine, openings):
    granted = granted_calls.calls_for(openings, machine)
    program = WorkerFilter(ARCHITECTURES[machine], granted).program(PID)
    return instructions_of(program)


def verdict_on(machine, openings, number, *arguments, architecture=None):
    filter_ = filter_of(machine, openings)
    return verdict_of(filter_, machine, number, *arguments, architecture=architecture)


def named(machine, openings, name, *arguments):
    return verdict_on(machine, openings, numbers(machine)[name], *arguments)


@architectures
@pytest.mark.parametrize("openings", [NETWORK, FILES, DEVICES], ids=["network", "files", "devices"])
@given(number=st.integers(0, 2**32 - 1), arguments=st.tuples(WORDS, WORDS, WORDS, WORDS))
def test_a_call_that_is_listed_nowhere_stays_denied(machine, openings, number, arguments):
    if number in {*ARCHITECTURES[machine].numbers.values(), *numbers(machine).values()}:
        return

    assert verdict_on(machine, openings, number, *arguments) == DENY


@architectures
@given(number=st.integers(0, 2**32 - 1), arguments=st.tuples(WORDS, WORDS, WORDS))
def test_what_computing_may_not_do_it_may_not_with_a_grant_of_files(machine, number, arguments):
    if number in numbers(machine).values():
        return

    without = verdict_on(machine, NOTHING, number, *arguments)
    assert verdict_on(machine, FILES, number, *arguments) == without


@pytest.mark.parametrize("openings", [NETWORK, FILES, DEVICES])
def test_calls_of_another_architecture_end_the_process(openings):
    assert verdict_on("x86_64", openings, 0, architecture=0x40000003) == KILL_PROCESS
    assert verdict_on("x86_64", openings, 257 | 0x40000000) == DENY


@architectures
@given(family=st.integers(0, 2**32 - 1))
def test_sockets_are_the_internets_only(machine, family):
    allowed = family in {2, 10}

    assert named(machine, NETWORK, "socket", family) == (ALLOW if allowed else DENY)
    assert named(machine, FILES, "socket", family) == DENY


@architectures
def test_connections_are_opened_and_not_waited_for(machine):
    bind, listen, accept = {"x86_64": (49, 50, 43), "aarch64": (200, 201, 202)}[machine]

    assert named(machine, NETWORK, "connect", 5) == ALLOW
    assert named(machine, NETWORK, "sendto", 5) == ALLOW
    assert {verdict_on(machine, NETWORK, number, 5) for number in (bind, listen, accept)} == {DENY}


@architectures
@given(flags=st.integers(0, 2**31 - 1), mode=st.integers(0, 0o7777))
def test_no_file_is_made_that_runs_as_its_owner(machine, flags, mode):
    if mode & 0o6000:
        assert named(machine, FILES, "openat", 0, 0, flags, mode) == DENY


@architectures
@given(more=st.integers(0, 2**31 - 1).map(lambda flags: flags & ~0o1003), cuts=st.booleans())
@pytest.mark.parametrize("access", range(4))
def test_a_file_is_opened_to_read_or_to_write_and_cut_only_by_who_writes(
    machine, access, more, cuts
):
    """Landlock looks at no file that is opened for neither, and early at none that is cut."""
    flags = access | more | (0o1000 if cuts else 0)

    verdict = named(machine, FILES, "openat", 0, 0, flags, 0o644)

    assert verdict == (DENY if access == 3 or (access == 0 and cuts) else ALLOW)


@architectures
def test_no_mode_of_a_file_is_changed(machine):
    """Landlock does not look at that, be the file open to read only."""
    calls = {"x86_64": (90, 91, 268, 452), "aarch64": (52, 53, 452)}[machine]

    assert {verdict_on(machine, FILES, number, 5, 0o644) for number in calls} == {DENY}


@architectures
@given(command=st.integers(0, 2**32 - 1))
def test_no_signals_are_ordered(machine, command):
    allowed = command in {0, 1, 2, 3, 4, 5, 6, 7, 1030}

    for openings in (NETWORK, FILES, DEVICES):
        assert named(machine, openings, "fcntl", 5, command) == (ALLOW if allowed else DENY)


@architectures
@given(request=st.integers(0, 2**32 - 1))
def test_requests_go_to_devices_and_to_sockets_as_far_as_they_must(machine, request):
    for_others = {0x5412, 0x541C, 0x8901, 0x8902}
    to_devices = DENY if request in for_others else ALLOW
    to_sockets = ALLOW if request in {0x541B, 0x5421} else DENY

    assert named(machine, DEVICES, "ioctl", 5, request) == to_devices
    assert named(machine, NETWORK, "ioctl", 5, request) == to_sockets
    assert named(machine, FILES, "ioctl", 5, request) == DENY


@architectures
@given(start=WORDS, size=WORDS, protection=WORDS)
def test_memory_is_never_made_executable(machine, start, size, protection):
    number = ARCHITECTURES[machine].numbers["mmap"]

    verdict = verdict_on(machine, FILES, number, start, size, protection)

    assert verdict == (DENY if protection & 4 else ALLOW)


@architectures
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not installed here")
    lines = re.findall(
        r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", HEADERS[machine].read_text(), re.MULTILINE
    )
    in_headers = {name: int(number) for name, number in lines}
    in_headers.setdefault("newfstatat", in_headers.get("fstatat"))

    known = numbers(machine)

    assert {name: in_headers[name] for name in known} == known
