"""What the feature ``wildcards`` of a transport promises: to hear all owners, speaking to none."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest

from pye2core.abc import Channel, ChannelKind
from pye2core.errors import MessageTooLarge, NotConnected, TransportError

if TYPE_CHECKING:
    from pye2core.abc import Delivery

PATIENCE = 30.0

OWNERS = ["0xai_A-b_c", "0xai_A-b_d", "node.1", "Käfer"]
WILDCARDS = [Channel.every_config(), Channel.every_inbox()]
CONCRETE = {ChannelKind.CONFIG: Channel.config, ChannelKind.INBOX: Channel.inbox}


@pytest.fixture(autouse=True)
def transports_with_wildcards(bench):
    bench.require("wildcards")


@pytest.fixture(params=WILDCARDS, ids=lambda channel: f"every {channel.kind.value}")
def every(request) -> Channel:
    """All channels of one kind."""
    return request.param


@pytest.fixture
def owned_by(every):
    """Makes the channel of that kind of one owner."""
    return CONCRETE[every.kind]


def numbered(count: int, prefix: str = "") -> list[bytes]:
    return [f"{prefix}{number}".encode() for number in range(count)]


def told(deliveries: list[Delivery]) -> list[tuple[str | None, bytes]]:
    return [(delivery.channel.owner, delivery.data) for delivery in deliveries]


# --- listening ------------------------------------------------------------------------------------


def test_messages_of_every_owner_arrive_under_their_own_channel(bench, every, owned_by):
    listener = bench.client("listener").subscribe(every)
    sender = bench.client("sender")

    for owner in OWNERS:
        sender.publish(owned_by(owner), f"to {owner}".encode())

    arrived = listener.take(len(OWNERS))
    assert [one.channel for one in arrived] == [owned_by(owner) for owner in OWNERS]
    assert [one.data.decode() for one in arrived] == [f"to {owner}" for owner in OWNERS]


def test_a_wildcard_brings_nothing_from_channels_of_other_kinds(bench, every, owned_by):
    listener = bench.client("listener").subscribe(every)
    sender = bench.client("sender")
    (other,) = {*WILDCARDS} - {every}

    for channel in (
        CONCRETE[other.kind]("0xai_A"),
        Channel.ctrl(),
        Channel.notif(),
        Channel.payloads(),
        Channel.roll_call(),
    ):
        sender.publish(channel, b"not for you")
    sender.publish(owned_by("0xai_A"), b"for you")

    assert told(listener.take()) == [("0xai_A", b"for you")]


def test_messages_of_one_publisher_keep_their_order_on_each_channel(bench, every, owned_by):
    listener = bench.client("listener").subscribe(every)
    sender = bench.client("sender")

    for start in range(0, 200, 10):
        for owner in "AB":
            batch = [str(number).encode() for number in range(start, start + 10)]
            sender.publish(owned_by(owner), *batch)

    arrived = told(listener.take(400))
    for owner in "AB":
        assert [data for of, data in arrived if of == owner] == numbered(200)


def test_what_came_through_a_wildcard_and_was_not_acknowledged_comes_again(bench, every, owned_by):
    listener = bench.client("keeper", persistent=True, acknowledges=False, severable=True)
    listener.subscribe(every)
    sender = bench.client("sender")
    sender.publish(owned_by("A"), b"0", b"1")
    sender.publish(owned_by("B"), b"2", b"3")
    first = listener.take(4)
    first[0].ack()
    first[3].ack()
    listener.settle()

    bench.sever(listener)
    listener.wait_for_loss()
    listener.transport.connect(PATIENCE)

    assert sorted(told(listener.take(2))) == [("A", b"1"), ("B", b"2")]


def test_messages_are_kept_for_a_persistent_client_that_is_away(bench, every, owned_by):
    bench.client("keeper", persistent=True).subscribe(every).transport.detach(PATIENCE)
    sender = bench.client("sender")
    for owner in "AB":
        sender.publish(owned_by(owner), *numbered(5))

    after = bench.client("keeper", persistent=True).take(10)

    for owner in "AB":
        assert [data for of, data in told(after) if of == owner] == numbered(5)


def test_a_wildcard_may_be_subscribed_to_again_after_a_loss(bench, every, owned_by):
    listener = bench.client("listener", severable=True).subscribe(every)
    bench.sever(listener)
    listener.wait_for_loss()

    listener.transport.connect(PATIENCE)
    listener.subscribe(every)
    bench.client("sender").publish(owned_by("A"), b"back")

    assert told(listener.take()) == [("A", b"back")]


def test_inboxes_that_nobody_takes_care_of_do_not_hold_up_commands(bench):
    listener = bench.client("listener", connected=False)
    heard: queue.Queue[bytes] = queue.Queue()

    def stall_inboxes(delivery: Delivery) -> None:
        if delivery.channel.kind is ChannelKind.CONFIG:
            delivery.ack()
            heard.put(delivery.data)

    listener.transport.on_message = stall_inboxes
    listener.transport.connect(PATIENCE)
    listener.subscribe(*WILDCARDS)
    sender = bench.client("sender")
    sender.publish(Channel.inbox("A"), *numbered(100))

    sender.publish(Channel.config("A"), *numbered(50))

    assert [heard.get(timeout=PATIENCE) for _ in range(50)] == numbered(50)


# --- overlapping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["the wildcard", "the channel"])
def test_where_subscriptions_overlap_a_message_comes_once_or_once_for_each(
    bench, every, owned_by, first
):
    mine = owned_by("me")
    listener = bench.client("listener")
    listener.subscribe(*([every, mine] if first == "the wildcard" else [mine, every]))
    sender = bench.client("sender")

    sender.publish(mine, *numbered(10))
    sender.publish(owned_by("last"), b"last")

    arrived = until_silence(listener, ("last", b"last"))
    assert {owner for owner, _ in arrived} == {"me"}
    for data in numbered(10):
        assert 1 <= [each for _, each in arrived].count(data) <= 2


def until_silence(listener, last: tuple[str, bytes]) -> list[tuple[str | None, bytes]]:
    """What arrives before ``last`` and, as copies may be late, before what is asked for then."""
    arrived = []
    while last not in arrived:
        arrived += told(listener.take())
    listener.settle()
    while not listener.deliveries.empty():
        arrived += told(listener.take())
    return [one for one in arrived if one != last]


def test_where_subscriptions_overlap_each_delivery_is_acknowledged_for_itself(
    bench, every, owned_by
):
    mine = owned_by("me")
    keeper = bench.client("keeper", persistent=True, severable=True).subscribe(mine, every)
    sender = bench.client("sender")
    sender.publish(mine, *numbered(10))
    sender.publish(owned_by("last"), b"last")
    assert until_silence(keeper, ("last", b"last"))

    bench.sever(keeper)
    keeper.wait_for_loss()
    keeper.transport.connect(PATIENCE)
    sender.publish(mine, b"new")

    assert told(keeper.take()) == [("me", b"new")]


# --- publishing -----------------------------------------------------------------------------------


def test_nothing_can_be_published_to_all_owners_at_once(bench, every, owned_by):
    listener = bench.client("listener").subscribe(owned_by("A"), every)
    sender = bench.client("sender")

    refused = sender.transport.publish(every, b"to all").exception(PATIENCE)
    sender.publish(owned_by("A"), b"to A")

    assert isinstance(refused, TransportError)
    assert not isinstance(refused, NotConnected | MessageTooLarge)
    assert "all owners at once" in str(refused)
    assert listener.data() == [b"to A"]


def test_a_refused_publication_leaves_the_connection_as_it_was(bench, every, owned_by):
    client = bench.client("client").subscribe(owned_by("A"))

    client.transport.publish(every, b"to all")
    client.publish(owned_by("A"), b"still here")

    assert client.data() == [b"still here"]
    assert client.states.empty()
