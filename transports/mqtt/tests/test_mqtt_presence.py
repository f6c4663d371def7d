"""Last wills, roll calls and wildcards, byte by byte."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from pye2core.abc import MAX_LAST_WILL, Channel, LastWill
from pye2core.errors import CredentialsRefused, NotConnected
from pye2core.settings import BrokerAddress

PATIENCE = 30.0
CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14

RETAIN, QOS, WILL = 0b0010_0000, 0b0001_1000, 0b0000_0100
"""Flags of a greeting that have to do with its will."""

CTRL = Channel.ctrl()
CONNACK = b"\x20\x02\x00\x00"


@pytest.fixture
def mortal(scripted, make_transport):
    """A client of the scripted broker with a last will, not connected yet."""
    address = BrokerAddress("mqtt", "127.0.0.1", scripted.port)
    return make_transport(address, last_will=lambda: LastWill(CTRL, b"lost"))


def greetings_of(scripted, client) -> tuple[bytes, bytes, bytes]:
    """What is said when connecting: by the main connection, by those for payloads and inboxes."""
    connecting = client.connect_aside()
    greetings = {}
    for _ in range(3):
        line = scripted.line()
        greeting = line.await_packet(CONNECT)
        line.send(CONNACK)
        client_id, _ = string(greeting[10:])
        greetings[client_id] = greeting
    connecting.join()
    return greetings[b"client"], greetings[b"client-p"], greetings[b"client-i"]


def flags_of(greeting: bytes) -> int:
    return greeting[7]


def will_of(greeting: bytes) -> tuple[str, bytes]:
    """The topic and the message, which follow the client id."""
    _client_id, rest = string(greeting[10:])
    topic, rest = string(rest)
    message, _ = string(rest)
    return topic.decode(), message


def string(data: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack(">H", data[:2])
    return data[2 : 2 + size], data[2 + size :]


# --- last will ------------------------------------------------------------------------------------


def test_the_main_connection_leaves_a_will_of_qos_1_that_is_not_retained(scripted, mortal):
    main, *_ = greetings_of(scripted, mortal)

    assert flags_of(main) & (WILL | QOS | RETAIN) == WILL | 0b0000_1000
    assert will_of(main) == ("naeural/ctrl", b"lost")


def test_the_other_connections_leave_none(scripted, mortal):
    _, *others = greetings_of(scripted, mortal)

    assert [flags_of(each) & (WILL | QOS | RETAIN) for each in others] == [0, 0]


def test_without_a_last_will_none_is_left(scripted, client):
    greetings = greetings_of(scripted, client)

    assert [flags_of(each) & WILL for each in greetings] == [0, 0, 0]


def test_the_largest_will_fits(scripted, make_transport):
    address = BrokerAddress("mqtt", "127.0.0.1", scripted.port)
    largest = LastWill(CTRL, bytes(MAX_LAST_WILL))
    client = make_transport(address, last_will=lambda: largest)

    main, *_ = greetings_of(scripted, client)

    assert will_of(main) == ("naeural/ctrl", bytes(MAX_LAST_WILL))


@pytest.mark.parametrize("channel", [Channel.config("a/#"), Channel.config(""), Channel.inbox("+")])
def test_a_will_for_a_name_that_mqtt_cannot_have_is_logged_and_not_left(
    scripted, make_transport, caplog, channel
):
    address = BrokerAddress("mqtt", "127.0.0.1", scripted.port)
    client = make_transport(address, last_will=lambda: LastWill(channel, b"lost"))

    main, *_ = greetings_of(scripted, client)

    assert flags_of(main) & WILL == 0
    assert "without a last will" in caplog.text


@pytest.mark.parametrize("way", ["close", "detach"])
def test_the_end_in_good_order_is_told_so_that_no_will_is_published(scripted, mortal, way):
    connecting = mortal.connect_aside()
    lines = scripted.welcome()
    connecting.join()

    getattr(mortal.transport, way)(PATIENCE)

    for line in lines:
        line.await_packet(DISCONNECT)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["main", "payloads", "inboxes"])
def test_the_end_is_not_told_when_one_connection_is_lost_so_that_the_will_is_published(
    scripted, mortal, which
):
    connecting = mortal.connect_aside()
    lines = scripted.welcome()
    connecting.join()

    lines[which].hang_up()

    for other in (*lines[:which], *lines[which + 1 :]):
        assert other.read() == (0, b"")


def test_ending_a_persistent_session_for_good_leaves_no_will(scripted, make_transport):
    address = BrokerAddress("mqtt", "127.0.0.1", scripted.port)
    mortal = make_transport(address, persistent=True, last_will=lambda: LastWill(CTRL, b"lost"))
    connecting = mortal.connect_aside()
    scripted.welcome()
    connecting.join()

    with ThreadPoolExecutor(1) as aside:
        closing = aside.submit(mortal.transport.close, PATIENCE)
        for _ in range(3):
            line = scripted.line()
            greeting = line.await_packet(CONNECT)
            line.send(CONNACK)
            assert flags_of(greeting) & WILL == 0
        closing.result(PATIENCE)


# --- roll calls -----------------------------------------------------------------------------------


def test_a_roll_call_is_sent_with_qos_0_and_done_when_it_is_written(scripted, client):
    connecting = client.connect_aside()
    main, *_ = scripted.welcome()
    connecting.join()

    called = client.transport.publish(Channel.roll_call(), b"who is there?")

    assert main.lines.read(1) == b"\x30"
    assert called.result(PATIENCE) is None


# --- what is subscribed to, and how ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "topic", "qos", "which"),
    [
        (Channel.roll_call(), "naeural/rollcall", 0, 0),
        (Channel.ctrl(), "naeural/ctrl", 0, 0),
        (Channel.every_config(), "naeural/+/config", 1, 0),
        (Channel.every_inbox(), "naeural/+/payloads", 1, 2),
    ],
    ids=["roll call", "heartbeats", "every config", "every inbox"],
)
def test_a_subscription_has_its_topic_its_qos_and_its_connection(
    scripted, client, channel, topic, qos, which
):
    connecting = client.connect_aside()
    line = scripted.welcome()[which]
    connecting.join()

    with ThreadPoolExecutor(1) as aside:
        subscribing = aside.submit(client.transport.subscribe, channel, PATIENCE)
        content = line.await_packet(SUBSCRIBE)
        line.send(bytes([0x90, 3]) + content[:2] + bytes([qos]))
        subscribing.result(PATIENCE)

    assert (content[4:-1].decode(), content[-1]) == (topic, qos)


def test_a_wildcard_that_the_broker_forbids_is_refused_by_its_name(scripted, client):
    connecting = client.connect_aside()
    *_, inboxes = scripted.welcome()
    connecting.join()

    with ThreadPoolExecutor(1) as aside:
        subscribing = aside.submit(client.transport.subscribe, Channel.every_inbox(), PATIENCE)
        inboxes.grant(0x80)
        refused = subscribing.exception(PATIENCE)

    assert isinstance(refused, CredentialsRefused)
    assert "naeural/+/payloads" in str(refused)


def test_a_wildcard_without_a_connection_is_not_connected(client):
    with pytest.raises(NotConnected, match=r"naeural/\+/config"):
        client.transport.subscribe(Channel.every_config(), PATIENCE)
