"""The job as a state machine, one event after the other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from pye2_chain_job.actions import (
    Aggregate,
    CheckFinish,
    Close,
    Deploy,
    Discard,
    Emit,
    MeasureProgress,
    Notify,
    Process,
)
from pye2_chain_job.collecting import BATCH, MOST_WAITING_BYTES
from pye2_chain_job.events import (
    CallFailed,
    CallReturned,
    CommandFailed,
    CommandLeft,
    LastPayloadSent,
    NodeHeard,
    PeersKnown,
    ResultRefused,
    Stopped,
    Tick,
    WorkerNotification,
    WorkerPayload,
)
from pye2_chain_job.job import CLOSE_SECONDS, SUSPICIOUS_NONES, Job
from pye2_chain_job.piece import START_SECONDS
from pye2_chain_job.placement import SHARE_SECONDS, Requirements
from pye2_chain_job.reports import JobState
from pye2_chain_job.workers import STRAY_SECONDS, JobPlan
from pye2core.abc import CodeFailure, Peer
from pye2core.messages import NotificationKind

ME = "0xai_me"


def peer(name: str, **more: Any) -> Peer:
    return Peer(f"0xai_{name}", name, **{"allows_me": True, **more})


class Driver:
    """Tells a job what happens, and answers its calls as it is told to."""

    def __init__(self, *names: str, pieces: int = 1, **plan: Any) -> None:
        requirements = Requirements("CUSTOM_EXEC_01", (), ME)
        self.job = Job(
            JobPlan("job", "me", "token", pieces, requirements, **plan),
            Random(1),
            started="then",
            now=0.0,
        )
        self.now = 0.0
        self.peers = tuple(map(peer, names))
        self.actions: list[Any] = self.job.begin(self.peers, 0.0)
        self.finished = False

    def tell(self, event: Any) -> list[Any]:
        told = self.job.handle(event, self.now)
        self.actions += told
        return told

    def all_of(self, kind: type) -> list[Any]:
        return [each for each in self.actions if isinstance(each, kind)]

    @property
    def deploy(self) -> Deploy:
        """The newest worker."""
        return self.all_of(Deploy)[-1]

    @property
    def last(self) -> dict[str, Any]:
        emitted = self.all_of(Emit)[-1]
        assert emitted.last
        return dict(emitted.fields)

    @property
    def call(self) -> Any:
        """The call that is under way."""
        calls = Discard | Process | CheckFinish | MeasureProgress | Aggregate
        return self.all_of(calls)[-1]

    def start(self, deploy: Deploy) -> None:
        self.tell(CommandLeft(deploy.session_id))
        self.notify(deploy, 100)

    def notify(self, deploy: Deploy, code: int | None, **more: Any) -> list[Any]:
        return self.tell(
            WorkerNotification(deploy.node, deploy.pipeline, deploy.session_id, code, **more)
        )

    def send(self, deploy: Deploy, data: Any, *, node: str | None = None, **fields: Any) -> None:
        sender, fields = node or deploy.node, {"DATA": data, **fields}
        self.tell(WorkerPayload(sender, deploy.pipeline, deploy.session_id, fields, 10))

    def answer(self, value: Any = None) -> Any:
        """Let the call that is under way return; gives it."""
        call = self.call
        self.tell(CallReturned(call, value, size=10))
        return call

    def settle(self) -> list[Any]:
        """Let calls return until there are none; gives those that were made."""
        made: list[Any] = []
        while not made or self.call is not made[-1]:
            call = self.call
            made.append(call)
            values = {CheckFinish: self.finished, MeasureProgress: 10.0}
            kept = call.data if isinstance(call, Process) else values.get(type(call))
            self.tell(CallReturned(call, kept, size=10))
        return made


@pytest.fixture
def running() -> Driver:
    """A job of one piece whose worker runs, one other node, and nothing under way."""
    driver = Driver("a", "b")
    driver.settle()
    driver.start(driver.deploy)
    driver.settle()
    return driver


# --- workers --------------------------------------------------------------------------------------


def test_what_an_unknown_sender_says_counts_for_nothing(running: Driver) -> None:
    running.send(running.deploy, [1], node="0xai_stranger")
    running.notify(Deploy("0xai_x", "job_w_0", running.deploy.session_id, 0), -1)
    assert running.job.collector.count == 0
    assert len(running.all_of(Deploy)) == 1


def test_a_worker_that_was_replaced_can_add_nothing_even_to_what_is_being_processed(
    running: Driver,
) -> None:
    first = running.deploy
    running.send(first, [1])
    assert isinstance(running.call, Process)
    running.notify(first, None, is_exception=True, text="no")
    running.answer([1])
    assert running.job.collector.count == 0
    assert running.call == Discard(0), "the sandbox forgets it as well"
    running.send(first, [2])
    running.settle()
    assert running.job.collector.count == 0


def test_a_finish_condition_that_saw_data_to_be_forgotten_is_asked_again(running: Driver) -> None:
    running.send(running.deploy, [1])
    running.answer([1])
    assert isinstance(running.call, CheckFinish)
    running.notify(running.deploy, None, is_exception=True, text="no")
    running.answer(value=True)
    assert not running.job.collector.done
    assert running.call == Discard(0)
    running.answer()
    assert isinstance(running.call, CheckFinish)


def test_a_worker_whose_node_shows_it_no_more_is_replaced(running: Driver) -> None:
    first = running.deploy
    running.tell(NodeHeard(first.node, frozenset({first.pipeline})))
    running.tell(NodeHeard(first.node, frozenset()))
    assert running.deploy is first, "one heartbeat may be older than the worker"
    running.tell(NodeHeard(first.node, frozenset()))
    assert running.deploy is not first


def test_a_node_that_does_not_say_what_it_runs_is_believed(running: Driver) -> None:
    first = running.deploy
    for _ in range(5):
        running.tell(NodeHeard(first.node, None))
    assert running.deploy is first


def test_a_worker_whose_node_says_good_bye_is_replaced_at_once(running: Driver) -> None:
    first = running.deploy
    others = tuple(each for each in running.peers if each.address != first.node)
    running.now = 1.0
    running.tell(PeersKnown(others))
    assert running.deploy.node == others[0].address


def test_a_worker_whose_node_was_not_heard_from_for_long_has_its_full_time() -> None:
    driver = Driver("a", "b", node_timeout=150.0)
    driver.settle()
    first = driver.deploy
    driver.start(first)
    driver.now = 70.0
    driver.send(first, None)
    driver.tell(PeersKnown(tuple(each for each in driver.peers if each.address != first.node)))
    assert driver.deploy is first


def test_a_worker_that_says_nothing_is_replaced_and_its_node_left_alone_until_heard() -> None:
    driver = Driver("a", node_timeout=20.0)
    driver.settle()
    first = driver.deploy
    driver.start(first)
    driver.now = 20.0
    driver.tell(Tick())
    assert Close(first.node, first.pipeline, first.session_id) in driver.actions
    assert driver.deploy is first
    driver.tell(NodeHeard(first.node, frozenset()))
    assert driver.deploy.session_id != first.session_id


def test_a_node_that_does_not_confirm_a_start_is_given_up() -> None:
    driver = Driver("a", "b")
    first = driver.deploy
    driver.now = 100.0
    driver.tell(Tick())
    assert driver.deploy is first, "the command has not even left"
    driver.tell(CommandLeft(first.session_id))
    driver.now += START_SECONDS
    driver.tell(Tick())
    assert driver.deploy.node != first.node


def test_a_command_that_cannot_be_sent_is_an_error_of_the_worker() -> None:
    driver = Driver("a", "b")
    for _ in range(3):
        driver.tell(CommandFailed(driver.deploy.session_id, "too large"))
    assert "it could not be started: too large" in driver.last["ERROR"]


@pytest.mark.parametrize("code", [-1, -100, -5000])
def test_a_refusal_replaces_the_worker(running: Driver, code: int) -> None:
    first = running.deploy
    running.notify(first, code, text="I will not")
    assert running.deploy is not first


def test_a_worker_that_is_only_slow_goes_on(running: Driver) -> None:
    first = running.deploy
    running.notify(first, -999)
    assert running.deploy is first


def test_a_refusal_that_names_no_pipeline_is_known_by_its_session(running: Driver) -> None:
    first = running.deploy
    running.tell(
        WorkerNotification(first.node, None, first.session_id, -5000, text="you are not allowed")
    )
    assert running.deploy is not first


def test_errors_that_differ_each_time_fail_the_job_as_well() -> None:
    driver = Driver("a", "b")
    for number in range(9):
        driver.notify(driver.deploy, None, is_exception=True, text=f"bad number {number}")
    assert "failed 9 times" in driver.last["ERROR"]
    assert "bad number 8" in driver.last["ERROR"]


def test_a_job_can_be_told_to_fail_at_the_first_error() -> None:
    driver = Driver("a", "b", most_errors=1)
    failure = CodeFailure("ValueError", "no", 2, "raise ValueError")
    driver.notify(driver.deploy, None, is_exception=True, text="…", failure=failure)
    assert driver.last["STATE"] == "FAILED"
    assert driver.last["ERROR_STAGE"] == "worker"
    assert driver.last["EXEC_FAILURE"]["LINE"] == 2


def test_a_node_that_goes_on_with_an_earlier_worker_is_told_again(running: Driver) -> None:
    first = running.deploy
    running.notify(first, None, is_exception=True, text="no")
    second = running.deploy
    running.start(second)
    old = Deploy(second.node, second.pipeline, first.session_id, 0)
    running.send(old, [1])
    assert running.deploy is second, "it may have been on its way"
    running.now += STRAY_SECONDS
    running.send(old, [1])
    assert running.deploy is not second
    assert Close(second.node, second.pipeline, second.session_id) in running.actions


def test_a_former_worker_that_is_still_at_work_is_told_to_end(running: Driver) -> None:
    first = running.deploy
    running.notify(first, None, is_exception=True, text="no")
    closes = len(running.all_of(Close))
    running.notify(first, 4)
    running.send(first, [1])
    assert len(running.all_of(Close)) == closes + 1
    assert running.all_of(Close)[-1].node == first.node
    running.send(first, [1])
    assert len(running.all_of(Close)) == closes + 1, "once is enough for a while"


def test_the_pipelines_of_others_are_left_alone(running: Driver) -> None:
    stranger = Deploy("0xai_b", "job_w_0", "somebody else's session", 0)
    running.send(stranger, [1], node="0xai_x")
    assert not running.all_of(Close)


def test_a_node_that_does_not_confirm_an_end_is_told_again(running: Driver) -> None:
    first = running.deploy
    running.notify(first, None, is_exception=True, text="no")
    for _ in range(5):
        running.now += 3.0
        running.tell(Tick())
    closes = [each for each in running.all_of(Close) if each.session_id == first.session_id]
    assert len(closes) == 3
    running.tell(NodeHeard(first.node, frozenset({first.pipeline})))
    assert running.all_of(Close)[-1].session_id == first.session_id
    running.tell(NodeHeard(first.node, frozenset()))
    running.now += 100.0
    assert not [each for each in running.tell(Tick()) if each == closes[0]]


def test_without_a_free_node_pieces_share_one_after_a_while() -> None:
    driver = Driver("a", pieces=2)
    assert len(driver.all_of(Deploy)) == 1
    assert driver.job.state is JobState.WAIT
    driver.now = SHARE_SECONDS
    driver.tell(Tick())
    assert [each.node for each in driver.all_of(Deploy)] == ["0xai_a", "0xai_a"]
    assert driver.job.state is JobState.DISTRIBUTE


def test_waiting_is_told_once() -> None:
    driver = Driver()
    for _ in range(5):
        driver.now += 1.0
        driver.tell(Tick())
    told = [each for each in driver.all_of(Notify) if "waiting for nodes" in each.text]
    assert len(told) == 1
    assert told[0].kind is NotificationKind.ABNORMAL


# --- data -----------------------------------------------------------------------------------------


def test_calls_are_made_one_at_a_time_and_the_finish_asked_after_a_batch(running: Driver) -> None:
    for number in range(BATCH + 10):
        running.send(running.deploy, [number])
    running.now += 0.5
    made = [type(call) for call in running.settle() if isinstance(call, Process | CheckFinish)]
    assert made == [Process] * BATCH + [CheckFinish] + [Process] * 10 + [CheckFinish]
    assert running.job.collector.collected[0] == list(range(BATCH + 10))


def test_data_under_the_other_name_of_pye2_is_taken(running: Driver) -> None:
    running.send(running.deploy, None, RESOURCE=["x"])
    running.settle()
    assert running.job.collector.collected[0] == ["x"]


@pytest.mark.parametrize("nothing", [None, [], {}, 0, ""])
def test_empty_data_is_not_processed(running: Driver, nothing: Any) -> None:
    running.send(running.deploy, nothing)
    assert not running.all_of(Process)


def test_the_workers_own_progress_is_shown_where_no_function_tells_it(running: Driver) -> None:
    running.send(running.deploy, [1], PROGRESS=40)
    running.settle()
    running.now += 1.0
    running.tell(Tick())
    running.settle()
    assert running.all_of(Emit)[-1].fields["PROGRESS"] == 40.0


def test_more_data_than_can_wait_fails_the_job_and_loses_nothing_silently(running: Driver) -> None:
    half = MOST_WAITING_BYTES // 2 + 1
    deploy = running.deploy
    for number in range(4):
        fields = {"DATA": [number]}
        running.tell(WorkerPayload(deploy.node, deploy.pipeline, deploy.session_id, fields, half))
    assert "faster than their data can be processed" in running.last["ERROR"]


def process_each(driver: Driver, *kept: Any) -> None:
    """Have the worker send something for each of these, which the process function gives."""
    for each in kept:
        driver.send(driver.deploy, ["data"])
        call = driver.answer(each)
        assert isinstance(call, Process)
        driver.settle()


def warnings_of(driver: Driver) -> list[Notify]:
    return [each for each in driver.all_of(Notify) if "None" in each.text]


def test_a_process_function_that_gives_nothing_but_none_is_told_of_once(running: Driver) -> None:
    process_each(running, *[None] * (SUSPICIOUS_NONES - 1))
    assert warnings_of(running) == []

    process_each(running, *[None] * SUSPICIOUS_NONES)

    (warning,) = warnings_of(running)
    assert warning.kind is NotificationKind.ABNORMAL
    assert "process function has returned None 10 times and nothing else" in warning.text
    assert "Return the list" in warning.info


def test_the_progress_tells_of_a_process_function_that_gives_nothing_but_none(
    running: Driver,
) -> None:
    process_each(running, None, None)

    told = running.job.status(running.now)

    assert (told["PROGRESS"], told["DATA_COUNT"]) == (0, 0)
    assert "process function has returned None 2 times and nothing else" in told["STATE_INFO"]


@pytest.mark.parametrize("kept", [[], [1]])
def test_a_process_function_that_gave_a_list_may_give_none_as_often_as_it_likes(
    running: Driver, kept: list[int]
) -> None:
    process_each(running, None, kept, *[None] * (2 * SUSPICIOUS_NONES))

    assert warnings_of(running) == []
    assert "None" not in running.job.status(running.now)["STATE_INFO"]


# --- the end --------------------------------------------------------------------------------------


def finish(driver: Driver) -> None:
    driver.finished = True
    driver.send(driver.deploy, [1])
    driver.answer([1])
    assert isinstance(driver.call, CheckFinish)
    driver.answer(value=True)
    assert driver.call == Aggregate(final=True)


def test_workers_are_ended_before_the_result_is_made(running: Driver) -> None:
    finish(running)
    final = running.actions.index(Aggregate(final=True))
    assert any(isinstance(each, Close) for each in running.actions[:final])
    running.answer([1])
    assert running.last["DATA"] == [1]
    assert running.last["PROGRESS"] == 100


def test_a_job_is_over_when_its_payload_is_out_and_its_workers_have_ended(running: Driver) -> None:
    finish(running)
    running.answer([1])
    running.notify(running.deploy, 4)
    assert not running.job.is_over
    running.tell(LastPayloadSent())
    assert running.job.is_over
    assert running.tell(Tick()) == []


def test_a_node_that_never_confirms_the_end_is_told_of_and_not_waited_for(running: Driver) -> None:
    finish(running)
    running.answer([1])
    running.tell(LastPayloadSent())
    running.now += CLOSE_SECONDS
    running.tell(Tick())
    assert running.job.is_over
    assert "was not confirmed by" in running.all_of(Notify)[-1].text


def test_a_result_that_cannot_be_sent_fails_the_job(running: Driver) -> None:
    finish(running)
    running.answer([1])
    running.tell(ResultRefused("17 MiB"))
    assert running.last["STATE"] == "FAILED"
    assert "17 MiB" in running.last["ERROR"]


def test_only_the_first_reason_is_told(running: Driver) -> None:
    failure = CodeFailure("ValueError", "first")
    running.send(running.deploy, [1])
    running.tell(CallFailed(running.call, failure))
    running.tell(ResultRefused("second"))
    assert len([each for each in running.all_of(Emit) if each.last]) == 1
    assert "first" in running.last["ERROR"]


def test_stopping_ends_the_workers_and_says_nothing_to_the_client(running: Driver) -> None:
    payloads = len(running.all_of(Emit))
    told = running.tell(Stopped())
    deploy = running.deploy
    assert told == [Close(deploy.node, deploy.pipeline, deploy.session_id)]
    assert running.job.is_over
    assert len(running.all_of(Emit)) == payloads
