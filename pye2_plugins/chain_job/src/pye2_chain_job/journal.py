"""What survives a restart of the node: a job as bytes, and back.

Sans-I/O. A worker that was running is taken on again where it stands: if a payload of it was lost
meanwhile, the gap in its numbers shows that and it begins anew. One that was being started is
ended, for nobody knows how far that came.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from pye2_chain_job.actions import Close
from pye2_chain_job.job import Job
from pye2_chain_job.piece import Piece, PieceState
from pye2_chain_job.reports import JobState
from pye2_chain_job.streams import PayloadStream

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pye2_chain_job.workers import JobPlan

_FORMAT: Final = 1


def snapshot(job: Job, settings_digest: str, now: float) -> dict[str, Any]:
    """What is to be kept of a job: plain values, none of which the job changes later.

    Of a job that has ended only its last payload is: the data that led to it is not needed again.

    Args:
        job: the job.
        settings_digest: tells whether a later start has the same settings.
        now: the time, in seconds.
    """
    has_ended = job.last_payload is not None
    collected = job.collector.collected.values()
    return {
        "format": _FORMAT,
        "settings": settings_digest,
        "token": job.plan.token,
        "state": job.state.name,
        "started": job.started,
        "elapsed": job.elapsed(now),
        "last_payload": job.last_payload,
        "done": job.collector.done,
        "collected": [[] if has_ended else list(items) for items in collected],
        "processed": list(job.collector.processed.values()),
        "pieces": [_of_piece(piece) for piece in job.workers.pieces.values()],
        "closings": [
            [close.node, close.pipeline, close.session_id]
            for close in job.workers.closings.unconfirmed()
        ],
    }


def encode(kept: Mapping[str, Any]) -> bytes:
    """A snapshot as bytes; from any thread."""
    return json.dumps(kept, separators=(",", ":")).encode()


def restore(
    state: bytes | None, settings_digest: str, plan: JobPlan, rng: Random, now: float
) -> Job | None:
    """The job that was kept; None if there is none, or one with other settings.

    Args:
        state: what :func:`encode` gave.
        settings_digest: of the settings that the job has now.
        plan: what does not change; its token is replaced by the one that was kept.
        rng: decides between equal nodes.
        now: the time, in seconds.

    Raises:
        LookupError, TypeError, ValueError: it is not what :func:`encode` gave.
    """
    kept = json.loads(state) if state is not None else {}
    if not isinstance(kept, dict):
        raise TypeError(f"a {type(kept).__name__} instead of a dictionary")
    if kept.get("format") != _FORMAT or kept.get("settings") != settings_digest:
        return None
    job = Job(
        evolve(plan, token=kept["token"]),
        rng,
        started=kept["started"],
        now=now,
        elapsed=kept["elapsed"],
    )
    job.state = JobState[kept["state"]]
    job.last_payload = kept["last_payload"]
    _restore_data(job, kept)
    _restore_workers(job, kept, now)
    return job


def _of_piece(piece: Piece) -> dict[str, Any]:
    return {
        "job_id": piece.job_id,
        "state": piece.state.name,
        "attempt": piece.attempt,
        "node": piece.node,
        "session_id": piece.session_id,
        "run": piece.stream.run,
        "errors": dict(piece.errors),
        "avoided": sorted(piece.avoided),
    }


def _restore_data(job: Job, kept: Mapping[str, Any]) -> None:
    job.collector.done = kept["done"]
    for job_id in job.collector.collected:
        job.collector.collected[job_id] = kept["collected"][job_id]
        job.collector.processed[job_id] = kept["processed"][job_id]


def _restore_workers(job: Job, kept: Mapping[str, Any], now: float) -> None:
    for close in kept["closings"]:
        job.workers.closings.begin(Close(*close), now)
    for fields in kept["pieces"]:
        piece = _piece(job, fields, now)
        job.workers.pieces[piece.job_id] = piece
        if piece.state is PieceState.STARTING:
            _end_start(job, piece, now)


def _piece(job: Job, fields: Mapping[str, Any], now: float) -> Piece:
    job_id = fields["job_id"]
    return Piece(
        job_id,
        job.plan.pipeline_of(job_id),
        state=PieceState[fields["state"]],
        since=now,
        attempt=fields["attempt"],
        node=fields["node"],
        session_id=fields["session_id"],
        heard=now,
        beat=now,
        stream=PayloadStream(fields["run"], job.collector.processed[job_id] + 1),
        errors=Counter(fields["errors"]),
        avoided=set(fields["avoided"]),
        was_taken_on=True,
    )


def _end_start(job: Job, piece: Piece, now: float) -> None:
    assert piece.node is not None
    close = Close(piece.node, piece.pipeline, piece.session_id)
    job.workers.closings.begin(close, now)
    piece.release(PieceState.CHOOSE_NODE, now)
