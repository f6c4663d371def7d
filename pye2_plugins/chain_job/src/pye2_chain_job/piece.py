"""One piece of the work: which node has it, how that goes, and what went wrong before.

Sans-I/O.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import Final

from attrs import define, field

from pye2_chain_job.streams import PayloadStream

START_SECONDS: Final = 30.0
"""A node has this long to confirm that a worker was started."""

BEATS_WITHOUT: Final = 2
"""A worker is gone when so many heartbeats of its node in a row do not show its pipeline."""


class PieceState(Enum):
    """What is being done about a piece (PyE2 wire protocol, section 13, spelling included)."""

    CHOOSE_NODE = "CHOOSE_NODE"
    STARTING = "WAITING_START_CONFIMATION"
    RUNNING = "JOB_PROGRESS"
    CLOSED = "CLOSED_JOB"


@define
class Piece:
    """One piece of the work.

    Attributes:
        job_id: its number, from 0.
        pipeline: the name of its workers' pipelines.
        state: what is being done about it.
        since: since when, in seconds.
        attempt: how many workers it has had, the present one included.
        node: the address of the node that has it, if one does.
        session_id: what the messages of its present worker state.
        sent: whether the command that starts its present worker has left.
        heard: when its worker or the node gave the last sign of life.
        beat: when its node's last heartbeat came.
        beats_without: how many heartbeats in a row did not show its pipeline.
        stream: the payloads of its present worker.
        percent: what its present worker says of its progress, if it does.
        errors: how often each error ended one of its workers.
        avoided: nodes on which its workers failed.
        has_sent: whether a payload of its present worker has come.
        was_taken_on: whether the main node has restarted since its present worker was begun.
        waiting_was_told: whether it was told that it waits for a node.
    """

    job_id: int
    pipeline: str
    state: PieceState = PieceState.CHOOSE_NODE
    since: float = 0.0
    attempt: int = 0
    node: str | None = None
    session_id: str = ""
    sent: bool = False
    heard: float = 0.0
    beat: float = 0.0
    beats_without: int = 0
    stream: PayloadStream = field(factory=PayloadStream)
    percent: float | None = None
    errors: Counter[str] = field(factory=Counter)
    avoided: set[str] = field(factory=set)
    has_sent: bool = False
    was_taken_on: bool = False
    waiting_was_told: bool = False

    @property
    def has_worker(self) -> bool:
        """Whether a worker runs, or is being started."""
        return self.state in {PieceState.STARTING, PieceState.RUNNING}

    def assign(self, node: str, session_id: str, now: float) -> None:
        """A node is to take it."""
        self.state = PieceState.STARTING
        self.since = self.heard = self.beat = now
        self.attempt += 1
        self.node = node
        self.session_id = session_id
        self.sent = False
        self.beats_without = 0
        self.stream = PayloadStream()
        self.percent = None
        self.has_sent = self.was_taken_on = False
        self.waiting_was_told = False

    def release(self, state: PieceState, now: float) -> None:
        """No node has it any more."""
        self.state = state
        self.since = now
        self.node = None
        self.percent = None

    def command_left(self, now: float) -> None:
        """The command that starts its worker is on its way: its node has time from now on."""
        self.sent = True
        if self.state is PieceState.STARTING:
            self.since = now

    def confirm(self, now: float) -> bool:
        """Its worker gave a sign of life; whether that is its first."""
        self.heard = now
        if self.state is not PieceState.STARTING:
            return False
        self.state = PieceState.RUNNING
        return True

    def is_from_worker(self, node: str, session_id: str | None) -> bool:
        """Whether a message about its pipeline is of its present worker.

        A message that states no session is taken by its sender alone.
        """
        return self.has_worker and node == self.node and session_id in {None, self.session_id}

    def silent_at(self, node_timeout: float) -> float | None:
        """When its worker counts as gone if nothing is heard; None if it has none."""
        if self.state is PieceState.STARTING and self.sent:
            return self.since + min(START_SECONDS, node_timeout)
        if self.state is PieceState.RUNNING:
            return self.heard + node_timeout
        return None
