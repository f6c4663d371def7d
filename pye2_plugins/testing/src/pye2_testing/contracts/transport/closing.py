"""A goodbye sends what was published and is the last that is heard."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import CONFIG, Promises, numbered
from pye2core.abc import Channel
from pye2core.errors import NotConnected, Pye2Error

if TYPE_CHECKING:
    from pye2_testing.contracts.transport.bench import Bench
    from pye2core.abc import Delivery

_ENDLESS = 10 * PATIENCE
"""Whoever connects for so long is not waited for."""


class Closing(Promises):
    """A goodbye sends what was published and is the last that is heard."""

    @pytest.mark.parametrize("way", ["close", "detach"])
    def test_closing_sends_what_was_published(self, bench: Bench, way: str) -> None:
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

    def test_closing_does_not_wait_for_a_broker_that_never_answers(self, bench: Bench) -> None:
        sender = bench.client("sender", persistent=True)
        bench.freeze()
        future = sender.transport.publish(CONFIG, b"in vain")

        sender.transport.close(0.5)

        assert isinstance(future.exception(PATIENCE), NotConnected)
        bench.kill()

    def test_nothing_is_called_after_close(self, bench: Bench) -> None:
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

    def test_a_message_handler_may_close_the_transport(self, bench: Bench) -> None:
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

    @pytest.mark.parametrize("way", ["close", "detach"])
    def test_a_callback_of_a_publication_may_close_and_what_was_published_is_sent(
        self, bench: Bench, way: str
    ) -> None:
        receiver = bench.client("receiver").subscribe(Channel.payloads(), CONFIG)
        sender = bench.client("sender", persistent=True)
        closed = threading.Event()

        def leave(_: object) -> None:
            getattr(sender.transport, way)(PATIENCE)
            closed.set()

        bench.freeze()  # or it might be confirmed, and the callback be ours, before it is added
        first = sender.transport.publish(Channel.payloads(), b"first")
        first.add_done_callback(leave)
        more = [
            sender.transport.publish(channel, b"more")
            for channel in (Channel.payloads(), CONFIG)
            for _ in range(20)
        ]

        bench.thaw()

        assert closed.wait(PATIENCE)
        assert {future.exception(PATIENCE) for future in (first, *more)} == {None}
        assert len(receiver.take(41)) == 41
        with pytest.raises(NotConnected):
            sender.transport.connect(PATIENCE)

    def test_close_may_come_while_connecting(self, bench: Bench) -> None:
        client = bench.client("client", severable=True, connected=False)
        connected: Future[None] = Future()

        def connect() -> None:
            try:
                client.transport.connect(_ENDLESS)
            except Pye2Error as error:
                connected.set_exception(error)
            else:
                connected.set_result(None)

        bench.freeze()
        threading.Thread(target=connect, daemon=True).start()
        if client.cable is not None:
            client.cable.wait_until_used(PATIENCE)
        client.transport.close(PATIENCE)

        told = connected.exception(PATIENCE)
        # With nothing between them it takes no time, and was done before the goodbye or after it.
        may_be_done = client.cable is None and told is None
        assert may_be_done or isinstance(told, NotConnected), told
        assert isinstance(client.transport.publish(CONFIG, b"").exception(0), NotConnected)
        bench.kill()

    def test_a_closed_transport_refuses_everything_and_may_be_closed_again(
        self, bench: Bench
    ) -> None:
        client = bench.client("client")
        client.transport.close(PATIENCE)

        client.transport.close(PATIENCE)

        assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
        with pytest.raises(NotConnected):
            client.transport.subscribe(CONFIG, PATIENCE)
        with pytest.raises(NotConnected):
            client.transport.connect(PATIENCE)

    def test_a_transport_that_never_connected_can_be_closed(self, bench: Bench) -> None:
        client = bench.client("client", connected=False)

        client.transport.close(PATIENCE)

        assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
