"""A connection's life with a broker that is there: it starts, listens, sends and is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pye2core.abc import MAX_MESSAGE, Channel, TransportFeatures
from pye2core.errors import (
    BrokerUnreachable,
    CredentialsRefused,
    MessageTooLarge,
    NotConnected,
    TransportError,
)
from pye2core.messages import InstancePath, PayloadMessage
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.messages import Message

PAYLOADS = Channel.payloads()
NOTIF = Channel.notif()
URL = "memory://broker.lan"


def said(text: str) -> PayloadMessage:
    return PayloadMessage(InstancePath(), {"TEXT": text})


def ignore(message: Message, acknowledge: Callable[[], None]) -> None:
    acknowledge()


def lost() -> NotConnected:
    return NotConnected("lost", broker=URL)


# --- start ----------------------------------------------------------------------------------------


def test_starting_connects(bench: Any) -> None:
    connection = bench.connection()
    assert not connection.connected

    connection.start()

    assert connection.connected
    assert bench.transport.calls == ["connect"]


def test_a_transport_is_told_where_and_as_whom_to_connect(bench: Any) -> None:
    settings = evolve(bench.settings, persistent=True, root="other")

    bench.connection(settings)

    options = bench.transport.options
    assert (options.client_id, options.persistent, options.root) == ("client-1", True, "other")
    assert options.broker == evolve(settings.broker, port=4242)


def test_a_port_in_the_url_counts_more_than_the_usual_one(bench: Any) -> None:
    bench.connection(evolve(bench.settings, broker=parse_broker_url(f"{URL}:99")))

    assert bench.transport.options.broker.port == 99


@pytest.mark.parametrize("error", [BrokerUnreachable, CredentialsRefused])
def test_a_start_that_fails_says_why_and_may_be_tried_again(
    bench: Any, error: type[TransportError]
) -> None:
    connection = bench.connection()
    bench.transport.fail("connect", error("no", broker=URL))

    with pytest.raises(error):
        connection.start()
    assert not connection.connected
    connection.start()

    assert connection.connected


def test_a_connection_that_never_started_can_be_closed(bench: Any) -> None:
    bench.connection().close()

    assert bench.transport.calls == ["close"]


def test_what_was_sent_before_the_start_is_sent_then(bench: Any) -> None:
    connection = bench.connection()
    bench.send("early")

    connection.start()

    assert bench.transport.calls == ["connect", "publish early"]


def test_it_says_how_many_deliveries_may_be_unacknowledged(bench: Any) -> None:
    assert bench.connection().features.max_unacknowledged == 7


# --- listening ------------------------------------------------------------------------------------


def test_channels_that_are_listened_to_before_the_start_are_subscribed_to_in_it(
    bench: Any,
) -> None:
    connection = bench.connection()
    connection.listen(PAYLOADS, ignore)
    connection.listen(NOTIF, ignore)
    assert bench.transport.calls == []

    connection.start()

    assert bench.transport.calls == ["connect", "subscribe payloads", "subscribe notif"]


def test_messages_that_the_broker_kept_and_brings_while_connecting_are_handled(
    bench: Any,
) -> None:
    heard: list[Message] = []
    connection = bench.connection()
    connection.listen(PAYLOADS, lambda message, acknowledge: heard.append(message))
    bench.transport.during["connect"] = bench.transport.deliver

    connection.start()

    assert heard == [said("something")]


def test_listening_after_the_start_subscribes(bench: Any) -> None:
    heard: list[Message] = []
    connection = bench.started()

    connection.listen(PAYLOADS, lambda message, acknowledge: heard.append(message))
    bench.transport.deliver()

    assert bench.transport.calls == ["connect", "subscribe payloads"]
    assert heard == [said("something")]


def test_listening_on_a_closed_connection_is_an_error(bench: Any) -> None:
    connection = bench.started()
    connection.close()

    with pytest.raises(NotConnected):
        connection.listen(PAYLOADS, ignore)


def test_what_arrives_and_is_not_acted_on_is_counted(bench: Any) -> None:
    connection = bench.started()

    connection.listen(Channel.config("me"), ignore)
    bench.transport.on_message(_delivery(Channel.config("me")))

    assert connection.rejections.counts == {"shape": 1}


def _delivery(channel: Channel) -> Any:
    from pye2core.abc import Delivery

    return Delivery(channel, b"no command", lambda: None)


# --- sending --------------------------------------------------------------------------------------


def test_a_message_is_sealed_for_its_receiver_and_done_when_the_broker_has_it(
    bench: Any,
) -> None:
    bench.started()

    (done,) = bench.send("hello", encrypt_for="0xai_other")
    assert not done.done()
    bench.transport.confirm()

    assert done.result(0) is None
    assert bench.serializer.encrypted_for == ["0xai_other"]
    assert bench.transport.calls == ["connect", "publish hello"]


def test_observers_hear_of_a_message_that_is_sent(bench: Any) -> None:
    bench.started()

    bench.send("hello")

    expected = {"message": said("hello"), "channel": PAYLOADS, "size": 5}
    assert bench.registry.told == [("pye2_message_sent", expected)]


def test_a_message_that_the_transport_cannot_carry_is_refused(bench: Any) -> None:
    bench.started()

    with pytest.raises(MessageTooLarge, match="1,001 bytes") as caught:
        bench.send("x" * 1001)

    assert (caught.value.size, caught.value.limit) == (1001, 1000)
    assert bench.transport.calls == ["connect"]


def test_a_message_is_never_larger_than_the_kernel_allows(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.started()
    generous = TransportFeatures(max_message=MAX_MESSAGE * 2)
    monkeypatch.setattr(type(bench.transport), "features", generous)

    with pytest.raises(MessageTooLarge) as caught:
        bench.send("x" * (MAX_MESSAGE + 1))

    assert caught.value.limit == MAX_MESSAGE


# --- closing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "call"), [({}, "close"), ({"keep_session": True}, "detach")], ids=str
)
def test_closing_ends_the_session_or_leaves_it_to_the_broker(
    bench: Any, options: dict[str, Any], call: str
) -> None:
    connection = bench.started()

    connection.close(**options)

    assert bench.transport.calls == ["connect", call]
    assert not connection.connected


def test_closing_again_does_nothing(bench: Any) -> None:
    connection = bench.started()

    connection.close()
    connection.close()

    assert bench.transport.calls == ["connect", "close"]


def test_a_closed_connection_sends_nothing(bench: Any) -> None:
    bench.started().close()

    with pytest.raises(NotConnected, match="closed"):
        bench.send("late")


def test_what_the_transport_confirms_while_it_closes_is_done(bench: Any) -> None:
    connection = bench.started()
    (done,) = bench.send("last words")
    bench.transport.during["close"] = bench.transport.confirm

    connection.close()

    assert done.result(0) is None


def test_closing_waits_for_what_another_thread_is_publishing(bench: Any) -> None:
    connection = bench.started()
    leave = bench.transport.stall("publish")
    sending = bench.thread(bench.send, "first")
    bench.transport.wait_for("publish first")
    bench.send("second")

    closing = bench.thread(connection.close)
    closing.join(0.1)
    leave.set()
    bench.wait_until_ended(sending)
    bench.wait_until_ended(closing)

    assert bench.transport.calls == ["connect", "publish first", "publish second", "close"]


def test_what_is_not_confirmed_when_it_is_closed_fails(bench: Any) -> None:
    connection = bench.started()
    (done,) = bench.send("lost words")

    connection.close()

    assert isinstance(done.exception(0), NotConnected)


def test_what_is_not_confirmed_fails_even_if_the_transport_cannot_be_closed(bench: Any) -> None:
    connection = bench.started()
    (done,) = bench.send("lost words")
    bench.transport.fail("close", ZeroDivisionError())

    with pytest.raises(ZeroDivisionError):
        connection.close()

    assert isinstance(done.exception(0), NotConnected)


def test_a_handler_may_close_its_connection(bench: Any) -> None:
    connection = bench.started()
    connection.listen(PAYLOADS, lambda message, acknowledge: connection.close())

    bench.wait_until_ended(bench.thread(bench.transport.deliver))

    assert bench.transport.calls[-1] == "close"


def test_a_handler_that_runs_within_publish_may_close_its_connection(bench: Any) -> None:
    connection = bench.started()
    connection.listen(PAYLOADS, lambda message, acknowledge: connection.close())
    bench.transport.during["publish"] = bench.transport.deliver

    bench.wait_until_ended(bench.thread(bench.send, "x"))

    assert bench.transport.calls[-1] == "close"
