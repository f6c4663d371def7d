"""What survives a restart of the node."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_chain_job import journal
from pye2_chain_job.actions import Close, Deploy, Emit
from pye2_chain_job.events import CommandLeft, WorkerNotification, WorkerPayload
from pye2_chain_job.job import Job
from pye2_chain_job.piece import PieceState
from pye2_chain_job.placement import Requirements
from pye2_chain_job.workers import JobPlan
from pye2core.abc import Peer

PLAN = JobPlan("job", "me", "token", 1, Requirements("CUSTOM_EXEC_01", (), "0xai_me"))
PEERS = (Peer("0xai_a", "a", allows_me=True), Peer("0xai_b", "b", allows_me=True))


def new_job() -> tuple[Job, Deploy]:
    job = Job(PLAN, Random(1), started="then", now=0.0)
    (deploy,) = [each for each in job.begin(PEERS, 0.0) if isinstance(each, Deploy)]
    return job, deploy


def run(job: Job, deploy: Deploy) -> None:
    job.handle(CommandLeft(deploy.session_id), 0.0)
    started = WorkerNotification(deploy.node, deploy.pipeline, deploy.session_id, code=100)
    job.handle(started, 0.0)


def kept(job: Job, now: float = 5.0) -> bytes:
    return journal.encode(journal.snapshot(job, "digest", now))


def restored(state: bytes | None, digest: str = "digest", now: float = 100.0) -> Job | None:
    return journal.restore(state, digest, PLAN, Random(1), now)


def test_there_is_nothing_to_restore_at_first() -> None:
    assert restored(None) is None


def test_a_job_with_other_settings_is_not_restored() -> None:
    job, _ = new_job()
    assert restored(kept(job), "other") is None


def test_a_worker_that_runs_is_taken_on_again() -> None:
    job, deploy = new_job()
    run(job, deploy)
    again = restored(kept(job))
    assert again is not None
    assert again.workers.nodes() == {0: deploy.node}
    actions = again.begin(PEERS, 100.0)
    assert not any(isinstance(each, Deploy | Close) for each in actions)
    fields = {"DATA": [1], "EXEC_RUN": "r", "EXEC_SEQ": 1}
    payload = WorkerPayload(deploy.node, deploy.pipeline, deploy.session_id, fields)
    again.handle(payload, 101.0)
    assert again.workers.pieces[0].has_sent


def test_a_worker_that_was_being_started_is_ended_before_another_is_begun() -> None:
    job, deploy = new_job()
    again = restored(kept(job))
    assert again is not None
    actions = [each for each in again.begin(PEERS, 100.0) if isinstance(each, Deploy | Close)]
    assert actions[0] == Close(deploy.node, deploy.pipeline, deploy.session_id)
    assert isinstance(actions[1], Deploy)
    assert actions[1].session_id != deploy.session_id


def test_the_time_that_the_node_was_away_does_not_count() -> None:
    job, _ = new_job()
    again = restored(kept(job, now=5.0), now=100.0)
    assert again is not None
    assert again.started == "then"
    assert again.elapsed(101.0) == pytest.approx(6.0)


def test_a_job_that_has_ended_only_repeats_its_last_payload() -> None:
    job, deploy = new_job()
    job.last_payload = {"PROGRESS": 100}
    job.workers.close_all(PieceState.CLOSED, 4.0)
    job.workers.closings.confirmed(deploy.node, deploy.pipeline)
    again = restored(kept(job))
    assert again is not None
    actions = again.begin(PEERS, 100.0)
    assert actions == [Emit({"PROGRESS": 100}, last=True)]


def test_of_a_job_that_has_ended_the_collected_data_is_not_kept() -> None:
    job, _ = new_job()
    job.collector.collected[0].append("much")
    assert b"much" in kept(job)
    job.last_payload = {"PROGRESS": 100}
    assert b"much" not in kept(job)


def test_errors_are_counted_over_restarts() -> None:
    job, _ = new_job()
    job.workers.pieces[0].errors["no"] = 2
    again = restored(kept(job))
    assert again is not None
    assert again.workers.pieces[0].errors == {"no": 2}


def test_a_snapshot_does_not_change_when_the_job_goes_on() -> None:
    job, _ = new_job()
    snapshot = journal.snapshot(job, "digest", 5.0)
    before = json.dumps(snapshot)
    job.collector.collected[0].append(1)
    job.workers.close_all(PieceState.CLOSED, 6.0)
    assert json.dumps(snapshot) == before


@given(st.binary() | st.text().map(str.encode))
def test_whatever_was_kept_is_restored_or_refused(state: bytes) -> None:
    with suppress(LookupError, TypeError, ValueError):
        restored(state)


@given(st.data())
def test_a_state_that_lacks_something_is_refused(data: st.DataObject) -> None:
    job, _ = new_job()
    fields = json.loads(kept(job))
    del fields[data.draw(st.sampled_from(sorted(fields)))]
    state = json.dumps(fields).encode()
    if "format" in fields and "settings" in fields:
        with pytest.raises(LookupError):
            restored(state)
    else:
        assert restored(state) is None
