"""What is said to pair a node and a client (PyE2 wire protocol, section 17.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_wire.canonical import canonical
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    OfferState,
    PairingOffer,
    PairingRequest,
    Requester,
)

NODE = Identity.from_words(["node"])
CLIENT = Identity.from_words(["client"])
DIALECT = Pye2Serializer()
REQUEST = PairingRequest("0a" * 8, "1b" * 16, "2c" * 32)
OFFER = PairingOffer(OfferState.OPEN, "0a" * 8, "1b" * 16)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def asking(request: PairingRequest | None = REQUEST, action: Action = Action.PAIR) -> Command:
    requester = Requester(CLIENT.address, "laptop", "laptop")
    return Command(action, None, NODE.address, requester, pairing=request)


def read(payload: Any, **more: Any) -> Any:
    """What a request with that payload is read as."""
    wire = json.loads(DIALECT.seal(asking(), CLIENT))
    unsigned = {key: wire[key] for key in wire if key not in ("EE_SIGN", "EE_HASH", "EE_SENDER")}
    unsigned |= {"PAYLOAD": payload, **more}
    signed = {**unsigned, **signature_fields(canonical(unsigned), CLIENT)}
    sealed = DIALECT.parse(json.dumps(signed).encode())
    sealed.verify()
    return sealed.open(NODE)


def beat(offer: PairingOffer | None) -> Any:
    heartbeat = Heartbeat("attic", NODE.address, pairing=offer)
    return DIALECT.parse(DIALECT.seal(heartbeat, NODE)).open(CLIENT)


def test_a_request_says_in_clear_what_it_is_before_it_is_opened():
    in_clear = DIALECT.parse(DIALECT.seal(asking(), CLIENT))
    encrypted = DIALECT.parse(DIALECT.seal(asking(), CLIENT, encrypt_for=NODE.address))
    other = DIALECT.parse(DIALECT.seal(asking(None, Action.STOP), CLIENT))

    assert in_clear.asks_to_pair
    assert not in_clear.asks_for_sign_of_life
    assert not encrypted.asks_to_pair
    assert not other.asks_to_pair


def test_an_action_beside_a_ciphertext_is_no_request():
    wire = json.loads(DIALECT.seal(asking(None, Action.STOP), CLIENT, encrypt_for=NODE.address))

    assert not DIALECT.parse(json.dumps({**wire, "ACTION": "PYE2_PAIR"}).encode()).asks_to_pair


def test_a_request_without_its_facts_cannot_be_sent():
    with pytest.raises(UnsendableValue, match="PAIR cannot be sent without its request"):
        DIALECT.seal(asking(None), CLIENT)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "0a",
        {},
        {"TAG": "0a" * 8, "NONCE": "1b" * 16},
        {"TAG": "0A" * 8, "NONCE": "1b" * 16, "PROOF": "2c" * 32},
        {"TAG": "0a" * 9, "NONCE": "1b" * 16, "PROOF": "2c" * 32},
        {"TAG": "0a" * 8, "NONCE": "1b" * 15, "PROOF": "2c" * 32},
        {"TAG": "0a" * 8, "NONCE": "1b" * 16, "PROOF": "2c" * 32 + "\n"},
        {"TAG": "0a" * 8, "NONCE": "1b" * 16, "PROOF": 7},
    ],
)
def test_a_request_of_another_shape_is_refused(payload):
    with pytest.raises(MessageRejected) as rejection:
        read(payload)
    assert rejection.value.reason == "shape"


@given(json_values)
def test_whatever_a_request_says_it_is_read_or_refused(payload):
    with pytest.raises(MessageRejected):
        read(payload)


@pytest.mark.parametrize("state", OfferState)
def test_an_offer_arrives_in_each_state(state):
    offer = PairingOffer(state, "0a" * 8, "1b" * 16)

    assert beat(offer).pairing == offer


def test_a_node_that_offers_nothing_says_nothing_of_it():
    assert beat(None).pairing is None
    assert "PYE2_PAIRING" not in beat(None).status


@given(json_values | st.fixed_dictionaries({"STATE": json_values, "TAG": json_values}))
def test_an_offer_that_cannot_be_used_is_none_and_its_heartbeat_is_one_all_the_same(stated):
    heartbeat = Heartbeat("attic", NODE.address, status={"PYE2_PAIRING": stated})

    arrived = DIALECT.parse(DIALECT.seal(heartbeat, NODE)).open(CLIENT)

    assert arrived.pairing is None
    assert arrived.name == "attic"
