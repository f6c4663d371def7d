"""What callers are told of what nodes say, be it hostile or nonsense: without a network."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from attic_network import PATIENCE, countdown, value

from pye2_calls.client.streams import CREDIT
from pye2_calls.errors import CallError, CallLost, CallRefused, CallTimeout
from pye2_calls.messages import (
    Call,
    Cancel,
    Died,
    End,
    Failure,
    Holds,
    Item,
    KeepAlive,
    Output,
    Pull,
    Raised,
    Refused,
    TimedOut,
    Value,
)
from pye2_calls.values import pack as pack_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from attic_network import AtAttic, Network


class Grumpy(Exception):
    """What nobody reckons with."""


RAISED = Raised(1, Failure("ValueError", "no", "Traceback", (), b"\x01"), "", 0.1)


@pytest.mark.parametrize(
    ("said", "kind"),
    [(Value(1, b"\x01", "", 0.1), pow), (RAISED, pow), (Item(1, 0, b"\x01"), countdown)],
)
def test_a_call_ends_whatever_goes_wrong_with_what_came_of_it(
    begin: Callable[..., AtAttic], monkeypatch: pytest.MonkeyPatch, said: Any, kind: Any
) -> None:
    def fail(*_: object) -> None:
        raise Grumpy

    call = begin(kind, 2)
    with monkeypatch.context() as patch:
        patch.setattr("pye2_calls.client.asked.unpack", fail)
        call.pipeline.says(said)

    with pytest.raises(Grumpy):
        call.outcome.result(PATIENCE) if kind is pow else next(call.outcome)


@pytest.mark.parametrize(("reason", "is_tried_again"), [("full", True), ("grant", False)])
def test_a_call_that_a_node_does_not_take_for_now_is_tried_again(
    network: Network, begin: Callable[..., AtAttic], reason: str, *, is_tried_again: bool
) -> None:
    call = begin(retries=0)
    call.pipeline.says(Refused(call.sent.id, reason, "no room here"))
    if is_tried_again:
        network.pass_time_until(lambda: len(network.told(Call, call.pipeline)) > 1)
        call.pipeline.says(value(call.sent))

    error = call.outcome.exception(PATIENCE)
    assert (error is None) == is_tried_again
    assert is_tried_again or "no room here" in str(error)


# --- items ----------------------------------------------------------------------------------------


def items(call: AtAttic, first: int, count: int) -> list[Item]:
    return [Item(call.sent.id, n, pack_value(n)) for n in range(first, first + count)]


def test_a_node_that_sends_more_items_than_it_was_let_send_ends_the_call(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(countdown, 10**6)

    call.pipeline.says(*items(call, 0, CREDIT + 1000))

    taken = [next(call.outcome) for _ in range(CREDIT)]
    with pytest.raises(CallError, match="attic sent more items of countdown") as caught:
        next(call.outcome)
    (cancelled,) = network.told(Cancel, call.pipeline)
    assert taken == list(range(CREDIT))
    assert caught.value.node == "attic"
    assert cancelled.id == call.sent.id


def test_a_node_may_send_as_many_items_more_as_were_pulled(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(countdown, 10**6)
    call.pipeline.says(*items(call, 0, CREDIT))
    taken = [next(call.outcome) for _ in range(CREDIT)]
    pulled = sum(each.count for each in network.told(Pull, call.pipeline, 2))

    call.pipeline.says(*items(call, CREDIT, pulled))
    taken += [next(call.outcome) for _ in range(pulled)]

    assert pulled == CREDIT
    assert taken == list(range(2 * CREDIT))


def test_items_that_come_twice_are_given_once(begin: Callable[..., AtAttic]) -> None:
    call = begin(countdown, 5)

    call.pipeline.says(*items(call, 0, 3), *items(call, 0, 4), End(call.sent.id))

    assert list(call.outcome) == [0, 1, 2, 3]


def test_a_stream_of_which_an_item_is_lost_on_its_way_ends_before_it(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(countdown, 5)

    call.pipeline.says(*items(call, 0, 2), *items(call, 3, 2), End(call.sent.id))

    assert [next(call.outcome) for _ in range(2)] == [0, 1]
    with pytest.raises(CallLost, match="an item of countdown was lost on its way from attic"):
        next(call.outcome)
    (cancelled,) = network.told(Cancel, call.pipeline)
    assert cancelled.id == call.sent.id


# --- output ---------------------------------------------------------------------------------------


def test_what_on_output_raises_is_told_once_for_a_call(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    heard: list[str] = []

    def on_output(text: str) -> None:
        heard.append(text)
        raise Grumpy(text)

    call = begin(on_output=on_output)
    call.pipeline.says(*(Output(call.sent.id, text) for text in "abc"), value(call.sent))

    assert call.outcome.result(PATIENCE) == 8
    network.wait_until_called_back()
    assert heard == ["a", "b", "c"]
    assert [str(each) for each in network.raised] == ["a"]


def test_what_on_output_raises_is_told_for_each_call(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    def on_output(text: str) -> None:
        raise Grumpy(text)

    for number in (1, 2):
        call = begin(on_output=on_output)
        call.pipeline.says(Output(call.sent.id, f"{number}"), value(call.sent))
        call.outcome.result(PATIENCE)

    network.wait_until_called_back()
    assert [str(each) for each in network.raised] == ["1", "2"]


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (value, None),
        (lambda call: Raised(call.id, RAISED.failure, "", 0.1), ValueError),
        (lambda call: TimedOut(call.id, 1.0, ""), CallTimeout),
        (lambda call: Died(call.id, None, 9, "killed", "abc"), CallLost),
        (lambda call: Refused(call.id, "grant", "withdrawn"), CallRefused),
    ],
)
def test_a_call_has_not_ended_before_its_caller_was_told_all_that_it_printed(
    begin: Callable[..., AtAttic], end: Callable[[Call], Any], error: type[Exception] | None
) -> None:
    may_hear = threading.Event()
    heard: list[str] = []

    def on_output(text: str) -> None:
        may_hear.wait(PATIENCE)
        heard.append(text)

    call = begin(on_output=on_output, retries=0)
    call.pipeline.says(*(Output(call.sent.id, text) for text in "abc"), end(call.sent))
    was_done_before = call.outcome.done()
    may_hear.set()
    raised = call.outcome.exception(PATIENCE)

    assert heard == ["a", "b", "c"]
    assert not was_done_before
    assert isinstance(raised, error) if error else raised is None


def test_a_stream_has_not_ended_before_its_caller_was_told_all_that_it_printed(
    begin: Callable[..., AtAttic],
) -> None:
    may_hear = threading.Event()

    call = begin(countdown, 2, on_output=lambda _: may_hear.wait(PATIENCE))
    call.pipeline.says(*items(call, 0, 2), Output(call.sent.id, "a"), End(call.sent.id))
    before = [call.outcome.take_ready() for _ in range(3)]
    may_hear.set()

    assert before == [(True, 0), (True, 1), (False, None)]
    assert list(call.outcome) == []


def test_what_is_called_back_may_wait_for_a_call_whose_output_is_listened_to(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    first = begin()
    second: Future[AtAttic] = Future()
    waited_for: list[int] = []

    def wait_for_second(_: object) -> None:
        waited_for.append(second.result(PATIENCE).outcome.result(PATIENCE))

    first.outcome.add_done_callback(wait_for_second)
    first.pipeline.says(value(first.sent))
    call = begin(on_output=str.upper)
    second.set_result(call)
    call.pipeline.says(Output(call.sent.id, "a"), value(call.sent))
    network.wait_until_called_back()

    assert waited_for == [8]


# --- losses ---------------------------------------------------------------------------------------


def denied(network: Network, call: AtAttic) -> None:
    del network
    call.pipeline.instance.on_refusal("you are denied; on the node run: pye2 node allow 0xai_me")


def gone(network: Network, _: AtAttic) -> None:
    network.is_there = False
    network.pass_time(0.1)
    network.pass_time(5.0)


def begun_anew(_: Network, call: AtAttic) -> None:
    call.pipeline.begins(run="second")


def silent(network: Network, call: AtAttic) -> None:
    network.pass_time_until(lambda: call.pipeline.is_closed, step=40.0)


def forgetful(network: Network, call: AtAttic) -> None:
    network.pass_time(40.0)
    network.told(KeepAlive, call.pipeline)
    call.pipeline.says(Holds((), ()))


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (denied, "it says: you are denied; on the node run: pye2 node allow 0xai_me"),
        (gone, "it went away"),
        (begun_anew, "it began anew, and knows nothing of what it had before"),
        (silent, "it said nothing for 75 s"),
        (forgetful, "it does not have it any more"),
    ],
)
def test_who_asks_for_a_call_that_was_lost_is_told_what_happened_to_it(
    network: Network, begin: Callable[..., AtAttic], happens: Any, why: str
) -> None:
    call = begin(retries=0)

    happens(network, call)

    error = call.outcome.exception(PATIENCE)
    assert isinstance(error, CallLost)
    assert (error.node, error.losses) == ("attic", 1)
    assert str(error).startswith(f"pow was lost on attic: {why}. It was lost once, and retries=0")


def test_a_generator_that_was_lost_is_not_said_to_be_worth_more_retries(
    begin: Callable[..., AtAttic],
) -> None:
    call = begin(countdown, 3)
    call.pipeline.says(Item(call.sent.id, 0, pack_value(3)))
    call.pipeline.begins(run="second")

    assert next(call.outcome) == 3
    with pytest.raises(CallLost, match=r"it began anew.*submit it again") as caught:
        next(call.outcome)
    assert "retries" not in str(caught.value)


def test_nor_is_one_that_gave_its_first_item_when_it_was_tried_again(
    network: Network, begin: Callable[..., AtAttic]
) -> None:
    call = begin(countdown, 3, retries=2)
    call.pipeline.begins(run="second")
    network.pass_time_until(lambda: len(network.told(Call, call.pipeline)) > 1)
    call.pipeline.says(Item(call.sent.id, 0, pack_value(3)), run="second")
    call.pipeline.begins(run="third")

    assert next(call.outcome) == 3
    with pytest.raises(CallLost, match="submit it again") as caught:
        next(call.outcome)
    assert "retries" not in str(caught.value)


def test_a_generator_that_was_lost_before_its_first_item_is_worth_more_retries(
    begin: Callable[..., AtAttic],
) -> None:
    call = begin(countdown, 3, retries=0)
    call.pipeline.begins(run="second")

    with pytest.raises(CallLost, match="It was lost once, and retries=0: allow more"):
        next(call.outcome)
