"""What happens to a distributed job, as values: what the runner tells the state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pye2_chain_job.actions import Call
    from pye2core.abc import CodeFailure, Peer


@frozen
class PeersKnown:
    """These are the nodes that are online, without this one."""

    peers: tuple[Peer, ...]


@frozen
class NodeHeard:
    """A node's heartbeat came.

    Attributes:
        node: the node's address.
        pipelines: the pipelines it says it runs; None where it does not say.
    """

    node: str
    pipelines: frozenset[str] | None


@frozen
class WorkerPayload:
    """A payload of what may be one of the job's workers came.

    Attributes:
        node: the verified sender's address.
        pipeline: the worker's pipeline.
        session_id: the session id that the message states, if any.
        fields: the payload's body.
        size: bytes that its data takes, roughly.
    """

    node: str
    pipeline: str
    session_id: str | None
    fields: Mapping[str, Any]
    size: int = 0


@frozen
class WorkerNotification:
    """A notification about what may be one of the job's workers came.

    Attributes:
        node: the verified sender's address.
        pipeline: the worker's pipeline; None where the notification names none.
        session_id: the session id that the message states, if any.
        code: what it confirms (positive) or denies (negative), if anything.
        is_exception: whether it is about an exception.
        text: what it says.
        failure: the exception of custom code that it is about, if it says so.
    """

    node: str
    pipeline: str | None
    session_id: str | None
    code: int | None
    is_exception: bool = False
    text: str = ""
    failure: CodeFailure | None = None


@frozen
class CommandLeft:
    """The command that starts a worker was taken by the broker."""

    session_id: str


@frozen
class CommandFailed:
    """The command that starts a worker could not be sent."""

    session_id: str
    reason: str


@frozen
class CallReturned:
    """A call of one of the job's functions is over.

    Attributes:
        call: which.
        value: what it returned.
        size: bytes that the value takes as JSON, where it is a result so far, to be shown.
        seconds: how long it took.
    """

    call: Call
    value: Any = None
    size: int = 0
    seconds: float = 0.0


@frozen
class CallFailed:
    """A call of one of the job's functions ended without a result.

    Attributes:
        call: which.
        failure: the exception, or what ended its process.
    """

    call: Call
    failure: CodeFailure


@frozen
class LastPayloadSent:
    """The last payload was handed to the broker."""


@frozen
class ResultRefused:
    """The last payload could not be sent."""

    reason: str


@frozen
class Tick:
    """Time has passed."""


@frozen
class Stopped:
    """The instance ends, finished or not."""


Event = (
    PeersKnown
    | NodeHeard
    | WorkerPayload
    | WorkerNotification
    | CommandLeft
    | CommandFailed
    | CallReturned
    | CallFailed
    | LastPayloadSent
    | ResultRefused
    | Tick
    | Stopped
)
