"""A session's inbox: who is told of it, and what becomes of results where brokers forbid it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client_support import PATIENCE, Calls, FakeNode

from pye2_testing.memory_broker import MemoryBroker
from pye2_testing.memory_transport import MemoryTransport
from pye2_wire.serializer import Pye2Serializer
from pye2core.abc import Channel, ChannelKind
from pye2core.client.commands import INTRODUCED_AGAIN_SECONDS
from pye2core.errors import CredentialsRefused, NodeNotOnline, NotConnected
from pye2core.identity import Identity
from pye2core.messages import Capability, Command, InstancePath

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core import Session

SOMEWHERE = InstancePath("p", "SIG_01", "i")


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Channel], bool]], None]:
    """Has the broker refuse the subscriptions that are told."""
    subscribe = MemoryTransport.subscribe

    def apply(refuses: Callable[[Channel], bool]) -> None:
        def guarded(self: MemoryTransport, channel: Channel, timeout: float) -> None:
            if refuses(channel):
                raise CredentialsRefused(f"not {channel}", broker="memory://x")
            subscribe(self, channel, timeout)

        monkeypatch.setattr(MemoryTransport, "subscribe", guarded)

    return apply


def is_inbox(channel: Channel) -> bool:
    return channel.kind is ChannelKind.INBOX


def capabilities_said(session: Session, node: FakeNode) -> frozenset[Capability] | None:
    session.create_pipeline(node=node.address, name="p").deploy(timeout=PATIENCE)
    return node.next_command().requester.capabilities


def connected_to(node: FakeNode, session: Session) -> Session:
    node.beat()
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    return session


def test_a_session_that_hears_its_inbox_says_so(
    open_session: Callable[..., Session], node: FakeNode
) -> None:
    session = connected_to(node, open_session())
    assert session._connection.hears(Channel.inbox(session.address), PATIENCE)

    assert capabilities_said(session, node) == {Capability.INBOX}


def test_a_session_whose_inbox_is_refused_works_without(
    open_session: Callable[..., Session],
    node: FakeNode,
    refuse: Any,
    broker: MemoryBroker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refuse(is_inbox)

    session = connected_to(node, open_session())

    assert capabilities_said(session, node) == frozenset()
    assert "everybody on this broker is sent this session's results" in caplog.text
    kinds = {each.channel.kind for each in broker.published}
    assert kinds.isdisjoint({ChannelKind.INBOX, ChannelKind.ROLL_CALL})


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker grants the subscription of inboxes, and delivers nothing there."""
    subscribe = MemoryBroker.subscribe

    def pretend(self: MemoryBroker, session: Any, channel: Channel) -> None:
        if not is_inbox(channel):
            subscribe(self, session, channel)

    monkeypatch.setattr(MemoryBroker, "subscribe", pretend)


def roll_calls(broker: MemoryBroker) -> list[frozenset[Capability] | None]:
    """What is said in the roll calls, as soon as there is one."""

    def called(published: list[Any]) -> list[bytes]:
        return [each.data for each in published if each.channel == Channel.roll_call()]

    assert broker.wait_until(lambda published: bool(called(published)), PATIENCE)
    reader = Pye2Serializer("anybody")
    opened = [reader.parse(each).open(Identity.generate()) for each in called(broker.published)]
    return [each.requester.capabilities for each in opened if isinstance(each, Command)]


@pytest.mark.usefixtures("deaf")
def test_a_session_that_is_delivered_nothing_does_not_speak_of_its_inbox(
    open_session: Callable[..., Session], node: FakeNode, broker: MemoryBroker
) -> None:
    session = connected_to(node, open_session())

    assert capabilities_said(session, node) == frozenset()
    assert roll_calls(broker) == [frozenset()]


