"""Handing messages to a transport: order, confirmation, losses, and nobody waits for nobody."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

import pytest

from pye2core.abc import Channel
from pye2core.connection import outbox
from pye2core.connection.outbound import Outbound
from pye2core.connection.outbox import Entry
from pye2core.errors import NotConnected, TransportError

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Channel.payloads()
URL = "memory://here"
PATIENCE = 30.0


class Broker:
    """Takes what is published and confirms when it is told to."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Future[None]]] = []
        self.during_publish: Callable[[str], None] = lambda text: None

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        text = data.decode()
        confirmed: Future[None] = Future()
        self.published.append((text, confirmed))
        self.during_publish(text)
        return confirmed

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.published]

    def confirm(self, text: str) -> None:
        self.last(text).set_result(None)

    def last(self, text: str) -> Future[None]:
        return next(future for each, future in reversed(self.published) if each == text)

    def lose_all(self) -> None:
        for _, future in self.published:
            if not future.done():
                future.set_exception(lost())


def lost() -> NotConnected:
    return NotConnected("lost", broker=URL)


def entry(text: str, conflate: str | None = None) -> Entry:
    return Entry(HERE, text.encode(), conflate)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def outbound(broker: Broker) -> Outbound:
    made = Outbound(broker.publish, URL)
    made.resume()
    return made


def post(outbound: Outbound, *texts: str) -> list[Future[None]]:
    return [outbound.post(entry(text)) for text in texts]


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


# --- order and confirmation -----------------------------------------------------------------------


def test_what_is_posted_is_published_at_once_and_done_when_it_is_confirmed(
    outbound: Outbound, broker: Broker
) -> None:
    first, second = post(outbound, "a", "b")
    assert broker.texts == ["a", "b"]
    assert not first.done()

    broker.confirm("a")

    assert first.result(0) is None
    assert not second.done()


def test_nothing_is_published_before_there_is_a_connection(broker: Broker) -> None:
    outbound = Outbound(broker.publish, URL)
    post(outbound, "a", "b")
    assert broker.texts == []

    outbound.resume()

    assert broker.texts == ["a", "b"]


def test_after_a_loss_what_was_not_confirmed_is_published_again_in_order_before_what_waited(
    outbound: Outbound, broker: Broker
) -> None:
    post(outbound, "a", "b", "c")
    broker.confirm("b")
    broker.lose_all()
    outbound.hold()
    post(outbound, "d")
    assert broker.texts == ["a", "b", "c"]

    outbound.resume()

    assert broker.texts == ["a", "b", "c", "a", "c", "d"]


def test_a_message_is_not_published_again_while_the_lost_connection_is_not_replaced(
    outbound: Outbound, broker: Broker
) -> None:
    post(outbound, "a")
    broker.lose_all()
    post(outbound, "b")

    assert broker.texts == ["a", "b"]


def test_a_confirmation_of_the_lost_connection_that_comes_late_is_believed(
    outbound: Outbound, broker: Broker
) -> None:
    (done,) = post(outbound, "a")
    outbound.hold()
    broker.confirm("a")

    outbound.resume()

    assert done.result(0) is None
    assert broker.texts == ["a"]


def test_a_failure_of_the_lost_connection_that_comes_late_makes_no_duplicate(
    outbound: Outbound, broker: Broker
) -> None:
    (done,) = post(outbound, "a")
    late = broker.last("a")
    outbound.hold()
    outbound.resume()

    late.set_exception(lost())
    broker.confirm("a")

    assert broker.texts == ["a", "a"]
    assert done.result(0) is None


def test_a_message_that_the_transport_refuses_fails_and_is_not_repeated(
    outbound: Outbound, broker: Broker
) -> None:
    (done,) = post(outbound, "a")
    refusal = TransportError("no such topic", broker=URL)
    broker.last("a").set_exception(refusal)
    outbound.resume()

    assert done.exception(0) is refusal
    assert broker.texts == ["a"]


def test_what_publish_raises_is_the_message_s_failure(outbound: Outbound, broker: Broker) -> None:
    def fail(text: str) -> None:
        if text == "bad":
            raise ZeroDivisionError

    broker.during_publish = fail
    (bad, good) = post(outbound, "bad", "good")
    broker.confirm("good")

    assert isinstance(bad.exception(0), ZeroDivisionError)
    assert good.result(0) is None


def test_publish_may_also_raise_that_there_is_no_connection(
    outbound: Outbound, broker: Broker
) -> None:
    def fail(text: str) -> None:
        raise lost()

    broker.during_publish = fail
    (done,) = post(outbound, "a")
    broker.during_publish = lambda text: None
    assert not done.done()

    outbound.resume()
    broker.confirm("a")

    assert done.result(0) is None


