"""The text of a function or class as it stands in the user's file, cut out and made ready to send.

Decorators of functions are left out: what they made is what is sent. Those of classes stay, as a
class is made again where it arrives.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import linecache
import sys
import tokenize
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from pye2_calls.shipping.editing import Edit, annotations_quoted, edited, fields_quoted, segment
from pye2_calls.shipping.later import is_of_other_text
from pye2_calls.shipping.origins import is_installed_file
from pye2_calls.shipping.parsing import is_still_said, parse, unwarned
from pye2core.code import (
    Uncuttable,
    cut_definition,
    find_class,
    find_function,
    find_lambda,
    first_row_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType

    from pye2_calls.shipping.editing import Judge

_UNPARSABLE: Final = (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError)
_IPYTHON: Final = "ipykernel"
_IS_LAMBDA: Final = "<lambda>"


class Unwritten(Exception):
    """There is no text of this to send; the message says why and what to do."""


@frozen
class Written:
    """A piece of the user's text.

    Attributes:
        text: its lines, at no indentation; a definition, or the expression of a lambda.
        file: the user's file.
        first_line: the line of the file on which it begins.
        tree: the parsed text: one definition, or an assignment of the lambda to nothing.
        defaults: of each name that stands in the text for a default value, the value.
        own: the name that its definition gives it; empty for a lambda.
    """

    text: str
    file: str
    first_line: int
    tree: ast.Module
    defaults: Mapping[str, Any] = field(factory=dict)
    own: str = ""

    def parsed(self) -> ast.Module:
        """The text, parsed once more: a tree that can be changed."""
        return _parse_text(self.text, self.own)


@frozen
class _File:
    name: str
    text: str
    tree: ast.Module


def write_function(function: FunctionType, is_marker: Judge, is_plain: Judge) -> Written:
    """Cut out a function, with names in place of its default values.

    Raises:
        Unwritten: it is not there, or cannot be cut out.
    """
    code = function.__code__
    if code.co_name == _IS_LAMBDA:
        return _write_lambda(function)
    file = _file_of_code(function)
    definition = find_function(file.tree, code)
    if definition is None or not is_still_said(file.tree, function):
        raise Unwritten(_changed(f"`{function.__qualname__}`", file.name))
    by_node = _defaults_of(function, definition.args)
    taken = _identifiers(definition)
    defaults, edits = {}, _quoting(file, definition, is_marker, is_plain)
    for name, node, value in by_node:
        placeholder = _free(f"default_{name}_of_{definition.name}", taken)
        defaults[placeholder] = value
        edits.append(Edit(node, placeholder))
    written = _cut(file, definition, edits, definition.lineno)
    return Written(written.text, file.name, written.first_line, written.tree, defaults, written.own)


def write_class(kind: type, is_marker: Judge, is_plain: Judge) -> Written:
    """Cut out a class with its decorators.

    Raises:
        Unwritten: it is not there, or cannot be cut out.
    """
    found = [(file, find_class(file.tree, kind)) for file in _files_of_class(kind)]
    file, definition = next(((file, each) for file, each in reversed(found) if each), (None, None))
    if file is None or definition is None:
        raise Unwritten(
            _changed(f"`{kind.__qualname__}`", found[0][0].name if found else "what is here")
        )
    is_said = all(is_still_said(file.tree, each) for each in _methods(kind))
    if not is_said or is_of_other_text(kind, definition):
        raise Unwritten(_changed(f"`{kind.__qualname__}`", file.name))
    edits = _quoting(file, definition, is_marker, is_plain)
    return _cut(file, definition, edits, first_row_of(definition))


def _quoting(file: _File, definition: ast.AST, is_marker: Judge, is_plain: Judge) -> list[Edit]:
    is_evaluated = _never if _has_future(file.tree) else is_plain
    fields = fields_quoted(definition, is_marker, is_evaluated)
    return [*annotations_quoted(definition), *fields]


def _cut(
    file: _File, definition: ast.FunctionDef | ast.ClassDef, edits: Sequence[Edit], row: int
) -> Written:
    try:
        with unwarned():
            cut = cut_definition(edited(file.text, edits), definition, row)
    except Uncuttable as error:
        raise Unwritten(
            f"{file.name}:{definition.lineno}: `{definition.name}` cannot be cut out of its file "
            "without changing what it means: use the same blanks to indent all its lines"
        ) from error
    return Written(cut.source, file.name, cut.first_row, parse(cut.source), own=definition.name)


def _methods(kind: type) -> Iterator[FunctionType]:
    """The functions that the text of a class defines."""
    for each in vars(kind).values():
        function = getattr(each, "fget", getattr(each, "__func__", each))
        if isinstance(function, FunctionType):
            code = function.__code__
            if code.co_qualname == f"{kind.__qualname__}.{code.co_name}":
                yield function


def _parse_text(text: str, own: str) -> ast.Module:
    return parse(text if own else f"({text})")


def _write_lambda(function: FunctionType) -> Written:
    file = _file_of_code(function)
    if not is_still_said(file.tree, function):
        raise Unwritten(_changed("this lambda", file.name))
    with unwarned():
        expression = find_lambda(file.tree, function.__code__)
    if expression is None:
        raise Unwritten(
            f"{file.name}:{function.__code__.co_firstlineno}: this lambda cannot be told from "
            "others on its line: put it on a line of its own, or make it a `def`"
        )
    taken, defaults, edits = _identifiers(expression), {}, []
    for name, node, value in _defaults_of(function, expression.args):
        placeholder = _free(f"default_{name}_of_lambda", taken)
        defaults[placeholder] = value
        edits.append(Edit(node, placeholder))
    text = segment(file.text, expression, edits)
    tree = _parse_text(text, "")
    return Written(text, file.name, expression.lineno, tree, defaults)


# --- files --------------------------------------------------------------------------------------


def _file_of_code(function: FunctionType) -> _File:
    """The file in which a function stands, as it is now."""
    name = function.__code__.co_filename
    linecache.checkcache(name)
    lines = linecache.getlines(name, function.__globals__) or _kept_by_console(function.__code__)
    return _parsed(name, "".join(lines), f"function `{function.__qualname__}`")


def _kept_by_console(code: CodeType) -> list[str]:
    """What a later Python's console keeps of what was typed, which only this finds."""
    try:
        return list(inspect.findsource(code)[0])
    except (OSError, TypeError, IndexError):
        return []


