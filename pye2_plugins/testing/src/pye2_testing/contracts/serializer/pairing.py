"""What a node and a client say to each other before either of them trusts the other.

You are among the tests of dialects. A node looks at a request to be paired whoever sent it, so that
what is taken for one must be one. The answer to it is a notification like any other.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from pye2_testing.contracts.serializer import messages
from pye2_testing.contracts.serializer.messages import RECEIVER, SENDER
from pye2_testing.contracts.serializer.subject import NODE_NAME, DialectContract
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    OfferState,
    PairingOffer,
    PairingRequest,
    Requester,
)

_EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.differing_executors])

_REQUEST = Command(
    Action.PAIR,
    None,
    RECEIVER.address,
    Requester(SENDER.address, "desk", "1"),
    pairing=PairingRequest("0a" * 8, "1b" * 16, "2c" * 32),
)
_OTHERS = frozenset(Action) - {
    Action.PAIR,
    Action.UPDATE_PIPELINE,
    Action.UPDATE_INSTANCE,
    Action.UPDATE_INSTANCES,
    Action.PIPELINE_COMMAND,
    Action.ARCHIVE_PIPELINE,
    Action.DELETE_PIPELINE,
}
"""All other actions that need no body."""


class CarriesPairing(DialectContract):
    """Offers in heartbeats, and requests."""

    @pytest.mark.parametrize("state", OfferState)
    def test_an_offer_to_be_paired_arrives_with_its_heartbeat(self, state: OfferState) -> None:
        offer = PairingOffer(state, "0a" * 8, "1b" * 16)

        assert self.arrived(Heartbeat(NODE_NAME, SENDER.address, pairing=offer)).pairing == offer

    def test_a_node_that_offers_nothing_is_not_told_to_offer_something(self) -> None:
        assert self.arrived(Heartbeat(NODE_NAME, SENDER.address)).pairing is None

    @_EXAMPLES
    @given(request=messages.pairing_requests)
    def test_a_request_to_be_paired_arrives_with_all_that_it_says(self, request: Command) -> None:
        assert evolve(self.arrived(request), origin=None) == request

    def test_only_a_request_in_clear_to_be_paired_is_told_as_one(self) -> None:
        in_clear, encrypted = self.seal(_REQUEST), self.seal(_REQUEST, RECEIVER.address)

        assert self.parsed(in_clear).asks_to_pair
        assert not self.parsed(in_clear).asks_for_sign_of_life
        assert not self.parsed(encrypted).asks_to_pair

    @pytest.mark.parametrize("action", sorted(_OTHERS, key=str))
    def test_no_other_command_is_told_as_a_request_to_be_paired(self, action: Action) -> None:
        other = evolve(_REQUEST, action=action, pairing=None)

        assert not self.parsed(self.seal(other)).asks_to_pair
