"""What calls come to when doors, nodes and what they say go wrong: without a network."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pye2_calls.client.calls import SessionCalls
from pye2_calls.client.doors import CallsInstance
from pye2_calls.errors import CallLost, CallRefused
from pye2_calls.messages import (
    FIELD,
    FROM_CLIENT,
    Began,
    Call,
    Cancel,
    Cancelled,
    Code,
    CodeWanted,
    Failure,
    Item,
    KeepAlive,
    Raised,
    Refused,
    Value,
    Withdraw,
    pack,
    unpack,
)
from pye2_calls.values import pack as pack_value
from pye2core.errors import DeployFailed
from pye2core.messages import INSTANCE_COMMAND, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 30.0
ATTIC = "0xai_attic"
LARGEST = 100_000


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


class Pipeline:
    """What the attic was asked to run."""

    def __init__(self, network: Network, name: str) -> None:
        self.session = network
        self.name, self.node_addr = name, ATTIC
        self.instance: Any = None
        self.is_closed = False
        self.sent: list[Any] = []

    def create_plugin_instance(self, **_: object) -> CallsInstance:
        self.instance = CallsInstance(cast("Any", self), "FUNCTION_CALLS", "calls")
        return self.instance  # type: ignore[no-any-return] # it is one

    def hear_results(self) -> None:
        """Heard already."""

    def deploy(self, **_: object) -> None:
        self.session.deploy(self)

    def close(self, **_: object) -> None:
        self.is_closed = True
        self.session.note_change()

    def end_callbacks(self) -> None:
        """There are none."""

    def says(self, *records: Any, run: str = "first") -> None:
        """The node's side of this pipeline says something, whether anybody hears it or not."""
        tell = self.instance.on_message
        if tell is not None:
            tell(pack(records, run))

    def begins(self, run: str = "first") -> None:
        self.says(Began(slots=1, largest=LARGEST, timeout=60.0), run=run)


