"""Tells a sender, in the lines of the sender's own file, why code cannot be sent."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pye2core.code.check import CodeProblem, check_source, lines_of
from pye2core.code.rules import NOTHING_MORE
from pye2core.errors import CodeRefused, SettingsError

if TYPE_CHECKING:
    from pye2core.code.rules import Permitted
    from pye2core.code.source import CapturedCode


def permitted_by(asked: object) -> Permitted:
    """What code may do whose instance asks for this; None asks for nothing.

    Raises:
        SettingsError: it cannot be understood.

    Example:
        >>> permitted_by({"modules": ["pandas"]}).imports("pandas.io")
        True
    """
    if asked is None:
        return NOTHING_MORE
    from pye2core.code.grants import read_grants

    try:
        return read_grants(asked).permitted()
    except ValueError as error:
        raise SettingsError(f"grants {error}", setting="grants") from None


def check_function(captured: CapturedCode, permitted: Permitted = NOTHING_MORE) -> None:
    """Refuse code that could not run on a node.

    Args:
        captured: the code.
        permitted: what it may do that other code may not: see ``Grants.permitted``.

    Raises:
        CodeRefused: with every problem at once, each with file, line and the line's text.
    """
    problems = check_source(captured.source, parameters=captured.parameters, permitted=permitted)
    if not problems:
        problems = _why_nothing_happens(captured)
    if not problems:
        return
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{captured.name} cannot be sent to a node, it has {count}:"]
    for problem in problems:
        lines.extend(_told(problem, captured))
    raise CodeRefused("\n".join(lines), problems=problems)


def _why_nothing_happens(captured: CapturedCode) -> list[CodeProblem]:
    """What is wrong with code that can be run, but neither does anything nor has a result.

    Nodes take it (PyE2 wire protocol, section 12), and nobody would ever hear of it again. What is
    said in so many words, a ``pass``, is meant.
    """
    body = ast.parse(captured.source).body
    statements = [each for each in body if not _is_text(each)]
    if not statements:
        message = "there is no code in it: write what is to be done, and `return` the result"
        return [CodeProblem(1, 1, message, "")]
    definitions = [each for each in statements if isinstance(each, ast.FunctionDef)]
    if len(definitions) < len(statements) or any(each.decorator_list for each in definitions):
        return []
    last = definitions[-1]
    message = (
        f"it only defines `{last.name}` and never calls it: pass the function itself, or the lines"
        f" of its body, or end with `return {last.name}({', '.join(captured.parameters)})`"
    )
    return [CodeProblem(last.lineno, last.col_offset + 1, message, last.name)]


def _is_text(statement: ast.stmt) -> bool:
    """Whether it is a docstring, or another text that nothing is done with."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _told(problem: CodeProblem, captured: CapturedCode) -> list[str]:
    place = f"{captured.file or captured.name}:{captured.first_line + problem.line - 1}"
    told = [f"  {place}: {problem.message}"]
    lines = lines_of(captured.source)
    if problem.line <= len(lines) and lines[problem.line - 1].strip():
        told.append(f"      {lines[problem.line - 1].strip()}")
    return told
