"""The contract of a wire dialect notices what it is to notice, and serves several dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from pye2_testing.contracts import SerializerContract
from pye2_testing.contracts.serializer.others import FOREIGN, installed_dialects_but
from pye2_wire.serializer import Pye2Serializer
from pye2core.messages import Action, Command, Heartbeat, OfferState, PairingRequest

if TYPE_CHECKING:
    from pye2core.abc import SealedMessage
    from pye2core.identity import Identity
    from pye2core.messages import Message


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


# --- pairing --------------------------------------------------------------------------------------


class Forgetful(Pye2Serializer):
    """Loses, without a word, what is said to pair a node and a client."""

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        if isinstance(message, Heartbeat):
            message = evolve(message, pairing=None)
        elif isinstance(message, Command) and message.action is Action.PAIR:
            message = evolve(message, pairing=PairingRequest("0a" * 8, "1b" * 16, "2c" * 32))
        return super().seal(message, identity, encrypt_for=encrypt_for)


class Deaf(Pye2Serializer):
    """Does not tell a request to be paired from a command of somebody who is not allowed."""

    def parse(self, data: bytes) -> SealedMessage:
        sealed = super().parse(data)
        sealed.asks_to_pair = False
        return sealed


class Credulous(Pye2Serializer):
    """Takes every command for a request to be paired, so that those of strangers are let in."""

    def parse(self, data: bytes) -> SealedMessage:
        sealed = super().parse(data)
        sealed.asks_to_pair = sealed.is_command
        return sealed


def test_a_dialect_that_loses_an_offer_to_be_paired_is_noticed() -> None:
    contract_of(Pye2Serializer).test_an_offer_to_be_paired_arrives_with_its_heartbeat(
        OfferState.OPEN
    )

    with pytest.raises(AssertionError):
        contract_of(Forgetful).test_an_offer_to_be_paired_arrives_with_its_heartbeat(
            OfferState.OPEN
        )


def test_a_dialect_that_loses_what_a_request_to_be_paired_says_is_noticed() -> None:
    contract_of(Pye2Serializer).test_a_request_to_be_paired_arrives_with_all_that_it_says()

    with pytest.raises(AssertionError):
        contract_of(Forgetful).test_a_request_to_be_paired_arrives_with_all_that_it_says()


def test_a_dialect_that_does_not_tell_requests_to_be_paired_is_noticed() -> None:
    contract_of(Pye2Serializer).test_only_a_request_in_clear_to_be_paired_is_told_as_one()

    with pytest.raises(AssertionError):
        contract_of(Deaf).test_only_a_request_in_clear_to_be_paired_is_told_as_one()


def test_a_dialect_that_takes_other_commands_for_requests_to_be_paired_is_noticed() -> None:
    contract_of(Pye2Serializer).test_no_other_command_is_told_as_a_request_to_be_paired(Action.STOP)

    with pytest.raises(AssertionError):
        contract_of(Credulous).test_only_a_request_in_clear_to_be_paired_is_told_as_one()
    with pytest.raises(AssertionError):
        contract_of(Credulous).test_no_other_command_is_told_as_a_request_to_be_paired(Action.STOP)
