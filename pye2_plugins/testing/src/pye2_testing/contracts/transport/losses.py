"""A connection is lost, or the broker dies: all is told, and nothing that was confirmed is lost."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import wait
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import (
    CONFIG,
    CONFIRMED,
    Promises,
    name_of,
    needs,
    numbered,
)
from pye2core.abc import Channel
from pye2core.errors import BrokerUnreachable, NotConnected

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pye2_testing.contracts.transport.bench import Bench

_MANY = 100


class Losses(Promises):
    """A connection is lost, or the broker dies: all is told."""

    def test_the_death_of_the_broker_fails_what_it_has_not_confirmed(self, bench: Bench) -> None:
        sender = bench.client("sender")
        bench.freeze()
        futures = [
            sender.transport.publish(channel, b"in vain") for channel in CONFIRMED for _ in range(5)
        ]

        bench.kill()

        for future in futures:
            assert isinstance(future.exception(PATIENCE), NotConnected)
        sender.wait_for_loss()

    def test_a_loss_is_told_once_and_ends_publishing_and_subscribing(self, bench: Bench) -> None:
        client = bench.client("client", severable=True)

        bench.sever(client)
        client.wait_for_loss()

        assert isinstance(client.transport.publish(CONFIG, b"").exception(PATIENCE), NotConnected)
        with pytest.raises(NotConnected):
            client.transport.subscribe(CONFIG, PATIENCE)
        client.transport.detach(PATIENCE)
        assert client.states.empty()

    def test_connect_fails_while_the_broker_is_dead_and_works_when_it_is_back(
        self, bench: Bench
    ) -> None:
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

    def test_connecting_anew_works_many_times(self, bench: Bench) -> None:
        client = bench.client("client", persistent=True, severable=True).subscribe(CONFIG)

        for number in range(5):
            bench.sever(client)
            client.wait_for_loss()
            client.reconnect_persistently()
            client.subscribe(CONFIG)
            client.publish(CONFIG, str(number).encode())
            assert client.data() == [str(number).encode()]
            client.settle()

    def test_connecting_anew_fails_what_the_connection_before_has_not_confirmed(
        self, bench: Bench
    ) -> None:
        client = bench.client("client")
        bench.freeze()
        future = client.transport.publish(CONFIG, b"in vain")

        with suppress(BrokerUnreachable):  # a frozen process answers nothing
            client.transport.connect(0.5)

        assert isinstance(future.exception(0), NotConnected)
        bench.kill()

    def test_connecting_anew_without_a_loss_replaces_the_connection(self, bench: Bench) -> None:
        client = bench.client("client").subscribe(CONFIG)

        client.transport.connect(PATIENCE)
        client.subscribe(CONFIG).publish(CONFIG, b"once")
        client.publish(CONFIG, b"twice")

        assert client.data(2) == [b"once", b"twice"]
        assert client.states.empty()

    def test_every_future_ends_when_the_connection_is_cut_amid_publishing(
        self, bench: Bench
    ) -> None:
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

    # --- futures ---

    def test_publishing_does_not_wait_for_a_broker_that_does_not_answer(self, bench: Bench) -> None:
        sender = bench.client("sender")
        futures: list[Future[None]] = []

        def publish_much() -> None:
            for _ in range(_MANY):
                futures.extend(sender.transport.publish(each, bytes(50_000)) for each in CONFIRMED)

        bench.freeze()
        publishing = threading.Thread(target=publish_much, daemon=True)
        publishing.start()
        publishing.join(PATIENCE)

        assert len(futures) == _MANY * len(CONFIRMED)
        bench.kill()
        assert not wait(futures, PATIENCE).not_done
        sender.wait_for_loss()

    def test_what_is_under_way_cannot_be_cancelled(self, bench: Bench) -> None:
        receiver = bench.client("receiver").subscribe(CONFIG)
        sender = bench.client("sender")
        bench.freeze()
        future = sender.transport.publish(CONFIG, b"under way")

        was_cancelled = future.cancel()
        bench.thaw()

        assert not was_cancelled
        assert future.result(PATIENCE) is None
        assert receiver.data() == [b"under way"]

    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_a_callback_of_a_publication_may_publish(self, bench: Bench, channel: Channel) -> None:
        receiver = bench.client("receiver").subscribe(channel)
        sender = bench.client("sender")
        published: queue.Queue[Future[None]] = queue.Queue()
        bench.freeze()
        first = sender.transport.publish(channel, b"first")
        first.add_done_callback(
            lambda _: published.put(sender.transport.publish(channel, b"second"))
        )

        bench.thaw()

        assert published.get(timeout=PATIENCE).result(PATIENCE) is None
        assert receiver.data(2) == [b"first", b"second"]

    def test_a_callback_of_a_publication_that_failed_may_publish(self, bench: Bench) -> None:
        sender = bench.client("sender")
        published: queue.Queue[Future[None]] = queue.Queue()

        def publish_again(_: object) -> None:
            published.put(sender.transport.publish(CONFIG, b"in vain again"))

        bench.freeze()
        for channel in CONFIRMED:
            sender.transport.publish(channel, b"in vain").add_done_callback(publish_again)

        bench.kill()

        for _ in CONFIRMED:
            error = published.get(timeout=PATIENCE).exception(PATIENCE)
            assert isinstance(error, NotConnected)

    # --- a restart ---

    @needs("durable")
    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_what_the_broker_has_confirmed_survives_its_death(
        self, bench: Bench, channel: Channel
    ) -> None:
        bench.client("keeper", persistent=True).subscribe(channel).transport.detach(PATIENCE)
        bench.client("sender").publish(channel, *numbered(10))

        bench.kill()
        bench.restart()

        assert bench.client("keeper", persistent=True).data(10) == numbered(10)

    @needs("durable")
    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_what_the_broker_has_confirmed_survives_its_restart(
        self, bench: Bench, channel: Channel
    ) -> None:
        bench.client("keeper", persistent=True).subscribe(channel).transport.detach(PATIENCE)
        bench.client("sender").publish(channel, *numbered(10))

        bench.stop()
        bench.restart()

        assert bench.client("keeper", persistent=True).data(10) == numbered(10)

    @needs("durable", "manual_ack")
    def test_what_was_delivered_and_not_acknowledged_comes_again_after_a_restart(
        self, bench: Bench
    ) -> None:
        receiver = bench.client("keeper", persistent=True, acknowledges=False).subscribe(CONFIG)
        bench.client("sender").publish(CONFIG, *numbered(5))
        first = receiver.take(5)

        bench.stop()
        receiver.wait_for_loss()
        bench.restart()
        receiver.transport.connect(PATIENCE)
        receiver.subscribe(CONFIG)

        assert [one.data for one in first] == numbered(5)
        assert [one.data for one in receiver.take(5)] == numbered(5)
