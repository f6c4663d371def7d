"""Memory that a node needed to begin and does not need to run."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Return free memory to the system: about a tenth of what a node that has begun holds.

    What is left stays for good, so that the collector need not look at it again and again.
    """
    gc.collect()
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # the GNU C library's
    if trim is not None:
        trim(0)
