"""What is published arrives: where it should, whole, and in order."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import (
    CONFIG,
    CONFIRMED,
    INBOX,
    KINDS,
    MIB,
    PAYLOADS,
    Promises,
    name_of,
    needs,
    numbered,
)
from pye2core.abc import MAX_MESSAGE, Channel
from pye2core.errors import MessageTooLarge

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pye2_testing.contracts.transport.bench import Bench
    from pye2core.abc import Delivery

_MANY = 2000
_BATCHED = 200
_LARGE = 12 * MIB
"""Bytes; as much as a picture or two."""


class Carrying(Promises):
    """What is published arrives: where it should, whole, and in order."""

    @pytest.mark.parametrize("channel", KINDS, ids=name_of)
    def test_what_is_published_arrives_on_its_channel(self, bench: Bench, channel: Channel) -> None:
        receiver = bench.client("receiver").subscribe(channel)
        sender = bench.client("sender")

        sender.publish(channel, b"hello")

        (delivery,) = receiver.take()
        assert (delivery.channel, delivery.data) == (channel, b"hello")

    def test_channels_that_were_not_subscribed_to_bring_nothing(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(CONFIG)
        sender = bench.client("sender")

        for other in (Channel.config("0xai_A-b_cd"), Channel.notif(), Channel.payloads(), INBOX):
            sender.publish(other, b"not for you")
        sender.publish(CONFIG, b"for you")

        assert receiver.data() == [b"for you"]

    @pytest.mark.parametrize("root", ["other", "naeural.2"])
    @pytest.mark.parametrize("channel", KINDS, ids=name_of)
    def test_networks_of_different_roots_do_not_meet(
        self, bench: Bench, channel: Channel, root: str
    ) -> None:
        here = bench.client("here").subscribe(channel)
        there = bench.client("there", root=root).subscribe(channel)

        sender, sender_there = bench.client("sender"), bench.client("sender-there", root=root)

        for by, to, message in (
            (sender_there, there, b"there"),
            (sender, here, b"here"),
            (sender_there, there, b"there again"),
        ):
            by.publish(channel, message)
            assert to.data() == [message]

    @needs("wildcards")
    @pytest.mark.parametrize("channel", [CONFIG, INBOX], ids=name_of)
    def test_the_channels_of_all_owners_are_those_of_one_root(
        self, bench: Bench, channel: Channel
    ) -> None:
        listener = bench.client("listener").subscribe(channel.for_all_owners)

        bench.client("sender-there", root="other").publish(channel, b"there")
        bench.client("sender").publish(channel, b"here")

        assert listener.data() == [b"here"]

    @needs("ordered")
    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_messages_of_one_publisher_keep_their_order_on_a_channel(
        self, bench: Bench, channel: Channel
    ) -> None:
        receiver = bench.client("receiver").subscribe(channel)
        sender = bench.client("sender")

        sender.publish(channel, *numbered(500))

        assert receiver.data(500) == numbered(500)

    @needs("ordered")
    def test_heartbeats_keep_their_order(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(Channel.ctrl())
        sender = bench.client("sender")

        sender.publish(Channel.ctrl(), *numbered(50))

        assert receiver.data(50) == numbered(50)

    @pytest.mark.parametrize("size", [0, 1, _LARGE, MAX_MESSAGE], ids=str)
    def test_messages_may_be_empty_or_as_large_as_the_limit(self, bench: Bench, size: int) -> None:
        size = min(size, self.transport.features.max_message)
        receiver = bench.client("receiver").subscribe(Channel.payloads())
        sender = bench.client("sender")
        message = (b"0123456789abcdef" * (size // 16 + 1))[:size]

        sender.publish(Channel.payloads(), message)

        assert receiver.data() == [message]

    def test_a_message_may_have_twelve_mebibytes(self) -> None:
        assert self.transport.features.max_message >= _LARGE

    def test_several_large_messages_arrive_one_after_the_other(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(Channel.payloads(), CONFIG)
        sender = bench.client("sender")
        size = min(_LARGE, self.transport.features.max_message)
        messages = [bytes([number]) * size for number in range(4)]

        sender.publish(Channel.payloads(), *messages)
        sender.publish(CONFIG, messages[0])

        awaited = {(Channel.payloads(), number) for number in range(4)} | {(CONFIG, 0)}
        while awaited:  # on a slow machine a broker may send one again before it was acknowledged
            (delivery,) = receiver.take()
            assert len(delivery.data) == size
            awaited.discard((delivery.channel, delivery.data[0]))

    def test_a_message_above_the_limit_is_refused_and_harms_nothing(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(CONFIG)
        sender = bench.client("sender")
        limit = self.transport.features.max_message

        refused = sender.transport.publish(CONFIG, bytes(limit + 1))
        sender.publish(CONFIG, b"after")

        error = refused.exception(PATIENCE)
        assert isinstance(error, MessageTooLarge)
        assert (error.size, error.limit) == (limit + 1, limit)
        assert receiver.data() == [b"after"]

    @pytest.mark.parametrize("name", ["Käfer", "日本語", "node.1", "🛰️"])
    def test_names_may_be_of_any_script(self, bench: Bench, name: str) -> None:
        receiver = bench.client("empfänger-ü").subscribe(Channel.config(name))
        sender = bench.client("sender")

        sender.publish(Channel.config(name), "grüße".encode())

        (delivery,) = receiver.take()
        assert (delivery.channel.owner, delivery.data.decode()) == (name, "grüße")

    def test_several_threads_may_publish_at_once(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(Channel.notif())
        sender = bench.client("sender")
        threads = [
            threading.Thread(
                target=sender.publish, args=(Channel.notif(), *numbered(100, f"{who}:"))
            )
            for who in "abcd"
        ]

        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        arrived = receiver.data(400)
        for who in "abcd":
            assert [one for one in arrived if one.startswith(who.encode())] == numbered(
                100, f"{who}:"
            )

    @pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
    def test_several_threads_may_subscribe_at_once(self, bench: Bench, persistent: bool) -> None:
        receiver = bench.client("receiver", persistent=persistent)
        channels = [Channel.config(f"node-{number}") for number in range(8)]
        channels += [Channel.inbox(f"node-{number}") for number in range(4)]

        with ThreadPoolExecutor(len(channels)) as threads:
            list(threads.map(receiver.subscribe, channels))
        sender = bench.client("sender")
        for channel in channels:
            sender.publish(channel, b"for you")

        arrived = {receiver.take()[0].channel for _ in channels}
        assert arrived == set(channels)
        receiver.transport.close(PATIENCE)

    def test_several_publishers_may_publish_at_once(self, bench: Bench) -> None:
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
            assert [one for one in arrived if one.startswith(who.encode())] == numbered(
                100, f"{who}:"
            )

    def test_a_message_handler_may_publish_and_subscribe_nothing_blocks(self, bench: Bench) -> None:
        answers = bench.client("answers").subscribe(Channel.notif())
        responder = bench.client("responder", connected=False)
        published: queue.Queue[Future[None]] = queue.Queue()

        def answer(delivery: Delivery) -> None:
            delivery.ack()
            published.put(responder.transport.publish(Channel.notif(), b"re: " + delivery.data))

        responder.transport.on_message = answer
        responder.transport.connect(PATIENCE)
        responder.subscribe(CONFIG)
        bench.client("asker").publish(CONFIG, b"1", b"2")

        assert answers.data(2) == [b"re: 1", b"re: 2"]
        assert published.get(timeout=PATIENCE).result(PATIENCE) is None

    def test_a_handler_that_raises_does_not_deafen_the_transport(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        receiver = bench.client("receiver", connected=False)
        arrived: queue.Queue[bytes] = queue.Queue()

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

    def test_the_end_of_each_batch_is_told_on_its_thread(self, bench: Bench) -> None:
        receiver = bench.client("receiver", connected=False)
        heard: queue.Queue[tuple[int, Delivery | None]] = queue.Queue()

        def note(delivery: Delivery) -> None:
            delivery.ack()
            heard.put((threading.get_ident(), delivery))

        receiver.transport.on_message = note
        receiver.transport.on_batch_end = lambda: heard.put((threading.get_ident(), None))
        receiver.transport.connect(PATIENCE)
        receiver.subscribe(PAYLOADS)
        bench.client("sender").publish(PAYLOADS, *numbered(_BATCHED))

        arrived = 0
        threads_in_batch: set[int] = set()
        while arrived < _BATCHED or threads_in_batch:
            thread, delivery = heard.get(timeout=PATIENCE)  # raises Empty where an end is not told
            arrived += delivery is not None
            if delivery is None:
                threads_in_batch.discard(thread)
            elif delivery.is_in_batch:
                threads_in_batch.add(thread)

    @needs("ordered")
    def test_payloads_keep_their_order_however_much_goes_to_an_inbox_meanwhile(
        self, bench: Bench
    ) -> None:
        _keep_their_order(bench, PAYLOADS, INBOX)

    @needs("ordered", "wildcards")
    def test_payloads_keep_their_order_however_much_goes_to_all_inboxes_meanwhile(
        self, bench: Bench
    ) -> None:
        _keep_their_order(bench, PAYLOADS, Channel.every_inbox())


def _keep_their_order(bench: Bench, *heard: Channel) -> None:
    """Publish much on two channels at once to one who hears them."""
    listener = bench.client("listener").subscribe(*heard)
    senders = {PAYLOADS: bench.client("one"), INBOX: bench.client("other")}
    messages = numbered(_MANY)
    threads = [
        threading.Thread(target=sender.publish, args=(channel, *messages))
        for channel, sender in senders.items()
    ]

    for thread in threads:
        thread.start()
    first_arrivals: dict[tuple[Channel, bytes], None] = {}
    while len(first_arrivals) < len(senders) * _MANY:  # a busy broker may bring some twice
        (one,) = listener.take()
        first_arrivals.setdefault((one.channel, one.data))
    for thread in threads:
        thread.join()

    for channel in senders:
        assert [data for its, data in first_arrivals if its == channel] == messages