def test_a_future_that_the_transport_cancels_is_a_loss(outbound: Outbound, broker: Broker) -> None:
    (done,) = post(outbound, "a")
    broker.last("a").cancel()
    assert not done.done()

    outbound.resume()

    assert broker.texts == ["a", "a"]


# --- withdrawal and conflation --------------------------------------------------------------------


def test_a_message_that_waits_can_be_withdrawn(outbound: Outbound, broker: Broker) -> None:
    outbound.hold()
    first, _ = post(outbound, "a", "b")

    assert first.cancel()
    outbound.resume()

    assert broker.texts == ["b"]


def test_of_messages_that_wait_under_one_key_the_last_is_sent_and_all_are_done_with_it(
    broker: Broker,
) -> None:
    outbound = Outbound(broker.publish, URL)
    futures = [outbound.post(entry(text, conflate="heartbeat")) for text in "abc"]
    outbound.resume()
    assert broker.texts == ["c"]

    broker.confirm("c")

    assert all(future.done() for future in futures)


def test_after_a_loss_what_a_newer_message_could_replace_fails_wherever_it_was(
    outbound: Outbound, broker: Broker
) -> None:
    under_way = outbound.post(entry("beat 1", conflate="heartbeat"))
    broker.lose_all()
    outbound.hold()
    waiting = outbound.post(entry("other beat", conflate="other heartbeat"))
    withdrawn = outbound.post(entry("third beat", conflate="third heartbeat"))
    withdrawn.cancel()
    post(outbound, "word")

    outbound.resume()

    assert broker.texts == ["beat 1", "word"]
    for future in (under_way, waiting):
        with pytest.raises(NotConnected, match=f"{URL}: the connection was lost"):
            future.result(0)
    assert withdrawn.cancelled()


def test_once_the_connection_is_back_such_messages_are_sent_as_ever(
    outbound: Outbound, broker: Broker
) -> None:
    outbound.hold()
    outbound.resume()

    outbound.post(entry("beat", conflate="heartbeat"))
    outbound.resume()

    assert broker.texts == ["beat", "beat"]


# --- bounds and the end ---------------------------------------------------------------------------


