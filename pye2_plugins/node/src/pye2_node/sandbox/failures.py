"""What is told of an exception in foreign code: its type, its text, and the user's own lines.

Runs in the worker. Frames of ours, of the standard library and of numpy are left out: what remains
is what the user wrote, with the line numbers of the text that was sent.
"""

from __future__ import annotations

import errno
import traceback
from typing import TYPE_CHECKING, Any, Final

from pye2_node.sandbox.lengths import LONGEST_MESSAGE, LONGEST_NAME, LONGEST_TRACEBACK, cut
from pye2core.code import rules

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

_MOST_FRAMES: Final = 100

_LIMITS_BY_ERRNO: Final = {
    errno.EMFILE: "open_files",
    errno.EAGAIN: "processes",
    errno.EFBIG: "file_size",
    errno.ENOSPC: "file_size",
}


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
        "type": cut(type(error).__name__, LONGEST_NAME),
        "message": cut(_message(error), LONGEST_MESSAGE),
        "line": innermost.lineno if innermost else None,
        "source_line": cut(innermost.line or "", LONGEST_MESSAGE) if innermost else None,
        "traceback": cut("".join(summary.format()), LONGEST_TRACEBACK),
        "function": files[innermost.filename] if innermost else called,
    }


def frames_of(error: BaseException, files: Container[str]) -> list[tuple[int, str]]:
    """The line and the function's name of each frame in these files, the innermost last."""
    walked = traceback.walk_tb(error.__traceback__)
    own = [
        (line, cut(frame.f_code.co_name, LONGEST_NAME))
        for frame, line in walked
        if frame.f_code.co_filename in files
    ]
    return own[-_MOST_FRAMES:]


def limit_hit_by(error: BaseException) -> str | None:
    """The name of the limit that an exception comes from, if it comes from one."""
    if isinstance(error, MemoryError):
        return "memory"
    if type(error) is RuntimeError and error.args == ("can't start new thread",):
        return "processes"
    return _LIMITS_BY_ERRNO.get(error.errno or 0) if isinstance(error, OSError) else None


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
    if isinstance(error, ImportError) and (error.name or "").startswith("numpy."):
        return (
            f"plugin.np{(error.name or '').removeprefix('numpy')} is not there on nodes: numpy "
            "loads it when it is first used, and nothing can be loaded once code runs; use numpy's "
            "other functions"
        )
    if isinstance(error, MemoryError):
        return message or "out of memory: the code needs more than this node gives one instance"
    return message
