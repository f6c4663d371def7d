"""A node and a client that share a code, on a network where everybody else is hostile.

Whoever sends is known by a signature, which is checked before any of this. All else about a message
can be read, kept back, changed, repeated and made up.
"""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pairing_support import (
    CLIENT,
    CLIENT_NONCE,
    KEY,
    MALLORY,
    NODE,
    NODE_NONCE,
    OTHER_KEY,
    client_pairing,
    heartbeat,
    node_pairing,
)

from pye2core.messages.pairing import OfferState, PairingAnswer, PairingOffer, PairingRequest
from pye2core.pairing.client_side import PairedNode
from pye2core.pairing.node_side import (
    LONGEST_NAME,
    OFFER_SECONDS,
    Admitted,
    Ignored,
)

hex_digits = st.text("0123456789abcdef", min_size=64, max_size=64)
bits = st.integers(0, 255)


def asked(node=None, client=None):
    """A client that has asked a node, and its request."""
    node, client = node or node_pairing(), client or client_pairing()
    client.hear_heartbeat(heartbeat(node.offer), 0)
    ((address, request),) = client.requests_due(0)
    assert address == NODE
    return node, client, request


def paired():
    """A node and a client that are paired, with the request and the answer."""
    node, client, request = asked()
    verdict = node.hear(request, CLIENT, "laptop", 1)
    assert client.hear_answer(NODE, verdict.answer)
    return node, client, request, verdict.answer


def flipped(proof, bit):
    return f"{int(proof, 16) ^ 1 << bit:064x}"


# --- as it is meant -------------------------------------------------------------------------------


def test_those_who_share_the_code_come_to_know_each_other():
    node, client, request = asked()

    verdict = node.hear(request, CLIENT, "laptop", 1)

    assert isinstance(verdict, Admitted)
    assert (verdict.client, verdict.name, verdict.is_new) == (CLIENT, "laptop", True)
    assert client.conclusion(1) is None
    assert client.hear_answer(NODE, verdict.answer)
    assert client.conclusion(1) == PairedNode("attic", NODE, "laptop")
    assert node.offer.state is OfferState.USED


def test_a_client_whose_answer_was_lost_is_answered_again_and_nothing_is_new():
    node, client, request = asked()
    first = node.hear(request, CLIENT, "laptop", 1)
    client.hear_heartbeat(heartbeat(node.offer, allowed=(CLIENT,)), 2)
    ((_, again),) = client.requests_due(4)

    second = node.hear(again, CLIENT, "laptop", 5)

    assert (second.is_new, second.answer) == (False, first.answer)
    assert client.hear_answer(NODE, second.answer)


def test_a_client_that_was_started_anew_after_it_was_admitted_is_answered_too():
    node, _, request = asked()
    node.hear(request, CLIENT, "laptop", 1)
    anew = client_pairing(nonce="c3" * 16)
    anew.hear_heartbeat(heartbeat(node.offer, allowed=(CLIENT,)), 2)
    ((_, again),) = anew.requests_due(2)

    verdict = node.hear(again, CLIENT, "laptop", 3)

    assert not verdict.is_new
    assert anew.hear_answer(NODE, verdict.answer)


# --- what reaches the node ------------------------------------------------------------------------


@given(bits)
def test_a_proof_with_one_bit_changed_admits_nobody(bit):
    node, _, request = asked()

    verdict = node.hear(
        attrs.evolve(request, proof=flipped(request.proof, bit)), CLIENT, "laptop", 1
    )

    assert isinstance(verdict, Ignored)
    assert node.offer.state is OfferState.OPEN


@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_proof_is_bound_to_its_nonce(nonce):
    node, _, request = asked()
    if nonce != request.nonce:
        changed = attrs.evolve(request, nonce=nonce)
        assert isinstance(node.hear(changed, CLIENT, "laptop", 1), Ignored)


def test_a_request_of_another_who_repeats_it_as_its_own_admits_nobody():
    node, _, request = asked()

    assert isinstance(node.hear(request, MALLORY, "laptop", 1), Ignored)


def test_a_proof_is_bound_to_what_the_client_calls_itself():
    node, _, request = asked()

    assert isinstance(node.hear(request, CLIENT, "the owner", 1), Ignored)


def test_a_request_that_was_recorded_for_an_earlier_offer_admits_nobody():
    _, _, request = asked()

    later = node_pairing(nonce="d4" * 16)
    another_code = node_pairing(key=OTHER_KEY)

    assert isinstance(later.hear(request, CLIENT, "laptop", 1), Ignored)
    assert isinstance(another_code.hear(request, CLIENT, "laptop", 1), Ignored)


