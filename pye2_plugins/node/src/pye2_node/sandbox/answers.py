"""What a worker answers, read without believing it: any process could sit at the other end.

Each function gives the meaning of a frame or raises ``FrameError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from pye2_node.sandbox.frames import FrameError
from pye2_node.sandbox.lengths import (
    LONGEST_MESSAGE,
    LONGEST_NAME,
    LONGEST_TRACEBACK,
    MOST_PROBLEMS,
    cut,
)
from pye2core.abc import CallResult, CodeFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.code.check import CodeProblem

_MOST_LINES: Final = 2**31

T = TypeVar("T")


def field(frame: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """The field ``name``, which must be there and of this type.

    Raises:
        FrameError: it is not.
    """
    value = frame.get(name)
    if type(value) is not kind:
        raise FrameError(f"{name!r} is a {type(value).__name__} instead of a {kind.__name__}")
    return value


def call_result(frame: Mapping[str, Any], printed: str) -> CallResult:
    """What came of a call.

    Raises:
        FrameError: the frame does not have the fields of one.
    """
    seconds = field(frame, "seconds", float)
    failure = frame.get("failure")
    if failure is None:
        return CallResult(value=frame.get("value"), printed=printed, seconds=seconds)
    if not isinstance(failure, dict):
        raise FrameError("'failure' is not an object")
    return CallResult(failure=_code_failure(failure), printed=printed, seconds=seconds)


def problems(frame: Mapping[str, Any]) -> list[tuple[str, CodeProblem]]:
    """The problems of refused code, each with the function that it is in.

    Raises:
        FrameError: the frame does not have the fields of one.
    """
    found = field(frame, "problems", list)
    if len(found) > MOST_PROBLEMS:
        raise FrameError(f"{len(found)} problems")
    if not all(isinstance(problem, dict) for problem in found):
        raise FrameError("a problem is not an object")
    return [(_text(problem, "function", LONGEST_NAME), _code_problem(problem)) for problem in found]


def _code_problem(problem: Mapping[str, Any]) -> CodeProblem:
    from pye2core.code.check import CodeProblem  # a node that refuses no code does without

    return CodeProblem(
        line=_line(field(problem, "line", int)),
        column=_line(field(problem, "column", int)),
        message=_text(problem, "message", LONGEST_MESSAGE),
        name=_text(problem, "name", LONGEST_NAME),
    )


def _code_failure(failure: Mapping[str, Any]) -> CodeFailure:
    has_line = failure.get("line") is not None
    has_source = failure.get("source_line") is not None
    return CodeFailure(
        type=_text(failure, "type", LONGEST_NAME),
        message=_text(failure, "message", LONGEST_MESSAGE),
        line=_line(field(failure, "line", int)) if has_line else None,
        source_line=_text(failure, "source_line", LONGEST_MESSAGE) if has_source else None,
        traceback=_text(failure, "traceback", LONGEST_TRACEBACK),
        function=_text(failure, "function", LONGEST_NAME),
    )


def _text(frame: Mapping[str, Any], name: str, longest: int) -> str:
    """A text that a worker cuts; one that did not has it cut here."""
    return cut(field(frame, name, str), longest)


def _line(number: int) -> int:
    if abs(number) > _MOST_LINES:
        raise FrameError("a line that no source has")
    return number
