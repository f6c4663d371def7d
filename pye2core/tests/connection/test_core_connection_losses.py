"""A connection whose broker goes and comes: it reconnects, subscribes and sends again."""

from __future__ import annotations

import queue
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pye2core.abc import Channel, ConnectionState
from pye2core.errors import BrokerUnreachable, CredentialsRefused, NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.messages import Message

PAYLOADS = Channel.payloads()
NOTIF = Channel.notif()
URL = "memory://broker.lan"
PATIENCE = 30.0


def ignore(message: Message, acknowledge: Callable[[], None]) -> None:
    acknowledge()


def lost() -> NotConnected:
    return NotConnected("lost", broker=URL)


# --- coming back ----------------------------------------------------------------------------------


def test_after_a_loss_it_reconnects_subscribes_and_sends_what_was_not_confirmed(
    bench: Any,
) -> None:
    connection = bench.started()
    connection.listen(PAYLOADS, ignore)
    connection.listen(NOTIF, ignore)
    bench.send("confirmed")
    bench.transport.confirm()
    done = bench.send("first", "second")

    bench.transport.lose()
    bench.transport.wait_for("publish second", times=2)
    bench.transport.confirm()

    assert [future.result(PATIENCE) for future in done] == [None, None]
    assert bench.transport.calls[-5:] == [
        "connect",
        "subscribe payloads",
        "subscribe notif",
        "publish first",
        "publish second",
    ]


def test_what_is_sent_while_the_broker_is_away_is_sent_when_it_is_back(bench: Any) -> None:
    connection = bench.started()
    back = bench.transport.stall("connect")
    bench.transport.lose()

    assert not connection.connected
    bench.send("word", "another")
    back.set()

    bench.transport.wait_for("publish another")
    assert bench.transport.calls[-2:] == ["publish word", "publish another"]


def test_what_told_how_things_were_before_a_loss_is_not_said_after_it(bench: Any) -> None:
    said_at = iter(["first life", "second life"])
    bench.started(on_connected=lambda: bench.send(next(said_at), conflate="heartbeat"))
    back = bench.transport.stall("connect")
    bench.transport.lose()
    dropped = bench.send("beat 1", "beat 2", conflate="heartbeat")
    bench.send("word")
    back.set()

    bench.transport.wait_for("publish second life")

    assert bench.transport.calls[-2:] == ["publish word", "publish second life"]
    for future in dropped:
        with pytest.raises(NotConnected, match="outdated"):
            future.result(0)


# --- what is said on each connection --------------------------------------------------------------


def test_who_wants_to_know_is_told_of_each_connecting_when_all_is_subscribed_to(
    bench: Any,
) -> None:
    told: queue.Queue[list[str]] = queue.Queue()
    connection = bench.connection(on_connected=lambda: told.put(list(bench.transport.calls)))
    connection.listen(PAYLOADS, ignore)

    connection.start()
    assert told.get(timeout=PATIENCE) == ["connect", "subscribe payloads"]
    bench.transport.lose()

    assert told.get(timeout=PATIENCE) == ["connect", "subscribe payloads"] * 2
    assert told.empty()


def test_nobody_is_told_of_a_connection_that_was_lost_at_once(bench: Any) -> None:
    told: queue.Queue[int] = queue.Queue()
    bench.connection(on_connected=lambda: told.put(bench.transport.calls.count("connect")))
    lose_once(bench.transport, "connect")

    bench.made[-1].start()

    assert told.get(timeout=PATIENCE) == 2


