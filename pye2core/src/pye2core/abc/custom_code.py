"""The contract of a sandbox: a process that runs custom code, and what it says of each call.

You are among the contracts. A node implements the sandbox; runners are given one by their context.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from asyncio import Future as AsyncFuture
    from collections.abc import Awaitable, Callable, Mapping, Sequence


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
        """Done when the process is gone, for whatever reason.

        Each is one of its own, which may be cancelled, and is kept until the process ends: ask
        :attr:`is_alive` before every call.
        """

    @property
    def is_alive(self) -> bool:
        """Whether the process is not known to be gone."""

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

    async def exchange(
        self,
        *data: bytes | memoryview,
        timeout: float,  # noqa: ASYNC109 - the limit ends the process, not this wait
        on_output: Callable[[str], None] | None = None,
        on_item: Callable[[memoryview], Awaitable[None]] | None = None,
    ) -> memoryview:
        """Give bytes to the part of the signature that is in the process; its answer.

        That part is what ``SignatureDescriptor.in_sandbox`` names, an :class:`InSandbox`. What
        answers may be anybody, as code runs in the same process: believe nothing of the answer.

        Args:
            data: what to say; of several, one behind the other, so that what is large need not be
                copied. They are not to change until the answer is there.
            timeout: seconds after which the process is killed.
            on_output: told what the code prints, as it does; not to raise.
            on_item: told of what ``SandboxHost.send_item`` is given; the process waits while one
                of these is under way. What it raises is logged.

        Raises:
            CallTimedOut: it took too long; the sandbox is gone.
            SandboxDied: the process ended before it had answered.
            CodeError: ``data`` is more than the sandbox takes.
        """

    async def stop(self, grace: float = 1.0) -> None:
        """End the process and all that it started."""


class SandboxHost(Protocol):
    """What the part of a signature that is in a sandbox finds there."""

    @property
    def plugin(self) -> object:
        """The ``plugin`` object that code is given."""

    @property
    def largest(self) -> int:
        """Bytes that an answer or an item may have."""

    def make_function(
        self, name: str, source: str, parameters: Sequence[str]
    ) -> Callable[..., object]:
        """The function whose body is ``source``, checked as all code is that was sent.

        Raises:
            ValueError: the source is refused; its text names every problem.
        """

    def describe(self, error: BaseException) -> Mapping[str, Any]:
        """What there is to say of an exception, without frames of anything but code that was sent.

        Returns:
            The fields of a :class:`CodeFailure`, and as ``frames`` the line and the function's name
            of each such frame, the innermost last.
        """

    def send_item(self, *data: bytes | memoryview) -> None:
        """Give bytes to ``Sandbox.exchange``'s ``on_item``, before the answer.

        Args:
            data: one behind the other; views are of single bytes.

        Raises:
            ValueError: they are more than the node takes.
        """


class InSandbox(Protocol):
    """The part of a signature that is in the sandbox: made once for each process, in it.

    Its module is loaded before the process is confined, and nothing can be loaded afterwards. It
    is the plugin's own code and trusted as such until the first function of a user's runs beside
    it. It is to be callable with the :class:`SandboxHost` as its only argument.
    """

    def exchange(self, data: memoryview) -> Sequence[bytes | memoryview]:
        """The answer to what the runner gave to ``Sandbox.exchange``.

        What it raises ends the process.

        Returns:
            Bytes that the runner gets one behind the other; views are of single bytes.
        """
