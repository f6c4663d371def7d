"""The transport against a broker that says what no proper broker says at the time we choose."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pye2_mqtt.buffered_socket import BufferedSocket
from pye2core.abc import Channel, ConnectionState
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    NotConnected,
    TransportError,
)

PATIENCE = 30.0
PUBLISH, PUBACK = 3, 4
CONFIG = Channel.config("0xai_A")
TOPIC = "naeural/0xai_A/config"


def established(scripted, client):
    connecting = client.connect_aside()
    lines = scripted.welcome()
    connecting.join()
    return lines


def subscribed(client, line, channel=CONFIG, code=1):
    with ThreadPoolExecutor(1) as aside:
        done = aside.submit(client.transport.subscribe, channel, PATIENCE)
        topic = line.grant(code)
        return topic, done.exception()


def test_payloads_and_inboxes_have_connections_of_their_own(scripted, client):
    main, payloads, inboxes = established(scripted, client)

    client.transport.publish(Channel.payloads(), b"payload")
    client.transport.publish(Channel.inbox("0xai_A"), b"inbox")
    client.transport.publish(Channel.notif(), b"notification")
    client.transport.publish(CONFIG, b"command")

    assert b"naeural/payloads" in payloads.await_packet(PUBLISH)
    assert b"naeural/0xai_A/payloads" in inboxes.await_packet(PUBLISH)
    assert b"/notif" in main.await_packet(PUBLISH)
    assert b"/config" in main.await_packet(PUBLISH)


def test_what_is_left_of_a_large_message_is_not_copied_for_each_piece_that_is_taken(
    scripted, client, monkeypatch
):
    main, *_ = established(scripted, client)
    handed = []
    send = BufferedSocket.send
    monkeypatch.setattr(
        BufferedSocket, "send", lambda ours, data: handed.append(data) or send(ours, data)
    )
    large = bytes(range(256)) * 64 * 1024

    client.transport.publish(CONFIG, large)

    assert main.await_packet(PUBLISH)[2 + len(TOPIC) + 2 :] == large
    pieces = [each for each in handed if len(each) > 64 * 1024]
    assert len(pieces) > 1
    assert len({id(each.obj) for each in pieces}) == 1


def test_a_large_payload_that_is_being_written_does_not_hold_up_a_command(scripted, client):
    main, *_nobody_reads_payloads = established(scripted, client)
    payload = client.transport.publish(Channel.payloads(), bytes(16 * 1024 * 1024))

    command = client.transport.publish(CONFIG, b"command")
    mid = main.await_packet(PUBLISH)[2 + len(TOPIC) :][:2]
    main.send(bytes([0x40, 2]) + mid)

    assert command.result(PATIENCE) is None
    assert not payload.done()


def test_heartbeats_are_sent_with_qos_0_and_all_else_with_qos_1(scripted, client):
    main, payloads, _ = established(scripted, client)

    for channel in (Channel.ctrl(), CONFIG):
        client.transport.publish(channel, b"x")
    client.transport.publish(Channel.payloads(), b"x")

    assert [main.lines.read(1), payloads.lines.read(1)] == [b"\x30", b"\x32"]
    main.lines.read(1 + 2 + len("naeural/ctrl") + 1)
    assert main.lines.read(1) == b"\x32"


def test_a_heartbeat_is_done_when_it_is_written(scripted, client):
    established(scripted, client)

    assert client.transport.publish(Channel.ctrl(), b"alive").result(PATIENCE) is None


def test_nothing_is_acknowledged_before_the_handler_says_so(scripted, client):
    main, *_ = established(scripted, client)
    main.publish(TOPIC, b"one", 1)
    one = client.take()

    client.transport.publish(CONFIG, b"meanwhile")
    assert main.read()[0] == PUBLISH
    one.ack()

    assert main.read() == (PUBACK, b"\0\1")


def test_messages_are_acknowledged_in_the_order_of_their_coming(scripted, client):
    main, *_ = established(scripted, client)
    for mid in (7, 3, 5, 4):
        main.publish(TOPIC, b"", mid)
    first, second, third, fourth = (client.take() for _ in range(4))

    for done in (third, second, first, fourth):
        done.ack()

    assert [main.await_packet(PUBACK) for _ in range(4)] == [b"\0\7", b"\0\3", b"\0\5", b"\0\4"]


def test_messages_that_arrive_together_are_a_batch_whose_end_is_told_once(scripted, client):
    told = queue.Queue()
    client.transport.on_message = lambda each: told.put((each.data, each.is_in_batch))
    client.transport.on_batch_end = lambda: told.put("the end")
    main, *_ = established(scripted, client)

    main.publish_together(TOPIC, b"one", b"two", b"three")

    heard = [told.get(timeout=PATIENCE) for _ in range(4)]
    assert heard == [(b"one", True), (b"two", True), (b"three", True), "the end"]


def test_the_end_of_a_batch_is_told_whatever_became_of_its_last_message(scripted, client):
    told = queue.Queue()
    client.transport.on_message = lambda each: told.put(each.data)
    client.transport.on_batch_end = lambda: told.put("the end")
    main, *_ = established(scripted, client)

    main.publish_together("naeural/no/channel/of/ours", b"one", b"two")

    assert told.get(timeout=PATIENCE) == "the end"


def test_a_message_that_arrives_alone_is_no_batch(scripted, client):
    main, *_ = established(scripted, client)

    main.publish(TOPIC, b"one", 1)

    assert not client.take().is_in_batch


def test_what_a_broker_repeats_on_a_living_connection_is_delivered_once(scripted, client):
    main, *_ = established(scripted, client)
    main.publish(TOPIC, b"one", 1)
    main.publish(TOPIC, b"one", 1, again=True)
    main.publish(TOPIC, b"two", 2)

    assert [client.take().data, client.take().data] == [b"one", b"two"]


def test_what_a_broker_repeats_after_its_acknowledgement_is_delivered_again(scripted, client):
    main, *_ = established(scripted, client)
    main.publish(TOPIC, b"one", 1)
    client.take().ack()

    main.publish(TOPIC, b"one", 1, again=True)
    client.take().ack()

    assert [main.await_packet(PUBACK) for _ in range(2)] == [b"\0\1", b"\0\1"]


def test_a_repeated_ack_does_not_touch_a_later_message_of_the_same_number(scripted, client):
    main, *_ = established(scripted, client)
    main.publish(TOPIC, b"one", 1)
    old = client.take()
    old.ack()
    main.publish(TOPIC, b"last", 9)
    main.publish(TOPIC, b"another", 1)
    last, _another = client.take(), client.take()

    old.ack()
    last.ack()
    main.publish(TOPIC, b"after all", 10)
    assert client.take().data == b"after all"

    client.transport.close(PATIENCE)
    acknowledged = []
    while (packet := main.read())[0]:
        acknowledged += [packet[1]] if packet[0] == PUBACK else []
    assert acknowledged == [b"\0\1", b"\0\11"]


def test_messages_to_foreign_topics_are_acknowledged_and_ignored(scripted, client, caplog):
    main, *_ = established(scripted, client)

    main.publish("elsewhere/x", b"?", 7)
    main.publish(TOPIC, b"ours", 8)

    assert client.take().data == b"ours"
    assert main.await_packet(PUBACK) == b"\0\7"
    assert "elsewhere/x" in caplog.text


def test_a_subscription_that_is_refused_says_so(scripted, client):
    main, *_ = established(scripted, client)

    topic, error = subscribed(client, main, code=0x80)

    assert topic == TOPIC
    assert isinstance(error, CredentialsRefused)
    assert TOPIC in str(error)


def test_a_subscription_that_is_not_answered_ends_after_its_time(scripted, client):
    established(scripted, client)

    with pytest.raises(NotConnected, match=r"no answer within 0\.05 s"):
        client.transport.subscribe(CONFIG, 0.05)


def test_a_loss_fails_a_subscription_that_waits(scripted, client):
    main, *_ = established(scripted, client)
    with ThreadPoolExecutor(1) as aside:
        waiting = aside.submit(client.transport.subscribe, CONFIG, PATIENCE)
        main.await_packet(8)

        main.hang_up()

        assert isinstance(waiting.exception(PATIENCE), NotConnected)


@pytest.mark.parametrize("which", [0, 1, 2], ids=["main", "payloads", "inboxes"])
def test_the_loss_of_any_connection_is_the_loss_of_all(scripted, client, which):
    lines = established(scripted, client)
    channels = (CONFIG, Channel.payloads(), Channel.inbox("0xai_A"))
    waiting = [client.transport.publish(channel, b"") for channel in channels]

    lines[which].hang_up()

    state, _reason = client.states.get(timeout=PATIENCE)
    assert state is ConnectionState.LOST
    for future in waiting:
        assert isinstance(future.exception(0), NotConnected)
    for other in (*lines[:which], *lines[which + 1 :]):
        assert {kind for kind, _ in iter(other.read, (0, b""))} == {PUBLISH}
    client.transport.detach(PATIENCE)
    assert client.states.empty()


@pytest.mark.parametrize("noise", [b"\xff" * 50, b"\x00" * 50, b"HTTP/1.1 400 Bad Request\r\n" * 9])
def test_noise_from_the_broker_is_a_loss_and_not_a_dead_thread(scripted, client, noise):
    main, *_ = established(scripted, client)

    main.send(noise)

    assert client.states.get(timeout=PATIENCE)[0] is ConnectionState.LOST


def test_a_fault_in_the_loop_is_a_loss_that_is_logged(scripted, client, monkeypatch, caplog):
    main, *_ = established(scripted, client)
    broken = client.transport._current.at("any").main._client

    def fail() -> None:
        raise RuntimeError("a fault in paho")

    monkeypatch.setattr(broken, "loop_misc", fail)
    main.publish(TOPIC, b"wakes the loop", 1)

    state, reason = client.states.get(timeout=PATIENCE)
    assert (state, reason) == (ConnectionState.LOST, "RuntimeError: a fault in paho")
    assert "a fault in paho" in caplog.text


def test_a_broker_that_stays_silent_is_given_up_in_time(scripted, client):
    with pytest.raises(BrokerUnreachable, match=r"did not answer within 0\.2 s"):
        client.transport.connect(0.2)


def test_a_broker_that_accepts_only_one_connection_is_unreachable(scripted, client):
    connecting = ThreadPoolExecutor(1).submit(client.transport.connect, PATIENCE)
    scripted.line().accept()
    scripted.line().hang_up()

    assert isinstance(connecting.exception(PATIENCE), BrokerUnreachable)
    assert client.states.empty()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1, BrokerUnreachable),
        (2, BrokerUnreachable),
        (3, BrokerUnreachable),
        (4, CredentialsRefused),
        (5, CredentialsRefused),
    ],
)
def test_each_refusal_has_its_error(scripted, client, code, error):
    connecting = ThreadPoolExecutor(1).submit(client.transport.connect, PATIENCE)
    scripted.line().accept(code)

    assert type(connecting.exception(PATIENCE)) is error


@pytest.mark.parametrize("owner", ["+", "#", "a/#", ""])
def test_names_that_would_reach_all_nodes_are_refused(scripted, client, owner):
    established(scripted, client)

    error = client.transport.publish(Channel.config(owner), b"to all").exception(0)
    assert type(error) is TransportError
    with pytest.raises(TransportError):
        client.transport.subscribe(Channel.config(owner), PATIENCE)


@pytest.mark.slow
def test_more_messages_than_mqtt_can_number_are_refused_not_lost(scripted, client):
    main, *_ = established(scripted, client)
    reading = threading.Thread(target=lambda: [main.read() for _ in range(65_535)])
    reading.start()
    futures = [client.transport.publish(CONFIG, b"") for _ in range(65_535)]

    refused = client.transport.publish(CONFIG, b"one too many")

    reading.join()
    assert type(refused.exception(0)) is TransportError
    assert "65,535" in str(refused.exception())
    assert not any(future.done() for future in futures)


def test_what_could_not_be_sent_before_the_end_is_logged(scripted, client, caplog):
    established(scripted, client)
    future = client.transport.publish(CONFIG, b"never confirmed")

    with caplog.at_level(logging.WARNING):
        client.transport.close(0.05)

    assert isinstance(future.exception(0), NotConnected)
    assert "before all messages were confirmed" in caplog.text


def test_no_thread_is_left_behind(scripted, client):
    before = set(threading.enumerate())
    established(scripted, client)

    client.transport.detach(PATIENCE)

    assert set(threading.enumerate()) <= before


def test_a_message_to_a_topic_that_is_no_text_is_left_out_and_does_not_end_the_connection(
    scripted, client
):
    main, *_ = established(scripted, client)
    content = b"\0\2\xff\xfe" + b"\0\1" + b"x"

    main.send(bytes([0x32, len(content)]) + content)
    main.publish(TOPIC, b"next", 2)

    assert main.read() == (PUBACK, b"\0\1")
    assert client.take().data == b"next"
