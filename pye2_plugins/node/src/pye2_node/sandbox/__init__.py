"""The sandbox: separate processes in which a node runs other people's code.

::

    node process (asyncio)                  zygote                     worker, one an instance
    pool.py         SandboxPool      ──►    zygote.py         fork ──► worker.py
    zygotes.py  zygote_link.py       ◄──►   one thread, numpy          functions.py  failures.py
    process.py      SandboxProcess          confinement.py             plugin_api.py  values.py  …
    worker_channel.py  limits.py     ◄───────── frames.py ───────────► node_link.py

The left column never compiles, parses, runs or unpickles foreign code; it sees JSON frames of a
bounded size and believes none of them. The other two columns import the standard library, numpy
and the cheap modules of the kernel only: every megabyte there is paid in every worker.

Nothing is imported until a name is first used, because the zygote passes through this file too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2_node.sandbox.events import WorkerEvents
    from pye2_node.sandbox.limits import SandboxLimits, Surroundings
    from pye2_node.sandbox.pool import SandboxPool
    from pye2_node.sandbox.process import SandboxProcess

__all__ = ["SandboxLimits", "SandboxPool", "SandboxProcess", "Surroundings", "WorkerEvents"]

_HOME_OF = {
    "SandboxLimits": "limits",
    "SandboxPool": "pool",
    "SandboxProcess": "process",
    "Surroundings": "limits",
    "WorkerEvents": "events",
}


def __getattr__(name: str) -> object:
    try:
        module = import_module(f"{__name__}.{_HOME_OF[name]}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(module, name)