def test_a_nodes_answer_sent_back_as_a_proof_admits_nobody():
    node, _, request, answer = paired()
    fresh = node_pairing()

    reflected = attrs.evolve(request, proof=answer.proof)

    assert isinstance(fresh.hear(reflected, CLIENT, "laptop", 1), Ignored)
    assert isinstance(node.hear(reflected, MALLORY, "laptop", 1), Ignored)


@given(st.lists(hex_digits, max_size=5))
def test_who_does_not_have_the_code_is_not_admitted_by_guessing_proofs(guesses):
    node = node_pairing()

    for guess in guesses:
        request = PairingRequest(KEY.tag, CLIENT_NONCE, guess)
        assert isinstance(node.hear(request, MALLORY, "m", 1), Ignored)


def test_a_code_admits_one_client_only():
    node, _, _, _ = paired()
    second = client_pairing(address=MALLORY)
    second.hear_heartbeat(heartbeat(node_pairing().offer), 2)  # as if it were open still
    ((_, request),) = second.requests_due(2)

    verdict = node.hear(request, MALLORY, "laptop", 2)

    assert verdict == Ignored("another client has used the code")


def test_a_code_that_has_expired_admits_nobody():
    node, _, request = asked()

    assert isinstance(node.hear(request, CLIENT, "laptop", OFFER_SECONDS), Ignored)
    assert node.offer.state is OfferState.EXPIRED


def test_after_its_time_not_even_the_one_who_was_admitted_is_answered():
    node, _, request, _ = paired()

    assert isinstance(node.hear(request, CLIENT, "laptop", OFFER_SECONDS), Ignored)
    assert node.offer.state is OfferState.USED


@pytest.mark.parametrize(
    ("wrong", "is_guess"), [({"proof": "0" * 64}, True), ({"tag": OTHER_KEY.tag}, False)]
)
def test_however_many_requests_are_wrong_the_right_one_is_admitted(wrong, is_guess):
    """Whoever reaches the broker could end every pairing otherwise; and nobody guesses 75 bits."""
    node, _, request = asked()

    for _ in range(100):
        ignored = node.hear(attrs.evolve(request, **wrong), MALLORY, "m", 1)
        assert ignored.is_guess is is_guess

    assert isinstance(node.hear(request, CLIENT, "laptop", 1), Admitted)


def test_wrong_proofs_after_it_was_used_take_nothing_back():
    node, _, request, _ = paired()

    node.hear(attrs.evolve(request, proof="0" * 64), MALLORY, "m", 2)

    assert node.offer.state is OfferState.USED


def test_an_offer_that_its_owner_ended_admits_nobody():
    node, _, request = asked()

    node.close()

    assert isinstance(node.hear(request, CLIENT, "laptop", 1), Ignored)


def test_a_name_without_bounds_is_not_written_into_the_white_list():
    name = "x" * (LONGEST_NAME + 1)
    node, _, request = asked(client=client_pairing(name=name))

    assert isinstance(node.hear(request, CLIENT, name, 1), Ignored)


# --- what reaches the client ----------------------------------------------------------------------


@given(bits)
def test_an_answer_with_one_bit_changed_is_not_believed(bit):
    node, client, request = asked()
    answer = node.hear(request, CLIENT, "laptop", 1).answer

    changed = attrs.evolve(answer, proof=flipped(answer.proof, bit))

    assert not client.hear_answer(NODE, changed)
    assert client.conclusion(1) is None


def test_an_answer_that_another_repeats_as_its_own_is_not_believed():
    node, client, request = asked()
    answer = node.hear(request, CLIENT, "laptop", 1).answer
    client.hear_heartbeat(heartbeat(node.offer, MALLORY), 1)

    assert not client.hear_answer(MALLORY, answer)


def test_the_answer_to_an_earlier_attempt_is_not_believed():
    _, _, _, answer = paired()
    later = client_pairing(nonce="c3" * 16)
    later.hear_heartbeat(heartbeat(node_pairing().offer), 2)
    later.requests_due(2)

    assert not later.hear_answer(NODE, answer)
    assert not later.hear_answer(NODE, attrs.evolve(answer, nonce="c3" * 16))


def test_the_answer_to_another_client_is_not_believed():
    _, _, _, answer = paired()
    other = client_pairing(address=MALLORY)
    other.hear_heartbeat(heartbeat(node_pairing().offer), 0)
    other.requests_due(0)

    assert not other.hear_answer(NODE, answer)


def test_an_answer_that_comes_before_the_question_is_not_believed():
    _, _, _, answer = paired()
    early = client_pairing()

    assert not early.hear_answer(NODE, answer)
    early.hear_heartbeat(heartbeat(node_pairing().offer), 0)
    assert not early.hear_answer(NODE, answer)


def test_its_own_proof_sent_back_is_not_believed():
    _, client, request = asked()

    assert not client.hear_answer(NODE, PairingAnswer(request.nonce, request.proof))


