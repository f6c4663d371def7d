"""What calls come to when doors and nodes go wrong, and what nodes are sent: without a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import pytest
from attic_network import ATTIC, LARGEST, PATIENCE, countdown, submit, value

from pye2_calls.client.calls import SessionCalls
from pye2_calls.errors import CallRefused
from pye2_calls.messages import Call, Cancel, Cancelled, Code, CodeWanted, Item, KeepAlive, Withdraw
from pye2_calls.values import pack as pack_value
from pye2core.errors import DeployFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from attic_network import AtAttic, Network, Pipeline


class Grumpy(Exception):
    """What nobody reckons with."""


# --- doors ----------------------------------------------------------------------------------------


def test_a_door_to_a_node_that_went_away_is_closed_and_heard_no_more(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(retries=2)
    network.is_there = False
    network.pass_time_until(lambda: call.pipeline.is_closed)
    network.is_there = True
    network.pass_time_until(lambda: len(network.pipelines) > 1)

    (again,) = network.told(Call, network.pipeline(1))
    call.pipeline.begins(run="second")  # it was not so dead after all
    call.pipeline.says(value(call.sent, 1), run="second")
    network.pipeline(1).says(value(again, 2))

    assert call.outcome.result(PATIENCE) == 2


def test_a_door_that_could_not_be_opened_in_time_is_closed_if_it_comes_up_late(
    network: Network, calls: SessionCalls
) -> None:
    def fail(pipeline: Pipeline) -> None:
        raise DeployFailed("no answer", node=ATTIC, pipeline=pipeline.name, reason="")

    network.deploy = fail
    future = submit(calls)
    network.wait_for(lambda: network.pipeline().is_closed)
    network.pass_time_until(future.done)

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
    network.pass_time_until(future.done)

    assert "a defect of ours" in str(future.exception(PATIENCE))


def test_a_node_that_confirms_and_then_says_nothing_is_not_waited_for_for_ever(
    network: Network, calls: SessionCalls
) -> None:
    network.deploy = lambda _: None
    future = submit(calls)
    network.pipeline()
    network.pass_time_until(future.done, step=20.0)

    assert isinstance(future.exception(), CallRefused)
    assert network.pipeline().is_closed


def test_a_node_that_ends_each_door_at_once_is_not_asked_again_and_again(
    network: Network, calls: SessionCalls
) -> None:
    network.deploy = lambda pipeline: pipeline.instance.on_refusal("not today")
    future = submit(calls)
    network.wait_for(lambda: network.pipeline().is_closed)
    network.pass_time_until(future.done)

    error = future.exception(PATIENCE)
    assert isinstance(error, CallRefused)
    assert "attic: it says: not today" in str(error)
    assert len(network.pipelines) == 1


def test_while_the_broker_is_away_no_node_counts_as_silent(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(retries=0)
    network.connected = False
    for _ in range(20):
        network.pass_time(60.0)
    before = len(network.told(KeepAlive, call.pipeline))
    network.connected = True
    network.pass_time(1.0)
    network.told(KeepAlive, call.pipeline, before + 1)  # asked at once what it holds
    call.pipeline.says(value(call.sent))

    assert call.outcome.result(PATIENCE) == 8
    assert not call.pipeline.is_closed


def test_while_the_broker_is_away_no_node_counts_as_lost(
    network: Network, calls: SessionCalls, begin: Callable[..., AtAttic]
) -> None:
    call = begin(retries=0)
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
    call.pipeline.says(value(call.sent))
    call.pipeline.says(value(network.told(Call, call.pipeline, 2)[1], 9))

    assert (call.outcome.result(PATIENCE), waiting.result(PATIENCE)) == (8, 9)


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


def test_arguments_that_are_known_to_be_too_large_do_not_wait_for_their_turn(
    calls: SessionCalls, begin: Callable[..., AtAttic]
) -> None:
    running = begin()  # in the only slot

    large = submit(calls, len, bytes(LARGEST))

    assert isinstance(large.exception(PATIENCE), CallRefused)
    assert not running.outcome.done()


def test_a_function_that_a_node_lacks_is_sent_though_the_call_that_it_named_was_given_up(
    network: Network, calls: SessionCalls, begin: Callable[..., AtAttic]
) -> None:
    first = begin()
    submit(calls)
    first.outcome.cancel()
    network.told(Call, first.pipeline, 2)
    before = len(network.told(Code, first.pipeline))

    first.pipeline.says(CodeWanted(first.sent.digest, (first.sent.id,)))

    assert len(network.told(Code, first.pipeline, before + 1)) == before + 1


def test_what_fails_at_one_door_holds_up_nothing_else(
    network: Network,
    calls: SessionCalls,
    begin: Callable[..., AtAttic],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = begin(retries=0)

    def fail(*_: object, **__: object) -> None:
        raise Grumpy("a defect of ours")

    monkeypatch.setattr("pye2_calls.client.doors.Door.send", fail)
    call.outcome.cancel()
    other = submit(calls)

    network.wait_for(lambda: call.pipeline.is_closed)
    monkeypatch.undo()
    network.pass_time_until(lambda: len(network.pipelines) > 1)
    (sent,) = network.told(Call, network.pipeline(1))
    network.pipeline(1).says(value(sent))

    assert other.result(PATIENCE) == 8


# --- calls that are withdrawn ---------------------------------------------------------------------


def test_a_call_that_was_given_and_has_not_begun_is_asked_back(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin()

    call.outcome.withdraw()
    (asked,) = network.told(Withdraw, call.pipeline)
    before = call.outcome.done()
    call.pipeline.says(Cancelled(call.sent.id))

    assert asked.id == call.sent.id
    assert (before, call.outcome.cancelled()) == (False, True)


def test_a_call_that_has_begun_ends_as_it_would_have(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin()

    call.outcome.withdraw()
    network.told(Withdraw, call.pipeline)
    call.pipeline.says(value(call.sent))

    assert call.outcome.result(PATIENCE) == 8


def test_a_call_that_waits_for_a_slot_is_withdrawn_at_once(
    calls: SessionCalls, begin: Callable[..., AtAttic]
) -> None:
    running = begin()
    waiting = submit(calls)

    waiting.withdraw()

    assert waiting.cancelled()
    assert not running.outcome.done()


def test_a_node_cannot_cancel_what_nobody_withdrew(begin: Callable[..., AtAttic]) -> None:
    call = begin()

    call.pipeline.says(Cancelled(call.sent.id))
    call.pipeline.says(value(call.sent))

    assert call.outcome.result(PATIENCE) == 8


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


def test_a_process_that_was_forked_is_told_to_make_a_session_of_its_own(
    calls: SessionCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = os.getpid()
    monkeypatch.setattr("os.getpid", lambda: own + 1)

    with pytest.raises(CallRefused, match="make a new one"):
        submit(calls)
    monkeypatch.undo()
