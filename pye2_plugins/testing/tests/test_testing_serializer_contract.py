"""The contract of a wire dialect notices what it is to notice, and serves several dialects."""

from __future__ import annotations

import pytest

from pye2_testing.contracts import SerializerContract
from pye2_testing.contracts.serializer.others import FOREIGN, installed_dialects_but
from pye2_wire.serializer import Pye2Serializer


class Greedy(Pye2Serializer):
    """Takes everything for its own, so that no dialect after it hears anything."""

    def recognises(self, data: bytes) -> bool:
        return True


def contract_of(dialect: type[Pye2Serializer]) -> SerializerContract:
    return type("Subject", (SerializerContract,), {"serializer": dialect})()


def test_a_dialect_that_takes_noise_for_its_own_is_noticed() -> None:
    contract_of(Pye2Serializer).test_it_does_not_recognise_noise()

    with pytest.raises(AssertionError):
        contract_of(Greedy).test_it_does_not_recognise_noise()


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_dialect_that_takes_any_other_form_for_its_own_is_noticed(data: bytes) -> None:
    contract_of(Pye2Serializer).test_it_does_not_recognise_what_may_be_another_dialects(data)

    with pytest.raises(AssertionError):
        contract_of(Greedy).test_it_does_not_recognise_what_may_be_another_dialects(data)


def test_a_dialect_that_takes_what_another_sealed_for_its_own_is_noticed() -> None:
    contract = contract_of(Greedy)

    assert Pye2Serializer in map(type, installed_dialects_but(Greedy))
    with pytest.raises(AssertionError):
        contract.test_it_does_not_recognise_what_the_other_installed_dialects_seal()


def test_a_dialect_is_not_held_against_itself() -> None:
    assert Pye2Serializer not in map(type, installed_dialects_but(Pye2Serializer))


def test_one_author_can_hold_two_dialects_to_the_contract() -> None:
    class Second(Pye2Serializer):
        """Another dialect."""

    for dialect in (Pye2Serializer, Second):
        contract = contract_of(dialect)
        contract.test_a_command_arrives_with_all_that_it_says()
        contract.test_whatever_the_bytes_they_are_read_or_rejected()
