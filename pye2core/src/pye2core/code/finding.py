"""Finds, in the parsed text of a file, what was compiled to a function or made a class of.

Names alone do not tell: a file can define a name twice, and lambdas have none.
"""

from __future__ import annotations

import ast
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Definition = ast.FunctionDef | ast.ClassDef


def first_row_of(definition: Definition | ast.AsyncFunctionDef) -> int:
    """The row on which a definition begins, decorators included: where Python says it is."""
    return min([definition.lineno, *(each.lineno for each in definition.decorator_list)])


def find_function(tree: ast.Module, code: CodeType) -> ast.FunctionDef | None:
    """The one ``def`` of the file that was compiled to this code, if it is still there."""
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.name == code.co_name
        and first_row_of(node) == code.co_firstlineno
        and _own_names(node.args) == names
    ]
    return found[0] if len(found) == 1 else None


def find_class(tree: ast.Module, kind: type) -> ast.ClassDef | None:
    """The one ``class`` of the file that this class was made of, if that can be told.

    Of several of one name it is the one with the class's methods; Python 3.13 says where it began.
    """
    found = [node for name, node in _classes(tree, "") if name == kind.__qualname__]
    row = vars(kind).get("__firstlineno__")
    if row is not None:
        found = [node for node in found if first_row_of(node) == row]
    if len(found) > 1:
        rows = _rows_of_methods(kind)
        found = [node for node in found if rows and rows <= _rows_of_functions(node)]
    return found[0] if len(found) == 1 else None


def _own_names(arguments: ast.arguments) -> tuple[str, ...]:
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return tuple(each.arg for each in plain)


def _classes(node: ast.AST, within: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """All classes below a node, each with the name that Python gives it."""
    for child in ast.iter_child_nodes(node):
        inside = within
        if isinstance(child, ast.ClassDef):
            yield within + child.name, child
            inside = f"{within}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{within}{child.name}.<locals>."
        yield from _classes(child, inside)


def _rows_of_methods(kind: type) -> set[int]:
    return {
        each.__code__.co_firstlineno
        for each in vars(kind).values()
        if isinstance(each, FunctionType) and each.__qualname__.startswith(kind.__qualname__)
    }


def _rows_of_functions(definition: ast.ClassDef) -> set[int]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {first_row_of(each) for each in definition.body if isinstance(each, functions)}


def find_lambda(tree: ast.Module, code: CodeType) -> ast.Lambda | None:
    """The one lambda of the file that was compiled to this code, if that can be told."""
    on_line = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    places = set(code.co_positions())
    at_place = [node for node in on_line if _place(node.body) in places]
    # Python 3.12 keeps no place of some expressions, such as constants.
    alike = at_place or [node for node in on_line if _traits(_compiled(node)) == _traits(code)]
    found = alike if len(on_line) > 1 else on_line
    return found[0] if len(found) == 1 else None


def _compiled(node: ast.Lambda) -> CodeType:
    expression = compile(ast.Expression(node), "<lambda>", "eval")
    return next(each for each in expression.co_consts if isinstance(each, CodeType))


def _traits(code: CodeType) -> tuple[object, ...]:
    """What two codes of one lambda have in common, whether its names are global or around it."""
    places = {place for place in code.co_positions() if None not in place}
    constants = [(type(each), each) for each in code.co_consts if not isinstance(each, CodeType)]
    return places, constants, {*code.co_names, *code.co_freevars}, code.co_varnames


def _place(node: ast.expr) -> tuple[int | None, int | None, int | None, int | None]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset
