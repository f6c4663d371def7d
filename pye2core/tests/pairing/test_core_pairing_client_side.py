"""Whom a client asks, how long it waits, and what it says when nothing comes of it."""

from __future__ import annotations

import attrs
import pytest
from pairing_support import (
    CLIENT,
    KEY,
    MALLORY,
    NODE,
    NODE_NONCE,
    OTHER_KEY,
    client_pairing,
    heartbeat,
    node_pairing,
)

from pye2core.errors import PairingFailed
from pye2core.identity import Identity
from pye2core.messages.pairing import OfferState, PairingOffer
from pye2core.pairing.client_side import (
    ASK_AGAIN_SECONDS,
    HEARING_SECONDS,
    MOST_CANDIDATES,
    PATIENCE_SECONDS,
    SETTLING_SECONDS,
)

OPEN = node_pairing().offer


def offer(state: OfferState) -> PairingOffer:
    return attrs.evolve(OPEN, state=state)


def failure(client, now):
    with pytest.raises(PairingFailed) as failed:
        client.conclusion(now)
    return failed.value


def test_it_asks_at_once_and_again_after_a_while():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(OPEN), 0)

    assert [node for node, _ in client.requests_due(0)] == [NODE]
    assert client.requests_due(ASK_AGAIN_SECONDS - 0.1) == []
    assert len(client.requests_due(ASK_AGAIN_SECONDS)) == 1


def test_it_asks_nobody_who_offers_nothing_or_has_another_code():
    client = client_pairing()

    client.hear_heartbeat(heartbeat(None), 0)
    client.hear_heartbeat(heartbeat(node_pairing(OTHER_KEY).offer), 0)

    assert client.requests_due(0) == []


def test_a_node_whose_name_none_of_ours_could_have_is_not_asked():
    client = client_pairing()

    client.hear_heartbeat(heartbeat(OPEN, name="attic\x1b[2J"), 0)

    assert client.requests_due(0) == []


def test_nobody_who_offers_is_told_after_a_time_in_which_every_node_speaks():
    client = client_pairing()

    assert client.conclusion(HEARING_SECONDS - 0.1) is None
    told = failure(client, HEARING_SECONDS)

    assert told.reason == "no-offer"
    assert "mqtt://here" in str(told)
    assert "pye2 node --pair" in str(told)


def test_a_wrong_code_is_told_soon_with_the_nodes_that_can_be_paired_with():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(node_pairing(OTHER_KEY).offer, name="cellar"), 1)

    assert client.conclusion(SETTLING_SECONDS - 0.1) is None
    told = failure(client, SETTLING_SECONDS)

    assert told.reason == "wrong-code"
    assert "cellar" in str(told)


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        (OfferState.USED, "used", "has been used"),
        (OfferState.EXPIRED, "expired", "has expired"),
        (OfferState.CLOSED, "closed", "was ended there"),
    ],
)
def test_how_an_offer_ended_is_told(state, reason, text):
    client = client_pairing()
    client.hear_heartbeat(heartbeat(offer(state)), 1)

    told = failure(client, 1 + SETTLING_SECONDS)

    assert told.reason == reason
    assert text in str(told)
    assert "pye2 node --pair" in str(told)


def test_it_is_told_where_the_client_was_allowed_all_the_while():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(offer(OfferState.EXPIRED), allowed=(CLIENT,)), 1)

    assert "is allowed there already" in str(failure(client, 1 + SETTLING_SECONDS))


def test_another_node_that_says_the_offer_has_ended_ends_nothing():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(offer(OfferState.USED), MALLORY), 0)
    client.hear_heartbeat(heartbeat(OPEN), 1)

    assert client.conclusion(1 + SETTLING_SECONDS) is None
    assert [node for node, _ in client.requests_due(1)] == [NODE]


def test_an_offer_that_ends_while_it_is_asked_is_given_time_for_its_answer():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(OPEN), 0)
    client.requests_due(0)
    client.hear_heartbeat(heartbeat(offer(OfferState.USED)), 10)

    assert client.conclusion(10 + SETTLING_SECONDS - 0.1) is None
    assert failure(client, 10 + SETTLING_SECONDS).reason == "used"


def test_no_answer_is_told_after_a_while():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(OPEN), 0)
    client.requests_due(0)

    assert client.conclusion(PATIENCE_SECONDS - 0.1) is None
    told = failure(client, PATIENCE_SECONDS)

    assert told.reason == "no-answer"
    assert "interferes" not in str(told)


def test_several_who_claim_one_offer_are_told_of():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(OPEN), 0)
    client.hear_heartbeat(heartbeat(OPEN, MALLORY), 0)
    client.requests_due(0)

    assert "2 nodes claim" in str(failure(client, PATIENCE_SECONDS))


def test_one_who_was_allowed_before_and_came_too_late_is_told_so():
    client = client_pairing()
    client.hear_heartbeat(heartbeat(offer(OfferState.USED), allowed=(CLIENT,)), 0)
    client.requests_due(0)

    assert failure(client, PATIENCE_SECONDS).reason == "used"


def test_a_name_that_belongs_to_another_is_not_taken_over_and_nothing_is_said():
    client = client_pairing(pinned={"attic": MALLORY})
    client.hear_heartbeat(heartbeat(OPEN), 0)

    assert client.requests_due(0) == []
    told = failure(client, SETTLING_SECONDS)
    assert told.reason == "name-pinned"
    assert MALLORY in str(told)
    assert "--replace" in str(told)


def test_a_name_that_belongs_to_this_node_is_no_obstacle():
    client = client_pairing(pinned={"attic": NODE})
    client.hear_heartbeat(heartbeat(OPEN), 0)

    assert len(client.requests_due(0)) == 1


def test_a_crowd_that_claims_the_offer_does_not_fill_the_memory():
    client = client_pairing()

    for number in range(2 * MOST_CANDIDATES):
        claim = PairingOffer(OfferState.OPEN, KEY.tag, NODE_NONCE)
        client.hear_heartbeat(heartbeat(claim, Identity.from_words([str(number)]).address), 0)

    assert len(client.requests_due(0)) == MOST_CANDIDATES


def test_the_names_of_others_that_it_remembers_are_few():
    client = client_pairing()

    for number in range(100):
        shown = node_pairing(OTHER_KEY).offer
        client.hear_heartbeat(heartbeat(shown, name=f"node-{number}"), 0)

    assert str(failure(client, SETTLING_SECONDS)).count("node-") == 5
