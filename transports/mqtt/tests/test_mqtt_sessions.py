"""Sessions that the broker was to keep: what is told when it has not, and that nothing else is."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto
from pye2core.abc import Channel, ConnectionState
from pye2core.errors import BrokerUnreachable
from pye2core.settings import BrokerAddress, parse_broker_url

PATIENCE = 30.0
CONFIG, INBOX = Channel.config("0xai_A"), Channel.inbox("0xai_A")
KEEPS_NOTHING = ("persistence false",)
AS_DOCUMENTED = (
    "persistence true",
    "autosave_interval 60",
    "max_queued_messages 0",
    "persistent_client_expiration 1d",
)
KEEPS_ALL_AT_ONCE = (*AS_DOCUMENTED, "autosave_on_changes true", "autosave_interval 1")
CONNECT, PUBACK = 1, 4
NEW_SESSION, OLD_SESSION = bytes([0x20, 2, 0, 0]), bytes([0x20, 2, 1, 0])
LOST, FORGOTTEN = ConnectionState.LOST, ConnectionState.FORGOTTEN


@pytest.fixture
def keeper(scripted, make_transport):
    """A client of the scripted broker that has asked it to keep what comes."""
    return make_transport(BrokerAddress("mqtt", "127.0.0.1", scripted.port), persistent=True)


def length_of_client_id(line):
    return len(line.await_packet(CONNECT))


def connect(scripted, client, *, knows=False):
    connecting = client.connect_aside()
    lines = scripted.welcome(knows=knows)
    connecting.join()
    return lines


def subscribe(client, line, channel):
    with ThreadPoolExecutor(1) as aside:
        done = aside.submit(client.transport.subscribe, channel, PATIENCE)
        line.grant()
        done.result()


def lose(client, line):
    line.hang_up()
    assert next_state(client) is LOST


def next_state(client):
    return client.states.get(timeout=PATIENCE)[0]


# --- against a broker that says what we want ------------------------------------------------------


def test_a_session_that_the_broker_has_forgotten_is_told_once_with_what_helps(scripted, keeper):
    main, *_ = connect(scripted, keeper)
    subscribe(keeper, main, CONFIG)
    lose(keeper, main)

    main, *_ = connect(scripted, keeper)

    state, reason = keeper.states.get_nowait()
    assert state is FORGOTTEN
    assert "persistence true" in reason
    subscribe(keeper, main, CONFIG)
    lose(keeper, main)
    connect(scripted, keeper, knows=True)
    assert keeper.states.empty()


def test_a_first_connection_tells_of_nothing(scripted, keeper):
    connect(scripted, keeper)

    assert keeper.states.empty()


def test_a_session_that_the_broker_has_kept_is_nothing_to_tell(scripted, keeper):
    main, *_ = connect(scripted, keeper)
    subscribe(keeper, main, CONFIG)
    lose(keeper, main)

    connect(scripted, keeper, knows=True)

    assert keeper.states.empty()


def test_where_nothing_was_to_be_kept_nothing_is_told(scripted, client):
    main, *_ = connect(scripted, client)
    subscribe(client, main, CONFIG)
    lose(client, main)

    connect(scripted, client)

    assert client.states.empty()


@pytest.mark.parametrize("channel", [Channel.ctrl(), Channel.roll_call()], ids=str)
def test_where_only_what_is_never_kept_was_listened_to_nothing_is_told(scripted, keeper, channel):
    main, *_ = connect(scripted, keeper)
    subscribe(keeper, main, channel)
    lose(keeper, main)

    connect(scripted, keeper)

    assert keeper.states.empty()


def test_any_of_the_connections_may_have_been_forgotten(scripted, keeper):
    main, _, inboxes = connect(scripted, keeper)
    subscribe(keeper, main, CONFIG)
    subscribe(keeper, inboxes, INBOX)
    lose(keeper, main)

    connecting = keeper.connect_aside()
    for line in [scripted.line() for _ in range(3)]:
        line.send(NEW_SESSION if line.await_packet(CONNECT).endswith(b"-i") else OLD_SESSION)
    connecting.join()

    assert next_state(keeper) is FORGOTTEN


def test_a_session_that_a_failed_attempt_began_does_not_hide_that_it_was_forgotten(
    scripted, keeper
):
    main, *_ = connect(scripted, keeper)
    subscribe(keeper, main, CONFIG)
    lose(keeper, main)
    with ThreadPoolExecutor(1) as aside:
        failing = aside.submit(keeper.transport.connect, PATIENCE)
        main, *others = sorted((scripted.line() for _ in range(3)), key=length_of_client_id)
        main.send(NEW_SESSION)
        main.publish("foreign/topic", b"", 1)
        main.await_packet(PUBACK)  # so it has read what came before
        for other in others:
            other.hang_up()
        with pytest.raises(BrokerUnreachable):
            failing.result()

    connect(scripted, keeper, knows=True)

    assert next_state(keeper) is FORGOTTEN


# --- with a real Mosquitto ------------------------------------------------------------------------


@pytest.fixture
def start_mosquitto(tmp_path):
    """Starts a Mosquitto with such lines in its configuration."""
    require_mosquitto()
    running = []

    def start(*options):
        mosquitto = Mosquitto(tmp_path / "mosquitto", options=options)
        mosquitto.start()
        running.append(mosquitto)
        return mosquitto

    yield start
    for mosquitto in running:
        mosquitto.stop()


def numbers(count):
    return [str(number).encode() for number in range(count)]


def fill(mosquitto, make_transport, count):
    """Publish to somebody who acknowledges nothing."""
    sender = make_transport(parse_broker_url(mosquitto.url), "sender").transport
    sender.connect(PATIENCE)
    for published in [sender.publish(INBOX, data) for data in numbers(count)]:
        published.result(PATIENCE)
    # Mosquitto confirms before it saves; it answers this after that.
    sender.subscribe(CONFIG, PATIENCE)
    sender.close(PATIENCE)


def forget_deliveries(client):
    """What came on a connection that is gone comes again, as it was not acknowledged."""
    with suppress(queue.Empty):
        while True:
            client.deliveries.get_nowait()


def arrived(client, count):
    taken = []
    for _ in range(count):
        delivery = client.take()
        delivery.ack()
        taken.append(delivery.data)
    return taken


@pytest.fixture
def listen(make_transport):
    """Makes clients that listen on an inbox, and that the broker is to keep messages for."""

    def make(mosquitto):
        client = make_transport(parse_broker_url(mosquitto.url), "keeper", persistent=True)
        client.transport.connect(PATIENCE)
        client.transport.subscribe(INBOX, PATIENCE)
        return client

    return make


@pytest.mark.parametrize("death", ["kill", "stop"])
def test_a_mosquitto_without_persistence_is_noticed_after_its_restart(
    start_mosquitto, listen, death
):
    mosquitto = start_mosquitto(*KEEPS_NOTHING)
    client = listen(mosquitto)

    getattr(mosquitto, death)()
    assert next_state(client) is LOST
    mosquitto.start()
    client.transport.connect(PATIENCE)

    assert next_state(client) is FORGOTTEN


def test_a_mosquitto_with_persistence_loses_nothing_when_it_is_restarted_in_good_order(
    start_mosquitto, listen, make_transport
):
    mosquitto = start_mosquitto(*AS_DOCUMENTED)
    client = listen(mosquitto)
    fill(mosquitto, make_transport, 2_000)  # none is acknowledged

    mosquitto.stop()
    assert next_state(client) is LOST
    forget_deliveries(client)
    mosquitto.start()
    client.transport.connect(PATIENCE)

    assert arrived(client, 2_000) == numbers(2_000)
    assert client.states.empty()


def test_a_mosquitto_that_saves_each_change_loses_nothing_when_it_is_killed(
    start_mosquitto, listen, make_transport
):
    mosquitto = start_mosquitto(*KEEPS_ALL_AT_ONCE)
    client = listen(mosquitto)
    fill(mosquitto, make_transport, 200)

    mosquitto.kill()
    assert next_state(client) is LOST
    forget_deliveries(client)
    mosquitto.start()
    client.transport.connect(PATIENCE)

    assert arrived(client, 200) == numbers(200)
    assert client.states.empty()


def test_the_embedded_broker_loses_nothing_when_it_is_restarted(
    embedded_broker, listen, make_transport
):
    client = listen(embedded_broker)

    embedded_broker.stop()
    assert next_state(client) is LOST
    embedded_broker.start()
    fill(embedded_broker, make_transport, 200)
    client.transport.connect(PATIENCE)

    assert arrived(client, 200) == numbers(200)
    assert client.states.empty()
