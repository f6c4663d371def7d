"""Who works on what: places the pieces of a job, watches the workers, replaces those that fail.

Sans-I/O. What is to be done, and what that means for the collected data, is gathered in
:class:`Changes` for the job to take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from pye2_chain_job.actions import Close, Deploy, Notify
from pye2_chain_job.closings import Closings
from pye2_chain_job.piece import BEATS_WITHOUT, Piece, PieceState
from pye2_chain_job.placement import Candidates, Requirements, choose_node, why_not, will_not
from pye2_chain_job.reports import percentage
from pye2core.messages import NotificationCode, NotificationKind
from pye2core.peers import ONLINE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from pye2_chain_job.actions import Action
    from pye2_chain_job.events import WorkerNotification, WorkerPayload
    from pye2_chain_job.streams import Numbered
    from pye2core.abc import CodeFailure, Peer

MOST_ERRORS: Final = 3
"""A worker that fails so often with the same error fails the job."""

DIFFERENT_ERRORS: Final = 3
"""So many times as often it may fail with errors that differ."""

STRAY_SECONDS: Final = 5.0
"""What a node's earlier worker has sent may arrive for so long after the present one was begun."""

HOPELESS_SHARE: Final = 0.25
"""Of the time to wait for a node, where none is online that would take a piece. It is not nothing:
a node of PyE2's shows itself every 10 s only."""

_MOST_OBSTACLES: Final = 5

_CLOSED: Final = frozenset(
    {NotificationCode.PIPELINE_ARCHIVE_OK, NotificationCode.PIPELINE_ARCHIVE_FAILED}
)
_SLOW: Final = NotificationCode.PLUGIN_DELAYED


@frozen
class JobPlan:
    """What does not change while a job runs.

    Attributes:
        pipeline: the job's own pipeline.
        requester: by which name the workers' nodes know the job.
        token: sets the sessions of this run of the job apart from those of earlier ones.
        pieces: into how many pieces the work is split.
        requirements: what a worker's node must be.
        node_timeout: seconds without a sign of life after which a worker is replaced.
        node_wait_timeout: seconds to wait for a node that can be a worker.
        most_errors: how often a worker may fail with the same error, the last time included.
        measures_progress: whether one of the job's functions tells the progress.
    """

    pipeline: str
    requester: str
    token: str
    pieces: int
    requirements: Requirements
    node_timeout: float = 60.0
    node_wait_timeout: float = 60.0
    most_errors: int = MOST_ERRORS
    measures_progress: bool = False

    def pipeline_of(self, job_id: int) -> str:
        """The name of the pipeline of a piece's workers (PyE2 wire protocol, section 13)."""
        return f"{self.pipeline}_w_{job_id}"

    def session_id(self, job_id: int, attempt: int) -> str:
        """What the messages of one worker state, and of no other."""
        return f"{self.requester}#{self.token}.{job_id}.{attempt}"


@frozen
class JobFailure:
    """Why a job cannot succeed.

    Attributes:
        reason: in words.
        stage: the function of the job that is to blame, if one is.
        failure: its exception, if there was one.
    """

    reason: str
    stage: str | None = None
    failure: CodeFailure | None = None


@frozen
class Trouble:
    """Why a worker is replaced.

    Attributes:
        text: in words; equal texts are the same error.
        counts: whether it counts as an error of the worker.
        failure: the exception of the worker's code, if it was one.
    """

    text: str
    counts: bool = True
    failure: CodeFailure | None = None


@define
class Changes:
    """What the workers' side wants done.

    Attributes:
        actions: commands and notifications, in order.
        restarted: the pieces whose data does not count any more.
        moved: whether the client should see something new.
        fatal: why the job cannot succeed, if it cannot.
    """

    actions: list[Action] = field(factory=list)
    restarted: list[int] = field(factory=list)
    moved: bool = False
    fatal: JobFailure | None = None


