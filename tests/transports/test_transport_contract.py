"""What every transport promises the kernel, on every broker that we run."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from pye2core.abc import MAX_MESSAGE, Channel
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    MessageTooLarge,
    NotConnected,
)

if TYPE_CHECKING:
    from pye2core.abc import Delivery

PATIENCE = 30.0
MIB = 1024 * 1024

CONFIG = Channel.config("0xai_A-b_c")
INBOX = Channel.inbox("0xai_A-b_c")
KINDS = [CONFIG, Channel.ctrl(), Channel.notif(), Channel.payloads(), INBOX]
CONFIRMED = [CONFIG, Channel.notif(), Channel.payloads(), INBOX]


def name_of(channel: Channel) -> str:
    return channel.kind.value


def numbered(count: int, prefix: str = "") -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]


# --- carrying -------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", KINDS, ids=name_of)
def test_what_is_published_arrives_on_its_channel(bench, channel):
    receiver = bench.client("receiver").subscribe(channel)
    sender = bench.client("sender")

    sender.publish(channel, b"hello")

    (delivery,) = receiver.take()
    assert (delivery.channel, delivery.data) == (channel, b"hello")


def test_channels_that_were_not_subscribed_to_bring_nothing(bench):
    receiver = bench.client("receiver").subscribe(CONFIG)
    sender = bench.client("sender")

    for other in (Channel.config("0xai_A-b_cd"), Channel.notif(), Channel.payloads(), INBOX):
        sender.publish(other, b"not for you")
    sender.publish(CONFIG, b"for you")

    assert receiver.data() == [b"for you"]


@pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
def test_messages_of_one_publisher_keep_their_order_on_a_channel(bench, channel):
    receiver = bench.client("receiver").subscribe(channel)
    sender = bench.client("sender")

    sender.publish(channel, *numbered(500))

    assert receiver.data(500) == numbered(500)


def test_heartbeats_keep_their_order(bench):
    receiver = bench.client("receiver").subscribe(Channel.ctrl())
    sender = bench.client("sender")

    sender.publish(Channel.ctrl(), *numbered(50))

    assert receiver.data(50) == numbered(50)


@pytest.mark.parametrize("size", [0, 1, 12 * MIB, MAX_MESSAGE], ids=str)
def test_messages_may_be_empty_or_as_large_as_the_limit(bench, size):
    receiver = bench.client("receiver").subscribe(Channel.payloads())
    sender = bench.client("sender")
    message = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    sender.publish(Channel.payloads(), message)

    assert receiver.data() == [message]


def test_several_large_messages_arrive_one_after_the_other(bench):
    receiver = bench.client("receiver").subscribe(Channel.payloads(), CONFIG)
    sender = bench.client("sender")
    messages = [bytes([number]) * (12 * MIB) for number in range(4)]

    sender.publish(Channel.payloads(), *messages)
    sender.publish(CONFIG, messages[0])

    assert {delivery.data[0] for delivery in receiver.take(5)} == {0, 1, 2, 3}


def test_a_message_above_the_limit_is_refused_and_harms_nothing(bench):
    receiver = bench.client("receiver").subscribe(CONFIG)
    sender = bench.client("sender")

    refused = sender.transport.publish(CONFIG, bytes(MAX_MESSAGE + 1))
    sender.publish(CONFIG, b"after")

    error = refused.exception(PATIENCE)
    assert isinstance(error, MessageTooLarge)
    assert (error.size, error.limit) == (MAX_MESSAGE + 1, MAX_MESSAGE)
    assert receiver.data() == [b"after"]


@pytest.mark.parametrize("name", ["Käfer", "日本語", "node.1", "🛰️"])
def test_names_may_be_of_any_script(bench, name):
    receiver = bench.client("empfänger-ü").subscribe(Channel.config(name))
    sender = bench.client("sender")

    sender.publish(Channel.config(name), "grüße".encode())

    (delivery,) = receiver.take()
    assert (delivery.channel.owner, delivery.data.decode()) == (name, "grüße")


def test_several_threads_may_publish_at_once(bench):
    receiver = bench.client("receiver").subscribe(Channel.notif())
    sender = bench.client("sender")
    threads = [
        threading.Thread(target=sender.publish, args=(Channel.notif(), *numbered(100, f"{who}:")))
        for who in "abcd"
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    arrived = receiver.data(400)
    for who in "abcd":
        assert [one for one in arrived if one.startswith(who.encode())] == numbered(100, f"{who}:")


def test_several_publishers_may_publish_at_once(bench):
    receiver = bench.client("receiver").subscribe(CONFIG)
    senders = {who: bench.client(who) for who in "abc"}
    threads = [
        threading.Thread(target=sender.publish, args=(CONFIG, *numbered(100, f"{who}:")))
        for who, sender in senders.items()
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    arrived = receiver.data(300)
    for who in "abc":
        assert [one for one in arrived if one.startswith(who.encode())] == numbered(100, f"{who}:")


def test_a_message_handler_may_publish_and_subscribe_nothing_blocks(bench):
    answers = bench.client("answers").subscribe(Channel.notif())
    responder = bench.client("responder", connected=False)
    published = queue.Queue()

    def answer(delivery: Delivery) -> None:
        delivery.ack()
        published.put(responder.transport.publish(Channel.notif(), b"re: " + delivery.data))

    responder.transport.on_message = answer
    responder.transport.connect(PATIENCE)
    responder.subscribe(CONFIG)
    bench.client("asker").publish(CONFIG, b"1", b"2")

    assert answers.data(2) == [b"re: 1", b"re: 2"]
    assert published.get(timeout=PATIENCE).result(PATIENCE) is None


def test_a_handler_that_raises_does_not_deafen_the_transport(bench, caplog):
    receiver = bench.client("receiver", connected=False)
    arrived = queue.Queue()

    def fail_once(delivery: Delivery) -> None:
        delivery.ack()
        if delivery.data == b"bad":
            raise RuntimeError("a fault in a handler")
        arrived.put(delivery.data)

    receiver.transport.on_message = fail_once
    receiver.transport.connect(PATIENCE)
    receiver.subscribe(CONFIG)
    bench.client("sender").publish(CONFIG, b"bad", b"good")

    assert arrived.get(timeout=PATIENCE) == b"good"
    assert "a fault in a handler" in caplog.text


# --- acknowledging --------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
def test_what_was_not_acknowledged_comes_again_after_a_loss(bench, channel):
    receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
    receiver.subscribe(channel)
    bench.client("sender").publish(channel, *numbered(5))
    first = receiver.take(5)

    bench.sever(receiver)
    receiver.wait_for_loss()
    receiver.transport.connect(PATIENCE)
    receiver.subscribe(channel)

    assert [one.data for one in first] == numbered(5)
    assert [one.data for one in receiver.take(5)] == numbered(5)


def test_what_was_acknowledged_does_not_come_again(bench):
    receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
    receiver.subscribe(CONFIG)
    sender = bench.client("sender")
    sender.publish(CONFIG, *numbered(4))
    first = receiver.take(4)
    first[0].ack()
    first[2].ack()
    receiver.settle()

    bench.sever(receiver)
    receiver.wait_for_loss()
    receiver.transport.connect(PATIENCE)

    assert [one.data for one in receiver.take(2)] == [b"1", b"3"]


def test_an_acknowledgement_may_come_from_any_thread_twice_or_too_late(bench):
    receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
    receiver.subscribe(CONFIG)
    sender = bench.client("sender")
    sender.publish(CONFIG, b"0", b"1")
    early, late = receiver.take(2)
    for _ in range(2):
        acknowledging = threading.Thread(target=early.ack)
        acknowledging.start()
        acknowledging.join()
    receiver.settle()
    bench.sever(receiver)
    receiver.wait_for_loss()

    late.ack()
    receiver.transport.connect(PATIENCE)
    late.ack()
    early.ack()

    (again,) = receiver.take()
    again.ack()
    again.ack()
    sender.publish(CONFIG, b"2")
    assert (again.data, receiver.data()) == (b"1", [b"2"])


def test_a_repeated_acknowledgement_does_not_acknowledge_another_message(bench):
    receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
    receiver.subscribe(CONFIG)
    sender = bench.client("sender")
    sender.publish(CONFIG, b"0")
    (old,) = receiver.take()
    old.ack()
    receiver.settle()
    sender.publish(CONFIG, *numbered(20, "new "))
    receiver.take(20)

    old.ack()
    receiver.settle()
    bench.sever(receiver)
    receiver.wait_for_loss()
    receiver.transport.connect(PATIENCE)

    assert sorted(one.data for one in receiver.take(20)) == sorted(numbered(20, "new "))


def test_more_arrives_only_as_acknowledgements_are_sent_but_all_of_it(bench):
    receiver = bench.client("receiver", acknowledges=False)
    receiver.subscribe(CONFIG)
    bench.client("sender").publish(CONFIG, *numbered(300))

    arrived = []
    for _ in range(300):
        (delivery,) = receiver.take()
        delivery.ack()
        arrived.append(delivery.data)

    assert arrived == numbered(300)


def test_unacknowledged_payloads_do_not_hold_up_anything_else(bench):
    receiver = bench.client("receiver", connected=False)
    stalled, others = queue.Queue(), queue.Queue()

    def stall_payloads(delivery: Delivery) -> None:
        if delivery.channel.kind in (Channel.payloads().kind, INBOX.kind):
            stalled.put(delivery)
        else:
            delivery.ack()
            others.put(delivery.data)

    receiver.transport.on_message = stall_payloads
    receiver.transport.connect(PATIENCE)
    receiver.subscribe(*KINDS)
    sender = bench.client("sender")
    sender.publish(Channel.payloads(), *numbered(100))
    sender.publish(INBOX, *numbered(100))

    for channel in (CONFIG, Channel.notif(), Channel.ctrl()):
        sender.publish(channel, *numbered(50, channel.kind.value))

    arrived = {others.get(timeout=PATIENCE) for _ in range(150)}
    assert arrived == {
        *numbered(50, "config"),
        *numbered(50, "notif"),
        *numbered(50, "ctrl"),
    }
    assert stalled.qsize() >= receiver.transport.features.max_unacknowledged


def test_stalled_payloads_flow_again_with_the_first_acknowledgement(bench):
    receiver = bench.client("receiver", acknowledges=False)
    receiver.subscribe(Channel.payloads())
    bench.client("sender").publish(Channel.payloads(), *numbered(100))
    window = receiver.take(receiver.transport.features.max_unacknowledged)

    for delivery in window:
        delivery.ack()
    receiver.acknowledges = True

    arrived = [delivery.data for delivery in window] + receiver.data(100 - len(window))
    assert arrived == numbered(100)


# --- sessions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
def test_messages_for_a_persistent_client_that_is_away_are_kept(bench, channel):
    before = bench.client("keeper", persistent=True).subscribe(channel)
    before.transport.detach(PATIENCE)
    bench.client("sender").publish(channel, *numbered(10))

    after = bench.client("keeper", persistent=True)

    assert after.data(10) == numbered(10)


def test_messages_are_kept_for_a_persistent_client_that_was_cut_off(bench):
    receiver = bench.client("keeper", persistent=True, severable=True).subscribe(CONFIG)
    bench.sever(receiver)
    receiver.wait_for_loss()
    bench.client("sender").publish(CONFIG, *numbered(10))

    receiver.transport.connect(PATIENCE)
    receiver.subscribe(CONFIG)

    assert receiver.data(10) == numbered(10)


def test_nothing_is_kept_for_a_client_that_is_not_persistent(bench):
    receiver = bench.client("passer-by", severable=True).subscribe(CONFIG)
    bench.sever(receiver)
    receiver.wait_for_loss()
    sender = bench.client("sender")
    sender.publish(CONFIG, b"while away")

    receiver.transport.connect(PATIENCE)
    receiver.subscribe(CONFIG)
    sender.publish(CONFIG, b"when back")

    assert receiver.data() == [b"when back"]


def test_heartbeats_are_not_kept_for_a_client_that_is_away(bench):
    before = bench.client("keeper", persistent=True).subscribe(Channel.ctrl(), CONFIG)
    before.transport.detach(PATIENCE)
    sender = bench.client("sender")
    sender.publish(Channel.ctrl(), b"old heartbeat")
    sender.publish(CONFIG, b"command")

    after = bench.client("keeper", persistent=True).subscribe(Channel.ctrl())
    sender.publish(Channel.ctrl(), b"new heartbeat")

    assert sorted(after.data(2)) == [b"command", b"new heartbeat"]


@pytest.mark.parametrize("channel", [CONFIG, Channel.payloads()], ids=name_of)
def test_close_ends_a_persistent_session(bench, channel):
    bench.client("keeper", persistent=True).subscribe(channel).transport.close(PATIENCE)
    sender = bench.client("sender")
    sender.publish(channel, b"for nobody")

    after = bench.client("keeper", persistent=True).subscribe(channel)
    sender.publish(channel, b"for the new session")

    assert after.data() == [b"for the new session"]


def test_close_ends_a_persistent_session_even_after_a_loss(bench):
    receiver = bench.client("keeper", persistent=True, severable=True).subscribe(CONFIG)
    bench.sever(receiver)
    receiver.wait_for_loss()
    receiver.transport.close(PATIENCE)
    sender = bench.client("sender")
    sender.publish(CONFIG, b"for nobody")

    after = bench.client("keeper", persistent=True).subscribe(CONFIG)
    sender.publish(CONFIG, b"for the new session")

    assert after.data() == [b"for the new session"]


def test_a_second_connection_with_the_same_id_takes_over(bench):
    first = bench.client("twin", persistent=True).subscribe(CONFIG)

    second = bench.client("twin", persistent=True).subscribe(CONFIG)
    first.wait_for_loss()
    bench.client("sender").publish(CONFIG, b"for the second")

    assert second.data() == [b"for the second"]
    assert first.deliveries.empty()


# --- loss -----------------------------------------------------------------------------------------


def test_the_death_of_the_broker_fails_what_it_has_not_confirmed(bench):
    sender = bench.client("sender")
    bench.freeze()
    futures = [
        sender.transport.publish(channel, b"in vain") for channel in CONFIRMED for _ in range(5)
    ]

    bench.kill()

    for future in futures:
        assert isinstance(future.exception(PATIENCE), NotConnected)
    sender.wait_for_loss()


def test_a_loss_is_told_once_and_ends_publishing_and_subscribing(bench):
    client = bench.client("client", severable=True)

    bench.sever(client)
    client.wait_for_loss()

    assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
    with pytest.raises(NotConnected):
        client.transport.subscribe(CONFIG, PATIENCE)
    client.transport.detach(PATIENCE)
    assert client.states.empty()


def test_connect_fails_while_the_broker_is_dead_and_works_when_it_is_back(bench):
    client = bench.client("client").subscribe(CONFIG)
    bench.kill()
    client.wait_for_loss()
    with pytest.raises(BrokerUnreachable):
        client.transport.connect(PATIENCE)

    bench.restart()
    client.transport.connect(PATIENCE)
    client.subscribe(CONFIG, Channel.payloads())
    client.publish(CONFIG, b"again")
    client.publish(Channel.payloads(), b"too")

    assert sorted(client.data(2)) == [b"again", b"too"]


def test_connecting_anew_works_many_times(bench):
    client = bench.client("client", persistent=True, severable=True).subscribe(CONFIG)

    for number in range(5):
        bench.sever(client)
        client.wait_for_loss()
        client.reconnect_persistently()
        client.subscribe(CONFIG)
        client.publish(CONFIG, str(number).encode())
        assert client.data() == [str(number).encode()]
        client.settle()


def test_connecting_anew_fails_what_the_connection_before_has_not_confirmed(bench):
    client = bench.client("client")
    bench.freeze()
    future = client.transport.publish(CONFIG, b"in vain")

    with suppress(BrokerUnreachable):  # a frozen process answers nothing
        client.transport.connect(0.5)

    assert isinstance(future.exception(0), NotConnected)
    bench.kill()


def test_connecting_anew_without_a_loss_replaces_the_connection(bench):
    client = bench.client("client").subscribe(CONFIG)

    client.transport.connect(PATIENCE)
    client.subscribe(CONFIG).publish(CONFIG, b"once")
    client.publish(CONFIG, b"twice")

    assert client.data(2) == [b"once", b"twice"]
    assert client.states.empty()


def test_every_future_ends_when_the_connection_is_cut_amid_publishing(bench):
    sender = bench.client("sender", severable=True)
    futures = []

    def publish_much() -> None:
        for number in range(400):
            futures.append(sender.transport.publish(Channel.payloads(), bytes(2000)))
            if number == 200:
                bench.sever(sender)

    threads = [threading.Thread(target=publish_much) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ended = wait(futures, PATIENCE)
    assert not ended.not_done
    assert {type(future.exception()) for future in futures} <= {type(None), NotConnected}
    sender.wait_for_loss()


# --- closing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["close", "detach"])
def test_closing_sends_what_was_published(bench, way):
    receiver = bench.client("receiver").subscribe(CONFIG, Channel.payloads())
    sender = bench.client("sender", persistent=True)
    futures = [
        sender.transport.publish(channel, bytes(10_000))
        for _ in range(200)
        for channel in (CONFIG, Channel.payloads())
    ]

    getattr(sender.transport, way)(PATIENCE)

    assert all(future.result(0) is None for future in futures)
    assert len(receiver.take(400)) == 400


def test_closing_does_not_wait_for_a_broker_that_never_answers(bench):
    sender = bench.client("sender", persistent=True)
    bench.freeze()
    future = sender.transport.publish(CONFIG, b"in vain")

    sender.transport.close(0.5)

    assert isinstance(future.exception(PATIENCE), NotConnected)
    bench.kill()


def test_nothing_is_called_after_close(bench):
    receiver = bench.client("receiver").subscribe(CONFIG)
    sender = bench.client("sender")
    in_flight = [sender.transport.publish(CONFIG, one) for one in numbered(200)]

    receiver.transport.close(PATIENCE)
    arrived = receiver.deliveries.qsize()

    wait(in_flight, PATIENCE)
    sender.publish(CONFIG, b"after")
    bench.kill()
    sender.wait_for_loss()
    assert receiver.deliveries.qsize() == arrived
    assert receiver.states.empty()


def test_a_message_handler_may_close_the_transport(bench):
    receiver = bench.client("receiver", connected=False)
    seen = []
    closed = threading.Event()

    def close(delivery: Delivery) -> None:
        seen.append(delivery.data)
        delivery.ack()
        receiver.transport.publish(Channel.notif(), b"goodbye")
        receiver.transport.close(PATIENCE)
        closed.set()

    receiver.transport.on_message = close
    receiver.transport.connect(PATIENCE)
    receiver.subscribe(CONFIG)
    witness = bench.client("witness").subscribe(Channel.notif())
    bench.client("sender").publish(CONFIG, *numbered(20))

    assert closed.wait(PATIENCE)
    assert witness.data() == [b"goodbye"]
    assert seen == [b"0"]


def test_close_may_come_while_connecting(bench):
    bench.freeze()
    client = bench.client("client", connected=False)

    def connect() -> None:
        with suppress(NotConnected):
            client.transport.connect(PATIENCE)

    connecting = threading.Thread(target=connect)
    connecting.start()
    client.transport.close(PATIENCE)
    connecting.join(PATIENCE)

    assert not connecting.is_alive()
    assert isinstance(client.transport.publish(CONFIG, b"").exception(0), NotConnected)
    bench.kill()


def test_a_closed_transport_refuses_everything_and_may_be_closed_again(bench):
    client = bench.client("client")
    client.transport.close(PATIENCE)

    client.transport.close(PATIENCE)

    assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
    with pytest.raises(NotConnected):
        client.transport.subscribe(CONFIG, PATIENCE)
    with pytest.raises(NotConnected):
        client.transport.connect(PATIENCE)


def test_a_transport_that_never_connected_can_be_closed(bench):
    client = bench.client("client", connected=False)

    client.transport.close(PATIENCE)

    assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)


# --- refusals -------------------------------------------------------------------------------------


def test_a_broker_that_is_not_there_is_unreachable(bench):
    nowhere = bench.nowhere
    client = bench.client("client", connected=False, address=nowhere)

    with pytest.raises(BrokerUnreachable) as refused:
        client.transport.connect(PATIENCE)

    assert refused.value.broker == nowhere.url
    assert str(nowhere.port or nowhere.host) in str(refused.value)


def test_a_host_name_that_does_not_exist_is_unreachable(bench):
    address = evolve(bench.address, host="no-such-host.invalid")
    client = bench.client("client", connected=False, address=address)

    with pytest.raises(BrokerUnreachable, match=r"no-such-host\.invalid"):
        client.transport.connect(PATIENCE)


def test_good_credentials_are_accepted(guarded_bench):
    receiver = guarded_bench.client("receiver").subscribe(CONFIG)

    guarded_bench.client("sender").publish(CONFIG, b"let in")

    assert receiver.data() == [b"let in"]


@pytest.mark.parametrize(
    ("user", "password"),
    [("pye2", "wrong"), ("nobody", "s3cret & ü:/@"), ("pye2", None), (None, None)],
)
def test_bad_credentials_are_refused(guarded_bench, user, password):
    address = evolve(guarded_bench.address, user=user, password=password)
    client = guarded_bench.client("client", connected=False, address=address)

    with pytest.raises(CredentialsRefused) as refused:
        client.transport.connect(PATIENCE)

    assert refused.value.broker == address.url
    assert "user:password@" in str(refused.value)
    assert not password or password not in str(refused.value)


def test_a_refused_client_connects_once_it_is_let_in(guarded_bench):
    bad = evolve(guarded_bench.address, password="wrong")
    client = guarded_bench.client("client", connected=False, address=bad)
    with pytest.raises(CredentialsRefused):
        client.transport.connect(PATIENCE)

    good = guarded_bench.client("client")
    good.subscribe(CONFIG).publish(CONFIG, b"in")

    assert good.data() == [b"in"]
