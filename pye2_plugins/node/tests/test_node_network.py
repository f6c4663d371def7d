"""Other nodes, as the runners of this one see them."""

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from attrs import evolve

from pye2_node.network import LOST_SECONDS, NodeNetwork
from pye2core.abc import Channel, ChannelKind
from pye2core.clock import ManualClock
from pye2core.errors import BrokerUnreachable, MessageRejected, NodeNotOnline
from pye2core.identity import Identity
from pye2core.messages import (
    DETAILS_SENT_TO,
    Action,
    Capability,
    Command,
    Heartbeat,
    InstancePath,
    Notification,
    NotificationKind,
    PayloadMessage,
    Presence,
)
from pye2core.peers import PeerBook

ME = Identity.from_words(["me"]).address
INBOX = Channel.inbox(ME)
OTHER = Identity.from_words(["other"]).address
PAYLOAD = PayloadMessage(InstancePath("p"), {})
NOTIFICATION = Notification(NotificationKind.NORMAL, "text")


class Ears:
    """A connection for listening."""

    def __init__(self, *, fails, proven=(), forbidden=()):
        self.fails = fails
        self.proven = set(proven)
        self.forbidden = set(forbidden)
        self.to_prove = []
        self.needed = set()
        self.handlers = {}
        self.wanted = {}
        self.started = asyncio.Event()
        self.closed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def listen(self, channel, handler, *, wanted, without_it=None):
        self.handlers[channel.kind] = handler
        self.wanted[channel.kind] = wanted
        if without_it is None:
            self.needed.add(channel.kind)

    def prove(self, channel):
        self.to_prove.append(channel)

    def is_forbidden(self, channel):
        return channel in self.forbidden

    def hears(self, channel, timeout=0.0):
        del timeout
        return channel in self.to_prove and channel in self.proven

    def start(self):
        if self.fails:
            raise BrokerUnreachable("nobody there", broker="mqtt://x")
        self._loop.call_soon_threadsafe(self.started.set)

    def close(self):
        self._loop.call_soon_threadsafe(self.closed.set)


class Listener:
    """Writes down what it hears."""

    def __init__(self):
        self.heard = asyncio.Queue()

    def cares_about(self, pipeline):
        return pipeline == "wanted"

    def on_payload(self, payload):
        self.heard.put_nowait(payload)

    on_notification = on_peer = on_payload


class Deaf(Listener):
    """Fails at everything."""

    def on_payload(self, payload):
        raise RuntimeError("deaf")

    on_notification = on_peer = on_payload


class World:
    """A network with everything that surrounds it."""

    def __init__(self):
        self.clock = ManualClock()
        self.sent = []
        self.taken = []
        self.new_peers = asyncio.Queue()
        self.opened = asyncio.Queue()
        self.is_deaf = False
        self.proven = {INBOX}
        self.forbidden = set()
        self.network = NodeNetwork(
            "me",
            ME,
            peers=PeerBook(self.clock, {"me": ME}, grace=LOST_SECONDS),
            send=self.send,
            take=self.taken.append,
            new_ears=self.open_ears,
            on_new_peer=lambda: self.new_peers.put_nowait(None),
            loop=asyncio.get_running_loop(),
        )

    def send(self, command, channel, receiver):
        self.sent.append((command, channel, receiver))
        future = Future()
        future.set_result(None)
        return future

    def open_ears(self):
        ears = Ears(fails=self.is_deaf, proven=self.proven, forbidden=self.forbidden)
        self.opened.put_nowait(ears)
        return ears


def perform(scenario):
    async def on_loop():
        async with asyncio.timeout(20):
            world = World()
            await scenario(world)
            await world.network.close()

    asyncio.run(on_loop())


def heartbeat(name="other", address=OTHER, **fields):
    status = fields.pop("status", {})
    return Heartbeat(name, address, status=status, **fields)


def archive(target):
    return Command(Action.ARCHIVE_PIPELINE, "p", target)


# --- who is there ---------------------------------------------------------------------------------


def test_peers_are_told_with_whether_they_allow_this_node():
    async def scenario(world):
        signatures = {"A_01": "1.0"}
        world.network.hear_heartbeat(heartbeat(allowed=(ME,), load=12.5, signatures=signatures))
        (peer,) = world.network.peers()
        assert (peer.name, peer.address, peer.allows_me) == ("other", OTHER, True)
        assert (peer.load, peer.signatures) == (12.5, {"A_01"})

    perform(scenario)


@pytest.mark.parametrize(
    ("fields", "allows"),
    [({"allowed": (OTHER,)}, False), ({"secured": False}, True), ({"allowed": (ME, OTHER)}, True)],
)
def test_a_peer_allows_those_on_its_white_list_or_everybody(fields, allows):
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat(**fields))
        assert world.network.peers()[0].allows_me is allows

    perform(scenario)


