"""The payloads of one worker: in order, each once, and what is missing noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_chain_job.streams import GAP_SECONDS, PayloadStream, Taken


def numbers(taken: object) -> list[int | None]:
    return [each.number for each in taken.ready]


def test_payloads_in_order_are_ready_at_once() -> None:
    stream = PayloadStream()
    assert numbers(stream.take("a", 1, "x", 0.0)) == [1]
    assert numbers(stream.take("a", 2, "y", 0.0)) == [2]


def test_a_payload_that_is_early_waits_for_those_before_it() -> None:
    stream = PayloadStream()
    assert numbers(stream.take("a", 3, "z", 0.0)) == []
    assert numbers(stream.take("a", 2, "y", 0.0)) == []
    assert numbers(stream.take("a", 1, "x", 0.0)) == [1, 2, 3]


def test_a_repetition_is_left_out() -> None:
    stream = PayloadStream()
    stream.take("a", 1, "x", 0.0)
    stream.take("a", 3, "z", 0.0)
    assert numbers(stream.take("a", 1, "x", 0.0)) == []
    assert numbers(stream.take("a", 3, "z", 0.0)) == []


def test_a_payload_that_does_not_come_is_lost_after_a_while() -> None:
    stream = PayloadStream()
    stream.take("a", 2, "y", 10.0)
    assert stream.gives_up_at == 10.0 + GAP_SECONDS
    assert not stream.lost(10.0 + GAP_SECONDS - 1)
    assert stream.lost(10.0 + GAP_SECONDS)


def test_a_payload_that_comes_late_is_not_lost() -> None:
    stream = PayloadStream()
    stream.take("a", 2, "y", 10.0)
    stream.take("a", 1, "x", 11.0)
    assert stream.gives_up_at is None
    assert not stream.lost(100.0)


def test_another_process_of_the_worker_begins_anew() -> None:
    stream = PayloadStream()
    stream.take("a", 1, "x", 0.0)
    taken = stream.take("b", 1, "x", 0.0)
    assert taken.restarted
    assert numbers(taken) == [1]
    assert not stream.take("b", 2, "y", 0.0).restarted


def test_what_the_process_before_sent_is_left_out_when_it_is_repeated() -> None:
    stream = PayloadStream()
    stream.take("a", 1, "x", 0.0)
    stream.take("b", 1, "x", 0.0)
    assert stream.take("a", 1, "x", 0.0) == Taken()


def test_news_of_a_process_that_was_thought_to_be_gone_is_a_mix_up() -> None:
    """Either this came late, or what began anew did: nobody can tell which process is alive."""
    stream = PayloadStream()
    stream.take("a", 1, "x", 0.0)
    stream.take("b", 1, "x", 0.0)
    assert stream.take("a", 2, "y", 0.0) == Taken(mixed_up=True)


def test_after_a_restart_of_the_main_node_the_stream_goes_on_where_it_stood() -> None:
    stream = PayloadStream("a", expected=5)
    assert numbers(stream.take("a", 4, "old", 0.0)) == []
    assert numbers(stream.take("a", 5, "new", 0.0)) == [5]


@pytest.mark.parametrize(
    ("run", "number"), [(None, None), ("a", None), (None, 1), (5, 1), ("a", 0)]
)
def test_payloads_that_are_not_numbered_are_taken_as_they_come(run: object, number: object) -> None:
    stream = PayloadStream()
    for _ in range(2):
        assert numbers(stream.take(run, number, "x", 0.0)) == [None]
    assert not stream.lost(1000.0)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_whatever_comes_in_whatever_order_each_is_given_once_and_in_order(come: list[int]) -> None:
    stream = PayloadStream()
    given_out = [
        each.number for number in come for each in stream.take("a", number, number, 0.0).ready
    ]
    assert given_out == list(range(1, len(given_out) + 1))
    missing = set(range(1, max(come) + 1)) - set(come)
    assert (stream.gives_up_at is not None) == bool(missing)
