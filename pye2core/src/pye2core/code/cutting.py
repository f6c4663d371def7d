"""Cuts the body of a function, or a whole definition, out of the text that it stands in.

PyE2 takes the lines after the first one, strips each on its right and removes the indentation of
the first line that is not blank (PyE2 wire protocol, section 12). So do we, but after the line on
which the signature ends, and never inside a string. What is cut out is compared with what was
there.
"""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.code.check import has_own_return

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_BLANKS: Final = " \t\f"

_Span = tuple[tuple[int, int], tuple[int, int]]
"""Row and column where something begins, and where it ends."""


@frozen
class Cut:
    """A body or a definition that was cut out.

    Attributes:
        source: its text, at no indentation.
        first_row: the row of the definition's text on which its first line lies, from 1.
    """

    source: str
    first_row: int


class Uncuttable(Exception):
    """What would mean something else once its indentation is removed.

    ``source`` makes it an error that names the function.
    """


def cut_function(text: str, definition: ast.FunctionDef, rebinding: str) -> Cut:
    """Cut out the body of a ``def``.

    A body that never returns gets ``return None`` as its last line, so that no node takes it for a
    script, whose variables may be results.

    Args:
        text: source that holds the definition.
        definition: its node, with the rows and columns of ``text``.
        rebinding: a simple statement to begin with, or the empty text.

    Raises:
        Uncuttable: the indentation cannot be removed without changing what the body means.
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    rows = text.split("\n")
    row, column = _end_of_signature(tokens, definition)
    if definition.body[0].lineno == row:
        first = rows[row - 1][column:].lstrip()
        body = [f"{rebinding}; {first}" if rebinding else first, *rows[row : _last_row(definition)]]
        cut = Cut("\n".join(body).rstrip(), row)
    else:
        last = _last_row_with_comments(tokens, definition)
        body = _unindented(rows[row:last], row + 1, tokens, definition)
        # The rebinding stands where the signature ended, so that every line keeps its number.
        cut = Cut("\n".join([rebinding, *body] if rebinding else body), row + (not rebinding))
    _compare(cut.source, definition, rebinding)
    if has_own_return(ast.Module(definition.body, [])):
        return cut
    return Cut(cut.source + "\nreturn None", cut.first_row)


def cut_lambda(text: str, expression: ast.Lambda, rebinding: str) -> Cut:
    """Make the expression of a ``lambda`` a body that returns it."""
    value = ast.get_source_segment(text, expression.body)
    assert value is not None
    if "\n" in value or isinstance(expression.body, ast.NamedExpr):
        value = f"({value})"
    statements = [rebinding, f"return {value}"] if rebinding else [f"return {value}"]
    return Cut("; ".join(statements), expression.body.lineno)


def cut_definition(text: str, definition: ast.FunctionDef | ast.ClassDef, first_row: int) -> Cut:
    """Cut out a whole ``def`` or ``class``; its texts stay what they are, docstrings too.

    Args:
        text: source that holds the definition.
        definition: its node, with the rows of ``text``.
        first_row: the row to begin with: that of a decorator, or of the definition itself.

    Raises:
        Uncuttable: the indentation cannot be removed without changing what it means.
    """
    rows = text.split("\n")[first_row - 1 : definition.end_lineno or definition.lineno]
    width = definition.col_offset
    if not width:
        return Cut("\n".join(rows), first_row)
    piece = "\n".join(["if True:", *rows])
    try:
        tokens = tokenize.generate_tokens(io.StringIO(piece).readline)
        begun, _ = _rows_in_strings(_spans_of_strings(tokens))
        whole = ast.parse(piece).body[0]
    except (SyntaxError, tokenize.TokenError) as error:
        raise Uncuttable from error
    assert isinstance(whole, ast.If)
    unindented = [
        row if number in begun else _without_indentation(row, width)
        for number, row in enumerate(rows, 2)
    ]
    source = "\n".join(unindented)
    if _meaning(_statements(source)) != _meaning(whole.body):
        raise Uncuttable
    return Cut(source, first_row)


def indent_definition(source: str) -> list[str]:
    """The lines of a definition with a blank before each, the insides of strings left alone."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    begun, _ = _rows_in_strings(_spans_of_strings(tokens))
    rows = enumerate(source.split("\n"), 1)
    return [row if number in begun or not row else f" {row}" for number, row in rows]


