"""Brokers that forbid channels: openly, by refusing them, or by delivering nothing."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest

from pye2core.abc import Channel, Delivery, TransportFeatures
from pye2core.errors import CredentialsRefused, NotConnected
from pye2core.messages import InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.messages import Message

URL = "memory://broker.lan"
PATIENCE = 30.0
INBOX = Channel.inbox("0xai_me")
LOST = "results for all are not heard"


def ignore(message: Message, acknowledge: Callable[[], None]) -> None:
    acknowledge()


def refused() -> CredentialsRefused:
    return CredentialsRefused("not you", broker=URL)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]


# --- openly ---------------------------------------------------------------------------------------


def test_a_channel_that_is_needed_and_forbidden_ends_the_start(bench: Any) -> None:
    connection = bench.connection()
    connection.listen(INBOX, ignore)
    bench.transport.fail("subscribe", refused())

    with pytest.raises(CredentialsRefused):
        connection.start()


@pytest.mark.parametrize("life", ["connection", "started"])
def test_without_a_channel_that_it_can_do_without_it_goes_on_and_says_what_is_lost(
    bench: Any, caplog: pytest.LogCaptureFixture, life: str
) -> None:
    connection = getattr(bench, life)()
    bench.transport.fail("subscribe", refused())
    connection.listen(INBOX, ignore, without_it=LOST)
    if life == "connection":
        connection.start()

    assert connection.connected
    assert connection.is_forbidden(INBOX)
    assert warnings(caplog) == [f"{LOST}: not you"]


def test_it_is_asked_for_at_each_connecting_and_told_of_once(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.Queue[bool] = queue.Queue()
    connection = bench.connection(
        on_connected=lambda: told.put(connection.is_forbidden(INBOX)),
    )
    bench.transport.fail("subscribe", refused(), refused(), None)
    connection.listen(INBOX, ignore, without_it=LOST)

    connection.start()
    for expected in (True, True, False):
        assert told.get(timeout=PATIENCE) is expected
        bench.transport.lose()

    assert [each for each in warnings(caplog) if LOST in each] == [f"{LOST}: not you"]
    assert any("now" in each for each in warnings(caplog))


def test_a_broker_that_is_lost_meanwhile_forbids_nothing(bench: Any) -> None:
    connection = bench.started()
    bench.transport.fail("subscribe", NotConnected("lost", broker=URL))

    with pytest.raises(NotConnected):
        connection.listen(INBOX, ignore, without_it=LOST)

    assert not connection.is_forbidden(INBOX)


def test_what_comes_through_a_wildcard_is_not_asked_for_besides(bench: Any) -> None:
    connection = bench.connection()
    connection.listen(INBOX, ignore)
    connection.listen(Channel.every_inbox(), ignore, without_it=LOST)

    connection.start()

    assert bench.transport.calls == ["connect", "subscribe inbox"]
    assert not connection.is_forbidden(INBOX)


def test_where_the_wildcard_is_forbidden_the_own_channel_is_asked_for(bench: Any) -> None:
    connection = bench.connection()
    connection.listen(INBOX, ignore)
    connection.listen(Channel.every_inbox(), ignore, without_it=LOST)
    bench.transport.fail("subscribe", refused())

    connection.start()

    assert bench.transport.calls == ["connect", "subscribe inbox", "subscribe inbox"]
    assert connection.is_forbidden(Channel.every_inbox())
    assert not connection.is_forbidden(INBOX)


def test_where_the_transport_has_no_wildcards_one_can_be_done_without(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bench.transport_class, "features", TransportFeatures())
    connection = bench.connection()
    connection.listen(Channel.every_inbox(), ignore, without_it=LOST)

    connection.start()

    assert bench.transport.calls == ["connect"]
    assert len(warnings(caplog)) == 1


# --- in silence -----------------------------------------------------------------------------------


@pytest.fixture
def sealed(bench: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Message, str | None]]:
    """What was sealed to prove a channel; each has bytes of its own."""
    made: list[tuple[Message, str | None]] = []

    def seal(message: Message, identity: object, *, encrypt_for: str | None = None) -> bytes:
        made.append((message, encrypt_for))
        return f"proof {len(made)}".encode()

    monkeypatch.setattr(bench.serializer, "seal", seal)
    return made


def proving(bench: Any, heard: list[Message]) -> Any:
    connection = bench.connection()
    connection.listen(INBOX, lambda message, _: heard.append(message))
    connection.prove(INBOX)
    return connection


def deliver(bench: Any, data: bytes, channel: Channel = INBOX) -> bool:
    """Whether what arrives is acknowledged."""
    acknowledged: list[bool] = []
    bench.transport.on_message(Delivery(channel, data, lambda: acknowledged.append(True)))
    return bool(acknowledged)


def test_a_channel_is_proven_when_what_was_published_there_comes_back(
    bench: Any, sealed: list[tuple[Message, str | None]]
) -> None:
    heard: list[Message] = []
    connection = proving(bench, heard)
    connection.start()
    assert bench.transport.calls[-1] == "publish proof 1"
    assert not connection.hears(INBOX)

    assert deliver(bench, b"proof 1")

    assert connection.hears(INBOX)
    assert not heard
    ((message, receiver),) = sealed
    assert message == PayloadMessage(InstancePath(), {})
    assert receiver is not None


@pytest.mark.usefixtures("sealed")
def test_whoever_waits_for_the_proof_is_told(bench: Any) -> None:
    connection = proving(bench, [])
    connection.start()
    told: queue.Queue[bool] = queue.Queue()
    waiting = bench.thread(lambda: told.put(connection.hears(INBOX, PATIENCE)))

    deliver(bench, b"proof 1")

    assert told.get(timeout=PATIENCE)
    bench.wait_until_ended(waiting)


@pytest.mark.usefixtures("sealed")
def test_whoever_asked_for_the_proof_is_told_of_it_once(bench: Any) -> None:
    told: queue.Queue[bool] = queue.Queue()
    connection = bench.connection()
    connection.listen(INBOX, ignore, without_it=LOST)
    connection.prove(INBOX, told.put)
    connection.start()
    assert told.empty()

    deliver(bench, b"proof 1")
    deliver(bench, b"proof 1")

    assert told.get_nowait() is True
    assert told.empty()


@pytest.mark.usefixtures("sealed")
def test_a_channel_where_nothing_arrives_is_given_up_on_each_connection_and_warned_of_once(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    told: queue.Queue[bool] = queue.Queue()
    connection = bench.connection()
    connection.listen(INBOX, ignore, without_it=LOST)
    connection.prove(INBOX, told.put)
    connection.start()

    assert told.get(timeout=PATIENCE) is False
    bench.transport.lose()
    assert told.get(timeout=PATIENCE) is False
    connection.close()

    assert [each for each in warnings(caplog) if LOST in each] == [
        f"{LOST}: {URL} lets us subscribe there and delivers nothing; see its access rules"
    ]


@pytest.mark.usefixtures("sealed")
def test_a_proof_that_comes_late_counts(bench: Any) -> None:
    told: queue.Queue[bool] = queue.Queue()
    connection = bench.connection()
    connection.listen(INBOX, ignore, without_it=LOST)
    connection.prove(INBOX, told.put)
    connection.start()
    assert told.get(timeout=PATIENCE) is False

    deliver(bench, b"proof 1")

    assert connection.hears(INBOX)
    assert told.empty()


@pytest.mark.usefixtures("sealed")
def test_whoever_raises_when_told_of_the_proof_ends_nothing(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(proven: bool) -> None:  # noqa: FBT001 - called by the connection
        raise ValueError(proven)

    connection = bench.connection()
    connection.listen(INBOX, ignore)
    connection.prove(INBOX, fail)
    connection.start()

    assert deliver(bench, b"proof 1")

    assert connection.hears(INBOX)
    assert "not all was said" in caplog.text


@pytest.mark.usefixtures("sealed")
def test_nothing_else_proves_a_channel(bench: Any) -> None:
    heard: list[Message] = []
    connection = proving(bench, heard)
    connection.start()

    deliver(bench, b"something else")
    deliver(bench, b"proof 1", Channel.inbox("0xai_other"))

    assert not connection.hears(INBOX)
    assert len(heard) == 1


@pytest.mark.usefixtures("sealed")
def test_each_connection_needs_a_proof_of_its_own(bench: Any) -> None:
    connection = proving(bench, [])
    connection.start()
    deliver(bench, b"proof 1")

    bench.transport.lose()
    bench.transport.wait_for("publish proof 2")
    deliver(bench, b"proof 1")
    assert not connection.hears(INBOX)
    deliver(bench, b"proof 2")

    assert connection.hears(INBOX)


@pytest.mark.usefixtures("sealed")
def test_nothing_is_published_to_prove_what_is_forbidden(bench: Any) -> None:
    connection = bench.connection()
    connection.listen(INBOX, ignore, without_it=LOST)
    connection.prove(INBOX)
    bench.transport.fail("subscribe", refused())

    connection.start()

    assert bench.transport.calls == ["connect", "subscribe inbox"]