@pytest.mark.usefixtures("deaf")
def test_a_session_that_is_delivered_nothing_says_so_once(
    open_session: Callable[..., Session], broker: MemoryBroker, caplog: pytest.LogCaptureFixture
) -> None:
    open_session()
    roll_calls(broker)
    open_session().close()

    told = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert len(told) == 1
    assert told[0].startswith("everybody on this broker is sent this session's results: memory://")
    assert "access rules" in told[0]


def test_the_roll_is_called_when_the_inbox_is_proven(
    open_session: Callable[..., Session], broker: MemoryBroker
) -> None:
    open_session()

    assert roll_calls(broker) == [{Capability.INBOX}]
    kinds = [each.channel.kind for each in broker.published]
    assert kinds.index(ChannelKind.INBOX) < kinds.index(ChannelKind.ROLL_CALL)


def test_who_hears_of_no_node_is_told_where_to_look(open_session: Callable[..., Session]) -> None:
    session = open_session(root_topic="lab")

    with pytest.raises(NodeNotOnline, match=r"'lab'.* access rules") as caught:
        session.create_pipeline(node="attic", name="p")

    assert session.server in str(caught.value)


def test_proving_an_inbox_reaches_no_callback(
    open_session: Callable[..., Session], node: FakeNode, identity: Any
) -> None:
    on_payload, on_notification, on_heartbeat = Calls(), Calls(), Calls()
    session = open_session(
        on_payload=on_payload, on_notification=on_notification, on_heartbeat=on_heartbeat
    )
    for other in (open_session(), open_session(bc_engine=type(identity).generate())):
        assert other._connection.hears(Channel.inbox(other.address), PATIENCE)

    node.say(SOMEWHERE, VALUE=1)

    assert on_payload.next()[-1]["VALUE"] == 1
    assert on_payload.empty
    assert on_notification.empty
    assert on_heartbeat.empty
    assert not session._connection.rejections.counts


def test_a_session_that_may_not_hear_all_inboxes_hears_its_own(
    open_session: Callable[..., Session],
    node: FakeNode,
    refuse: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    refuse(lambda channel: channel == Channel.every_inbox())
    on_payload = Calls()
    session = open_session(on_payload=on_payload)

    node.say_to(session.address, SOMEWHERE, VALUE=2)

    assert on_payload.next()[-1]["VALUE"] == 2
    assert session._connection.hears(Channel.inbox(session.address), PATIENCE)
    assert "results that nodes send to others alone are not heard" in caplog.text


def test_the_inbox_of_another_client_is_asked_for_until_it_is_heard(
    open_session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session()
    subscribe = MemoryTransport.subscribe
    failures = iter([NotConnected("lost", broker="memory://x")])
    asked: list[Channel] = []

    def failing(self: MemoryTransport, channel: Channel, timeout: float) -> None:
        asked.append(channel)
        for error in failures:
            raise error
        subscribe(self, channel, timeout)

    monkeypatch.setattr(MemoryTransport, "subscribe", failing)

    for _ in range(3):
        session.hear_results_for("0xai_other")

    assert asked == [Channel.inbox("0xai_other")] * 2


def is_called_once(published: list[Any]) -> bool:
    return [each.channel for each in published].count(Channel.roll_call()) == 1


def is_called_twice(published: list[Any]) -> bool:
    return [each.channel for each in published].count(Channel.roll_call()) == 2


def test_a_session_that_only_listens_calls_the_roll_again_before_its_key_is_too_old(
    open_session: Callable[..., Session], node: FakeNode, broker: MemoryBroker
) -> None:
    session = connected_to(node, open_session())
    roll_calls(broker)

    node.beat()
    session.commands._introduced_at -= INTRODUCED_AGAIN_SECONDS
    node.beat()

    assert broker.wait_until(is_called_twice, PATIENCE)


def test_after_a_reconnection_the_roll_is_called_again(
    open_session: Callable[..., Session], broker: MemoryBroker
) -> None:
    session = open_session()
    assert broker.wait_until(is_called_once, PATIENCE)

    broker.drop(session._connection.settings.client_id)

    assert broker.wait_until(is_called_twice, PATIENCE)