def test_what_a_peer_does_not_say_is_not_known():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        (peer,) = world.network.peers()
        assert (peer.load, peer.signatures) == (0.0, None)

    perform(scenario)


def test_this_node_is_not_its_own_peer():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat("me", ME))
        assert not world.network.peers()

    perform(scenario)


def test_nobody_takes_this_nodes_name():
    async def scenario(world):
        with pytest.raises(MessageRejected, match="name"):
            world.network.hear_heartbeat(heartbeat("me", OTHER))

    perform(scenario)


def test_a_node_that_says_goodbye_is_gone():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        world.network.hear_heartbeat(heartbeat(presence=Presence.LEAVING))
        assert not world.network.peers()

    perform(scenario)


def test_a_node_that_falls_silent_is_gone():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        world.clock.advance(61)
        assert not world.network.peers()

    perform(scenario)


@pytest.mark.parametrize("end", [Presence.LEAVING, Presence.LOST])
def test_new_nodes_are_greeted_once_and_again_when_they_come_back(end):
    async def scenario(world):
        for _ in range(3):
            world.network.hear_heartbeat(heartbeat(life="a"))
        await world.new_peers.get()
        await asyncio.sleep(0)
        assert world.new_peers.empty()

        world.network.hear_heartbeat(heartbeat(life="a", presence=end))
        world.clock.advance(LOST_SECONDS)
        world.network.hear_heartbeat(heartbeat(life="b"))
        await world.new_peers.get()

    perform(scenario)


def test_a_node_that_was_lost_has_time_to_come_back():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat(life="a"))
        world.network.hear_heartbeat(heartbeat(life="a", presence=Presence.LOST))
        (peer,) = world.network.peers()
        assert peer.is_lost

        world.clock.advance(LOST_SECONDS)
        assert not world.network.peers()

    perform(scenario)


def test_a_node_of_which_too_little_is_known_is_asked_in_public():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat(is_brief=True, pipelines=None, life="a", revision=1))
        ((question, channel, receiver),) = world.sent
        assert (question.action, question.target) == (Action.FULL_HEARTBEAT, OTHER)
        assert question.requester.capabilities == frozenset()
        assert (channel, receiver) == (Channel.config(OTHER), None)

    perform(scenario)


def test_what_a_node_runs_is_not_told_while_it_is_known_to_have_changed():
    async def scenario(world):
        heard = Listener()
        world.network.listen(heard)
        world.network.hear_heartbeat(heartbeat(life="a", revision=1))
        world.network.hear_heartbeat(heartbeat(is_brief=True, life="a", revision=1))
        world.network.hear_heartbeat(heartbeat(is_brief=True, life="a", revision=2))
        told = [await heard.heard.get() for _ in range(3)]
        assert [each.pipelines for each in told] == [(), (), None]

    perform(scenario)


def test_answers_to_a_node_come_to_its_inbox():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        world.network.listen(Listener())
        await world.network.send(archive(OTHER))
        await world.network.send(archive(ME))
        ((command, _, _),) = world.sent
        for each in (command, *world.taken):
            assert each.requester.capabilities == {Capability.INBOX}

    perform(scenario)


@pytest.mark.parametrize("forbidden", [set(), {INBOX}], ids=["in silence", "openly"])
def test_a_node_whose_inbox_the_broker_forbids_is_answered_in_public(forbidden):
    async def scenario(world):
        world.proven, world.forbidden = set(), forbidden
        world.network.hear_heartbeat(heartbeat())
        world.network.listen(Listener())
        await world.network.send(archive(OTHER))
        ((command, _, _),) = world.sent
        assert command.requester.capabilities == frozenset()
        ears = await world.opened.get()
        assert ears.needed == {ChannelKind.PAYLOADS, ChannelKind.NOTIF}

    perform(scenario)


def test_a_node_that_does_not_listen_says_of_no_inbox():
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        await world.network.send(archive(OTHER))
        ((command, _, _),) = world.sent
        assert command.requester.capabilities == frozenset()

    perform(scenario)


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [OTHER, "other", OTHER.replace("0xai_", "aixp_")])
def test_commands_go_to_a_nodes_address_and_for_its_eyes_only(target):
    async def scenario(world):
        world.network.hear_heartbeat(heartbeat())
        await world.network.send(archive(target))
        ((command, channel, receiver),) = world.sent
        assert channel.kind is ChannelKind.CONFIG
        assert {command.target, channel.owner, receiver} == {OTHER}

    perform(scenario)


@pytest.mark.parametrize("target", [OTHER, OTHER.replace("0xai_", "aixp_")])
def test_a_node_that_was_never_heard_from_is_reached_by_its_address_only(target):
    async def scenario(world):
        await world.network.send(archive(target))
        ((command, channel, receiver),) = world.sent
        assert channel == Channel.config(OTHER)
        assert (command.target, receiver) == (OTHER, OTHER)
        with pytest.raises(NodeNotOnline, match="stranger"):
            await world.network.send(archive("stranger"))

    perform(scenario)


