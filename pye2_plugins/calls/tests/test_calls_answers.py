"""What processes for calls say, read without believing it."""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_calls.heads import apart, headed
from pye2_calls.serving.answers import Ended, NoAnswer, Paused, Returned, answer_from

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def said(*head: Any, behind: bytes = b"") -> memoryview:
    return memoryview(b"".join(headed(head, behind)))


@given(st.lists(VALUES), st.lists(st.binary()))
def test_bytes_behind_a_list_come_apart_as_they_were(head: list[Any], data: list[bytes]) -> None:
    packed, behind = apart(memoryview(b"".join(headed(tuple(head), *data))))

    assert msgpack.unpackb(packed) == head
    assert behind == b"".join(data)


def test_a_large_value_stays_where_it_lies() -> None:
    data = bytes(10**6)

    *_, last = headed(("value", 0.5), data)
    answer = answer_from(memoryview(b"".join(headed(("value", 0.5), data))))

    assert last is data
    assert isinstance(answer, Returned)
    assert answer.data == data


@given(st.binary())
def test_whatever_a_process_says_is_an_answer_or_none(data: bytes) -> None:
    with contextlib.suppress(NoAnswer):
        answer_from(memoryview(data))


@given(st.sampled_from(["value", "raised", "refused", "paused", "end"]), VALUES, st.binary())
def test_whatever_an_answer_holds_it_is_read_or_none(kind: str, held: Any, behind: bytes) -> None:
    given_fields = held if isinstance(held, list) else [held]
    try:
        answer_from(said(kind, 0.0, *given_fields, behind=behind))
    except NoAnswer:
        return
    assert kind in {"value", "refused", "paused", "end"} or len(given_fields) == 4


@pytest.mark.parametrize("head", [("paused", 0.0), ("end", 0.0), ("refused", 0.0, "no")])
def test_bytes_behind_what_has_none_are_no_answer(head: tuple[Any, ...]) -> None:
    assert answer_from(said(*head)) is not None

    with pytest.raises(NoAnswer, match="1 bytes behind"):
        answer_from(said(*head, behind=b"x"))


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\0\0\0\5\x92", b"\xff\xff\xff\xff\x90"])
def test_an_answer_that_is_cut_short_is_none(data: bytes) -> None:
    with pytest.raises(NoAnswer, match="it ends in its"):
        answer_from(memoryview(data))


def test_what_has_no_fields_is_told_by_its_kind() -> None:
    assert isinstance(answer_from(said("paused", 1.0)), Paused)
    assert isinstance(answer_from(said("end", 1.0)), Ended)
