"""What the text of one definition reads from outside itself, changes there, and imports."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2core.code import every_unknown_read

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from pye2_calls.shipping.written import Written

_UNNAMED = ""


@frozen
class Read:
    """A place where a definition reads a name that it does not define.

    Attributes:
        name: the name.
        line: the line of the definition's text.
        path: the attributes that are read of it there, one of the other.
        is_changed: whether the last of them is assigned to or deleted.
    """

    name: str
    line: int
    path: tuple[str, ...]
    is_changed: bool


def reads_of(written: Written) -> dict[str, list[Read]]:
    """All reads of a definition, by name, in the order of the text."""
    tree = _without_its_name(written)
    owners: dict[ast.expr, ast.Attribute] = {
        node.value: node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute)
    }
    found: dict[str, list[Read]] = {}
    for name in every_unknown_read(tree, parameters=(), script=False):
        found.setdefault(name.id, []).append(_read(name, owners))
    return found


def eager_names(written: Written) -> set[str]:
    """The names that are read when the definition is run, and not only when what it makes is."""
    tree = _without_its_name(written)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [ast.Pass()]
        elif isinstance(node, ast.Lambda):
            node.body = ast.Constant(None)
    return {name.id for name in every_unknown_read(tree, parameters=(), script=False)}


def changed_outside(written: Written, around: Container[str]) -> Iterator[tuple[ast.stmt, str]]:
    """The names that a definition declares ``global``, or ``nonlocal`` where they are another's.

    Args:
        written: the definition.
        around: the names of the variables around it.
    """
    for node in ast.walk(written.tree):
        if isinstance(node, ast.Global):
            yield from ((node, name) for name in node.names)
        elif isinstance(node, ast.Nonlocal):
            yield from ((node, name) for name in node.names if name in around)


@frozen
class Import:
    """An import within a definition.

    Attributes:
        line: the line of the definition's text.
        module: the module's name.
        level: how many packages up it is looked for; 0 for a full name.
        names: what is imported from it.
    """

    line: int
    module: str
    level: int = 0
    names: tuple[str, ...] = ()


def imports_inside(written: Written) -> Iterator[Import]:
    """The imports within a definition."""
    for node in ast.walk(written.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield Import(node.lineno, node.module or "", node.level, names)


def identifiers(written: Written) -> set[str]:
    """All names that occur in a definition, whatever they mean."""
    return set(_identifiers(written.tree))


def _identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "arg", "name", "asname"):
            name: Any = getattr(node, field, None)
            if isinstance(name, str):
                yield name.partition(".")[0]


def _read(name: ast.Name, owners: dict[ast.expr, ast.Attribute]) -> Read:
    path: list[str] = []
    at: ast.expr = name
    while at in owners:
        at = owners[at]
        path.append(at.attr)
    is_changed = isinstance(at, ast.Attribute) and not isinstance(at.ctx, ast.Load)
    return Read(name.id, name.lineno, tuple(path), is_changed)


def _without_its_name(written: Written) -> ast.Module:
    """A tree of its own, in which the definition does not define its own name."""
    tree = written.parsed()
    definition = tree.body[0]
    if isinstance(definition, ast.FunctionDef | ast.ClassDef):
        definition.name = _UNNAMED
    return tree
