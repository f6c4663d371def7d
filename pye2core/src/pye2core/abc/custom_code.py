"""The contract of a sandbox: a process that runs custom code, and what it says of each call.

You are among the contracts. A node implements the sandbox; runners are given one by their context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from asyncio import Future as AsyncFuture
    from collections.abc import Mapping


@frozen
class FunctionSource:
    """The body of a function that was sent.

    Attributes:
        source: the body's text.
        parameters: the names by which it finds its arguments; the first is ``plugin``.
        is_users: whether a user wrote it; of what a runner sends along, tracebacks show no lines.
    """

    source: str
    parameters: tuple[str, ...] = ("plugin",)
    is_users: bool = True


@frozen
class CodeFailure:
    """An exception of custom code.

    Attributes:
        type: the exception's class name.
        message: its text.
        line: the line within the source that was sent, from 1; None where there is none.
        source_line: that line's text.
        traceback: the frames of the user's code as text.
        function: which of the defined functions was called.
    """

    type: str
    message: str
    line: int | None = None
    source_line: str | None = None
    traceback: str = ""
    function: str = ""

    def __str__(self) -> str:
        """``ZeroDivisionError: division by zero (line 2: return 1 / 0)``."""
        where = f" (line {self.line}: {self.source_line})" if self.line is not None else ""
        return f"{self.type}: {self.message}{where}"


@frozen
class CallResult:
    """What came of one call of custom code.

    Attributes:
        value: what it returned, as JSON carries it.
        failure: the exception that ended it, if one did.
        printed: what it printed, cut at a limit.
        seconds: how long it took.
    """

    value: Any = None
    failure: CodeFailure | None = None
    printed: str = ""
    seconds: float = 0.0


@frozen
class SandboxExit:
    """How a sandbox process ended: its exit code or signal, and why in words."""

    code: int | None
    signal: int | None
    reason: str


class Sandbox(Protocol):
    """A confined process that runs the functions of one instance."""

    @property
    def exited(self) -> AsyncFuture[SandboxExit]:
        """Done when the process is gone, for whatever reason."""

    async def define(self, functions: Mapping[str, FunctionSource]) -> None:
        """Compile functions there, to be called by name.

        Raises:
            CodeRefused: the source is not allowed or does not compile.
        """

    async def configure(self, settings: Mapping[str, Any]) -> None:
        """Show these settings to the code as ``plugin.cfg_*``."""

    async def call(self, name: str, *args: Any, timeout: float) -> CallResult:  # noqa: ASYNC109
        """Call a function; the process is killed when it takes longer than ``timeout`` seconds.

        A limit of the caller's (``asyncio.timeout``) would leave the process running.

        Raises:
            CallTimedOut: it took too long; the sandbox is gone.
            SandboxDied: the process ended during the call.
        """

    async def stop(self, grace: float = 1.0) -> None:
        """End the process and all that it started."""
