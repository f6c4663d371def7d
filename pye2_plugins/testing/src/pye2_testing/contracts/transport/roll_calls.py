"""Roll calls: all hear them who are there, and nobody else."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import CONFIG, ROLL_CALL, Promises, needs
from pye2core.abc import Channel

if TYPE_CHECKING:
    from pye2_testing.contracts.transport.bench import Bench
    from pye2core.abc import Delivery


class RollCalls(Promises):
    """Roll calls are heard by all who are there, and by nobody else."""

    def test_a_roll_call_reaches_everyone_who_listens(self, bench: Bench) -> None:
        nodes = [bench.client(f"node-{name}").subscribe(ROLL_CALL) for name in "abc"]

        bench.client("session").publish(ROLL_CALL, b"who is there?")

        for node in nodes:
            (delivery,) = node.take()
            assert (delivery.channel, delivery.data) == (ROLL_CALL, b"who is there?")

    def test_roll_calls_reach_nobody_who_listens_elsewhere(self, bench: Bench) -> None:
        elsewhere = [Channel.ctrl(), Channel.notif(), Channel.payloads(), CONFIG]
        listener = bench.client("listener").subscribe(*elsewhere)
        sender = bench.client("sender")

        sender.publish(ROLL_CALL, b"not for you")
        sender.publish(CONFIG, b"for you")

        assert listener.data() == [b"for you"]

    @needs("durable")
    def test_a_roll_call_is_not_kept_for_a_client_that_is_away(self, bench: Bench) -> None:
        before = bench.client("keeper", persistent=True).subscribe(ROLL_CALL, CONFIG)
        before.transport.detach(PATIENCE)
        sender = bench.client("sender")
        sender.publish(ROLL_CALL, b"old roll call")
        sender.publish(CONFIG, b"command")

        after = bench.client("keeper", persistent=True).subscribe(ROLL_CALL)
        sender.publish(ROLL_CALL, b"new roll call")

        assert sorted(after.data(2)) == [b"command", b"new roll call"]

    @needs("durable")
    def test_a_roll_call_is_not_kept_for_a_client_that_was_cut_off(self, bench: Bench) -> None:
        node = bench.client("keeper", persistent=True, severable=True).subscribe(ROLL_CALL, CONFIG)
        bench.sever(node)
        node.wait_for_loss()
        sender = bench.client("sender")
        sender.publish(ROLL_CALL, b"old roll call")
        sender.publish(CONFIG, b"command")

        node.transport.connect(PATIENCE)
        node.subscribe(ROLL_CALL)
        sender.publish(ROLL_CALL, b"new roll call")

        assert sorted(node.data(2)) == [b"command", b"new roll call"]

    @needs("durable", "manual_ack")
    def test_an_acknowledged_roll_call_acknowledges_nothing_else(self, bench: Bench) -> None:
        node = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
        node.subscribe(ROLL_CALL, CONFIG)
        sender = bench.client("sender")
        sender.publish(CONFIG, b"command")
        sender.publish(ROLL_CALL, b"roll call")
        for delivery in node.take(2):
            if delivery.channel == ROLL_CALL:
                delivery.ack()
        node.settle()

        bench.sever(node)
        node.wait_for_loss()
        node.transport.connect(PATIENCE)

        assert node.data() == [b"command"]

    def test_payloads_that_nobody_takes_care_of_do_not_hold_up_a_roll_call(
        self, bench: Bench
    ) -> None:
        node = bench.client("node", connected=False)
        heard: queue.Queue[bytes] = queue.Queue()

        def stall_payloads(delivery: Delivery) -> None:
            if delivery.channel == ROLL_CALL:
                heard.put(delivery.data)

        node.transport.on_message = stall_payloads
        node.transport.connect(PATIENCE)
        node.subscribe(Channel.payloads(), ROLL_CALL)
        sender = bench.client("sender")
        sender.publish(Channel.payloads(), *[bytes(100)] * 100)

        sender.publish(ROLL_CALL, b"who is there?")

        assert heard.get(timeout=PATIENCE) == b"who is there?"

    @needs("ordered")
    @pytest.mark.parametrize("count", [50])
    def test_roll_calls_keep_their_order(self, bench: Bench, count: int) -> None:
        node = bench.client("node").subscribe(ROLL_CALL)
        calls = [str(number).encode() for number in range(count)]

        bench.client("session").publish(ROLL_CALL, *calls)

        assert node.data(count) == calls
