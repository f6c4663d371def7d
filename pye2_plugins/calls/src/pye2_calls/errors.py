"""What can go wrong with a call, besides what the function itself raises.

You are at the bottom of the client's side. All are ``Pye2Error``:

- ``CallError``
    - ``CallTimeout``: it took longer than it may; also a ``TimeoutError``.
    - ``CallLost``: its process or its node is gone, more often than it was to be tried again.
    - ``CallRefused``: a node does not run it, or no node can.
    - ``RemoteError``: the function raised an exception of a class that is not known here.

``RemoteTraceback`` is no error of its own: it is the cause of what a function raised, and shows
where that was on the node.
"""

from __future__ import annotations

from pye2core.errors import Pye2Error


class CallError(Pye2Error):
    """A call did not give a value.

    Attributes:
        node: the name of the node that had it; None where none had.
        printed: the last that the function printed, as far as it came.
    """

    def __init__(self, message: str, *, node: str | None = None, printed: str = "") -> None:
        super().__init__(message)
        self.node = node
        self.printed = printed


class CallTimeout(CallError, TimeoutError):
    """A call took longer than it may, and its process was ended.

    Attributes:
        seconds: what it was given.
    """

    def __init__(self, message: str, *, seconds: float, node: str, printed: str) -> None:
        super().__init__(message, node=node, printed=printed)
        self.seconds = seconds


class CallLost(CallError):
    """The process or the node that ran a call is gone.

    Attributes:
        code: the process's exit code, if it had one.
        signal: the number of the signal that ended it, if one did.
        losses: how often the call was lost.
    """

    def __init__(
        self,
        message: str,
        *,
        node: str | None,
        code: int | None = None,
        signal: int | None = None,
        losses: int = 1,
        printed: str = "",
    ) -> None:
        super().__init__(message, node=node, printed=printed)
        self.code = code
        self.signal = signal
        self.losses = losses


class CallRefused(CallError):
    """A call was not begun: a node does not take it, or no node can run it.

    Attributes:
        reason: "code", "grant", "sandbox", "full", "large", "closed" or "nowhere".
    """

    def __init__(self, message: str, *, reason: str, node: str | None = None) -> None:
        super().__init__(message, node=node)
        self.reason = reason


class RemoteError(CallError):
    """The function raised an exception whose class is not known here.

    Attributes:
        type: the class's name.
    """

    def __init__(self, message: str, *, type: str, node: str, printed: str = "") -> None:  # noqa: A002 - what it is called on exceptions of custom code, too
        super().__init__(message, node=node, printed=printed)
        self.type = type


class RemoteTraceback(Exception):
    """Where on a node an exception was raised: the cause of the one that is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'
