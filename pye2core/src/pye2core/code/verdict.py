"""Tells a sender, in the lines of the sender's own file, why code cannot be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.code.check import CodeProblem, check_source, lines_of
from pye2core.errors import CodeRefused

if TYPE_CHECKING:
    from pye2core.code.source import CapturedCode


def check_function(captured: CapturedCode) -> None:
    """Refuse code that could not run on a node.

    Raises:
        CodeRefused: with every problem at once, each with file, line and the line's text.
    """
    problems = check_source(captured.source, parameters=captured.parameters)
    if not problems:
        return
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{captured.name} cannot be sent to a node, it has {count}:"]
    for problem in problems:
        lines.extend(_told(problem, captured))
    raise CodeRefused("\n".join(lines), problems=problems)


def _told(problem: CodeProblem, captured: CapturedCode) -> list[str]:
    place = f"{captured.file or captured.name}:{captured.first_line + problem.line - 1}"
    told = [f"  {place}: {problem.message}"]
    lines = lines_of(captured.source)
    if problem.line <= len(lines) and lines[problem.line - 1].strip():
        told.append(f"      {lines[problem.line - 1].strip()}")
    return told
