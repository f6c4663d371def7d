"""The transport on a real RabbitMQ: what the contract's tests do not know to ask for."""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress

import pika
import pytest
from attrs import evolve

from pye2_amqp import bundle
from pye2_amqp.settings import AmqpSettings
from pye2core.abc import Channel, ChannelKind, ConnectionState
from pye2core.errors import BrokerUnreachable, NotConnected, TransportError

PATIENCE = 30.0

CONFIG = Channel.config("0xai_A")
PAYLOADS = Channel.payloads()
MIB = 1024 * 1024


def handle_commands_only(told) -> tuple[queue.Queue[bytes], threading.Event]:
    """Have commands handled, and anything else only when the event is set."""
    heard: queue.Queue[bytes] = queue.Queue()
    release = threading.Event()

    def handle(delivery) -> None:
        if delivery.channel.kind is not ChannelKind.CONFIG:
            release.wait(PATIENCE)
            return
        delivery.ack()
        heard.put(delivery.data)

    told.transport.on_message = handle
    return heard, release


# --- what is on the broker ------------------------------------------------------------------------


def test_a_node_s_commands_are_in_a_durable_queue_with_a_dead_letter_exchange(
    connected, raw, settings
):
    connected("node", persistent=True).subscribe(CONFIG, Channel.config("attic"))

    declared = raw.queue_declare(
        f"{settings.exchange}.naeural.node.commands",
        durable=True,
        arguments={
            "x-expires": 7 * 24 * 3600 * 1000,
            "x-max-length-bytes": 1024**3,
            "x-single-active-consumer": True,
            "x-dead-letter-exchange": f"{settings.exchange}.naeural.dead-letters",
        },
    )

    assert declared.method.consumer_count == 1
    raw.exchange_declare(settings.exchange, "topic", durable=True)
    raw.queue_declare(f"{settings.exchange}.naeural.dead-letters", passive=True)


def test_a_persistent_client_has_queues_only_for_what_it_listens_to(connected, raw, settings):
    connected("session", persistent=True).subscribe(PAYLOADS)

    raw.queue_declare(f"{settings.exchange}.naeural.session.payloads", passive=True)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        raw.queue_declare(f"{settings.exchange}.naeural.session.commands", passive=True)


def test_closing_for_good_leaves_nothing_on_the_broker_but_the_exchanges(connected, raw, settings):
    node = connected("node", persistent=True).subscribe(CONFIG, PAYLOADS, Channel.ctrl())

    node.transport.close(PATIENCE)

    for name in ("commands", "payloads"):
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
            raw.connection.channel().queue_declare(
                f"{settings.exchange}.naeural.node.{name}", passive=True
            )


def test_messages_are_kept_in_memory_only_where_that_is_set(connected, raw, settings):
    raw.exchange_declare(settings.exchange, "topic", durable=True)
    name = raw.queue_declare("", exclusive=True).method.queue
    for key in ("naeural.config.*", "naeural.ctrl"):
        raw.queue_bind(name, settings.exchange, key)

    connected("durable").publish(CONFIG, b"1")
    connected("durable").publish(Channel.ctrl(), b"2")
    passing = evolve(settings, queue_durable=False)
    connected("passing", settings=passing).publish(CONFIG, b"3")

    modes = [raw.basic_get(name, auto_ack=True)[1].delivery_mode for _ in range(3)]
    assert modes == [2, 1, 1]


@pytest.mark.parametrize("persistent", [True, False])
def test_a_queue_that_exists_with_other_properties_says_what_to_do(
    connected, raw, settings, persistent
):
    raw.queue_declare(f"{settings.exchange}.naeural.node.commands", durable=True)
    if persistent:
        with pytest.raises(TransportError, match="delete_queue"):
            connected("node", persistent=True)
    else:
        connected("node").subscribe(CONFIG)  # whose queue has another name
    raw.queue_delete(f"{settings.exchange}.naeural.node.commands")


def test_a_refused_subscription_leaves_the_connection_as_it_was(connected, raw, settings):
    node = connected("node", persistent=True).subscribe(PAYLOADS)
    raw.queue_declare(f"{settings.exchange}.naeural.node.commands", durable=True)

    with pytest.raises(TransportError, match="other properties") as refused:
        node.transport.subscribe(CONFIG, PATIENCE)
    node.publish(PAYLOADS, b"still here")

    assert not isinstance(refused.value, NotConnected)
    assert node.take().data == b"still here"
    assert node.states.empty()


def test_an_exchange_of_another_type_says_what_to_do(connected, raw, settings):
    raw.exchange_declare(settings.exchange, "fanout", durable=True)

    with pytest.raises(TransportError, match="PYE2_AMQP_EXCHANGE"):
        connected()

    raw.exchange_delete(settings.exchange)


