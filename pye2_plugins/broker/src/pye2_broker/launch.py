"""Becomes another program that is killed when its parent's thread ends, however that ends.

Run as a script in a fresh interpreter: ``python -I -S launch.py PARENT PROGRAM [ARGUMENT…]``. A
function between fork and exec (``preexec_fn``) would do the same with the risk of a deadlock, since
the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, program: list[str]) -> None:
    """Ask for the signal, then become ``program``.

    Args:
        parent: the process that is to be outlived by nobody.
        program: its path and arguments.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent ended before its death could be watched")
    try:
        os.execv(program[0], program)  # noqa: S606 - the path comes from our parent, no shell
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