@pytest.mark.parametrize("target", [ME, "me", ME.replace("0xai_", "aixp_")])
def test_commands_to_itself_go_over_no_network(target):
    async def scenario(world):
        await world.network.send(archive(target))
        assert not world.sent
        (command,) = world.taken
        assert command.origin.sender == ME

    perform(scenario)


# --- listening ------------------------------------------------------------------------------------


def test_others_are_listened_to_only_while_somebody_wants_to_hear():
    async def scenario(world):
        assert world.opened.empty()
        first, second = Listener(), Listener()
        leave_first = world.network.listen(first)
        leave_second = world.network.listen(second)
        ears = await world.opened.get()
        await ears.started.wait()
        assert set(ears.handlers) == {
            ChannelKind.PAYLOADS,
            ChannelKind.NOTIF,
            ChannelKind.INBOX,
        }

        leave_first()
        assert world.opened.empty()
        assert not ears.closed.is_set()
        leave_second()
        await ears.closed.wait()

    perform(scenario)


def test_listeners_hear_payloads_notifications_and_heartbeats():
    async def scenario(world):
        deaf, listener = Deaf(), Listener()
        world.network.listen(deaf)
        world.network.listen(listener)
        ears = await world.opened.get()
        await ears.started.wait()
        acknowledged = asyncio.Event()

        ears.handlers[ChannelKind.PAYLOADS](PAYLOAD, acknowledged.set)
        ears.handlers[ChannelKind.NOTIF](NOTIFICATION, lambda: None)
        world.network.hear_heartbeat(heartbeat())

        assert [await listener.heard.get() for _ in range(3)] == [
            PAYLOAD,
            NOTIFICATION,
            heartbeat(),
        ]
        await acknowledged.wait()

    perform(scenario)


def test_what_comes_to_its_inbox_in_full_is_not_heard_twice():
    async def scenario(world):
        listener = Listener()
        world.network.listen(listener)
        ears = await world.opened.get()
        await ears.started.wait()
        await world.network.send(archive(OTHER))  # which waits until it knows its inbox
        acknowledged = asyncio.Event()

        for_all = evolve(NOTIFICATION, fields={DETAILS_SENT_TO: ME})
        ears.handlers[ChannelKind.NOTIF](for_all, acknowledged.set)
        ears.handlers[ChannelKind.INBOX](NOTIFICATION, lambda: None)

        assert await listener.heard.get() == NOTIFICATION
        await acknowledged.wait()
        assert listener.heard.empty()

    perform(scenario)


@pytest.mark.parametrize(("receiver", "proven"), [(OTHER, {INBOX}), (ME, set())])
def test_what_is_left_of_what_others_are_told_in_full_is_heard(receiver, proven):
    async def scenario(world):
        world.proven = proven
        listener = Listener()
        world.network.listen(listener)
        ears = await world.opened.get()
        await ears.started.wait()
        await world.network.send(archive(OTHER))

        for_all = evolve(NOTIFICATION, fields={DETAILS_SENT_TO: receiver})
        ears.handlers[ChannelKind.NOTIF](for_all, lambda: None)

        assert await listener.heard.get() == for_all

    perform(scenario)


def test_what_no_listener_cares_about_is_not_even_checked():
    async def scenario(world):
        world.network.listen(Deaf())
        world.network.listen(Listener())
        ears = await world.opened.get()
        await ears.started.wait()

        for is_of_use in ears.wanted.values():
            assert is_of_use(SimpleNamespace(path=InstancePath("wanted")))
            assert not is_of_use(SimpleNamespace(path=InstancePath("another")))

    perform(scenario)


def test_whoever_left_hears_nothing_more():
    async def scenario(world):
        leaver, stayer = Listener(), Listener()
        leave = world.network.listen(leaver)
        world.network.listen(stayer)
        leave()
        leave()
        world.network.hear_heartbeat(heartbeat())
        await stayer.heard.get()
        assert leaver.heard.empty()

    perform(scenario)


def test_a_command_waits_until_its_answers_can_be_heard():
    async def scenario(world):
        world.network.listen(Listener())
        sending = asyncio.create_task(world.network.send(archive(OTHER)))
        ears = await world.opened.get()
        assert not world.sent
        await ears.started.wait()
        await sending
        assert world.sent

    perform(scenario)


def test_where_listening_fails_it_is_tried_again_with_the_next_command():
    async def scenario(world):
        world.is_deaf = True
        world.network.listen(Listener())
        with pytest.raises(BrokerUnreachable):
            await world.network.send(archive(OTHER))
        assert not world.sent

        world.is_deaf = False
        await world.network.send(archive(OTHER))
        assert world.sent

    perform(scenario)