def test_an_answer_is_bound_to_what_the_node_calls_itself():
    node, client, request = asked()
    answer = node.hear(request, CLIENT, "laptop", 1).answer
    client.hear_heartbeat(heartbeat(node.offer, name="cellar"), 1)

    assert not client.hear_answer(NODE, answer)


def test_who_repeats_the_offer_in_its_own_name_gains_nothing_and_hinders_nothing():
    node, client = node_pairing(), client_pairing()
    client.hear_heartbeat(heartbeat(node.offer, MALLORY), 0)
    client.hear_heartbeat(heartbeat(node.offer), 0)

    requests = dict(client.requests_due(0))

    # What was said to the one in the middle is of no use to it at the node.
    assert isinstance(node.hear(requests[MALLORY], MALLORY, "laptop", 1), Ignored)
    assert isinstance(node.hear(requests[MALLORY], CLIENT, "laptop", 1), Ignored)
    answer = node.hear(requests[NODE], CLIENT, "laptop", 1).answer
    assert not client.hear_answer(MALLORY, answer)
    assert client.hear_answer(NODE, answer)
    assert client.conclusion(1).address == NODE


def test_a_proof_tells_nothing_of_the_code_to_who_does_not_try_all_codes():
    """What is said has only the tag and the MACs in it, no part of the key."""
    _, _, request, answer = paired()
    said = f"{request.tag} {request.nonce} {request.proof} {answer.nonce} {answer.proof}"

    secret = KEY.secret.hex()
    assert not any(secret[at : at + 8] in said for at in range(len(secret) - 8))


# --- a broker that does as it likes ---------------------------------------------------------------


class HostileBroker(RuleBasedStateMachine):
    """Delivers what it wants, when and to whom it wants, changed or not, besides what it makes up.

    Only signatures it cannot make: what it changes or makes up, it sends as itself.
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.node = node_pairing()
        self.clients = [client_pairing(), client_pairing(nonce="c3" * 16)]
        self.requests = []
        self.answers = []
        self.admitted = set()

    def _deliver_request(self, request, sender, name):
        verdict = self.node.hear(request, sender, name, self.now)
        if isinstance(verdict, Admitted):
            self.admitted.add(verdict.client)
            self.answers.append(verdict.answer)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds):
        self.now += seconds
        self.node.look_at(self.now)

    @rule(
        which=st.integers(0, 1),
        sender=st.sampled_from([NODE, MALLORY]),
        name=st.sampled_from(["attic", "cellar"]),
        state=st.sampled_from(OfferState),
        allowed=st.booleans(),
    )
    def show_an_offer(self, which, sender, name, state, allowed):
        if sender == NODE:  # signed by the node: as it was at some time
            offer, name = attrs.evolve(self.node.offer, state=state), "attic"
        else:
            offer = PairingOffer(state, KEY.tag, NODE_NONCE)
        shown = heartbeat(offer, sender, name, (CLIENT,) if allowed else ())
        self.clients[which].hear_heartbeat(shown, self.now)

    @rule(which=st.integers(0, 1))
    def let_a_client_speak(self, which):
        for address, request in self.clients[which].requests_due(self.now):
            self.requests.append((address, request))

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), sender=st.sampled_from([CLIENT, MALLORY]), bit=st.none() | bits)
    def deliver_a_request(self, data, sender, bit):
        _, request = data.draw(st.sampled_from(self.requests))
        if bit is not None:
            sender, request = MALLORY, attrs.evolve(request, proof=flipped(request.proof, bit))
        self._deliver_request(request, sender, "laptop")

    @precondition(lambda self: self.answers)
    @rule(data=st.data(), which=st.integers(0, 1), sender=st.sampled_from([NODE, MALLORY]))
    def deliver_an_answer(self, data, which, sender):
        self.clients[which].hear_answer(sender, data.draw(st.sampled_from(self.answers)))

    @precondition(lambda self: self.requests and self.answers)
    @rule(data=st.data(), which=st.integers(0, 1))
    def send_back_what_was_said(self, data, which):
        _, request = data.draw(st.sampled_from(self.requests))
        answer = data.draw(st.sampled_from(self.answers))
        self.clients[which].hear_answer(MALLORY, PairingAnswer(request.nonce, request.proof))
        mixed = PairingRequest(request.tag, answer.nonce, answer.proof)
        self._deliver_request(mixed, MALLORY, "laptop")

    @invariant()
    def nobody_else_is_admitted(self):
        assert self.admitted <= {CLIENT}

    @invariant()
    def nobody_else_is_believed(self):
        for client in self.clients:
            believed = client._paired
            assert believed is None or (believed.address, believed.name) == (NODE, "attic")
            if believed is not None:
                assert self.admitted == {CLIENT}


TestHostileBroker = HostileBroker.TestCase
