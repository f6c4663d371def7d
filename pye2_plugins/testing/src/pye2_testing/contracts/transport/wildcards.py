"""The feature ``wildcards``: to hear all owners, speaking to none."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING

import pytest

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import Promises, needs, numbered
from pye2core.abc import Channel, ChannelKind
from pye2core.errors import MessageTooLarge, NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_testing.contracts.transport.bench import Bench, Client
    from pye2core.abc import Delivery


_OWNERS = ["0xai_A-b_c", "0xai_A-b_d", "node.1", "Käfer"]
_WILDCARDS = [Channel.every_config(), Channel.every_inbox()]
_CONCRETE = {ChannelKind.CONFIG: Channel.config, ChannelKind.INBOX: Channel.inbox}


def _told(deliveries: list[Delivery]) -> list[tuple[str | None, bytes]]:
    return [(delivery.channel.owner, delivery.data) for delivery in deliveries]


def _until_silence(listener: Client, last: tuple[str, bytes]) -> list[tuple[str | None, bytes]]:
    """What arrives before ``last`` and, as copies may be late, before what is asked for then."""
    arrived: list[tuple[str | None, bytes]] = []
    while last not in arrived:
        arrived += _told(listener.take())
    listener.settle()
    while not listener.deliveries.empty():
        arrived += _told(listener.take())
    return [one for one in arrived if one != last]


class Wildcards(Promises):
    """All owners of a kind of channel can be heard at once, and none spoken to."""

    @pytest.fixture(params=_WILDCARDS, ids=lambda channel: f"every {channel.kind.value}")
    def every(self, request: pytest.FixtureRequest) -> Channel:
        """All channels of one kind."""
        wildcard: Channel = request.param
        return wildcard

    @pytest.fixture
    def owned_by(self, every: Channel) -> Callable[[str], Channel]:
        """Makes the channel of that kind of one owner."""
        return _CONCRETE[every.kind]

    @needs("wildcards")
    def test_messages_of_every_owner_arrive_under_their_own_channel(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        listener = bench.client("listener").subscribe(every)
        sender = bench.client("sender")

        for owner in _OWNERS:
            sender.publish(owned_by(owner), f"to {owner}".encode())

        arrived = listener.take(len(_OWNERS))
        assert [one.channel for one in arrived] == [owned_by(owner) for owner in _OWNERS]
        assert [one.data.decode() for one in arrived] == [f"to {owner}" for owner in _OWNERS]

    @needs("wildcards")
    def test_a_wildcard_brings_nothing_from_channels_of_other_kinds(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        listener = bench.client("listener").subscribe(every)
        sender = bench.client("sender")
        (other,) = {*_WILDCARDS} - {every}

        for channel in (
            _CONCRETE[other.kind]("0xai_A"),
            Channel.ctrl(),
            Channel.notif(),
            Channel.payloads(),
            Channel.roll_call(),
        ):
            sender.publish(channel, b"not for you")
        sender.publish(owned_by("0xai_A"), b"for you")

        assert _told(listener.take()) == [("0xai_A", b"for you")]

    @needs("wildcards")
    def test_messages_of_one_publisher_keep_their_order_on_each_channel(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        listener = bench.client("listener").subscribe(every)
        sender = bench.client("sender")

        for start in range(0, 200, 10):
            for owner in "AB":
                batch = [str(number).encode() for number in range(start, start + 10)]
                sender.publish(owned_by(owner), *batch)

        arrived = _told(listener.take(400))
        for owner in "AB":
            assert [data for of, data in arrived if of == owner] == numbered(200)

    @needs("wildcards", "durable", "manual_ack")
    def test_what_came_through_a_wildcard_and_was_not_acknowledged_comes_again(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
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

        assert sorted(_told(listener.take(2))) == [("A", b"1"), ("B", b"2")]

    @needs("wildcards", "durable")
    def test_messages_are_kept_for_a_persistent_client_that_is_away(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        bench.client("keeper", persistent=True).subscribe(every).transport.detach(PATIENCE)
        sender = bench.client("sender")
        for owner in "AB":
            sender.publish(owned_by(owner), *numbered(5))

        after = bench.client("keeper", persistent=True).take(10)

        for owner in "AB":
            assert [data for of, data in _told(after) if of == owner] == numbered(5)

    @needs("wildcards")
    def test_a_wildcard_may_be_subscribed_to_again_after_a_loss(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        listener = bench.client("listener", severable=True).subscribe(every)
        bench.sever(listener)
        listener.wait_for_loss()

        listener.transport.connect(PATIENCE)
        listener.subscribe(every)
        bench.client("sender").publish(owned_by("A"), b"back")

        assert _told(listener.take()) == [("A", b"back")]

    @needs("wildcards")
    def test_inboxes_that_nobody_takes_care_of_do_not_hold_up_commands(self, bench: Bench) -> None:
        listener = bench.client("listener", connected=False)
        heard: queue.Queue[bytes] = queue.Queue()

        def stall_inboxes(delivery: Delivery) -> None:
            if delivery.channel.kind is ChannelKind.CONFIG:
                delivery.ack()
                heard.put(delivery.data)

        listener.transport.on_message = stall_inboxes
        listener.transport.connect(PATIENCE)
        listener.subscribe(*_WILDCARDS)
        sender = bench.client("sender")
        sender.publish(Channel.inbox("A"), *numbered(100))

        sender.publish(Channel.config("A"), *numbered(50))

        assert [heard.get(timeout=PATIENCE) for _ in range(50)] == numbered(50)

    @needs("wildcards")
    @pytest.mark.parametrize("first", ["the wildcard", "the channel"])
    def test_where_subscriptions_overlap_a_message_comes_once_or_once_for_each(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel], first: str
    ) -> None:
        mine = owned_by("me")
        listener = bench.client("listener")
        listener.subscribe(*([every, mine] if first == "the wildcard" else [mine, every]))
        sender = bench.client("sender")

        sender.publish(mine, *numbered(10))
        sender.publish(owned_by("last"), b"last")

        arrived = _until_silence(listener, ("last", b"last"))
        assert {owner for owner, _ in arrived} == {"me"}
        for data in numbered(10):
            assert 1 <= [each for _, each in arrived].count(data) <= 2

    @needs("wildcards", "durable", "manual_ack")
    def test_where_subscriptions_overlap_each_delivery_is_acknowledged_for_itself(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        mine = owned_by("me")
        keeper = bench.client("keeper", persistent=True, severable=True).subscribe(mine, every)
        sender = bench.client("sender")
        sender.publish(mine, *numbered(10))
        sender.publish(owned_by("last"), b"last")
        assert _until_silence(keeper, ("last", b"last"))

        bench.sever(keeper)
        keeper.wait_for_loss()
        keeper.transport.connect(PATIENCE)
        sender.publish(mine, b"new")

        assert _told(keeper.take()) == [("me", b"new")]

    @needs("wildcards")
    def test_nothing_can_be_published_to_all_owners_at_once(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        listener = bench.client("listener").subscribe(owned_by("A"), every)
        sender = bench.client("sender")

        refused = sender.transport.publish(every, b"to all").exception(PATIENCE)
        sender.publish(owned_by("A"), b"to A")

        assert isinstance(refused, TransportError)
        assert not isinstance(refused, NotConnected | MessageTooLarge)
        assert listener.data() == [b"to A"]

    @needs("wildcards")
    def test_a_refused_publication_leaves_the_connection_as_it_was(
        self, bench: Bench, every: Channel, owned_by: Callable[[str], Channel]
    ) -> None:
        client = bench.client("client").subscribe(owned_by("A"))

        client.transport.publish(every, b"to all")
        client.publish(owned_by("A"), b"still here")

        assert client.data() == [b"still here"]
        assert client.states.empty()