def _end_of_signature(
    tokens: Iterable[tokenize.TokenInfo], definition: ast.FunctionDef
) -> tuple[int, int]:
    """Row and column just behind the colon that ends the signature."""
    depth = 0
    lambdas = 0
    for token in tokens:
        if token.start[0] < definition.lineno:
            continue
        if token.string in {"(", "[", "{"}:
            depth += 1
        elif token.string in {")", "]", "}"}:
            depth -= 1
        elif token.string == "lambda" and depth == 0:
            lambdas += 1
        elif token.string == ":" and depth == 0:
            if lambdas == 0:
                return token.end
            lambdas -= 1
    raise Uncuttable


def _last_row(definition: ast.FunctionDef) -> int:
    return definition.end_lineno or definition.lineno


def _last_row_with_comments(
    tokens: Iterable[tokenize.TokenInfo], definition: ast.FunctionDef
) -> int:
    """The last row of the body, with the comments that follow at the body's indentation."""
    last = _last_row(definition)
    for token in tokens:
        if token.start[0] <= _last_row(definition) or token.type == tokenize.NL:
            continue
        if token.type != tokenize.COMMENT or token.start[1] < definition.body[0].col_offset:
            break
        last = token.start[0]
    return last


def _unindented(
    lines: Sequence[str],
    first_row: int,
    tokens: Iterable[tokenize.TokenInfo],
    definition: ast.FunctionDef,
) -> list[str]:
    """The body's lines without its indentation, the insides of strings left alone."""
    width = definition.body[0].col_offset  # in bytes, but indentation is ASCII
    begun_in_string, ending_in_string = _rows_of_strings(tokens, definition)
    unindented = []
    for row, line in enumerate(lines, first_row):
        kept = line if row in ending_in_string else line.rstrip()
        unindented.append(kept if row in begun_in_string else _without_indentation(kept, width))
    return unindented


def _without_indentation(line: str, width: int) -> str:
    indentation = len(line) - len(line.lstrip(_BLANKS))
    return line[min(width, indentation) :]


def _rows_of_strings(
    tokens: Iterable[tokenize.TokenInfo], definition: ast.FunctionDef
) -> tuple[set[int], set[int]]:
    """Rows that begin, and rows that end, inside a string whose text counts."""
    end_of_docstring = _end_of_docstring(definition)
    spans = _spans_of_strings(tokens)
    return _rows_in_strings((first, last) for first, last in spans if first >= end_of_docstring)


def _rows_in_strings(spans: Iterable[_Span]) -> tuple[set[int], set[int]]:
    begun: set[int] = set()
    ending: set[int] = set()
    for first, last in spans:
        begun.update(range(first[0] + 1, last[0] + 1))
        ending.update(range(first[0], last[0]))
    return begun, ending


def _spans_of_strings(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[_Span]:
    """Where each string begins and ends."""
    opened: list[tuple[int, int]] = []
    for token in tokens:
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            yield token.start, token.end
        elif kind.endswith("STRING_START"):  # f-strings since Python 3.12
            opened.append(token.start)
        elif kind.endswith("STRING_END"):
            yield opened.pop(), token.end


def _end_of_docstring(definition: ast.FunctionDef) -> tuple[int, int]:
    if ast.get_docstring(definition, clean=False) is None:
        return (0, 0)
    docstring = definition.body[0]
    return docstring.end_lineno or 0, docstring.end_col_offset or 0


def _compare(source: str, definition: ast.FunctionDef, rebinding: str) -> None:
    """Refuse a body that no longer says what the definition says."""
    statements = _statements(source)
    original = definition.body
    if rebinding:
        statements = statements[1:]
    if ast.get_docstring(definition, clean=False) is not None:
        statements, original = statements[1:], original[1:]
    if _meaning(statements) != _meaning(original):
        raise Uncuttable


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError as error:
        raise Uncuttable from error


def _meaning(statements: Sequence[ast.stmt]) -> str:
    return ast.dump(ast.Module(list(statements), []))
