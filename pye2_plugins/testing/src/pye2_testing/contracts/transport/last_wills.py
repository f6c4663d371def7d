"""The feature ``last_will``: a loss is announced, a goodbye is not."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import CTRL, INBOX, NOTIF, Promises, name_of, needs
from pye2core.abc import MAX_LAST_WILL, Channel, LastWill

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_testing.contracts.transport.bench import Bench, Client


def _will(data: bytes = b"lost", channel: Channel = CTRL) -> Callable[[], LastWill]:
    """What a client is given that leaves the same will at every connection."""
    return lambda: LastWill(channel, data)


def _numbered_wills(channel: Channel = CTRL) -> Callable[[], LastWill]:
    """What a client is given that leaves "will 1", "will 2", … with its connections."""
    numbers = itertools.count(1)
    return lambda: LastWill(channel, b"will %d" % next(numbers))


def _announced_once_someone_speaks(bench: Bench, witness: Client, client_id: str) -> list[bytes]:
    """What the witness hears before the next message of who connects as ``client_id``.

    By then the broker has done with all earlier connections of that name.
    """
    return _announced_until(witness, bench.client(client_id))


def _announced_until(witness: Client, client: Client) -> list[bytes]:
    """What the witness hears before the next message of this client."""
    client.publish(CTRL, b"hello again")
    heard = []
    while (data := witness.data()[0]) != b"hello again":
        heard.append(data)
    return heard


class LastWills(Promises):
    """A loss is announced by the broker, a goodbye is not."""

    @needs("last_will")
    @pytest.mark.parametrize("channel", [CTRL, NOTIF, Channel.config("boss"), INBOX], ids=name_of)
    def test_the_will_of_a_connection_that_is_severed_is_published(
        self, bench: Bench, channel: Channel
    ) -> None:
        witness = bench.client("witness").subscribe(channel)
        mortal = bench.client("mortal", severable=True, last_will=_will(b"lost", channel))

        bench.sever(mortal)

        (announced,) = witness.take()
        assert (announced.channel, announced.data) == (channel, b"lost")

    @needs("last_will")
    @pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
    def test_a_will_is_published_whatever_the_session(self, bench: Bench, persistent: bool) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        mortal = bench.client("mortal", persistent=persistent, severable=True, last_will=_will())

        bench.sever(mortal)

        assert witness.data() == [b"lost"]

    @needs("last_will")
    def test_a_will_comes_after_what_was_published_before_the_loss(self, bench: Bench) -> None:
        witness = bench.client("witness").subscribe(NOTIF)
        mortal = bench.client("mortal", severable=True, last_will=_will(b"lost", NOTIF))
        mortal.publish(NOTIF, b"first", b"second")

        bench.sever(mortal)

        assert witness.data(3) == [b"first", b"second", b"lost"]

    @needs("last_will")
    def test_a_will_may_be_as_large_as_the_limit(self, bench: Bench) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        largest = bytes(range(256)) * 256
        mortal = bench.client("mortal", severable=True, last_will=_will(largest[:MAX_LAST_WILL]))

        bench.sever(mortal)

        assert witness.data() == [largest[:MAX_LAST_WILL]]

    @needs("last_will", "durable")
    def test_a_will_is_kept_for_a_persistent_subscriber_that_is_away_where_messages_are(
        self, bench: Bench
    ) -> None:
        bench.client("witness", persistent=True).subscribe(NOTIF).transport.detach(PATIENCE)
        mortal = bench.client("mortal", severable=True, last_will=_will(b"lost", NOTIF))
        onlooker = bench.client("onlooker").subscribe(NOTIF)

        bench.sever(mortal)
        onlooker.take()

        assert bench.client("witness", persistent=True).data() == [b"lost"]

    @needs("last_will")
    def test_a_will_is_not_kept_for_those_who_subscribe_later(self, bench: Bench) -> None:
        onlooker = bench.client("onlooker").subscribe(CTRL)
        mortal = bench.client("mortal", severable=True, last_will=_will())
        bench.sever(mortal)
        onlooker.take()

        late = bench.client("late").subscribe(CTRL)
        bench.client("sender").publish(CTRL, b"alive")

        assert late.data() == [b"alive"]

    @needs("last_will")
    def test_a_will_is_asked_for_anew_at_each_connection(self, bench: Bench) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        mortal = bench.client("mortal", severable=True, last_will=_numbered_wills())

        for number in (1, 2, 3):
            bench.sever(mortal)
            mortal.wait_for_loss()
            assert witness.data() == [b"will %d" % number]
            mortal.reconnect_persistently()

    @needs("last_will")
    def test_a_connection_may_leave_no_will_although_the_one_before_did(self, bench: Bench) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        wills = iter([LastWill(CTRL, b"lost"), None])
        mortal = bench.client("mortal", severable=True, last_will=lambda: next(wills))
        bench.sever(mortal)
        mortal.wait_for_loss()
        assert witness.data() == [b"lost"]
        mortal.transport.connect(PATIENCE)

        bench.sever(mortal)
        mortal.wait_for_loss()

        assert _announced_once_someone_speaks(bench, witness, "mortal") == []

    @needs("last_will")
    @pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
    def test_a_takeover_brings_out_at_most_the_will_of_the_first_connection(
        self, bench: Bench, persistent: bool
    ) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        first = bench.client("twin", persistent=persistent, last_will=_will(b"first"))

        second = bench.client("twin", persistent=persistent, last_will=_will(b"second"))
        first.wait_for_loss()

        assert _announced_until(witness, second) in ([], [b"first"])
        assert second.states.empty()

    @needs("last_will")
    @pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
    def test_after_a_takeover_the_loss_of_the_second_connection_is_announced(
        self, bench: Bench, persistent: bool
    ) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        first = bench.client("twin", persistent=persistent, last_will=_will(b"first"))
        second = bench.client(
            "twin", persistent=persistent, severable=True, last_will=_will(b"second")
        )
        first.wait_for_loss()
        assert _announced_until(witness, second) in ([], [b"first"])

        bench.sever(second)

        assert witness.data() == [b"second"]

    @needs("last_will")
    def test_connecting_anew_without_a_loss_never_brings_out_the_new_will(
        self, bench: Bench
    ) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        mortal = bench.client("mortal", last_will=_numbered_wills())

        mortal.transport.connect(PATIENCE)

        assert _announced_until(witness, mortal) in ([], [b"will 1"])
        assert mortal.states.empty()

    @needs("last_will")
    @pytest.mark.parametrize("way", ["close", "detach"])
    @pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
    def test_a_goodbye_in_good_order_brings_out_no_will(
        self, bench: Bench, way: str, persistent: bool
    ) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        mortal = bench.client("mortal", persistent=persistent, last_will=_will())
        mortal.publish(CTRL, b"farewell")

        getattr(mortal.transport, way)(PATIENCE)

        assert witness.data() == [b"farewell"]
        assert _announced_once_someone_speaks(bench, witness, "mortal") == []

    @needs("last_will")
    @pytest.mark.parametrize("way", ["close", "detach"])
    def test_a_goodbye_after_a_loss_adds_nothing(self, bench: Bench, way: str) -> None:
        witness = bench.client("witness").subscribe(CTRL)
        mortal = bench.client("mortal", persistent=True, severable=True, last_will=_will())
        bench.sever(mortal)
        mortal.wait_for_loss()
        assert witness.data() == [b"lost"]

        getattr(mortal.transport, way)(PATIENCE)

        assert _announced_once_someone_speaks(bench, witness, "mortal") == []

    @needs("last_will")
    @pytest.mark.parametrize(
        "channel", [Channel.every_inbox(), Channel.every_config()], ids=name_of
    )
    def test_a_will_on_a_channel_that_cannot_be_is_logged_and_not_left(
        self, bench: Bench, channel: Channel, caplog: pytest.LogCaptureFixture
    ) -> None:
        mortal = bench.client("mortal", last_will=_will(b"lost", channel))

        mortal.subscribe(INBOX).publish(INBOX, b"connected")

        assert mortal.data() == [b"connected"]
        assert [each for each in caplog.records if each.levelno >= logging.WARNING]

    @needs("last_will")
    def test_a_client_may_have_no_will_to_leave(self, bench: Bench) -> None:
        mortal = bench.client("mortal", last_will=lambda: None).subscribe(INBOX)

        mortal.publish(INBOX, b"connected")

        assert mortal.data() == [b"connected"]
