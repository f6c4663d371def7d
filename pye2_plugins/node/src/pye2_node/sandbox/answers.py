"""What a worker answers, read without believing it: any process could sit at the other end.

Each function gives the meaning of a frame or raises ``FrameError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pye2_node.sandbox.frames import FrameError
from pye2core.abc import CallResult, CodeFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.code.check import CodeProblem

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
    if not all(isinstance(problem, dict) for problem in found):
        raise FrameError("a problem is not an object")
    return [(field(problem, "function", str), _code_problem(problem)) for problem in found]


def _code_problem(problem: Mapping[str, Any]) -> CodeProblem:
    from pye2core.code.check import CodeProblem  # a node that refuses no code does without

    return CodeProblem(
        line=field(problem, "line", int),
        column=field(problem, "column", int),
        message=field(problem, "message", str),
        name=field(problem, "name", str),
    )


def _code_failure(failure: Mapping[str, Any]) -> CodeFailure:
    return CodeFailure(
        type=field(failure, "type", str),
        message=field(failure, "message", str),
        line=_optional(failure, "line", int),
        source_line=_optional(failure, "source_line", str),
        traceback=field(failure, "traceback", str),
        function=field(failure, "function", str),
    )


def _optional(frame: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    return None if frame.get(name) is None else field(frame, name, kind)