def test_a_name_that_is_too_long_says_what_to_do(connected):
    with pytest.raises(TransportError, match="PYE2_AMQP_QUEUE"):
        connected(settings=AmqpSettings(queue="q" * 250))


def test_networks_with_different_routing_keys_share_an_exchange(connected, settings):
    here, there = (evolve(settings, routing_key=key) for key in ("here", "there"))
    listener = connected("listener", settings=here).subscribe(CONFIG)

    connected("sender", settings=there).publish(CONFIG, b"for there")
    connected("sender", settings=here).publish(CONFIG, b"for here")

    assert listener.take().data == b"for here"


def test_a_virtual_host_is_a_network_of_its_own(broker, connected):
    lab = evolve(broker.address, path="lab/1")
    listeners = [connected("listener", address=one) for one in (broker.address, lab)]
    for listener in listeners:
        listener.subscribe(CONFIG)

    connected("sender", address=lab).publish(CONFIG, b"for the lab")

    assert listeners[1].take().data == b"for the lab"
    assert listeners[0].deliveries.empty()


def test_a_virtual_host_that_is_not_there_is_named(broker, connected):
    with pytest.raises(BrokerUnreachable, match="no virtual host 'nowhere'"):
        connected(address=evolve(broker.address, path="nowhere"))


# --- publishing -----------------------------------------------------------------------------------


def test_a_command_that_no_queue_takes_is_told_once(connected, caplog):
    sender = connected("sender")

    sender.publish(CONFIG, b"1", b"2")
    sender.publish(PAYLOADS, b"whoever wants it")

    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert [one.args[0] for one in warnings] == ["naeural.config.0xai_A"]


def test_a_full_queue_that_rejects_fails_the_message_and_nothing_else(connected, raw, settings):
    sender = connected("sender")
    name = f"{settings.exchange}.naeural.full"
    raw.queue_declare(
        name, arguments={"x-max-length": 1, "x-overflow": "reject-publish"}, exclusive=True
    )
    raw.queue_bind(name, settings.exchange, "naeural.notif")

    sender.publish(Channel.notif(), b"fits")
    refused = sender.transport.publish(Channel.notif(), b"too much").exception(PATIENCE)
    sender.publish(PAYLOADS, b"elsewhere")

    assert isinstance(refused, TransportError)
    assert not isinstance(refused, NotConnected)
    assert "full" in str(refused)
    assert sender.states.empty()


def test_payloads_that_the_broker_does_not_read_do_not_hold_up_a_command(
    connected, relay, by_relay
):
    listener = connected("listener").subscribe(CONFIG)
    sender = connected("sender", address=by_relay)
    relay.line("payloads out").stalled = True
    payloads = [sender.transport.publish(PAYLOADS, bytes(8 << 20)) for _ in range(4)]

    sender.publish(CONFIG, b"command")

    assert listener.take().data == b"command"
    assert not any(one.done() for one in payloads)
    relay.remove()


def test_messages_do_not_pile_up_in_pika(connected, relay, by_relay):
    sender = connected("sender", address=by_relay)
    relay.line("payloads out").stalled = True
    for _ in range(8):
        sender.transport.publish(PAYLOADS, bytes(8 << 20))
    sender.publish(CONFIG, b"the loop has turned since")

    publisher = sender.transport._current.at("any")._publishers[True]
    assert publisher._in_flight <= 24 << 20
    assert len(publisher.outstanding()) == 8
    relay.remove()


def test_a_callback_of_a_future_may_close_the_transport(connected):
    sender = connected("sender")
    closed = threading.Event()

    def close(_future) -> None:
        sender.transport.close(PATIENCE)
        closed.set()

    sender.transport.publish(CONFIG, b"last").add_done_callback(close)

    assert closed.wait(PATIENCE)
    assert isinstance(sender.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)


# --- receiving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("stuck", [PAYLOADS, Channel.inbox("me"), Channel.ctrl()])
def test_a_handler_that_does_not_return_holds_up_its_own_kind_only(connected, stuck):
    listener = connected("listener")
    heard, release = handle_commands_only(listener)
    listener.subscribe(CONFIG, stuck)
    sender = connected("sender")
    sender.publish(stuck, *[b"stuck"] * 10)

    sender.publish(CONFIG, b"command")

    assert heard.get(timeout=PATIENCE) == b"command"
    release.set()


@pytest.mark.slow
def test_signs_of_life_go_on_while_a_handler_takes_long(connected, settings):
    impatient = evolve(settings, heartbeat=1)  # after 2 s without one the broker hangs up
    listener = connected("listener", settings=impatient)
    heard, release = handle_commands_only(listener)
    listener.subscribe(CONFIG, PAYLOADS)
    sender = connected("sender")
    sender.publish(PAYLOADS, b"stuck")

    with pytest.raises(queue.Empty):
        listener.states.get(timeout=5)
    sender.publish(CONFIG, b"command")

    assert heard.get(timeout=PATIENCE) == b"command"
    release.set()


