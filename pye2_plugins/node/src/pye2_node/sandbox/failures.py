"""What is told of an exception in foreign code: its type, its text, and the user's own lines.

Runs in the worker. Frames of ours, of the standard library and of numpy are left out: what remains
is what the user wrote, with the line numbers of the text that was sent.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

from pye2core.code import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_NAME: Final = 200
_LONGEST_MESSAGE: Final = 4096
_LONGEST_TRACEBACK: Final = 16 * 1024


def describe(error: BaseException, called: str, files: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a ``CodeFailure`` for an exception.

    Args:
        error: what was raised.
        called: the function that the node called.
        files: of each defined function's file name, the function's name.
    """
    summary = _summary_of(error)
    _keep_only(summary, files)
    innermost = summary.stack[-1] if summary.stack else None
    return {
        "type": cut(type(error).__name__, _LONGEST_NAME),
        "message": cut(_message(error), _LONGEST_MESSAGE),
        "line": innermost.lineno if innermost else None,
        "source_line": (innermost.line or "") if innermost else None,
        "traceback": cut("".join(summary.format()), _LONGEST_TRACEBACK),
        "function": files[innermost.filename] if innermost else called,
    }


def cut(text: str, longest: int) -> str:
    """``text`` without its middle if it is longer than ``longest``, as text that can be sent."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text.encode("utf-8", "replace").decode("utf-8")


def _summary_of(error: BaseException) -> traceback.TracebackException:
    try:
        summary = traceback.TracebackException.from_exception(
            error, lookup_lines=False, compact=True
        )
        for _ in summary.format():
            pass
    except Exception:  # noqa: BLE001 - what foreign exceptions hold can be anything
        stand_in = Exception(f"a {type(error).__name__} that cannot be shown")
        return traceback.TracebackException.from_exception(
            stand_in.with_traceback(error.__traceback__), lookup_lines=False, compact=True
        )
    return summary


def _keep_only(summary: traceback.TracebackException, files: Mapping[str, str]) -> None:
    """Leave out every frame that is not the user's, in the exception and in its causes."""
    seen: set[int] = set()
    unseen: list[traceback.TracebackException | None] = [summary]
    while unseen:
        one = unseen.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        own = [frame for frame in one.stack if frame.filename in files]
        one.stack = traceback.StackSummary.from_list(own)
        unseen += [one.__cause__, one.__context__, *(one.exceptions or ())]


def _message(error: BaseException) -> str:
    try:
        message = str(error)
    except Exception as second:  # noqa: BLE001 - the text of foreign exceptions is foreign code
        return f"(the exception's own text cannot be made: {type(second).__name__})"
    if isinstance(error, NameError) and error.name in rules.BUILTINS_REFUSED:
        return rules.why_unknown(error.name)
    if isinstance(error, MemoryError):
        return message or "out of memory: the code needs more than this node gives one instance"
    return message
