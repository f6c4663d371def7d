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
    from pye2core.code.cutting import Uncuttable, cut_definition, indent_definition
    from pye2core.code.finding import find_class, find_function, find_lambda, first_row_of
    from pye2core.code.grants import NO_GRANTS, WORK_FOLDER, Grants, read_grants
    from pye2core.code.rules import NOTHING_MORE, RESULT_NAMES, Permitted
    from pye2core.code.scopes import every_unknown_read
    from pye2core.code.source import CapturedCode, capture
    from pye2core.code.transfer import decode, digest, encode
    from pye2core.code.verdict import check_function, permitted_by

__all__ = [
    "NOTHING_MORE",
    "NO_GRANTS",
    "RESULT_NAMES",
    "WORK_FOLDER",
    "CapturedCode",
    "CodeProblem",
    "Grants",
    "Permitted",
    "Uncuttable",
    "as_function",
    "capture",
    "check_function",
    "check_source",
    "cut_definition",
    "decode",
    "digest",
    "encode",
    "every_unknown_read",
    "find_class",
    "find_function",
    "find_lambda",
    "first_row_of",
    "has_own_return",
    "indent_definition",
    "permitted_by",
    "read_grants",
]

_HOME_OF = {
    "NOTHING_MORE": "rules",
    "NO_GRANTS": "grants",
    "RESULT_NAMES": "rules",
    "WORK_FOLDER": "grants",
    "CapturedCode": "source",
    "CodeProblem": "check",
    "Grants": "grants",
    "Permitted": "rules",
    "Uncuttable": "cutting",
    "as_function": "check",
    "capture": "source",
    "check_function": "verdict",
    "check_source": "check",
    "cut_definition": "cutting",
    "decode": "transfer",
    "digest": "transfer",
    "encode": "transfer",
    "every_unknown_read": "scopes",
    "find_class": "finding",
    "find_function": "finding",
    "find_lambda": "finding",
    "first_row_of": "finding",
    "has_own_return": "check",
    "indent_definition": "cutting",
    "permitted_by": "verdict",
    "read_grants": "grants",
}


def __getattr__(name: str) -> object:
    try:
        module = import_module(f"{__name__}.{_HOME_OF[name]}")
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(module, name)
