"""An exception of custom code as fields of messages, and told in the lines of the user's own file.

A node knows the lines of the source that it was sent. The client that sent it remembers from which
file that was cut, and from which line on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pye2core.abc import CodeFailure

if TYPE_CHECKING:
    from pye2core.code import CapturedCode

FAILURE_KEY: Final = "EXEC_FAILURE"
"""The field of payloads and notifications that holds what ``failure_fields`` gives."""


@frozen
class Origin:
    """Where the source that was sent was cut from.

    Attributes:
        name: what the code is called in messages.
        file: the user's file; None if the code was given as text.
        first_line: the line of the file on which the first line of the source lies.
    """

    name: str
    file: str | None = None
    first_line: int = 1

    @classmethod
    def of(cls, captured: CapturedCode) -> Origin:
        """Where captured code came from."""
        return cls(captured.name, captured.file, captured.first_line)


def failure_fields(failure: CodeFailure) -> dict[str, Any]:
    """The failure as JSON carries it."""
    return {
        "TYPE": failure.type,
        "MESSAGE": failure.message,
        "LINE": failure.line,
        "SOURCE_LINE": failure.source_line,
        "FUNCTION": failure.function,
        "TRACEBACK": failure.traceback,
    }


def failure_from(fields: object) -> CodeFailure | None:
    """The failure in what a message says, or None if it says none; trusts nothing."""
    if not isinstance(fields, Mapping):
        return None
    kind, message = fields.get("TYPE"), fields.get("MESSAGE")
    if not isinstance(kind, str) or not isinstance(message, str):
        return None
    line = fields.get("LINE")
    source_line = fields.get("SOURCE_LINE")
    return CodeFailure(
        type=kind,
        message=message,
        line=line if isinstance(line, int) and not isinstance(line, bool) else None,
        source_line=source_line if isinstance(source_line, str) else None,
        traceback=str(fields.get("TRACEBACK") or ""),
        function=str(fields.get("FUNCTION") or ""),
    )


def told_to_user(failure: CodeFailure, origin: Origin | None) -> str:
    """The failure in words, with the line of the user's own file where that is known.

    Example:
        >>> failure = CodeFailure("ZeroDivisionError", "division by zero", 2, "return 1 / 0")
        >>> print(told_to_user(failure, Origin("job", "primes.py", 10)))
        ZeroDivisionError: division by zero
          primes.py:11, in job: return 1 / 0
    """
    if failure.line is None or origin is None:
        return str(failure)
    place = f"line {failure.line}"
    if origin.file is not None:
        place = f"{origin.file}:{origin.first_line + failure.line - 1}"
    source_line = f": {failure.source_line}" if failure.source_line else ""
    return f"{failure.type}: {failure.message}\n  {place}, in {origin.name}{source_line}"
