"""The code that people read and type."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pye2core.errors import PairingFailed
from pye2core.pairing import code as code_module
from pye2core.pairing.code import ALPHABET, new_code, read_code

codes = st.binary(min_size=10, max_size=10).map(lambda chosen: new_code(lambda count: chosen))
places = st.integers(0, 15)


def without_hyphens(code: str) -> str:
    return code.replace("-", "")


def test_a_code_is_four_groups_of_four_characters_and_new_each_time() -> None:
    one, other = new_code(), new_code()

    assert [len(group) for group in one.split("-")] == [4, 4, 4, 4]
    assert set(without_hyphens(one)) <= set(ALPHABET)
    assert one != other


def test_all_its_random_bits_count() -> None:
    """75 of them: 15 characters, of which none hangs on another."""
    lowest = int.from_bytes(bytes(10))
    codes = {
        read_code(new_code(lambda count, bit=bit: (lowest | 1 << bit).to_bytes(10)))
        for bit in range(75)
    }

    assert len(codes) == 75


@given(codes)
def test_it_is_read_as_it_was_shown(code: str) -> None:
    assert read_code(code) == without_hyphens(code)[:-1]


@given(codes, st.sampled_from(["", " ", "-", " - "]))
def test_it_is_read_however_it_is_spelled(code: str, between: str) -> None:
    typed = between.join(without_hyphens(code).lower()).replace("0", "o").replace("1", "l")

    assert read_code(typed) == read_code(code)


@given(codes, places, st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(code: str, place: int, wrong: str) -> None:
    characters = list(without_hyphens(code))
    assume(characters[place] != wrong)
    characters[place] = wrong

    with pytest.raises(PairingFailed, match="mistyped") as failure:
        read_code("".join(characters))
    assert failure.value.reason == "code"


@given(codes, places, places)
def test_two_characters_that_changed_places_are_noticed(code: str, one: int, two: int) -> None:
    characters = list(without_hyphens(code))
    assume(characters[one] != characters[two])
    characters[one], characters[two] = characters[two], characters[one]

    with pytest.raises(PairingFailed, match="mistyped"):
        read_code("".join(characters))


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_code_or_refused_in_words(text: str) -> None:
    try:
        assert len(read_code(text)) == 15
    except PairingFailed as failure:
        assert "pye2 node --pair" in str(failure)  # noqa: PT017 - most texts are none


def test_the_examples_in_its_documentation_are_true() -> None:
    assert doctest.testmod(code_module).failed == 0
