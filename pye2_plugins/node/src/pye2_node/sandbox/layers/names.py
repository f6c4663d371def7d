"""What the layers of the sandbox are called, in settings, heartbeats and the doctor's report."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Layer(StrEnum):
    """Something that stands between foreign code and the machine.

    ``CHECK`` is for honest mistakes; the others are the operating system's.
    """

    CHECK = "check"
    NAMESPACES = "namespaces"
    UID = "uid"
    RLIMITS = "rlimits"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"


ALL_LAYERS: Final = frozenset(Layer)

ONE_IS_A_MUST: Final = frozenset({Layer.LANDLOCK, Layer.SECCOMP})
"""With neither of them foreign code reads files and opens connections, whatever else is on."""

ONE_FOR_FILES: Final = frozenset({Layer.LANDLOCK, Layer.NAMESPACES})
"""Only these tell one file from another: with neither nothing that takes files can be granted."""
