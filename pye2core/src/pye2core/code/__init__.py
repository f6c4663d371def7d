"""Custom code: how a user's function becomes text that can run on a node.

``capture`` reads a function back as text, ``check_source`` finds all that would not work where it
is going, ``encode`` and ``decode`` are its form on the wire (PyE2 wire protocol, section 12).

This room never compiles to run and never runs what it is given. ``check`` and ``scopes`` import the
standard library only: a node's sandbox loads them into a process that holds nothing else. Names
are therefore imported here when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pye2core.code.check import CodeProblem, as_function, check_source, has_own_return
    from pye2core.code.rules import RESULT_NAMES
    from pye2core.code.source import CapturedCode, capture
    from pye2core.code.transfer import decode, digest, encode
    from pye2core.code.verdict import check_function

__all__ = [
    "RESULT_NAMES",
    "CapturedCode",
    "CodeProblem",
    "as_function",
    "capture",
    "check_function",
    "check_source",
    "decode",
    "digest",
    "encode",
    "has_own_return",
]

_HOME_OF = {
    "RESULT_NAMES": "rules",
    "CapturedCode": "source",
    "CodeProblem": "check",
    "as_function": "check",
    "capture": "source",
    "check_function": "verdict",
    "check_source": "check",
    "decode": "transfer",
    "digest": "transfer",
    "encode": "transfer",
    "has_own_return": "check",
}


def __getattr__(name: str) -> object:
    try:
        module = import_module(f"{__name__}.{_HOME_OF[name]}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(module, name)
