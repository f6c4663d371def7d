"""Where results go and for whose eyes, by what is known of the one who asked for them."""

from concurrent.futures import Future

import pytest
from attrs import evolve

from pye2_node.audience import Audience
from pye2_node.results import Results
from pye2core.abc import Channel
from pye2core.errors import DialectUnusable, NodeError
from pye2core.identity import Identity
from pye2core.messages import Capability, InstancePath, PayloadMessage, Requester

ASKER = Requester(Identity.from_words(["asker"]).address, "a", "s", frozenset({Capability.INBOX}))
OTHER = Requester(Identity.from_words(["other"]).address, "b", "t", frozenset({Capability.INBOX}))
INBOX = Channel.inbox(ASKER.address)
RESULT = PayloadMessage(InstancePath("p", "S", "i"), {}, ASKER, ASKER)


class Wire:
    """A connection that only remembers what it is to send."""

    def __init__(self):
        self.sent = []
        self.error = None

    def send(self, message, channel, *, encrypt_for):
        if self.error is not None:
            raise self.error
        self.sent.append((channel, encrypt_for))
        return Future()


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def node(wire, clock):
    """Makes the way of payloads from a node that knows this of who listens."""

    def made(*, speaks_stronger=True, results_to_everyone=False, has_pye2_clients=False):
        audience = Audience(
            clock,
            results_to_everyone=results_to_everyone,
            speaks_stronger=lambda _: speaks_stronger,
        )
        if has_pye2_clients:
            audience.heard_client(None)
        return Results(audience, wire, clock)

    return made


def test_results_of_a_peer_of_ours_are_for_the_one_who_asked(node):
    assert node().confidant(RESULT) == ASKER.address


def test_a_pye2_client_that_uses_the_node_too_does_not_change_that(node, wire):
    results = node(has_pye2_clients=True)

    results.send(RESULT, results.confidant(RESULT))

    assert wire.sent == [(INBOX, ASKER.address)]


@pytest.mark.parametrize(
    ("result", "known"),
    [
        (RESULT, {"speaks_stronger": False}),
        (RESULT, {"results_to_everyone": True}),
        (evolve(RESULT, modified_by=OTHER), {}),
        (evolve(RESULT, requester=evolve(ASKER, capabilities=frozenset())), {}),
        (evolve(RESULT, requester=Requester(), modified_by=Requester()), {}),
    ],
    ids=["speaks PyE2's only", "owner's choice", "changed by another", "no inbox", "no address"],
)
def test_by_default_all_other_results_are_for_everybody(node, result, known):
    assert node(**known).confidant(result) is None


@pytest.mark.parametrize("result", [RESULT, evolve(RESULT, modified_by=OTHER)])
@pytest.mark.parametrize("known", [{"has_pye2_clients": True}, {"results_to_everyone": True}])
def test_our_own_dialect_is_never_spoken_where_pye2_clients_listen(node, wire, result, known):
    node(**known).send(result, ASKER.address)

    assert wire.sent == [(INBOX, ASKER.address)]


def test_what_is_to_be_encrypted_for_one_without_an_inbox_is_not_sent_and_that_is_an_error(
    node, wire
):
    deaf = evolve(RESULT, requester=evolve(ASKER, capabilities=frozenset()))

    with pytest.raises(NodeError, match="no inbox"):
        node().send(deaf, ASKER.address)

    assert wire.sent == []


def test_in_pye2s_dialect_encrypted_results_go_where_all_others_go(node, wire):
    node(speaks_stronger=False, has_pye2_clients=True).send(RESULT, ASKER.address)

    assert wire.sent == [(Channel.payloads(), ASKER.address)]


def test_for_one_whose_key_has_expired_results_are_dropped_and_that_is_told_once(
    node, wire, caplog
):
    wire.error = DialectUnusable("its key expired", address=ASKER.address, dialect="native")
    results = node()

    dropped = [results.send(RESULT, ASKER.address) for _ in range(3)]

    assert {type(each.exception()) for each in dropped} == {DialectUnusable}
    assert caplog.text.count("results are dropped") == 1