class Callbacks:
    """A thread for what is called back."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)

    def put(self, call: Callable[[], object]) -> None:
        self._thread.submit(call)

    def finish(self) -> None:
        self._thread.shutdown(wait=False)

    def join(self, _: float) -> None:
        self._thread.shutdown(wait=True)


class Network:
    """A session with one node, the attic, whose side is played by the test."""

    def __init__(self) -> None:
        self.session = self
        self.clock = Clock()
        self.connected = True
        self.is_there = True
        self.deploy: Callable[[Pipeline], object] = lambda pipeline: pipeline.begins()
        self.commands = SimpleNamespace(tell=self.tell)
        self.peers = SimpleNamespace(
            watch=self.watch, able=self.able, name_of=lambda _: "attic", wait_until=None
        )
        self.pipelines: list[Pipeline] = []
        self._looks = 0
        self._changed = threading.Condition()

    def watch(self, tell: Callable[[], object]) -> None:
        self.look_again = tell

    def able(self, _: str) -> dict[str, Heartbeat]:
        with self._changed:
            self._looks += 1
            self._changed.notify_all()
        told = SimpleNamespace(address=ATTIC, name="attic", status={}, free_memory=None)
        return {ATTIC: cast("Heartbeat", told)} if self.is_there else {}

    def new_callback_thread(self, _: str) -> Callbacks:
        return Callbacks()

    def create_pipeline(self, *, node: str, name: str) -> Pipeline:
        del node
        made = Pipeline(self, name)
        with self._changed:
            self.pipelines.append(made)
            self._changed.notify_all()
        return made

    def note_change(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def forget_pipeline(self, _: object) -> None:
        """It is not remembered."""

    def tell(self, _node: str, _action: object, update: Any) -> None:
        data = update.changes[INSTANCE_COMMAND][FIELD]
        records = unpack(data, FROM_CLIENT).records
        with self._changed:
            pipeline = next(each for each in self.pipelines if each.name == update.pipeline)
            pipeline.sent += records
            self._changed.notify_all()

    def wait_for(self, found: Callable[[], Any]) -> Any:
        with self._changed:
            assert self._changed.wait_for(found, PATIENCE)
            return found()

    def pipeline(self, number: int = 0) -> Pipeline:
        """One of those that were made, as soon as it is."""
        self.wait_for(lambda: len(self.pipelines) > number)
        return self.pipelines[number]

    def told(self, kind: type[Any], pipeline: Pipeline, count: int = 1) -> list[Any]:
        """Records of a kind that a pipeline was sent, as soon as there are so many."""

        def found() -> list[Any]:
            return [each for each in pipeline.sent if isinstance(each, kind)]

        self.wait_for(lambda: len(found()) >= count)
        return found()

    def pass_time(self, seconds: float) -> None:
        """Let it be later, until that was noticed."""
        self.clock.seconds += seconds
        for _ in range(2):  # the first look may be one that had begun before
            before = self._looks
            self.look_again()
            self.wait_for(lambda before=before: self._looks > before)


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def calls(network: Network) -> Iterator[SessionCalls]:
    made = SessionCalls(cast("Any", network))
    yield made
    made.close()


def submit(calls: SessionCalls, function: Any = pow, *args: Any, **options: Any) -> Any:
    return calls.submit(function, args or (2, 3), {}, options)


def value(call: Call, given: object = 8) -> Value:
    return Value(call.id, pack_value(given), "", 0.1)


def countdown(n: int) -> Iterator[int]:
    while n:
        yield n
        n -= 1


# --- what cannot be understood here ---------------------------------------------------------------


class Grumpy(Exception):
    """What nobody reckons with."""


RAISED = Raised(1, Failure("ValueError", "no", "Traceback", (), b"\x01"), "", 0.1)


@pytest.mark.parametrize(
    ("said", "kind"),
    [(Value(1, b"\x01", "", 0.1), pow), (RAISED, pow), (Item(1, 0, b"\x01"), countdown)],
)
def test_a_call_ends_whatever_goes_wrong_with_what_came_of_it(
    network: Network, calls: SessionCalls, monkeypatch: pytest.MonkeyPatch, said: Any, kind: Any
) -> None:
    def fail(*_: object) -> None:
        raise Grumpy

    outcome = submit(calls, kind, 2)
    pipeline = network.pipeline()
    network.told(Call, pipeline)
    with monkeypatch.context() as patch:
        patch.setattr("pye2_calls.client.asked.unpack", fail)
        pipeline.says(said)

    with pytest.raises(Grumpy):
        outcome.result(PATIENCE) if kind is pow else next(outcome)


# --- doors ----------------------------------------------------------------------------------------


def test_a_door_to_a_node_that_went_away_is_closed_and_heard_no_more(
    network: Network, calls: SessionCalls
) -> None:
    future = submit(calls, retries=2)
    first = network.pipeline()
    (sent,) = network.told(Call, first)
    network.is_there = False
    while not first.is_closed:
        network.pass_time(1.0)
    network.is_there = True
    while len(network.pipelines) == 1:
        network.pass_time(1.0)

    (again,) = network.told(Call, network.pipeline(1))
    first.begins(run="second")  # it was not so dead after all
    first.says(value(sent, 1), run="second")
    network.pipeline(1).says(value(again, 2))

    assert future.result(PATIENCE) == 2


def test_a_door_that_could_not_be_opened_in_time_is_closed_if_it_comes_up_late(
    network: Network, calls: SessionCalls
) -> None:
    def fail(pipeline: Pipeline) -> None:
        raise DeployFailed("no answer", node=ATTIC, pipeline=pipeline.name, reason="")

    network.deploy = fail
    future = submit(calls)
    network.wait_for(lambda: network.pipeline().is_closed)
    while not future.done():
        network.pass_time(1.0)

    error = future.exception(PATIENCE)
    assert isinstance(error, CallRefused)
    assert "no answer" in str(error)


def test_a_defect_while_a_door_is_opened_keeps_nobody_waiting(
    network: Network, calls: SessionCalls
) -> None:
    def fail(_: Pipeline) -> None:
        raise Grumpy("a defect of ours")

    network.deploy = fail
    future = submit(calls)
    network.wait_for(lambda: network.pipeline().is_closed)
    while not future.done():
        network.pass_time(1.0)

    assert "a defect of ours" in str(future.exception(PATIENCE))


def test_a_node_that_confirms_and_then_says_nothing_is_not_waited_for_for_ever(
    network: Network, calls: SessionCalls
) -> None:
    network.deploy = lambda _: None
    future = submit(calls)
    network.pipeline()
    while not future.done():
        network.pass_time(20.0)

    assert isinstance(future.exception(), CallRefused)
    assert network.pipeline().is_closed


def test_a_node_that_ends_each_door_at_once_is_not_asked_again_and_again(
    network: Network, calls: SessionCalls
) -> None:
    network.deploy = lambda pipeline: pipeline.instance.on_refusal()
    future = submit(calls)
    network.wait_for(lambda: network.pipeline().is_closed)
    while not future.done():
        network.pass_time(1.0)

    assert isinstance(future.exception(PATIENCE), CallRefused)
    assert len(network.pipelines) == 1


def test_while_the_broker_is_away_no_node_counts_as_silent(
    network: Network, calls: SessionCalls
) -> None:
    future = submit(calls, retries=0)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)
    network.connected = False
    for _ in range(20):
        network.pass_time(60.0)
    before = len(network.told(KeepAlive, pipeline))
    network.connected = True
    network.pass_time(1.0)
    network.told(KeepAlive, pipeline, before + 1)  # asked at once what it holds
    pipeline.says(value(sent))

    assert future.result(PATIENCE) == 8
    assert not pipeline.is_closed


def test_while_the_broker_is_away_no_node_counts_as_lost(
    network: Network, calls: SessionCalls
) -> None:
    future = submit(calls, retries=0)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)
    waiting = submit(calls, retries=0)
    network.is_there = False  # the broker told of its loss in the moment in which it was ended
    network.pass_time(0.1)
    network.connected = False
    for _ in range(20):
        network.pass_time(5.0)
    network.connected = True
    network.pass_time(0.1)
    network.pass_time(5.0)
    network.is_there = True
    network.pass_time(0.1)
    pipeline.says(value(sent))
    pipeline.says(value(network.told(Call, pipeline, 2)[1], 9))

    assert (future.result(PATIENCE), waiting.result(PATIENCE)) == (8, 9)


# --- what nodes are sent --------------------------------------------------------------------------


def test_arguments_that_are_too_large_for_a_node_are_not_sent(
    network: Network, calls: SessionCalls
) -> None:
    future = submit(calls, len, bytes(LARGEST))
    other = submit(calls, pow, 2, 3)

    error = future.exception(PATIENCE)
    (sent,) = network.told(Call, network.pipeline())
    network.pipeline().says(value(sent))

    assert isinstance(error, CallRefused)
    assert (error.reason, error.node) == ("large", "attic")
    assert "--call-megabytes" in str(error)
    assert other.result(PATIENCE) == 8


def test_a_function_that_a_node_lacks_is_sent_though_the_call_that_it_named_was_given_up(
    network: Network, calls: SessionCalls
) -> None:
    futures = [submit(calls) for _ in range(2)]
    pipeline = network.pipeline()
    (first,) = network.told(Call, pipeline)
    futures[0].cancel()
    network.told(Call, pipeline, 2)
    before = len(network.told(Code, pipeline))

    pipeline.says(CodeWanted(first.digest, (first.id,)))

    assert len(network.told(Code, pipeline, before + 1)) == before + 1


def test_what_fails_at_one_door_holds_up_nothing_else(
    network: Network, calls: SessionCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = submit(calls, retries=0)
    pipeline = network.pipeline()
    network.told(Call, pipeline)

    def fail(*_: object, **__: object) -> None:
        raise Grumpy("a defect of ours")

    monkeypatch.setattr("pye2_calls.client.doors.Door.send", fail)
    future.cancel()
    other = submit(calls)

    network.wait_for(lambda: pipeline.is_closed)
    monkeypatch.undo()
    while len(network.pipelines) == 1:
        network.pass_time(1.0)
    (sent,) = network.told(Call, network.pipeline(1))
    network.pipeline(1).says(value(sent))

    assert other.result(PATIENCE) == 8


@pytest.mark.parametrize(("reason", "is_tried_again"), [("full", True), ("grant", False)])
def test_a_call_that_a_node_does_not_take_for_now_is_tried_again(
    network: Network, calls: SessionCalls, reason: str, *, is_tried_again: bool
) -> None:
    future = submit(calls, retries=0)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)
    pipeline.says(Refused(sent.id, reason, "no room here"))
    if is_tried_again:
        while len(network.told(Call, pipeline)) == 1:
            network.pass_time(1.0)
        pipeline.says(value(sent))

    error = future.exception(PATIENCE)
    assert (error is None) == is_tried_again
    assert is_tried_again or "no room here" in str(error)


# --- calls that are withdrawn ---------------------------------------------------------------------


def test_a_call_that_was_given_and_has_not_begun_is_asked_back(
    network: Network, calls: SessionCalls
) -> None:
    future = submit(calls)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)

    future.withdraw()
    (asked,) = network.told(Withdraw, pipeline)
    before = future.done()
    pipeline.says(Cancelled(sent.id))

    assert asked.id == sent.id
    assert (before, future.cancelled()) == (False, True)


def test_a_call_that_has_begun_ends_as_it_would_have(network: Network, calls: SessionCalls) -> None:
    future = submit(calls)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)

    future.withdraw()
    network.told(Withdraw, pipeline)
    pipeline.says(value(sent))

    assert future.result(PATIENCE) == 8


def test_a_call_that_waits_for_a_slot_is_withdrawn_at_once(
    network: Network, calls: SessionCalls
) -> None:
    running, waiting = submit(calls), submit(calls)
    network.told(Call, network.pipeline())

    waiting.withdraw()

    assert waiting.cancelled()
    assert not running.done()


def test_a_node_cannot_cancel_what_nobody_withdrew(network: Network, calls: SessionCalls) -> None:
    future = submit(calls)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)

    pipeline.says(Cancelled(sent.id))
    pipeline.says(value(sent))

    assert future.result(PATIENCE) == 8


# --- the end --------------------------------------------------------------------------------------


def test_what_is_called_back_hears_of_the_end_of_the_session(network: Network) -> None:
    calls = SessionCalls(cast("Any", network))
    future = submit(calls)
    told: list[BaseException | None] = []
    future.add_done_callback(lambda done: told.append(done.exception()))
    network.told(Call, network.pipeline())

    calls.close()

    (error,) = told
    assert isinstance(error, CallRefused)
    assert error.reason == "closed"
    assert network.pipeline().is_closed


def test_a_generator_that_its_caller_has_let_go_of_is_stopped(
    network: Network, calls: SessionCalls
) -> None:
    stream = submit(calls, countdown, 3)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)
    pipeline.says(Item(sent.id, 0, pack_value(3)))
    first = next(stream)

    del stream
    (cancelled,) = network.told(Cancel, pipeline)
    pipeline.says(Item(sent.id, 1, pack_value(2)))  # it was on its way

    assert first == 3
    assert cancelled.id == sent.id


def test_a_generator_that_is_let_go_of_while_the_lock_is_held_changes_nothing_that_it_guards(
    network: Network, calls: SessionCalls
) -> None:
    stream = submit(calls, countdown, 3)
    pipeline = network.pipeline()
    network.told(Call, pipeline)
    dispatcher = calls._dispatcher

    with dispatcher._changed:
        before = len(dispatcher._scheduler)
        del stream
        meanwhile = len(dispatcher._scheduler)

    assert (before, meanwhile) == (1, 1)
    network.told(Cancel, pipeline)


def test_a_generator_that_was_lost_is_not_said_to_be_worth_more_retries(
    network: Network, calls: SessionCalls
) -> None:
    stream = submit(calls, countdown, 3)
    pipeline = network.pipeline()
    (sent,) = network.told(Call, pipeline)
    pipeline.says(Item(sent.id, 0, pack_value(3)))
    pipeline.begins(run="second")

    assert next(stream) == 3
    with pytest.raises(CallLost, match="submit it again"):
        next(stream)


def test_a_process_that_was_forked_is_told_to_make_a_session_of_its_own(
    calls: SessionCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getpid()
    monkeypatch.setattr("os.getpid", lambda: own + 1)

    with pytest.raises(CallRefused, match="make a new one"):
        submit(calls)
    monkeypatch.undo()
