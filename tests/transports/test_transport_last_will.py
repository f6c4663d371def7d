"""What the feature ``last_will`` of a transport promises: a loss is announced, a goodbye is not."""

from __future__ import annotations

import itertools

import pytest

from pye2core.abc import MAX_LAST_WILL, Channel, LastWill

PATIENCE = 30.0

CTRL = Channel.ctrl()
NOTIF = Channel.notif()
INBOX = Channel.inbox("0xai_A-b_c")


@pytest.fixture(autouse=True)
def transports_with_last_wills(bench):
    bench.require("last_will")


def name_of(channel: Channel) -> str:
    return channel.kind.value


def will(data: bytes = b"lost", channel: Channel = CTRL):
    """What a client is given that leaves the same will at every connection."""
    return lambda: LastWill(channel, data)


def numbered_wills(channel: Channel = CTRL):
    """What a client is given that leaves "will 1", "will 2", … with its connections."""
    numbers = itertools.count(1)
    return lambda: LastWill(channel, b"will %d" % next(numbers))


# --- a loss ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [CTRL, NOTIF, Channel.config("boss"), INBOX], ids=name_of)
def test_the_will_of_a_connection_that_is_severed_is_published(bench, channel):
    witness = bench.client("witness").subscribe(channel)
    mortal = bench.client("mortal", severable=True, last_will=will(b"lost", channel))

    bench.sever(mortal)

    (announced,) = witness.take()
    assert (announced.channel, announced.data) == (channel, b"lost")


@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
def test_a_will_is_published_whatever_the_session(bench, persistent):
    witness = bench.client("witness").subscribe(CTRL)
    mortal = bench.client("mortal", persistent=persistent, severable=True, last_will=will())

    bench.sever(mortal)

    assert witness.data() == [b"lost"]


def test_a_will_comes_after_what_was_published_before_the_loss(bench):
    witness = bench.client("witness").subscribe(NOTIF)
    mortal = bench.client("mortal", severable=True, last_will=will(b"lost", NOTIF))
    mortal.publish(NOTIF, b"first", b"second")

    bench.sever(mortal)

    assert witness.data(3) == [b"first", b"second", b"lost"]


def test_a_will_may_be_as_large_as_the_limit(bench):
    witness = bench.client("witness").subscribe(CTRL)
    largest = bytes(range(256)) * 256
    mortal = bench.client("mortal", severable=True, last_will=will(largest[:MAX_LAST_WILL]))

    bench.sever(mortal)

    assert witness.data() == [largest[:MAX_LAST_WILL]]


def test_a_will_is_kept_for_a_persistent_subscriber_that_is_away_where_messages_are(bench):
    bench.client("witness", persistent=True).subscribe(NOTIF).transport.detach(PATIENCE)
    mortal = bench.client("mortal", severable=True, last_will=will(b"lost", NOTIF))
    onlooker = bench.client("onlooker").subscribe(NOTIF)

    bench.sever(mortal)
    onlooker.take()

    assert bench.client("witness", persistent=True).data() == [b"lost"]


def test_a_will_is_not_kept_for_those_who_subscribe_later(bench):
    onlooker = bench.client("onlooker").subscribe(CTRL)
    mortal = bench.client("mortal", severable=True, last_will=will())
    bench.sever(mortal)
    onlooker.take()

    late = bench.client("late").subscribe(CTRL)
    bench.client("sender").publish(CTRL, b"alive")

    assert late.data() == [b"alive"]


# --- one will for each connection -----------------------------------------------------------------


def test_a_will_is_asked_for_anew_at_each_connection(bench):
    witness = bench.client("witness").subscribe(CTRL)
    mortal = bench.client("mortal", severable=True, last_will=numbered_wills())

    for number in (1, 2, 3):
        bench.sever(mortal)
        mortal.wait_for_loss()
        assert witness.data() == [b"will %d" % number]
        mortal.reconnect_persistently()


