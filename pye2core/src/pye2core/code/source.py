"""Reads a user's function back as the text that a node can run.

The node calls the text with names of its own choosing (``plugin``, ``job_id``, …). A function whose
parameters are called otherwise is sent with an assignment before its first line. Nothing here is
executed, and the text keeps its line numbers, so that what happens on a node can be told in the
lines of the user's own file.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import tokenize
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2core.code.cutting import Cut, Uncuttable, cut_function, cut_lambda
from pye2core.code.finding import find_lambda
from pye2core.code.rules import ALLOWED_BUILTINS, MAX_SOURCE_BYTES
from pye2core.code.scopes import unknown_reads
from pye2core.errors import CodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WAY_OUT: Final = "put it in a file as a `def`, or pass its source as text"
_LIKE_A_FILE: Final = re.compile(r"[^\s;=()]+\.py")
_UNPARSABLE: Final = (SyntaxError, tokenize.TokenError, RecursionError, MemoryError)


@frozen
class CapturedCode:
    """Custom code as text, with where it came from.

    Attributes:
        source: the body, as it is sent.
        name: the function's name, or what else to call it in messages.
        file: the user's file; None if the code was given as text.
        first_line: the line of the file on which the first line of ``source`` lies.
        parameters: the names that the node calls it with.
    """

    source: str
    name: str
    file: str | None
    first_line: int
    parameters: tuple[str, ...]


def capture(
    code: Callable[..., Any] | str | None, *, parameters: Sequence[str]
) -> CapturedCode | None:
    """Read custom code as text.

    Args:
        code: a function (a ``def``, or a ``lambda`` that stands alone on its line); the path of a
            file; or the text itself. Names of presets are resolved before.
        parameters: the names that the node calls it with, such as ``("plugin",)``. The function's
            own may be called otherwise, but must be as many.

    Returns:
        The code; None for None.

    Raises:
        CodeError: the code cannot be read back, or takes other parameters. What it does is not
            looked at here; see ``check_function``.
    """
    if code is None:
        return None
    if isinstance(code, str):
        return _from_text(code, tuple(parameters))
    if isinstance(code, FunctionType) and not hasattr(code, "__wrapped__"):
        return _from_function(code, tuple(parameters))
    raise CodeError(_why_not(code))


# --- text ---------------------------------------------------------------------------------------


def _from_text(text: str, parameters: tuple[str, ...]) -> CapturedCode:
    if _is_file(text):
        return CapturedCode(_read(Path(text)), text, text, 1, parameters)
    if _LIKE_A_FILE.fullmatch(text):
        raise CodeError(
            f"there is no file {text!r} to take the custom code from (looked in {Path.cwd()}): "
            "check the path, or pass the source itself"
        )
    return CapturedCode(text, "custom code", None, 1, parameters)


def _is_file(text: str) -> bool:
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or holds what no path can
        return False


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_SOURCE_BYTES:
        raise CodeError(
            f"{path} is larger than the {MAX_SOURCE_BYTES} bytes that custom code may have: "
            "send large data as settings instead (plugin.cfg_*)"
        )
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise CodeError(f"{path} cannot be read as Python source: {error}") from error


# --- functions ----------------------------------------------------------------------------------


def _from_function(function: FunctionType, parameters: tuple[str, ...]) -> CapturedCode:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise CodeError(f"{_called(function)} is `async`: nodes call plain functions, use `def`")
    _check_signature(function, parameters)
    try:
        if function.__name__ == "<lambda>" or function.__code__.co_name == "<lambda>":
            cut, file_line = _cut_out_lambda(function, parameters)
        else:
            cut, file_line = _cut_out_def(function, parameters)
    except Uncuttable as error:
        raise CodeError(
            f"the body of {_called(function)} cannot be cut out of its file without changing "
            "what it means: use the same blanks to indent all its lines"
        ) from error
    name = "lambda" if function.__name__ == "<lambda>" else function.__name__
    file = function.__code__.co_filename
    return CapturedCode(cut.source, name, file, file_line, parameters)


def _check_signature(function: FunctionType, parameters: tuple[str, ...]) -> None:
    code = function.__code__
    has_others = code.co_kwonlyargcount or code.co_flags & (
        inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
    )
    if code.co_argcount != len(parameters) or has_others:
        raise CodeError(
            f"{_called(function)} takes {inspect.signature(function)}, but nodes call it with "
            f"({', '.join(parameters)}): give it exactly these {len(parameters)}; "
            "further values come as settings (plugin.cfg_*)"
        )


def _cut_out_def(function: FunctionType, parameters: tuple[str, ...]) -> tuple[Cut, int]:
    try:
        lines, first_line = inspect.getsourcelines(function)
        text = "".join(lines)
        # A definition that is indented stands inside something, or it is not valid by itself.
        rows_added = int(text[0].isspace())
        text = "if True:\n" * rows_added + text
        statement = ast.parse(text).body[0]
    except (OSError, TypeError, IndexError, *_UNPARSABLE) as error:
        raise _unreadable(function) from error
    if isinstance(statement, ast.If):
        statement = statement.body[0]
    if not isinstance(statement, ast.FunctionDef) or not _fits(statement, function.__code__):
        raise _changed(function)
    own = [argument.arg for argument in (*statement.args.posonlyargs, *statement.args.args)]
    rebinding = _rebinding(function, ast.Module(statement.body, []), own, parameters)
    cut = cut_function(text, statement, rebinding)
    return cut, first_line + cut.first_row - 1 - rows_added


def _fits(definition: ast.FunctionDef, code: CodeType) -> bool:
    arguments = [*definition.args.posonlyargs, *definition.args.args]
    return definition.name == code.co_name and len(arguments) == code.co_argcount


def _cut_out_lambda(function: FunctionType, parameters: tuple[str, ...]) -> tuple[Cut, int]:
    code = function.__code__
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    try:
        tree = ast.parse(text)
    except (ValueError, *_UNPARSABLE) as error:
        raise _unreadable(function) from error
    if not text:
        raise _unreadable(function)
    expression = find_lambda(tree, code)
    if expression is None:
        raise CodeError(
            f"{_called(function)} cannot be told from others on its line "
            f"({code.co_filename}:{code.co_firstlineno}): {_WAY_OUT}"
        )
    own = [argument.arg for argument in (*expression.args.posonlyargs, *expression.args.args)]
    body = ast.Module([ast.Expr(expression.body)], [])
    cut = cut_lambda(text, expression, _rebinding(function, body, own, parameters))
    return cut, cut.first_row


def _rebinding(
    function: FunctionType, body: ast.Module, own: Sequence[str], parameters: tuple[str, ...]
) -> str:
    """The assignment of the node's names to the function's own, or the empty text."""
    pairs = [pair for pair in zip(own, parameters, strict=True) if pair[0] != pair[1]]
    if not pairs:
        return ""
    unknown = unknown_reads(body, parameters=own, script=False, known=ALLOWED_BUILTINS)
    captured = [name.id for name in unknown if name.id in parameters]
    if captured:
        raise CodeError(
            f"{_called(function)} reads `{captured[0]}` from outside, which on a node is the name "
            f"of a parameter: call its parameters ({', '.join(parameters)}), and define "
            "everything else inside it"
        )
    targets, values = zip(*pairs, strict=True)
    return f"{', '.join(targets)} = {', '.join(values)}"


# --- messages -----------------------------------------------------------------------------------


def _called(function: FunctionType) -> str:
    if function.__name__ == "<lambda>":
        return "this lambda"
    return f"function `{function.__qualname__}`"


def _unreadable(function: FunctionType) -> CodeError:
    return CodeError(
        f"the source of {_called(function)} cannot be found ({function.__code__.co_filename}), "
        f"so there is nothing to send: {_WAY_OUT}"
    )


def _changed(function: FunctionType) -> CodeError:
    return CodeError(
        f"{_called(function)} is not where it was when it was loaded: its file "
        f"{function.__code__.co_filename} has changed since; start the program again"
    )


def _why_not(code: object) -> str:
    if isinstance(code, type):
        return f"class `{code.__qualname__}` is not a function: pass a function that uses it inside"
    if inspect.ismethod(code):
        return (
            f"method `{code.__qualname__}` needs its object, which is not sent: "
            "use a function outside a class"
        )
    if isinstance(code, functools.partial):
        return (
            f"{code!r} has arguments that are not sent: use a `def`, "
            "and send the values as settings (plugin.cfg_*)"
        )
    if hasattr(code, "__wrapped__"):
        return (
            f"`{getattr(code, '__qualname__', code)}` is wrapped by a decorator, which is not "
            "sent: pass its `.__wrapped__`, or remove the decorator"
        )
    if inspect.isbuiltin(code):
        return f"built-in `{code.__name__}` has no Python source: call it in a function of your own"
    return (
        f"custom code is a function, its source as text, or the path of a file as text, "
        f"not {code!r} of type `{type(code).__qualname__}`: {_WAY_OUT}"
    )
