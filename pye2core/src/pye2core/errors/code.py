"""What is wrong with custom code, or happened to it while it ran.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors.base import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Sequence


class CodeError(Pye2Error):
    """Custom code cannot be read, sent or run."""


class CodeRefused(CodeError):
    """Custom code uses what does not exist, or is not allowed, where it would run.

    Attributes:
        problems: every problem that was found, each with its line.
    """

    def __init__(self, message: str, *, problems: Sequence[object]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class CallTimedOut(CodeError):
    """A call of custom code took longer than it may and its process was killed.

    Attributes:
        seconds: how long it was given.
    """

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class SandboxDied(CodeError):
    """The process that ran custom code ended during a call.

    Attributes:
        code: its exit code, if it exited.
        signal: the signal that ended it, if one did.
        reason: how it ended, without what it printed; empty where that is not known.
    """

    def __init__(
        self, message: str, *, code: int | None, signal: int | None, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.signal = signal
        self.reason = reason
