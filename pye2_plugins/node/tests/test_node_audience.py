"""Who is sent what."""

import pytest
from attrs import evolve

from pye2_node.audience import CLIENT_SECONDS, STRANGER_SECONDS, Audience
from pye2core.abc import Channel
from pye2core.identity import Identity
from pye2core.messages import Capability, InstancePath, PayloadMessage, Requester

ASKER = Requester(Identity.from_words(["asker"]).address, "a", "s", frozenset({Capability.INBOX}))
OTHER = Requester(Identity.from_words(["other"]).address, "b", "t", frozenset({Capability.INBOX}))
INBOX = Channel.inbox(ASKER.address)
OURS = frozenset()


@pytest.fixture
def audience(clock):
    return Audience(clock, results_to_everyone=False, speaks_stronger=lambda _: True)


def result(asker=ASKER, changer=ASKER):
    return PayloadMessage(InstancePath("p", "S", "i"), {}, asker, changer)


def test_a_result_goes_to_its_asker_alone(audience):
    assert audience.channel_of(result()) == INBOX


@pytest.mark.parametrize(
    "said",
    [
        result(changer=OTHER),
        result(asker=evolve(ASKER, capabilities=None)),
        result(changer=evolve(ASKER, capabilities=None)),
        result(asker=evolve(ASKER, capabilities=OURS), changer=evolve(ASKER, capabilities=OURS)),
        result(asker=evolve(ASKER, address=None), changer=evolve(ASKER, address=None)),
    ],
    ids=["changed by another", "no capabilities", "changed without", "no inbox", "no address"],
)
def test_what_others_may_need_goes_to_everybody(audience, said):
    assert audience.channel_of(said) == Channel.payloads()


def test_the_owner_can_have_all_results_sent_to_everybody(clock):
    audience = Audience(clock, results_to_everyone=True, speaks_stronger=lambda _: True)

    assert audience.channel_of(result()) == Channel.payloads()


def test_while_a_client_of_pye2_uses_the_node_it_is_sent_everything(audience, clock):
    audience.heard_client(None)

    assert audience.has_pye2_peers
    assert audience.channel_of(result()) == Channel.payloads()

    clock.advance(CLIENT_SECONDS + 1)
    assert not audience.has_pye2_peers
    assert audience.channel_of(result()) == INBOX


def test_a_peer_of_pye2_that_may_not_use_the_node_sees_full_heartbeats_and_no_results(
    audience, clock
):
    audience.heard_stranger(None)

    assert audience.has_pye2_peers
    assert audience.channel_of(result()) == INBOX

    clock.advance(STRANGER_SECONDS + 1)
    assert not audience.has_pye2_peers


def test_peers_of_ours_change_nothing(audience):
    audience.heard_stranger(OURS)
    audience.heard_client(ASKER.capabilities)

    assert not audience.has_pye2_peers
    assert audience.channel_of(result()) == INBOX
