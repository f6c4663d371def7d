"""How a node gets along with little memory, where the GNU C library lets it."""

from __future__ import annotations

import ctypes
import gc
import linecache
from typing import Any, Final

_M_ARENA_MAX: Final = -8
"""``mallopt``'s name of the option, from ``malloc.h``."""


def share_one_arena() -> None:
    """Have all threads take memory from one place; to be called before there is a second one.

    Otherwise each thread has a place of its own with its own reserve, and a node has several that
    rarely have anything to do.
    """
    mallopt = _of_the_c_library("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Return free memory to the system: about a tenth of what a node that has begun holds.

    What is left stays for good, so that the collector need not look at it again and again. The
    texts of methods that attrs wrote are no loss: tracebacks alone would show lines of them.
    """
    linecache.clearcache()
    gc.collect()
    gc.freeze()
    trim()


def trim() -> None:
    """Return to the system what was freed and is not used again."""
    malloc_trim = _of_the_c_library("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_the_c_library(name: str) -> Any:
    """A function of the GNU C library; None where another one is used."""
    return getattr(ctypes.CDLL(None), name, None)