def test_no_more_is_delivered_than_may_be_unacknowledged(connected, settings):
    listener = connected("listener", settings=evolve(settings, prefetch=3)).subscribe(CONFIG)
    connected("sender").publish(CONFIG, *[b"x"] * 10)

    window = [listener.take() for _ in range(3)]
    listener.subscribe(Channel.config("B"))  # and its answer comes after whatever was on its way

    assert listener.deliveries.empty()
    assert listener.transport.features.max_unacknowledged == 3
    for delivery in window:
        delivery.ack()
    assert [listener.take().data for _ in range(3)] == [b"x"] * 3


def test_a_queue_that_is_deleted_is_a_loss_and_is_made_again(connected, raw, settings):
    node = connected("node", persistent=True).subscribe(CONFIG)

    raw.queue_delete(f"{settings.exchange}.naeural.node.commands")
    assert f"{settings.exchange}.naeural.node.commands" in node.wait_for_loss()
    node.transport.connect(PATIENCE)
    node.subscribe(CONFIG).publish(CONFIG, b"again")

    assert node.take().data == b"again"


def test_it_is_told_once_that_the_broker_has_not_kept_what_it_was_to_keep(connected, raw, settings):
    node = connected("node", persistent=True).subscribe(CONFIG, PAYLOADS, Channel.ctrl())
    raw.queue_delete(f"{settings.exchange}.naeural.node.commands")
    node.wait_for_loss()

    for _ in range(2):
        node.transport.connect(PATIENCE)

    state, why = node.states.get(timeout=PATIENCE)
    assert state is ConnectionState.FORGOTTEN
    assert f"'{settings.exchange}.naeural.node.commands'" in why
    assert "PYE2_AMQP_QUEUE_EXPIRES" in why
    assert f"{settings.exchange}.naeural.node.payloads" not in why
    assert node.states.empty()


@pytest.mark.parametrize("channels", [[], [Channel.ctrl()], [CONFIG]], ids=str)
def test_what_was_kept_or_never_to_be_kept_is_not_forgotten(connected, channels):
    node = connected("node", persistent=True).subscribe(*channels)

    node.transport.connect(PATIENCE)

    assert node.states.empty()


def test_messages_with_foreign_keys_are_acknowledged_and_ignored(connected, raw, settings, caplog):
    node = connected("node", persistent=True).subscribe(CONFIG)
    name = f"{settings.exchange}.naeural.node.commands"
    raw.queue_bind(name, settings.exchange, "naeural.stray.#")
    raw.confirm_delivery()  # it is in the queue before what another connection brings

    raw.basic_publish(settings.exchange, "naeural.stray.dog", b"?")
    node.publish(CONFIG, b"command")

    assert node.take().data == b"command"
    assert "naeural.stray.dog" in caplog.text


@pytest.mark.parametrize("persistent", [True, False])
def test_who_connects_with_the_same_client_id_takes_over(connected, persistent):
    first = connected("twin", persistent=persistent).subscribe(CONFIG)

    second = connected("twin", persistent=persistent).subscribe(CONFIG)

    assert "client id" in first.wait_for_loss()
    second.publish(CONFIG, b"for the second")
    assert second.take().data == b"for the second"
    assert second.states.empty()


