"""Whoever departs from a contract says why."""

from __future__ import annotations

from typing import ClassVar

import pytest

import pye2_primes.plugin
from pye2_testing.contracts import (
    Contract,
    ContractOverridden,
    PresetContract,
    departs,
    not_promised,
)


class Promise(Contract):
    def test_the_word_is_kept(self) -> None:
        """Always."""


def test_a_test_of_a_contract_cannot_be_replaced_without_a_reason() -> None:
    with pytest.raises(ContractOverridden, match="@departs") as refused:

        class Broken(Promise):
            def test_the_word_is_kept(self) -> None:
                """Never."""

    assert refused.value.test == "test_the_word_is_kept"


def test_a_test_of_a_contract_cannot_be_taken_away_without_a_reason() -> None:
    with pytest.raises(ContractOverridden):

        class Broken(Promise):
            test_the_word_is_kept = None


def test_a_contract_two_generations_up_binds_as_well() -> None:
    class Child(Promise):
        def test_of_its_own(self) -> None:
            """No contract has it."""

    with pytest.raises(ContractOverridden):

        class Grandchild(Child):
            def test_the_word_is_kept(self) -> None:
                """Never."""


def test_a_mixin_before_the_contract_cannot_replace_a_test_without_a_reason() -> None:
    class Loose:
        def test_the_word_is_kept(self) -> None:
            """Never."""

    with pytest.raises(ContractOverridden, match="by that of Loose") as refused:

        class Broken(Loose, Promise):
            """Says nothing itself."""

    assert refused.value.test == "test_the_word_is_kept"


def test_a_mixin_after_the_contract_replaces_nothing() -> None:
    class Loose:
        def test_the_word_is_kept(self) -> None:
            """Never."""

    class Sound(Promise, Loose):
        """The contract's comes first."""

    assert Sound.test_the_word_is_kept.__doc__ == "Always."


def test_a_mixin_may_replace_a_test_with_a_reason() -> None:
    class Spoken:
        @departs("words are spoken here, not kept")
        def test_the_word_is_kept(self) -> None:
            """Spoken."""

    class Different(Spoken, Promise):
        """Says nothing itself."""

    assert Different.test_the_word_is_kept.__doc__ == "Spoken."


def test_with_a_reason_a_test_can_be_replaced() -> None:
    class Different(Promise):
        @departs("words are spoken here, not kept")
        def test_the_word_is_kept(self) -> None:
            """Spoken."""

    assert Different.test_the_word_is_kept.__doc__ == "Spoken."


def test_what_is_not_promised_is_skipped_with_the_reason() -> None:
    class Modest(Promise):
        test_the_word_is_kept = not_promised("nobody gave it")

    with pytest.raises(pytest.skip.Exception, match="nobody gave it"):
        Modest().test_the_word_is_kept()


@pytest.mark.parametrize("depart", [departs, not_promised])
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_says_something(depart, reason: str) -> None:
    with pytest.raises(ValueError, match="a reason"):
        depart(reason)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"upto": 7}, r"\{'upto': 7\} was not refused"),
        ({"workers": 2, "upto": 9}, r"\{'workers': 2, 'upto': 9\} was not refused"),
    ],
)
def test_what_a_preset_should_refuse_and_does_not_is_told(entry: dict[str, int], told: str) -> None:
    class Primes(PresetContract):
        plugin = pye2_primes.plugin
        preset = "primes"
        parameters: ClassVar[dict[str, int]] = {"upto": 10}
        wrong = ({"upto": "many"}, entry)

    with pytest.raises(AssertionError, match=told):
        Primes().test_wrong_parameters_are_refused_by_name()
