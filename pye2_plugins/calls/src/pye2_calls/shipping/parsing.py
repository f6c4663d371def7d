"""Parses and compiles the user's text once more, and tells whether it still is what runs.

Python warned of the text when it was loaded; it is not to warn again, nor to be refused for it
where warnings are errors.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import threading
import warnings
from importlib.machinery import SourceFileLoader
from operator import or_
from types import CodeType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FunctionType

_FUTURES: Final = functools.reduce(
    or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)

_silence: Final = threading.Lock()
"""What is to be heard of warnings is the whole process's: two threads would mix it up."""


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Let nobody hear of odd syntax, for as short a time as it takes to parse."""
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.filterwarnings("ignore", "invalid ", DeprecationWarning)  # so Python 3.11 says it
        yield


def parse(text: str) -> ast.Module:
    """The tree of a text.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``ast.parse``.
    """
    with unwarned():
        return ast.parse(text)


def is_still_said(tree: ast.Module, function: FunctionType) -> bool:
    """Whether a file still says what a function was compiled of.

    A file that was edited since it was loaded can say something else on the very same lines. This
    can be told of what Python's own loader compiled, and is taken for granted of all else, as of
    notebooks and of tests that pytest rewrites.
    """
    code = function.__code__
    is_of_file = type(function.__globals__.get("__loader__")) is SourceFileLoader
    if not is_of_file or code.co_filename.startswith("<"):
        return True
    try:
        return any(each == code for each in _codes_of(tree, code.co_flags & _FUTURES))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


@functools.lru_cache(maxsize=8)
def _codes_of(tree: ast.Module, flags: int) -> tuple[CodeType, ...]:
    """All that a file compiles to. The whole: what it imports decides how names are called."""
    with unwarned():
        whole = compile(tree, "<compiled again>", "exec", flags, dont_inherit=True)
    return tuple(_codes_in(whole))


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes_in(each)