def test_of_many_who_connect_at_once_with_one_client_id_all_but_one_give_way(connected):
    made: list = []

    def connect() -> None:
        with suppress(BrokerUnreachable):  # taken over before it was ready
            made.append(connected("twin", persistent=True))

    threads = [threading.Thread(target=connect) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    last = connected("twin", persistent=True).subscribe(CONFIG)
    for one in made:
        state, _ = one.states.get(timeout=PATIENCE)
        assert state is ConnectionState.LOST
    last.publish(CONFIG, b"for the last")
    assert last.take().data == b"for the last"


def test_a_command_that_kills_its_node_again_and_again_becomes_a_dead_letter(
    connected, raw, settings
):
    limited = evolve(settings, queue_type="quorum", delivery_limit=2)
    node = connected("node", persistent=True, settings=limited).subscribe(CONFIG)
    raw.queue_purge(f"{settings.exchange}.naeural.dead-letters")
    letters: queue.Queue = queue.Queue()
    raw.basic_consume(
        f"{settings.exchange}.naeural.dead-letters",
        lambda *letter: letters.put(letter),
        auto_ack=True,
    )
    connected("sender").publish(CONFIG, b"poison")

    for _ in range(3):
        assert node.take().data == b"poison"
        node.transport.connect(PATIENCE)
    while letters.empty():
        raw.connection.process_data_events(time_limit=PATIENCE)

    _, _, properties, data = letters.get()
    assert data == b"poison"
    assert properties.headers["x-first-death-reason"] == "delivery_limit"


def test_a_queue_that_is_full_gives_up_its_oldest_commands_as_dead_letters(
    connected, raw, settings
):
    small = evolve(settings, queue_max_bytes=16 * MIB)
    connected("node", persistent=True, settings=small).subscribe(CONFIG).transport.detach(PATIENCE)

    connected("sender", settings=small).publish(CONFIG, *[bytes(6 * MIB)] * 2, b"x" * 6 * MIB)
    node = connected("node", persistent=True, settings=small)

    assert [node.take().data[:1] for _ in range(2)] == [b"\0", b"x"]
    assert raw.basic_get(f"{settings.exchange}.naeural.dead-letters", auto_ack=True)[0] is not None


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["in", "out", "payloads in", "payloads out"])
def test_the_loss_of_any_connection_is_the_loss_of_all(connected, relay, by_relay, name):
    client = connected(address=by_relay)

    relay.cut(name)

    client.wait_for_loss()
    for channel in (CONFIG, PAYLOADS):
        failure = client.transport.publish(channel, b"").exception(PATIENCE)
        assert isinstance(failure, NotConnected)
    relay.remove()
    assert client.states.empty()


def test_noise_from_the_broker_is_a_loss_and_not_a_dead_thread(connected, relay, by_relay):
    client = connected(address=by_relay)

    relay.line("in").near.sendall(bytes([1, 0, 0, 0, 0, 0, 0, 0]))  # a frame without its end

    client.wait_for_loss()
    client.transport.connect(PATIENCE)
    client.subscribe(CONFIG).publish(CONFIG, b"back")
    assert client.take().data == b"back"


def test_a_fault_in_the_loop_is_a_loss_that_is_logged(connected, monkeypatch, caplog):
    client = connected()
    monkeypatch.setattr(
        "pye2_amqp.publisher.Publisher._take", lambda self: (_ for _ in ()).throw(KeyError("oops"))
    )

    future = client.transport.publish(CONFIG, b"")

    assert "oops" in client.wait_for_loss()
    assert isinstance(future.exception(PATIENCE), NotConnected)
    assert "broke down" in caplog.text


def test_a_broker_that_is_short_of_memory_can_still_be_relieved(tmp_path, make_transport, caplog):
    from pye2_testing.rabbitmq import RabbitMq

    with RabbitMq(tmp_path) as full:
        keeper = make_transport(full.address, "keeper", persistent=True)
        keeper.transport.connect(PATIENCE)
        keeper.subscribe(PAYLOADS).transport.detach(PATIENCE)
        sender = make_transport(full.address, "sender")
        sender.transport.connect(PATIENCE)
        sender.publish(PAYLOADS, b"before")
        full.control("set_vm_memory_high_watermark", "absolute", "1MB")
        blocked = sender.transport.publish(PAYLOADS, b"while blocked")

        again = make_transport(full.address, "keeper", persistent=True)
        again.transport.connect(PATIENCE)
        delivery = again.take()
        delivery.ack()
        again.transport.detach(PATIENCE)
        assert delivery.data == b"before"
        assert not blocked.done()

        full.control("set_vm_memory_high_watermark", "0.5")
        assert blocked.result(PATIENCE) is None
        assert "takes no messages for now" in caplog.text
        sender.transport.close(PATIENCE)


def test_what_could_not_be_sent_before_the_end_is_logged(connected, relay, by_relay, caplog):
    client = connected(address=by_relay)
    relay.line("out").stalled = True
    future = client.transport.publish(CONFIG, b"in vain")

    client.transport.close(0.2)

    assert isinstance(future.exception(PATIENCE), NotConnected)
    assert "before all messages were confirmed" in caplog.text
    relay.remove()


def test_no_thread_is_left_behind(connected):
    before = set(threading.enumerate())
    client = connected("node", persistent=True).subscribe(CONFIG, PAYLOADS, Channel.ctrl())
    client.publish(CONFIG, b"x")

    client.transport.close(PATIENCE)

    assert set(threading.enumerate()) <= before


def test_a_bundle_that_was_never_opened_ends_without_a_trace(broker, make_transport, monkeypatch):
    before = set(threading.enumerate())

    def drop(self) -> frozenset:
        self.drop("not today")
        return frozenset()

    monkeypatch.setattr(bundle.Bundle, "open", drop)
    client = make_transport(broker.address)

    client.transport.connect(PATIENCE)
    client.transport.close(PATIENCE)

    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert set(threading.enumerate()) <= before
