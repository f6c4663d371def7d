"""The layers by name, and the one place that turns some of them off: for these tests only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pye2_node.sandbox import SandboxPool

CHECK: Final = "check"
LAYERS: Final = (CHECK, "namespaces", "uid", "rlimits", "landlock", "seccomp")
"""The language check, then the operating system's layers in the order of locking."""


def pool_without(layers: frozenset[str], modules: Sequence[str] = ()) -> SandboxPool:
    """A node's sandbox that lacks these layers.

    Without the check, foreign code is neither looked at nor has it a choice of names made for it:
    it sees the interpreter's own builtins.

    Args:
        layers: those to leave out.
        modules: what its zygotes load besides.
    """
    from pye2_node.sandbox import SandboxLimits, SandboxPool

    all_of_them = SandboxLimits().layers
    limits = SandboxLimits(layers=all_of_them - layers, unsafe=True)
    return SandboxPool(limits, modules=modules)
