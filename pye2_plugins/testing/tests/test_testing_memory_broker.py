"""What the broker within a process offers to tests besides the transport's contract."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading

import pytest

from pye2_testing import MemoryBroker, MemoryTransport
from pye2core.abc import Channel, ConnectionState, LastWill, TransportOptions
from pye2core.errors import BrokerUnreachable, NotConnected
from pye2core.settings import parse_broker_url

PATIENCE = 30.0
COMMANDS = Channel.config("0xai_A")


@pytest.fixture
def broker():
    with MemoryBroker("unit") as running:
        yield running


@pytest.fixture
def connect():
    """Makes connected transports; what they tell is in their ``deliveries`` and ``states``."""
    made = []

    def make(broker, client_id="client", **options):
        deliveries, states = queue.Queue(), queue.Queue()
        transport = MemoryTransport(
            TransportOptions(parse_broker_url(broker.url), client_id, **options),
            deliveries.put,
            lambda state, reason: states.put((state, reason)),
        )
        transport.deliveries, transport.states = deliveries, states
        made.append(transport)
        transport.connect(PATIENCE)
        return transport

    yield make
    for transport in made:
        transport.detach(PATIENCE)


def test_it_remembers_what_was_published_by_whom(broker, connect):
    connect(broker, "one").publish(COMMANDS, b"1")
    connect(broker, "two").publish(Channel.notif(), b"2")

    assert [(one.client_id, one.channel, one.data) for one in broker.published] == [
        ("one", COMMANDS, b"1"),
        ("two", Channel.notif(), b"2"),
    ]


def test_a_test_can_wait_for_what_is_published(broker, connect):
    client = connect(broker)
    publishing = threading.Thread(target=client.publish, args=(COMMANDS, b"at last"))
    publishing.start()

    seen = broker.wait_until(lambda all_: any(one.data == b"at last" for one in all_), PATIENCE)

    publishing.join()
    assert seen
    assert not broker.wait_until(lambda all_: len(all_) == 2, 0)


def test_it_knows_what_a_client_is_subscribed_to(broker, connect):
    client = connect(broker)
    client.subscribe(COMMANDS, PATIENCE)

    assert broker.subscriptions("client") == {COMMANDS}
    assert broker.subscriptions("nobody") == set()


def test_brokers_of_different_names_know_nothing_of_each_other(broker, connect):
    with MemoryBroker("other") as other:
        client = connect(broker)
        client.publish(COMMANDS, b"here")

        assert other.published == []


def test_two_brokers_of_one_name_do_not_run_at_once(broker):
    with pytest.raises(ValueError, match="'unit'"):
        MemoryBroker("unit").start()

    broker.start()


def test_a_broker_is_found_only_while_it_runs(broker, connect):
    broker.stop()

    assert MemoryBroker.find("unit") is None
    with pytest.raises(BrokerUnreachable, match='MemoryBroker\\("unit"\\)'):
        connect(broker)


def test_a_dropped_client_is_told_why_and_others_are_not(broker, connect):
    dropped, other = connect(broker, "dropped"), connect(broker, "other")

    broker.drop("dropped", "for the test")

    assert dropped.states.get(timeout=PATIENCE) == (ConnectionState.LOST, "for the test")
    assert other.states.empty()
    broker.drop("nobody")


def test_a_stalled_broker_takes_nothing_until_it_is_resumed(broker, connect):
    receiver, sender = connect(broker, "receiver"), connect(broker, "sender")
    receiver.subscribe(COMMANDS, PATIENCE)
    broker.stall()
    future = sender.publish(COMMANDS, b"later")
    assert (future.done(), broker.published) == (False, [])

    broker.resume()

    assert future.result(PATIENCE) is None
    assert receiver.deliveries.get(timeout=PATIENCE).data == b"later"


def test_what_is_stalled_is_lost_with_the_connection_of_its_sender_only(broker, connect):
    dropped, other = connect(broker, "dropped"), connect(broker, "other")
    broker.stall()
    lost, kept = dropped.publish(COMMANDS, b"lost"), other.publish(COMMANDS, b"kept")

    broker.drop("dropped")
    broker.resume()

    assert isinstance(lost.exception(PATIENCE), NotConnected)
    assert kept.result(PATIENCE) is None
    assert [one.data for one in broker.published] == [b"kept"]


def wills(*texts):
    """What a client is given to leave these wills, one for each connection."""
    waiting = iter(texts)
    return lambda: LastWill(Channel.ctrl(), next(waiting))


def said_on(broker):
    return [(one.client_id, one.data) for one in broker.published]


def test_dropping_a_client_publishes_its_last_will_as_said_by_it(broker, connect):
    connect(broker, "mortal", last_will=wills(b"lost"))

    broker.drop("mortal")
    broker.drop("mortal")

    assert said_on(broker) == [("mortal", b"lost")]


def test_stopping_it_publishes_the_last_wills_of_all(broker, connect):
    for name in ("one", "two"):
        connect(broker, name, last_will=wills(name.encode()))

    broker.stop()

    assert said_on(broker) == [("one", b"one"), ("two", b"two")]


@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
def test_a_takeover_publishes_the_last_will_of_the_connection_before(broker, connect, persistent):
    connect(broker, "twin", persistent=persistent, last_will=wills(b"first"))

    connect(broker, "twin", persistent=persistent, last_will=wills(b"second"))

    assert said_on(broker) == [("twin", b"first")]


def test_connecting_anew_publishes_the_last_will_of_the_connection_before(broker, connect):
    mortal = connect(broker, "mortal", last_will=wills(b"first", b"second", b"third"))
    mortal.connect(PATIENCE)

    broker.drop("mortal")
    mortal.connect(PATIENCE)

    assert said_on(broker) == [("mortal", b"first"), ("mortal", b"second")]


@pytest.mark.parametrize("way", ["close", "detach"])
def test_a_goodbye_publishes_no_last_will(broker, connect, way):
    mortal = connect(broker, "mortal", persistent=True, last_will=wills(b"lost"))

    getattr(mortal, way)(PATIENCE)
    broker.drop("mortal")

    assert said_on(broker) == []


def test_a_stalled_broker_publishes_last_wills_when_it_is_resumed(broker, connect):
    connect(broker, "mortal", last_will=wills(b"lost"))
    broker.stall()
    broker.drop("mortal")
    assert said_on(broker) == []

    broker.resume()

    assert said_on(broker) == [("mortal", b"lost")]


def test_last_wills_of_a_broker_that_is_stopped_while_stalled_are_lost(broker, connect):
    connect(broker, "mortal", last_will=wills(b"lost"))
    broker.stall()

    broker.stop()
    broker.start()
    broker.stall()
    broker.resume()

    assert said_on(broker) == []


def test_a_client_of_overlapping_subscriptions_is_given_each_message_once(broker, connect):
    listener, sender = connect(broker, "listener"), connect(broker, "sender")
    for channel in (Channel.every_inbox(), Channel.inbox("A")):
        listener.subscribe(channel, PATIENCE)

    for data in (b"0", b"1", b"2"):
        sender.publish(Channel.inbox("A"), data)

    arrived = [listener.deliveries.get(timeout=PATIENCE) for _ in range(3)]
    assert [(one.channel, one.data) for one in arrived] == [
        (Channel.inbox("A"), data) for data in (b"0", b"1", b"2")
    ]


def test_no_thread_is_left_behind(broker, connect):
    before = set(threading.enumerate())
    client = connect(broker)

    client.close(PATIENCE)

    assert set(threading.enumerate()) <= before


def test_the_plugin_module_loads_no_broker_and_no_pytest():
    script = (
        "import sys, pye2_testing.plugin as p; p.pye2_register_transports();"
        " sys.exit('pytest' in sys.modules or 'pye2_testing.memory_broker' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_plugin_offers_the_scheme():
    from pye2_testing.plugin import pye2_register_transports

    (descriptor,) = pye2_register_transports()

    assert descriptor.schemes == ("memory",)
    assert descriptor.features == MemoryTransport.features


def test_what_was_kept_for_a_client_of_one_root_is_not_given_to_another(broker, connect):
    keeper = connect(broker, "keeper", persistent=True)
    keeper.subscribe(COMMANDS, PATIENCE)
    keeper.detach(PATIENCE)
    sender = connect(broker, "sender")
    sender.publish(COMMANDS, b"kept").result(PATIENCE)

    connect(broker, "keeper", persistent=True, root="other")

    assert broker.subscriptions("keeper") == set()
    assert [one.root for one in broker.published] == ["naeural"]
