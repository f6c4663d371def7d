"""What the node's side knows of one call, from its coming until it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define

from pye2_calls.messages import Died, Refused, TimedOut
from pye2_calls.messages.checks import LONGEST_TEXT
from pye2core.errors import CallTimedOut, CodeError, GrantMissing, SandboxDied

if TYPE_CHECKING:
    from pye2_calls.messages import Call, Code, NodeRecord
    from pye2_calls.serving.children import Child
    from pye2core.errors import Pye2Error

_CUT: Final = "\n… the rest of what was printed is left out\n"


@define(eq=False)
class Job:
    """A call.

    Attributes:
        call: what was asked for.
        code: its function; None until that has come.
        credit: items that may be sent before more are pulled.
        child: the process in which it has begun; None before.
        is_running: whether its code runs at this moment.
        is_cancelled: whether nobody wants it any more.
        items: how many items it has sent.
        printed: all that it has printed, cut at a limit.
        seconds: how long it has run, pauses not counted.
    """

    call: Call
    code: Code | None = None
    credit: int = 0
    child: Child | None = None
    is_running: bool = False
    is_cancelled: bool = False
    items: int = 0
    printed: str = ""
    seconds: float = 0.0

    @property
    def id(self) -> int:
        """The client's number for it."""
        return self.call.id

    @property
    def has_begun(self) -> bool:
        """Whether its code runs, or is a generator's that waits."""
        return self.is_running or self.child is not None

    def note_output(self, text: str) -> None:
        """Keep what it printed, as far as there is room."""
        room = LONGEST_TEXT - len(_CUT) - len(self.printed)
        if room <= 0:
            return
        self.printed += text if len(text) <= room else text[:room] + _CUT


def lost_by(job: Job, error: Pye2Error) -> NodeRecord:
    """What is said of a call whose process was not started, or did not live to answer it."""
    match error:
        case CallTimedOut():
            return TimedOut(job.id, job.seconds, job.printed)
        case SandboxDied():
            reason = error.reason or str(error)
            return Died(job.id, error.code, error.signal, reason, job.printed)
        case GrantMissing():
            return Refused(job.id, "grant", str(error))
        case CodeError():
            return Refused(job.id, "large", str(error))
        case _:
            return Refused(job.id, "sandbox", str(error))