def test_what_is_raised_by_who_is_told_is_logged_and_changes_nothing(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    connection = bench.started(on_connected=fail)

    assert connection.connected
    (record,) = [each for each in caplog.records if each.exc_info]
    assert URL in record.getMessage()


def test_nothing_is_given_to_a_transport_that_has_lost_the_broker(bench: Any) -> None:
    bench.started(jitter=1e7)
    bench.transport.lose()

    bench.send("waits")

    assert bench.transport.calls == ["connect"]


def test_it_does_not_reconnect_in_the_middle_of_a_publish(bench: Any) -> None:
    bench.started()
    leave = threading.Event()

    def publish() -> None:
        assert leave.wait(PATIENCE)
        bench.transport.calls.append("published")

    bench.transport.during["publish"] = publish
    sending = bench.thread(bench.send, "a")
    bench.transport.wait_for("publish a")
    bench.transport.lose()
    sending.join(0.1)
    leave.set()
    bench.wait_until_ended(sending)
    bench.transport.wait_for("publish a", times=2)

    assert bench.transport.calls[:4] == ["connect", "publish a", "published", "connect"]


def test_it_keeps_trying_whatever_the_transport_raises(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bench.started()
    bench.transport.fail(
        "connect",
        BrokerUnreachable("no", broker=URL),
        CredentialsRefused("no", broker=URL),
        ZeroDivisionError("a defect"),
    )

    bench.transport.lose()
    bench.transport.wait_for("connect", times=5)
    bench.wait_until_connected()

    (defect,) = [each for each in caplog.records if each.exc_info]
    assert URL in defect.message


def test_what_keeps_it_from_the_broker_is_a_warning_whenever_it_is_something_else(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    away = BrokerUnreachable("nobody answers", broker=URL)
    refused = CredentialsRefused("the password is wrong", broker=URL)
    bench.started()
    bench.transport.fail("connect", away, away, refused)

    bench.transport.lose()
    bench.transport.wait_for("connect", times=5)

    warnings = [each for each in caplog.records if "still no broker" in each.getMessage()]
    assert [each.args for each in warnings if each.levelname == "WARNING"] == [(away,), (refused,)]


def test_a_subscription_that_fails_while_reconnecting_is_tried_again(bench: Any) -> None:
    bench.started().listen(PAYLOADS, ignore)
    bench.transport.fail("subscribe", lost(), ZeroDivisionError())

    bench.transport.lose()
    bench.transport.wait_for("subscribe payloads", times=4)
    bench.wait_until_connected()

    assert bench.transport.calls.count("connect") == 4


@pytest.mark.parametrize("moment", ["connect", "subscribe"])
def test_a_loss_before_the_start_is_over_is_noticed(bench: Any, moment: str) -> None:
    connection = bench.connection()
    connection.listen(PAYLOADS, ignore)
    lose_once(bench.transport, moment)

    connection.start()

    bench.transport.wait_for("connect", times=2)
    bench.wait_until_connected()


@pytest.mark.parametrize("moment", ["connect", "subscribe"])
def test_a_loss_before_reconnecting_is_over_is_noticed(bench: Any, moment: str) -> None:
    bench.started().listen(PAYLOADS, ignore)
    lose_once(bench.transport, moment)

    bench.transport.lose()

    bench.transport.wait_for("connect", times=3)
    bench.wait_until_connected()


def lose_once(transport: Any, moment: str) -> None:
    """Lose the connection during the next call of that name."""

    def lose() -> None:
        del transport.during[moment]
        transport.lose()

    transport.during[moment] = lose


def delays_of(bench: Any, lasting: float, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What it waits before each attempt, if connections last so many seconds each."""
    delays: list[float] = []

    def note(seconds: float) -> bool:
        delays.append(seconds)
        return False

    bench.clock.advance(1000.0)
    monkeypatch.setattr(bench.started(jitter=1.0)._lifeline, "_closes_within", note)
    for _ in range(4):
        bench.wait_until_connected()
        bench.clock.advance(lasting)
        bench.transport.lose()
    bench.wait_until_connected()
    return delays


def test_a_broker_that_goes_at_once_again_is_tried_less_and_less_often(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delays_of(bench, 0.5, monkeypatch) == [0.1, 0.2, 0.4, 0.8]


def test_a_broker_that_stayed_is_tried_soon(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert delays_of(bench, 60.0, monkeypatch) == [0.1, 0.1, 0.1, 0.1]


def test_other_states_than_a_loss_change_nothing(bench: Any) -> None:
    connection = bench.started()

    for state in (ConnectionState.CONNECTED, ConnectionState.CLOSED):
        bench.transport.on_state(state, "")

    assert connection.connected
    assert bench.transport.calls == ["connect"]


# --- listening meanwhile --------------------------------------------------------------------------


def test_a_subscription_that_is_not_confirmed_is_an_error_and_tried_again_after_reconnecting(
    bench: Any,
) -> None:
    connection = bench.started()
    bench.transport.fail("subscribe", lost())

    with pytest.raises(NotConnected):
        connection.listen(PAYLOADS, ignore)
    bench.transport.lose()

    bench.transport.wait_for("subscribe payloads", times=2)


def test_a_channel_that_cannot_be_does_not_stand_in_the_way_of_reconnecting(bench: Any) -> None:
    connection = bench.started()
    bench.transport.fail("subscribe", TransportError("no such topic", broker=URL))

    with pytest.raises(TransportError, match="no such topic"):
        connection.listen(PAYLOADS, ignore)
    bench.transport.lose()
    bench.wait_until_connected()

    assert bench.transport.calls.count("subscribe payloads") == 1


def test_listening_while_the_broker_is_away_waits_for_it(bench: Any) -> None:
    connection = bench.started()
    back = bench.transport.stall("connect")
    bench.transport.lose()
    bench.transport.wait_for("connect", times=2)

    listening = bench.thread(connection.listen, PAYLOADS, ignore)
    assert "subscribe payloads" not in bench.transport.calls
    back.set()
    bench.wait_until_ended(listening)

    assert "subscribe payloads" in bench.transport.calls


def test_listening_while_the_broker_stays_away_is_an_error_and_done_when_it_is_back(
    bench: Any,
) -> None:
    connection = bench.started(evolve(bench.settings, connect_timeout=0.05))
    back = bench.transport.stall("connect")
    bench.transport.lose()

    with pytest.raises(NotConnected, match=URL):
        connection.listen(PAYLOADS, ignore)
    back.set()

    bench.transport.wait_for("subscribe payloads")


# --- closing meanwhile ----------------------------------------------------------------------------


def test_closing_while_the_broker_is_away_ends_the_attempts(bench: Any) -> None:
    connection = bench.started()
    bench.transport.fail("connect", *[BrokerUnreachable("no", broker=URL)] * 1_000_000)
    bench.transport.lose()
    (done,) = bench.send("waits")
    bench.transport.wait_for("connect", times=3)

    connection.close()
    attempts = bench.transport.calls.count("connect")

    assert isinstance(done.exception(0), NotConnected)
    bench.wait_until_ended()
    assert bench.transport.calls[-1] == "close"
    assert bench.transport.calls.count("connect") == attempts


def test_closing_does_not_wait_for_the_end_of_a_long_delay(bench: Any) -> None:
    connection = bench.started(jitter=1e7)
    bench.transport.lose()

    bench.wait_until_ended(bench.thread(connection.close))

    assert bench.transport.calls == ["connect", "close"]


def test_closing_during_an_attempt_that_succeeds_sends_what_waits(bench: Any) -> None:
    connection = bench.started()
    back = bench.transport.stall("connect")
    bench.transport.lose()
    bench.transport.wait_for("connect", times=2)
    bench.send("last words")

    closing = bench.thread(connection.close)
    back.set()
    bench.wait_until_ended(closing)

    assert bench.transport.calls[-2:] == ["publish last words", "close"]


def test_an_attempt_that_outlasts_the_closing_does_not_leave_a_connection_behind(
    bench: Any,
) -> None:
    connection = bench.started()
    back = bench.transport.stall("connect")
    bench.transport.lose()
    bench.transport.wait_for("connect", times=2)

    connection.close(timeout=0.05)
    back.set()
    bench.wait_until_ended()

    assert bench.transport.calls[-2:] == ["close", "close"]
    assert not bench.transport.is_connected
    assert not connection.connected


def test_a_connection_may_be_closed_as_soon_as_something_was_sent_again(bench: Any) -> None:
    connection = bench.started()
    (done,) = bench.send("last words")
    done.add_done_callback(lambda _: connection.close())
    bench.transport.during["publish"] = bench.transport.confirm

    bench.transport.lose()
    bench.transport.wait_for("close")
    bench.wait_until_ended()

    assert done.result(0) is None


# --- all at once ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_with_many_senders_and_many_losses_nothing_is_lost_reordered_or_sent_twice(
    bench: Any, seed: int
) -> None:
    rng = random.Random(seed)
    senders, each = range(4), 100
    bench.started()
    transport = bench.transport
    finished = threading.Event()
    futures: list[Future[None]] = []

    def talk(who: int) -> None:
        for count in range(each):
            futures.extend(bench.send(f"{who} {count}"))

    def wreck() -> None:
        while not finished.is_set():
            bench.wait_until_connected()
            rng.choice([transport.confirm, transport.confirm, transport.lose])()

    wrecking = bench.thread(wreck)
    for thread in [bench.thread(talk, who) for who in senders]:
        bench.wait_until_ended(thread)
    for future in futures:
        assert future.result(PATIENCE) is None
    finished.set()
    bench.wait_until_ended(wrecking)

    assert len(futures) == len(senders) * each
    assert transport.calls.count("connect") > 1
    for who in senders:
        mine = [(text, f) for text, f in transport.published if text.startswith(f"{who} ")]
        taken = [text for text, future in mine if future.exception(0) is None]
        assert taken == [f"{who} {count}" for count in range(each)]
