"""Small changes to the text of a definition, none of which moves a line.

On a node a definition is run again: what it would evaluate there but must not (the default values,
which exist already, and the annotations of functions, which may name anything) is replaced.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Judge = Callable[[ast.expr], bool]


@frozen
class Edit:
    """A piece of the text and what stands there instead.

    Attributes:
        node: the expression that is replaced.
        text: what replaces it.
    """

    node: ast.expr
    text: str

    @property
    def replacement(self) -> str:
        """The text, over as many lines as what it replaces."""
        rows = (self.node.end_lineno or self.node.lineno) - self.node.lineno
        return f"({self.text}{chr(10) * rows})" if rows else self.text


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with each of the expressions replaced; they must not overlap."""
    rows = text.split("\n")
    for edit in sorted(edits, key=_place, reverse=True):
        first, last = edit.node.lineno - 1, (edit.node.end_lineno or edit.node.lineno) - 1
        before = rows[first].encode()[: edit.node.col_offset].decode()
        after = rows[last].encode()[edit.node.end_col_offset :].decode()
        rows[first : last + 1] = f"{before}{edit.replacement}{after}".split("\n")
    return "\n".join(rows)


def segment(text: str, node: ast.expr, edits: Iterable[Edit] = ()) -> str:
    """The text of one expression, edited."""
    rows = text.split("\n")[: node.end_lineno]
    rows[-1] = rows[-1].encode()[: node.end_col_offset].decode()
    rows = edited("\n".join(rows), edits).split("\n")[node.lineno - 1 :]
    rows[0] = rows[0].encode()[node.col_offset :].decode()
    return "\n".join(rows)


def annotations_quoted(definition: ast.AST) -> Iterator[Edit]:
    """Make texts of all annotations of functions, as ``from __future__ import annotations`` does.

    Otherwise what they name, which the code itself may never use, would have to go along.
    """
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for annotation in _annotations(node):
                if not isinstance(annotation, ast.Constant):
                    yield Edit(annotation, repr(ast.unparse(annotation)))


def fields_quoted(definition: ast.AST, is_marker: Judge, is_plain: Judge) -> Iterator[Edit]:
    """Make texts of the annotations in classes' bodies, except of those that mean something.

    Args:
        definition: the class, or what else has classes in it.
        is_marker: whether an expression is ``ClassVar`` or another that marks a field.
        is_plain: whether an annotation can be evaluated anywhere as it stands.
    """
    classes = [node for node in ast.walk(definition) if isinstance(node, ast.ClassDef)]
    for statement in (each for one in classes for each in one.body):
        if not isinstance(statement, ast.AnnAssign):
            continue
        annotation, meant = statement.annotation, _meant_by(statement.annotation)
        head = meant.value if isinstance(meant, ast.Subscript) else meant
        if is_marker(head):
            yield Edit(annotation, ast.unparse(head))
        elif meant is not annotation or not is_plain(annotation):
            # In brackets, so that dataclasses do not take it for a marker that they must look up.
            yield Edit(annotation, repr(f"({ast.unparse(meant)})"))


def _meant_by(annotation: ast.expr) -> ast.expr:
    """The annotation, or what it says where it is a text."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return ast.parse(annotation.value.strip(), mode="eval").body
        except SyntaxError:
            return annotation
    return annotation


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.expr]:
    arguments = node.args
    extra = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
    for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *extra):
        if each.annotation is not None:
            yield each.annotation
    if node.returns is not None:
        yield node.returns


def _place(edit: Edit) -> tuple[int, int]:
    return edit.node.lineno, edit.node.col_offset
