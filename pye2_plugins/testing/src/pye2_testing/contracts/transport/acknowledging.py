"""What was not acknowledged comes again, and what was does not."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import (
    CONFIG,
    CONFIRMED,
    INBOX,
    KINDS,
    Promises,
    name_of,
    needs,
    numbered,
)
from pye2core.abc import Channel

if TYPE_CHECKING:
    from pye2_testing.contracts.transport.bench import Bench
    from pye2core.abc import Delivery


class Acknowledging(Promises):
    """What was not acknowledged comes again, and what was does not."""

    @needs("durable", "manual_ack")
    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_what_was_not_acknowledged_comes_again_after_a_loss(
        self, bench: Bench, channel: Channel
    ) -> None:
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

    @needs("durable", "manual_ack")
    def test_what_was_acknowledged_does_not_come_again(self, bench: Bench) -> None:
        receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
        receiver.subscribe(CONFIG)
        sender = bench.client("sender")
        sender.publish(CONFIG, *numbered(4))
        first = receiver.take(4)
        first[0].ack()
        first[1].ack()
        receiver.settle()

        bench.sever(receiver)
        receiver.wait_for_loss()
        receiver.transport.connect(PATIENCE)

        assert [one.data for one in receiver.take(2)] == [b"2", b"3"]

    @needs("durable", "manual_ack")
    def test_what_its_handler_did_not_survive_comes_again(self, bench: Bench) -> None:
        receiver = bench.client("keeper", persistent=True, severable=True, connected=False)
        tried: queue.Queue[bytes] = queue.Queue()

        def die(delivery: Delivery) -> None:
            tried.put(delivery.data)
            raise RuntimeError("a fault in a handler")

        keep, receiver.transport.on_message = receiver.transport.on_message, die
        receiver.transport.connect(PATIENCE)
        receiver.subscribe(CONFIG)
        bench.client("sender").publish(CONFIG, *numbered(3))
        for _ in range(3):
            tried.get(timeout=PATIENCE)
        receiver.settle()

        bench.sever(receiver)
        receiver.wait_for_loss()
        receiver.transport.on_message = keep
        receiver.transport.connect(PATIENCE)

        assert receiver.data(3) == numbered(3)

    @needs("durable", "manual_ack", "ordered")
    def test_what_was_not_acknowledged_comes_again_before_what_is_newer(self, bench: Bench) -> None:
        receiver = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
        receiver.subscribe(CONFIG)
        sender = bench.client("sender")
        sender.publish(CONFIG, b"0", b"1")
        receiver.take(2)
        bench.sever(receiver)
        receiver.wait_for_loss()
        sender.publish(CONFIG, b"2", b"3")

        receiver.transport.connect(PATIENCE)

        assert [one.data for one in receiver.take(4)] == numbered(4)

    @needs("durable", "manual_ack")
    def test_an_acknowledgement_may_come_from_any_thread_twice_or_too_late(
        self, bench: Bench
    ) -> None:
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

    @needs("durable", "manual_ack")
    def test_a_repeated_acknowledgement_does_not_acknowledge_another_message(
        self, bench: Bench
    ) -> None:
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

    def test_all_of_what_is_acknowledged_one_by_one_arrives(self, bench: Bench) -> None:
        receiver = bench.client("receiver", acknowledges=False)
        receiver.subscribe(CONFIG)
        bench.client("sender").publish(CONFIG, *numbered(300))

        arrived = []
        for _ in range(300):
            (delivery,) = receiver.take()
            delivery.ack()
            arrived.append(delivery.data)

        assert arrived == numbered(300)

    def test_unacknowledged_payloads_do_not_hold_up_anything_else(self, bench: Bench) -> None:
        receiver = bench.client("receiver", connected=False)
        stalled: queue.Queue[Delivery] = queue.Queue()
        others: queue.Queue[bytes] = queue.Queue()

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
        for _ in range(receiver.transport.features.max_unacknowledged):
            stalled.get(timeout=PATIENCE)

    def test_stalled_payloads_flow_again_with_the_first_acknowledgement(self, bench: Bench) -> None:
        receiver = bench.client("receiver", acknowledges=False)
        receiver.subscribe(Channel.payloads())
        bench.client("sender").publish(Channel.payloads(), *numbered(100))
        window = receiver.take(receiver.transport.features.max_unacknowledged)

        for delivery in window:
            delivery.ack()
        receiver.acknowledges = True

        arrived = [delivery.data for delivery in window] + receiver.data(100 - len(window))
        assert arrived == numbered(100)