@define
class Workers:
    """The workers of one job.

    Attributes:
        plan: what does not change.
        pieces: by job id.
        closings: former workers that are to end.
    """

    plan: JobPlan
    _rng: Random
    pieces: dict[int, Piece] = field(factory=dict)
    closings: Closings = field(factory=Closings)
    _peers: dict[str, Peer] = field(factory=dict)
    _names: dict[str, str] = field(factory=dict)
    _silent: set[str] = field(factory=set)
    _changes: Changes = field(factory=Changes)

    def drain(self) -> Changes:
        """What was gathered since the last time."""
        changes, self._changes = self._changes, Changes()
        return changes

    def split(self, now: float) -> None:
        """Make the pieces; those that are there already keep what they have."""
        for job_id in range(self.plan.pieces):
            piece = Piece(job_id, self.plan.pipeline_of(job_id), since=now)
            self.pieces.setdefault(job_id, piece)

    def nodes(self) -> dict[int, str]:
        """By job id, the node that works on it."""
        return {piece.job_id: piece.node for piece in self.pieces.values() if piece.node}

    def percent(self) -> float | None:
        """The mean of what the workers say of their progress; None if none does."""
        said = [piece.percent for piece in self.pieces.values() if piece.percent is not None]
        return sum(said) / len(self.pieces) if said else None

    @property
    def is_waiting(self) -> bool:
        """Whether a piece waits for a node and that was told."""
        return any(piece.waiting_was_told for piece in self.pieces.values())

    def job_id_of(self, pipeline: str) -> int | None:
        """The piece whose workers have pipelines of that name."""
        piece = self._piece_of(pipeline)
        return None if piece is None else piece.job_id

    def cares_about(self, node: str) -> bool:
        """Whether a heartbeat of this node says something about the job's workers."""
        is_in_use = any(piece.node == node for piece in self.pieces.values())
        return is_in_use or node in self._silent or self.closings.concerns(node)

    def node_name(self, address: str | None) -> str:
        """A node's name and address for messages."""
        name = self._names.get(address or "")
        return f"{name} ({address})" if name else str(address)

    # --- what is heard ----------------------------------------------------------------------------

    def peers_known(self, peers: Sequence[Peer], now: float) -> None:
        """These nodes are online; a node that was and said good-bye has lost its workers."""
        before, self._peers = self._peers, {peer.address: peer for peer in peers}
        self._names |= {peer.address: peer.name for peer in peers}
        for piece in self._with_worker():
            node = piece.node or ""
            said_goodbye = node in before and now - piece.beat < ONLINE_SECONDS - 1
            if node not in self._peers and said_goodbye:
                self.replace(piece, Trouble("its node went offline", counts=False), now)

    def node_heard(self, node: str, pipelines: frozenset[str] | None, now: float) -> None:
        """A node's heartbeat came."""
        self._silent.discard(node)
        if pipelines is not None:
            self._changes.actions += self.closings.heard(node, pipelines, now)
        for piece in self._with_worker():
            if piece.node == node and piece.state is PieceState.RUNNING:
                piece.heard = piece.beat = now
                self._count_beat(piece, pipelines, now)

    def _count_beat(self, piece: Piece, pipelines: frozenset[str] | None, now: float) -> None:
        if pipelines is None or piece.pipeline in pipelines:
            piece.beats_without = 0
            return
        piece.beats_without += 1
        if piece.beats_without >= BEATS_WITHOUT:
            self.replace(piece, Trouble("its node does not run it any more"), now)

    def payload(self, payload: WorkerPayload, data: Any, now: float) -> tuple[Numbered, ...]:
        """A payload came; gives what is now in order of its piece's data."""
        piece = self._piece_of(payload.pipeline)
        if piece is None:
            return ()
        if not piece.is_from_worker(payload.node, payload.session_id):
            self._hear_stray(piece, payload, now)
            return ()
        self._signs_of_life(piece, now)
        piece.has_sent = True
        fields = payload.fields
        taken = piece.stream.take(fields.get("EXEC_RUN"), fields.get("EXEC_SEQ"), data, now)
        if taken.mixed_up:
            text = "it cannot be told which of its processes is the present one"
            self.replace(piece, Trouble(text), now)
        if taken.restarted:
            self._changes.restarted.append(piece.job_id)
        self._note_progress(piece, fields.get("PROGRESS"))
        return taken.ready

    def notification(self, said: WorkerNotification, now: float) -> None:
        """A notification came."""
        if said.code in _CLOSED and said.pipeline is not None:
            self.closings.confirmed(said.node, said.pipeline)
            return
        piece = self._piece_told_of(said)
        if piece is None:
            return
        if (said.code is not None and said.code < 0 and said.code != _SLOW) or said.is_exception:
            self.failed(piece, said.failure, said.text, now)
        else:
            self._signs_of_life(piece, now)

    def failed(self, piece: Piece, failure: CodeFailure | None, text: str, now: float) -> None:
        """A piece's worker says that it failed."""
        told = str(failure) if failure is not None else text
        self.replace(piece, Trouble(told, failure=failure), now)

    def command_left(self, session_id: str, now: float) -> None:
        """The command that starts a worker is on its way."""
        for piece in self._with_worker():
            if piece.session_id == session_id:
                piece.command_left(now)

    def command_failed(self, session_id: str, reason: str, now: float) -> None:
        """The command that starts a worker could not be sent."""
        for piece in self._with_worker():
            if piece.session_id == session_id:
                self.replace(piece, Trouble(f"it could not be started: {reason}"), now)

    # --- what time brings -------------------------------------------------------------------------

    def advance(self, now: float) -> None:
        """Replace the workers that do not answer, and place the pieces that have none."""
        for piece in self._with_worker():
            self._watch(piece, now)
        unplaced = [piece for piece in self._waiting() if not self._place(piece, now)]
        if unplaced:
            self._wait(unplaced, now)

    def repeat_closings(self, now: float) -> None:
        """Tell those again that have not confirmed the end of a worker."""
        self._changes.actions += self.closings.overdue(now)

    def next_at(self) -> float | None:
        """When :meth:`advance` or :meth:`repeat_closings` has something to do next."""
        times = [self.closings.next_at()]
        for piece in self._with_worker():
            times += [self._silent_at(piece), piece.stream.gives_up_at]
        times += [piece.since + self.plan.node_wait_timeout for piece in self._waiting()]
        return min((time for time in times if time is not None), default=None)

    def close_all(self, state: PieceState, now: float) -> None:
        """End all workers."""
        for piece in self.pieces.values():
            self._close(piece, now)
            piece.release(state, now)

    # --- one piece --------------------------------------------------------------------------------

    def replace(self, piece: Piece, trouble: Trouble, now: float) -> None:
        """End a piece's worker; what it sent does not count, and another one is chosen."""
        node = piece.node
        self._close(piece, now)
        piece.release(PieceState.CHOOSE_NODE, now)
        self._changes.restarted.append(piece.job_id)
        self._changes.moved = True
        if node is not None and trouble.counts:
            piece.avoided.add(node)
        text = f"worker {piece.job_id} on {self.node_name(node)} is replaced: {trouble.text}"
        self._notify(NotificationKind.ABNORMAL, text)
        if trouble.counts:
            self._count_error(piece, trouble, node)

    def _count_error(self, piece: Piece, trouble: Trouble, node: str | None) -> None:
        piece.errors[trouble.text] += 1
        same, all_in_all = piece.errors[trouble.text], piece.errors.total()
        most = self.plan.most_errors
        if same < most and all_in_all < most * DIFFERENT_ERRORS:
            return
        often = f"{same} times with the same error" if same >= most else f"{all_in_all} times"
        where = f"worker {piece.job_id} failed {often}, last on {self.node_name(node)}"
        self._changes.fatal = JobFailure(f"{where}: {trouble.text}", "worker", trouble.failure)

    def _watch(self, piece: Piece, now: float) -> None:
        deadline = self._silent_at(piece)
        if deadline is not None and now >= deadline:
            self._give_up(piece, now)
        elif piece.stream.lost(now):
            text = "payloads of it were lost on their way"
            self.replace(piece, Trouble(text, counts=not piece.was_taken_on), now)

    def _silent_at(self, piece: Piece) -> float | None:
        """When a worker counts as gone; on the main node itself it does not while that lives."""
        is_here = piece.node == self.plan.requirements.self_address
        if is_here and piece.state is PieceState.RUNNING:
            return None
        return piece.silent_at(self.plan.node_timeout)

    def _give_up(self, piece: Piece, now: float) -> None:
        if piece.state is PieceState.STARTING:
            self.replace(piece, Trouble("its node did not confirm that it was started"), now)
            return
        self._silent.add(piece.node or "")
        text = f"nothing was heard of its node for {self.plan.node_timeout:g} seconds"
        self.replace(piece, Trouble(text, counts=False), now)

    def _place(self, piece: Piece, now: float) -> bool:
        candidates = Candidates(
            tuple(self._peers.values()), self._load(), self._silent, piece.avoided
        )
        node = choose_node(
            self.plan.requirements, candidates, waited=now - piece.since, rng=self._rng
        )
        if node is None:
            return False
        self.closings.confirmed(node, piece.pipeline)  # the command to end it has gone before
        piece.assign(node, self.plan.session_id(piece.job_id, piece.attempt + 1), now)
        self._changes.actions.append(Deploy(node, piece.pipeline, piece.session_id, piece.job_id))
        self._changes.moved = True
        return True

    def _wait(self, unplaced: list[Piece], now: float) -> None:
        placed = len(self.pieces) - len(unplaced)
        count = f"{placed} of {len(self.pieces)} workers have a node"
        if not all(piece.waiting_was_told for piece in unplaced):
            for piece in unplaced:
                piece.waiting_was_told = True
            self._notify(
                NotificationKind.ABNORMAL, f"waiting for nodes: {count}", self._obstacles()
            )
            self._changes.moved = True
        longest = min(piece.since for piece in unplaced)
        patience = self._patience()
        if now >= longest + patience:
            self._changes.fatal = JobFailure(
                f"no node could be found within {patience:g} seconds, {count}: {self._obstacles()}"
            )

    def _patience(self) -> float:
        """Seconds to wait for a node: fewer where all that are online say that they will not."""
        requirements, whole = self.plan.requirements, self.plan.node_wait_timeout
        peers = self._peers.values()
        is_hopeless = bool(peers) and all(will_not(each, requirements) for each in peers)
        return whole * HOPELESS_SHARE if is_hopeless else whole

    def _obstacles(self) -> str:
        """Why the nodes that are online are not used, with what to do about it."""
        requirements = self.plan.requirements
        reasons = [why_not(peer, requirements, self._silent) for peer in self._peers.values()]
        told = [reason for reason in reasons if reason is not None]
        if not self._peers:
            whom = requirements.client or "this node"
            return f"no other node is online: start one that allows {whom}"
        return (
            "; ".join(told[:_MOST_OBSTACLES])
            or "all others are taken: start more nodes, or ask for fewer workers"
        )

    # --- small things -----------------------------------------------------------------------------

    def _with_worker(self) -> list[Piece]:
        return [piece for piece in self.pieces.values() if piece.has_worker]

    def _waiting(self) -> list[Piece]:
        return [each for each in self.pieces.values() if each.state is PieceState.CHOOSE_NODE]

    def _piece_of(self, pipeline: str | None) -> Piece | None:
        return next((each for each in self.pieces.values() if each.pipeline == pipeline), None)

    def _piece_told_of(self, said: WorkerNotification) -> Piece | None:
        """The piece whose present worker a notification is about."""
        for piece in self._with_worker():
            names_it = said.pipeline == piece.pipeline or (
                said.pipeline is None and said.session_id == piece.session_id
            )
            if names_it and piece.is_from_worker(said.node, said.session_id):
                return piece
        return None

    def _load(self) -> dict[str, int]:
        load: dict[str, int] = {}
        for piece in self._with_worker():
            load[piece.node or ""] = load.get(piece.node or "", 0) + 1
        return load

    def _signs_of_life(self, piece: Piece, now: float) -> None:
        if piece.confirm(now):
            text = f"worker {piece.job_id} runs on {self.node_name(piece.node)}"
            self._notify(NotificationKind.NORMAL, text)
            self._changes.moved = True

    def _note_progress(self, piece: Piece, percent: object) -> None:
        said = percentage(percent)
        if said is not None:
            piece.percent = said

    def _close(self, piece: Piece, now: float) -> None:
        if piece.node is not None:
            close = Close(piece.node, piece.pipeline, piece.session_id)
            self._changes.actions.append(self.closings.begin(close, now))

    def _hear_stray(self, piece: Piece, payload: WorkerPayload, now: float) -> None:
        """A former worker still sends: see that it ends."""
        session_id = payload.session_id or ""
        if not session_id.startswith(f"{self.plan.requester}#"):
            return
        if payload.node == piece.node:
            if not piece.has_sent and now >= piece.since + STRAY_SECONDS:
                self.replace(piece, Trouble("its node goes on with an earlier worker"), now)
        elif not self.closings.begun(payload.node, payload.pipeline):
            close = Close(payload.node, payload.pipeline, session_id)
            self._changes.actions.append(self.closings.begin(close, now))

    def _notify(self, kind: NotificationKind, text: str, info: str | None = None) -> None:
        self._changes.actions.append(Notify(kind, text, info))
