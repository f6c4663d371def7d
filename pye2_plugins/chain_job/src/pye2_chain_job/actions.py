"""What a distributed job wants done, as values: what the state machine tells the runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2core.messages import NotificationKind

# --- calls of the job's functions, one at a time --------------------------------------------------


@frozen
class Discard:
    """Forget what was collected for a job."""

    job_id: int


@frozen
class Process:
    """Have a worker's data processed; the items to keep come back.

    Attributes:
        job_id: whose data it is.
        data: what the worker sent.
        epoch: how often the job's data had been discarded when this came.
        number: the payload's number, to know after a restart what was processed.
    """

    job_id: int
    data: Any
    epoch: int
    number: int | None = None


@frozen
class CheckFinish:
    """Ask whether the job is done; a truth value comes back."""


@frozen
class MeasureProgress:
    """Ask how far the job is; a percentage comes back."""


@frozen
class Aggregate:
    """Have the result made, or the result so far.

    Attributes:
        final: whether it is the result.
        complete: whether something was collected for every piece. A function that makes a result
            may rightly fail where that is not so.
    """

    final: bool
    complete: bool = True

    @property
    def may_fail(self) -> bool:
        """Whether an exception only means that there is nothing to show yet."""
        return not self.final and not self.complete


Call = Discard | Process | CheckFinish | MeasureProgress | Aggregate

STAGE_OF = {
    Discard: "process",
    Process: "process",
    CheckFinish: "finish",
    MeasureProgress: "progress",
    Aggregate: "aggregate",
}
"""Which of the user's functions a call is about."""


# --- workers --------------------------------------------------------------------------------------


@frozen
class Deploy:
    """Make a worker's pipeline on a node.

    Attributes:
        node: the node's address.
        pipeline: the pipeline's name.
        session_id: what its messages will state.
        job_id: which piece of the work it gets.
    """

    node: str
    pipeline: str
    session_id: str
    job_id: int


@frozen
class Close:
    """End a worker's pipeline on a node."""

    node: str
    pipeline: str
    session_id: str


# --- the client -----------------------------------------------------------------------------------


@frozen
class Emit:
    """Send a payload.

    Attributes:
        fields: its body.
        last: whether it is the job's last one; an earlier one that still waits is then dropped, as
            it is for each newer one.
    """

    fields: Mapping[str, Any]
    last: bool = False


@frozen
class Notify:
    """Send a notification."""

    kind: NotificationKind
    text: str
    info: str | None = None
    fields: Mapping[str, Any] | None = None


Action = Call | Deploy | Close | Emit | Notify
