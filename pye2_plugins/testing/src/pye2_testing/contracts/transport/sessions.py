"""What is kept for who is away, and for whom nothing is."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from pye2_testing.contracts.transport.bench import Bench


class Sessions(Promises):
    """What is kept for who is away, and for whom nothing is."""

    @needs("durable")
    @pytest.mark.parametrize("channel", CONFIRMED, ids=name_of)
    def test_messages_for_a_persistent_client_that_is_away_are_kept(
        self, bench: Bench, channel: Channel
    ) -> None:
        before = bench.client("keeper", persistent=True).subscribe(channel)
        before.transport.detach(PATIENCE)
        bench.client("sender").publish(channel, *numbered(10))

        after = bench.client("keeper", persistent=True)

        assert after.data(10) == numbered(10)

    @needs("durable")
    def test_messages_are_kept_for_a_persistent_client_that_was_cut_off(self, bench: Bench) -> None:
        receiver = bench.client("keeper", persistent=True, severable=True).subscribe(CONFIG)
        bench.sever(receiver)
        receiver.wait_for_loss()
        bench.client("sender").publish(CONFIG, *numbered(10))

        receiver.transport.connect(PATIENCE)
        receiver.subscribe(CONFIG)

        assert receiver.data(10) == numbered(10)

    def test_nothing_is_kept_for_a_client_that_is_not_persistent(self, bench: Bench) -> None:
        receiver = bench.client("passer-by", severable=True).subscribe(CONFIG)
        bench.sever(receiver)
        receiver.wait_for_loss()
        sender = bench.client("sender")
        sender.publish(CONFIG, b"while away")

        receiver.transport.connect(PATIENCE)
        receiver.subscribe(CONFIG)
        sender.publish(CONFIG, b"when back")

        assert receiver.data() == [b"when back"]

    @needs("durable")
    def test_heartbeats_are_not_kept_for_a_client_that_is_away(self, bench: Bench) -> None:
        before = bench.client("keeper", persistent=True).subscribe(Channel.ctrl(), CONFIG)
        before.transport.detach(PATIENCE)
        sender = bench.client("sender")
        sender.publish(Channel.ctrl(), b"old heartbeat")
        sender.publish(CONFIG, b"command")

        after = bench.client("keeper", persistent=True).subscribe(Channel.ctrl())
        sender.publish(Channel.ctrl(), b"new heartbeat")

        assert sorted(after.data(2)) == [b"command", b"new heartbeat"]

    @pytest.mark.parametrize("channel", [CONFIG, Channel.payloads()], ids=name_of)
    def test_close_ends_a_persistent_session(self, bench: Bench, channel: Channel) -> None:
        bench.client("keeper", persistent=True).subscribe(channel).transport.close(PATIENCE)
        sender = bench.client("sender")
        sender.publish(channel, b"for nobody")

        after = bench.client("keeper", persistent=True).subscribe(channel)
        sender.publish(channel, b"for the new session")

        assert after.data() == [b"for the new session"]

    def test_close_ends_a_persistent_session_even_after_a_loss(self, bench: Bench) -> None:
        receiver = bench.client("keeper", persistent=True, severable=True).subscribe(CONFIG)
        bench.sever(receiver)
        receiver.wait_for_loss()
        receiver.transport.close(PATIENCE)
        sender = bench.client("sender")
        sender.publish(CONFIG, b"for nobody")

        after = bench.client("keeper", persistent=True).subscribe(CONFIG)
        sender.publish(CONFIG, b"for the new session")

        assert after.data() == [b"for the new session"]

    def test_a_second_connection_with_the_same_id_takes_over(self, bench: Bench) -> None:
        first = bench.client("twin", persistent=True).subscribe(CONFIG)

        second = bench.client("twin", persistent=True).subscribe(CONFIG)
        first.wait_for_loss()
        bench.client("sender").publish(CONFIG, b"for the second")

        assert second.data() == [b"for the second"]
        assert first.deliveries.empty()