def test_a_connection_may_leave_no_will_although_the_one_before_did(bench):
    witness = bench.client("witness").subscribe(CTRL)
    wills = iter([LastWill(CTRL, b"lost"), None])
    mortal = bench.client("mortal", severable=True, last_will=lambda: next(wills))
    bench.sever(mortal)
    mortal.wait_for_loss()
    assert witness.data() == [b"lost"]
    mortal.transport.connect(PATIENCE)

    bench.sever(mortal)
    mortal.wait_for_loss()

    assert announced_once_someone_speaks(bench, witness, "mortal") == []


@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
def test_a_takeover_brings_out_at_most_the_will_of_the_first_connection(bench, persistent):
    witness = bench.client("witness").subscribe(CTRL)
    first = bench.client("twin", persistent=persistent, last_will=will(b"first"))

    second = bench.client("twin", persistent=persistent, last_will=will(b"second"))
    first.wait_for_loss()

    assert announced_until(witness, second) in ([], [b"first"])
    assert second.states.empty()


@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
def test_after_a_takeover_the_loss_of_the_second_connection_is_announced(bench, persistent):
    witness = bench.client("witness").subscribe(CTRL)
    first = bench.client("twin", persistent=persistent, last_will=will(b"first"))
    second = bench.client("twin", persistent=persistent, severable=True, last_will=will(b"second"))
    first.wait_for_loss()
    assert announced_until(witness, second) in ([], [b"first"])

    bench.sever(second)

    assert witness.data() == [b"second"]


def test_connecting_anew_without_a_loss_never_brings_out_the_new_will(bench):
    witness = bench.client("witness").subscribe(CTRL)
    mortal = bench.client("mortal", last_will=numbered_wills())

    mortal.transport.connect(PATIENCE)

    assert announced_until(witness, mortal) in ([], [b"will 1"])
    assert mortal.states.empty()


# --- a goodbye ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["close", "detach"])
@pytest.mark.parametrize("persistent", [True, False], ids=["persistent", "clean"])
def test_a_goodbye_in_good_order_brings_out_no_will(bench, way, persistent):
    witness = bench.client("witness").subscribe(CTRL)
    mortal = bench.client("mortal", persistent=persistent, last_will=will())
    mortal.publish(CTRL, b"farewell")

    getattr(mortal.transport, way)(PATIENCE)

    assert witness.data() == [b"farewell"]
    assert announced_once_someone_speaks(bench, witness, "mortal") == []


@pytest.mark.parametrize("way", ["close", "detach"])
def test_a_goodbye_after_a_loss_adds_nothing(bench, way):
    witness = bench.client("witness").subscribe(CTRL)
    mortal = bench.client("mortal", persistent=True, severable=True, last_will=will())
    bench.sever(mortal)
    mortal.wait_for_loss()
    assert witness.data() == [b"lost"]

    getattr(mortal.transport, way)(PATIENCE)

    assert announced_once_someone_speaks(bench, witness, "mortal") == []


def announced_once_someone_speaks(bench, witness, client_id: str) -> list[bytes]:
    """What the witness hears before the next message of who connects as ``client_id``.

    By then the broker has done with all earlier connections of that name.
    """
    return announced_until(witness, bench.client(client_id))


def announced_until(witness, client) -> list[bytes]:
    """What the witness hears before the next message of this client."""
    client.publish(CTRL, b"hello again")
    heard = []
    while (data := witness.data()[0]) != b"hello again":
        heard.append(data)
    return heard


# --- what is no reason not to connect -------------------------------------------------------------


@pytest.mark.parametrize("channel", [Channel.every_inbox(), Channel.every_config()], ids=name_of)
def test_a_will_on_a_channel_that_cannot_be_is_logged_and_not_left(bench, channel, caplog):
    mortal = bench.client("mortal", last_will=will(b"lost", channel))

    mortal.subscribe(INBOX).publish(INBOX, b"connected")

    assert mortal.data() == [b"connected"]
    assert "without a last will" in caplog.text


def test_a_client_may_have_no_will_to_leave(bench):
    mortal = bench.client("mortal", last_will=lambda: None).subscribe(INBOX)

    mortal.publish(INBOX, b"connected")

    assert mortal.data() == [b"connected"]
