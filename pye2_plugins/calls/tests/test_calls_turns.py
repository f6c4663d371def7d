"""Which of the calls that wait on a node is next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.messages import Call
from pye2_calls.serving.jobs import Job
from pye2_calls.serving.turns import Turns


def job(number: int, function: str = "f") -> Job:
    return Job(Call(number, function, b""))


def taken(turns: Turns) -> list[int]:
    return [turns.take().id for _ in range(len(turns))]


def test_calls_of_one_function_are_taken_in_their_order() -> None:
    turns = Turns()
    for number in (3, 1, 2):
        turns.add(job(number))

    assert taken(turns) == [3, 1, 2]


def test_a_call_of_another_function_does_not_wait_behind_all_of_the_first() -> None:
    turns = Turns()
    for number in range(1, 5):
        turns.add(job(number, "map"))
    turns.add(job(10, "single"))

    assert taken(turns) == [1, 10, 2, 3, 4]


def test_functions_are_taken_by_turns() -> None:
    turns = Turns()
    for number in range(1, 4):
        turns.add(job(number, "a"))
        turns.add(job(number + 10, "b"))

    assert taken(turns) == [1, 11, 2, 12, 3, 13]


def test_what_is_added_again_waits_behind_what_was_there() -> None:
    turns, first = Turns(), job(1)
    turns.add(first)
    turns.add(job(2))

    turns.add(turns.take())

    assert taken(turns) == [2, 1]


def test_what_is_removed_is_not_taken() -> None:
    turns, given_up = Turns(), job(2)
    for each in (job(1), given_up, job(3)):
        turns.add(each)

    turns.remove(given_up)

    assert given_up not in turns
    assert taken(turns) == [1, 3]


def test_nothing_can_be_taken_where_nothing_waits() -> None:
    turns = Turns()
    turns.add(job(1))
    turns.clear()

    with pytest.raises(LookupError, match="nothing waits"):
        turns.take()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "remove"]))))
def test_whatever_comes_and_goes_all_that_waits_is_taken_once(
    steps: list[tuple[str, str]],
) -> None:
    turns, waiting = Turns(), []
    for number, (function, step) in enumerate(steps, 1):
        if step == "add":
            waiting.append(job(number, function))
            turns.add(waiting[-1])
        elif waiting and step == "take":
            waiting.remove(turns.take())
        elif waiting:
            turns.remove(waiting.pop())
        assert len(turns) == len(waiting)
        assert all(each in turns for each in waiting)

    assert sorted(taken(turns)) == sorted(each.id for each in waiting)