def test_when_too_much_waits_a_message_is_refused_and_says_so(
    outbound: Outbound, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_ENTRIES", 2)
    outbound.hold()
    post(outbound, "a", "b")

    with pytest.raises(NotConnected, match=f"{URL}: 2 messages wait"):
        post(outbound, "c")

    outbound.resume()
    assert broker.texts == ["a", "b"]


def test_when_too_much_waits_a_newer_message_still_replaces_an_older(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_ENTRIES", 1)
    outbound = Outbound(broker.publish, URL)
    outbound.post(entry("old", conflate="key"))

    outbound.post(entry("new", conflate="key"))

    outbound.resume()
    assert broker.texts == ["new"]


def test_after_the_end_nothing_is_taken(outbound: Outbound) -> None:
    outbound.refuse()

    with pytest.raises(NotConnected, match="the connection is closed") as caught:
        post(outbound, "a")

    assert caught.value.broker == URL


def test_what_was_not_confirmed_in_the_end_fails_whether_it_was_under_way_or_not(
    outbound: Outbound, broker: Broker
) -> None:
    under_way, confirmed = post(outbound, "a", "b")
    broker.confirm("b")
    outbound.hold()
    (waiting, withdrawn) = post(outbound, "c", "d")
    withdrawn.cancel()

    outbound.give_up()

    for future in (under_way, waiting):
        with pytest.raises(NotConnected, match="closed before"):
            future.result(0)
    assert confirmed.result(0) is None
    with pytest.raises(CancelledError):
        withdrawn.result(0)


def test_what_becomes_of_a_message_after_it_was_given_up_changes_nothing(
    outbound: Outbound, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    (done,) = post(outbound, "a")
    outbound.give_up()

    broker.confirm("a")

    assert isinstance(done.exception(0), NotConnected)
    assert caplog.text == ""


# --- threads --------------------------------------------------------------------------------------


def test_a_transport_s_thread_can_confirm_while_another_message_is_being_published(
    outbound: Outbound, broker: Broker
) -> None:
    (first,) = post(outbound, "a")
    finished = []

    def confirm_the_first(text: str) -> None:
        confirming = in_thread(lambda: broker.confirm("a"))
        confirming.join(PATIENCE)
        finished.append(not confirming.is_alive())

    broker.during_publish = confirm_the_first
    post(outbound, "b")

    assert finished == [True]
    assert first.result(0) is None


def test_a_transport_s_thread_can_report_a_loss_while_a_message_is_being_published(
    outbound: Outbound, broker: Broker
) -> None:
    finished = []

    def lose(text: str) -> None:
        losing = in_thread(outbound.hold)
        losing.join(PATIENCE)
        finished.append(not losing.is_alive())

    broker.during_publish = lose
    post(outbound, "a", "b")

    assert finished == [True]
    assert broker.texts == ["a"]


def test_who_posts_while_another_thread_publishes_does_not_wait_and_keeps_the_order(
    outbound: Outbound, broker: Broker
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stall(text: str) -> None:
        if text == "a":
            entered.set()
            assert leave.wait(PATIENCE)

    broker.during_publish = stall
    publisher = in_thread(lambda: post(outbound, "a"))
    assert entered.wait(PATIENCE)

    post(outbound, "b", "c")
    assert broker.texts == ["a"]
    leave.set()
    publisher.join(PATIENCE)

    assert broker.texts == ["a", "b", "c"]


def test_a_transport_that_delivers_within_publish_may_bring_about_further_messages(
    outbound: Outbound, broker: Broker
) -> None:
    def answer(text: str) -> None:
        if len(text) < 4:
            post(outbound, text + "1", text + "2")

    broker.during_publish = answer
    post(outbound, "x:")

    assert broker.texts == ["x:", "x:1", "x:2", "x:11", "x:12", "x:21", "x:22"]


def test_a_transport_that_confirms_within_publish_may_bring_about_further_messages(
    outbound: Outbound, broker: Broker
) -> None:
    broker.during_publish = broker.confirm
    (done,) = post(outbound, "a")

    done.add_done_callback(lambda _: post(outbound, "b"))

    assert broker.texts == ["a", "b"]


def test_a_callback_of_a_confirmation_holds_up_no_other_thread(
    outbound: Outbound, broker: Broker
) -> None:
    (done,) = post(outbound, "a")
    finished = []

    def wait_for_another(_: Future[None]) -> None:
        other = in_thread(lambda: post(outbound, "b"))
        other.join(PATIENCE)
        finished.append(not other.is_alive())

    done.add_done_callback(wait_for_another)
    broker.confirm("a")

    assert finished == [True]


def test_a_new_connection_waits_for_what_is_being_published_on_the_old(
    outbound: Outbound, broker: Broker
) -> None:
    entered, leave = threading.Event(), threading.Event()
    ended = []

    def stall(text: str) -> None:
        entered.set()
        assert leave.wait(PATIENCE)
        ended.append("publishing")

    def hold() -> None:
        outbound.hold(PATIENCE)
        ended.append("holding")

    broker.during_publish = stall
    publisher = in_thread(lambda: post(outbound, "a"))
    assert entered.wait(PATIENCE)
    holder = in_thread(hold)
    holder.join(0.1)
    leave.set()
    holder.join(PATIENCE)
    publisher.join(PATIENCE)

    assert ended == ["publishing", "holding"]


def test_finishing_waits_until_the_transport_has_everything(
    outbound: Outbound, broker: Broker
) -> None:
    entered, leave = threading.Event(), threading.Event()

    def stall(text: str) -> None:
        if text == "a":
            entered.set()
            assert leave.wait(PATIENCE)

    broker.during_publish = stall
    publisher = in_thread(lambda: post(outbound, "a"))
    assert entered.wait(PATIENCE)
    post(outbound, "b")
    finishing = in_thread(lambda: outbound.finish(PATIENCE))

    assert broker.texts == ["a"]
    leave.set()
    finishing.join(PATIENCE)
    publisher.join(PATIENCE)

    assert broker.texts == ["a", "b"]
    assert not finishing.is_alive()


def test_finishing_from_within_publish_does_not_wait_for_itself(
    outbound: Outbound, broker: Broker
) -> None:
    broker.during_publish = lambda text: outbound.finish(PATIENCE)

    publisher = in_thread(lambda: post(outbound, "a"))
    publisher.join(PATIENCE / 2)

    assert not publisher.is_alive()


def test_finishing_does_not_wait_for_a_broker_that_is_away(outbound: Outbound) -> None:
    outbound.hold()
    post(outbound, "a")

    finishing = in_thread(lambda: outbound.finish(PATIENCE))
    finishing.join(PATIENCE / 2)

    assert not finishing.is_alive()


def test_messages_of_many_threads_are_all_published_once_each_thread_s_in_its_order(
    outbound: Outbound, broker: Broker
) -> None:
    broker.during_publish = broker.confirm

    def talk(who: int) -> None:
        post(outbound, *(f"{who} {count}" for count in range(200)))

    crowd = [in_thread(functools.partial(talk, who)) for who in range(8)]
    for thread in crowd:
        thread.join(PATIENCE)

    assert len(broker.texts) == 1600
    for who in range(8):
        mine = [text for text in broker.texts if text.startswith(f"{who} ")]
        assert mine == [f"{who} {count}" for count in range(200)]
