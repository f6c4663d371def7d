"""How a node gets along with little memory, where the GNU C library lets it."""

from __future__ import annotations

import ctypes
import gc
import linecache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_M_ARENA_MAX: Final = -8
"""``mallopt``'s name of the option, from ``malloc.h``."""

_MADV_DONTNEED: Final = 4


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


def let_go_of_code() -> None:
    """Unmap the code of programs and libraries that only the start has needed.

    It stays in the system's cache, and whatever is called again is mapped again from there. Half of
    what a node has mapped of it is for loading and setting up alone. Needs ``/proc``.
    """
    madvise = _of_the_c_library("madvise")
    if madvise is not None:
        for start, length in _code_mappings():
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), _MADV_DONTNEED)


def _code_mappings() -> Iterator[tuple[int, int]]:
    """Where code is mapped from files: address and length. Nobody writes there, so none is lost."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:  # noqa: PTH123 - pathlib is 0.5 MiB
        for line in maps:
            addresses, permissions, *rest = line.split(maxsplit=5)
            if permissions == "r-xp" and rest[-1].startswith("/"):
                start, end = (int(address, 16) for address in addresses.split("-"))
                yield start, end - start


def trim() -> None:
    """Return to the system what was freed and is not used again."""
    malloc_trim = _of_the_c_library("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def _of_the_c_library(name: str) -> Any:
    """A function of the GNU C library; None where another one is used."""
    return getattr(ctypes.CDLL(None), name, None)
