"""Workers of one user that can name no process but their own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PATIENCE = 60

BEGIN = """
import os, sys
from pye2_node.sandbox.layers import linux, numbers
try:
    if os.geteuid() != 0:
        linux.unshare(linux.CLONE_NEWUSER)
    outside = os.getpid()
    numbers.live_apart()
except OSError as error:
    print("cannot:", error, flush=True)
    os._exit(0)
print("apart", flush=True)
"""


@pytest.fixture
def started():
    """Starts a process that lives apart and does something; ends it in the end."""
    running = []

    def start(rest: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + rest],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        running.append(process)
        said = process.stdout.readline()
        if said.startswith("cannot:"):
            pytest.skip(f"this machine lets no process live apart: {said}")
        assert said == "apart\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate(timeout=PATIENCE)


def test_a_worker_that_lives_apart_is_the_first_process_and_can_name_no_other(started):
    process = started(
        """
numbers.no_process_of_others(outside)()
print(os.getpid(), os.getppid(), flush=True)
"""
    )

    assert process.stdout.read() == "1 0\n"


def test_its_keeper_ends_with_its_exit_code(started):
    process = started("os._exit(7)")

    assert process.wait(PATIENCE) == 7


def test_its_keeper_ends_by_its_signal(started):
    process = started("import ctypes; ctypes.string_at(0)")

    assert process.wait(PATIENCE) == -signal.SIGSEGV


def test_it_ends_with_its_keeper(started):
    process = started("sys.stdin.read()")

    process.kill()

    assert process.stdout.read() == ""  # nobody holds the other end any more


def test_what_it_started_ends_with_it(started):
    process = started(
        """
if os.fork() == 0:
    os.setsid()
    sys.stdin.read()
os._exit(0)
"""
    )

    assert process.stdout.read() == ""
    assert process.wait(PATIENCE) == 0
