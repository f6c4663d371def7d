"""How an instance's payloads travel: their formatter, and whom they are encrypted for."""

import queue

import pytest
from node_support import FRIEND, SECONDS, STRANGER, pipeline, puppet

from pye2_testing import MemoryTransport
from pye2core import Session
from pye2core.abc import Channel, TransportOptions
from pye2core.messages import Action, InstanceUpdate
from pye2core.settings import parse_broker_url

# --- formatters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["aixp1", "cavi2"])
def test_the_formatter_is_the_instances_choice_and_is_recognised_section_11(start, friend, shape):
    node = start()
    config = pipeline("p", puppet("shaped", VALUE=7, EE_FORMATTER=shape), puppet("plain", VALUE=8))

    friend.send(Action.UPDATE_PIPELINE, config, node.address)

    heard = {each.path.instance_id: each for each in (friend.payload("p"), friend.payload("p"))}
    assert (heard["shaped"].formatter, heard["shaped"].fields["VALUE"]) == (shape, 7)
    assert (heard["plain"].formatter, heard["plain"].fields["VALUE"]) == (None, 8)


@pytest.mark.parametrize("none", ["raw", "default", "", None])
def test_an_instance_may_say_that_it_wants_none(start, friend, none):
    node = start()

    friend.send(
        Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=7, EE_FORMATTER=none)), node.address
    )

    heard = friend.payload("p")
    assert (heard.formatter, heard.fields["VALUE"]) == (None, 7)


@pytest.mark.parametrize("odd", ["aixp2", "RAW", 5, ["raw"]])
def test_a_formatter_that_the_node_does_not_have_is_denied(start, friend, log, odd):
    node = start()

    friend.send(
        Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=7, EE_FORMATTER=odd)), node.address
    )

    denied = friend.notification(-100, "p")
    assert f"EE_FORMATTER of the instance 'i' is {odd!r}" in denied.text
    assert "aixp1, cavi2, default, raw" in denied.info
    assert log == []


def test_an_instance_that_runs_keeps_its_formatter_if_the_new_one_is_denied(start, friend):
    node = start()
    friend.send(
        Action.UPDATE_PIPELINE, pipeline("p", puppet(VALUE=7, EE_FORMATTER="aixp1")), node.address
    )
    friend.notification(100, "p")
    friend.payload("p")

    update = InstanceUpdate("p", "PUPPET_01", "i", {"EE_FORMATTER": "surprise"})
    friend.send(Action.UPDATE_INSTANCE, update, node.address)

    friend.notification(-100, "p")
    told = InstanceUpdate("p", "PUPPET_01", "i", {"INSTANCE_COMMAND": "HELLO"})
    friend.send(Action.UPDATE_INSTANCE, told, node.address)
    assert friend.payload("p").formatter == "aixp1"


# --- encryption, from session to session ----------------------------------------------------------


@pytest.fixture
def open_session(broker):
    """Opens sessions that hear all payloads; gives the session and where they come in."""
    opened = []

    def open_one(identity):
        heard = queue.Queue()
        session = Session(
            broker.url,
            bc_engine=identity,
            name=f"session-{len(opened)}",
            on_payload=lambda *told: heard.put((told[2], told[5])),
        )
        opened.append(session)
        return session, heard

    yield open_one
    for session in opened:
        session.close()


@pytest.fixture
def wire(broker):
    """What everybody can read of the payloads on the broker."""
    seen = queue.Queue()

    def take(data):
        if b'"EE_EVENT_TYPE":"PAYLOAD"' in data:
            seen.put(data)

    transport = MemoryTransport(
        TransportOptions(parse_broker_url(broker.url), "eavesdropper"),
        lambda delivery: (take(bytes(delivery.data)), delivery.ack()),
        lambda *_: None,
    )
    transport.connect(SECONDS)
    for channel in (Channel.payloads(), Channel.every_inbox()):
        transport.subscribe(channel, SECONDS)
    yield seen
    transport.close(SECONDS)


def deploy(session, node, name, **settings):
    assert session.wait_for_node(node.address, timeout=SECONDS, verbose=False)
    made = session.create_pipeline(node=node.address, name=name)
    made.create_plugin_instance(signature="PUPPET_01", instance_id="i", **settings)
    made.deploy(timeout=SECONDS)


@pytest.mark.parametrize("shape", [None, "aixp1", "cavi2"])
def test_a_payload_is_read_by_whom_it_is_encrypted_for_and_by_nobody_else(
    start, open_session, wire, shape
):
    node = start(guests=(FRIEND.address, STRANGER.address))
    session, heard = open_session(FRIEND)
    other, others = open_session(STRANGER)

    deploy(session, node, "mine", value="secret 7", encrypt_payload=True, ee_formatter=shape)

    pipeline_name, payload = heard.get(timeout=SECONDS)
    assert (pipeline_name, payload["VALUE"], payload.verified) == ("mine", "secret 7", True)
    sent = wire.get(timeout=SECONDS)
    assert b"secret 7" not in sent
    assert b'"EE_IS_ENCRYPTED":true' in sent
    deploy(other, node, "theirs", value="open 8")
    # The first that others hear is what came after it: they were given nothing of the secret.
    pipeline_name, payload = others.get(timeout=SECONDS)
    assert (pipeline_name, payload["VALUE"]) == ("theirs", "open 8")


def test_what_is_encrypted_for_somebody_else_is_nothing_to_tell_of(
    start, open_session, monkeypatch
):
    node = start(guests=(FRIEND.address, STRANGER.address))
    session, heard = open_session(FRIEND)
    other, others = open_session(STRANGER)
    rejected = queue.Queue()
    monkeypatch.setattr(
        other.registry,
        "observe",
        lambda hook, **told: rejected.put(told["error"]) if "rejected" in hook else None,
        raising=False,
    )

    deploy(session, node, "mine", value=7, encrypt_payload=True)

    heard.get(timeout=SECONDS)
    deploy(other, node, "theirs", value=8)
    others.get(timeout=SECONDS)
    assert rejected.empty()