def _files_of_class(kind: type) -> Iterator[_File]:
    """The files in which a class may stand: its methods', its module's, or a notebook's cells."""
    method = next(_methods(kind), None)
    if method is not None:
        yield _file_of_code(method)
        return
    home = sys.modules.get(kind.__module__)
    name = getattr(home, "__file__", None)
    what = f"class `{kind.__qualname__}`"
    if home is not None and name is not None and not is_installed_file(name):
        linecache.checkcache(name)
        yield _parsed(name, "".join(linecache.getlines(name, vars(home))), what)
    if kind.__module__ == "__main__":
        for cell in [name for name in linecache.cache if name.startswith("<") or _IPYTHON in name]:
            text = "".join(linecache.getlines(cell))
            if kind.__name__ in text:  # most of them are attrs', and none of the user's
                with contextlib.suppress(Unwritten):
                    yield _parsed(cell, text, what)


def _parsed(name: str, text: str, what: str) -> _File:
    if not text:
        raise Unwritten(_unreadable(what, name))
    try:
        return _File(name, text, _parse(text))
    except _UNPARSABLE as error:
        raise Unwritten(_changed(what, name)) from error


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> ast.Module:
    return parse(text)


def imports_of(module: str, file: str) -> Mapping[str, tuple[str, str]]:
    """Of each name that ``from x import y`` binds at the level of a file: module and name."""
    home = sys.modules.get(module)
    lines = linecache.getlines(file, vars(home) if home is not None else None)
    try:
        return _imports_in("".join(lines))
    except _UNPARSABLE:
        return {}


@functools.lru_cache(maxsize=8)
def _imports_in(text: str) -> Mapping[str, tuple[str, str]]:
    return {
        alias.asname or alias.name: (statement.module, alias.name)
        for statement in ast.walk(_parse(text))
        if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level
        for alias in statement.names
    }


def _has_future(tree: ast.Module) -> bool:
    return any(
        isinstance(each, ast.ImportFrom)
        and each.module == "__future__"
        and any(alias.name == "annotations" for alias in each.names)
        for each in tree.body
    )


def _never(expression: ast.expr) -> bool:
    del expression
    return False


# --- default values -----------------------------------------------------------------------------


def _defaults_of(
    function: FunctionType, arguments: ast.arguments
) -> list[tuple[str, ast.expr, Any]]:
    """The default values that their text does not tell: name, text and value of each."""
    nodes, values = arguments.defaults, function.__defaults__ or ()
    keywords = function.__kwdefaults__ or {}
    if len(nodes) != len(values):
        raise Unwritten(_changed(f"`{function.__qualname__}`", function.__code__.co_filename))
    plain = [*arguments.posonlyargs, *arguments.args]
    names = [each.arg for each in plain[len(plain) - len(nodes) :]]
    found = list(zip(names, nodes, values, strict=True))
    for argument, node in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if node is not None and argument.arg in keywords:
            found.append((argument.arg, node, keywords[argument.arg]))
    return [each for each in found if not _says(each[1], each[2])]


def _says(node: ast.expr, value: object) -> bool:
    """Whether the text of a default value is a literal of just this value."""
    try:
        written = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return type(written) is type(value) and repr(written) == repr(value)


def _identifiers(node: ast.AST) -> set[str]:
    return {
        name
        for each in ast.walk(node)
        for name in (getattr(each, "id", None), getattr(each, "arg", None))
        if isinstance(name, str)
    }


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


# --- messages -----------------------------------------------------------------------------------


def _unreadable(what: str, file: str) -> str:
    return (
        f"the source of {what} cannot be found ({file}), so there is nothing to send: put it in a "
        "file as a `def` or `class`, or in a notebook's cell that begins with no `%%`"
    )


def _changed(what: str, file: str) -> str:
    return (
        f"{what} is not to be found in {file} as it was when it was loaded: if the file has "
        "changed since, start the program again; what programs make at run time is not sent: write "
        "it out as a `def` or `class`"
    )
