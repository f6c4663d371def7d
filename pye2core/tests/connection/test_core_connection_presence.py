"""What a connection leaves behind should it be lost, and to whom it can listen at once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from pye2core.abc import MAX_LAST_WILL, Channel, Delivery, LastWill, TransportFeatures
from pye2core.errors import TransportError
from pye2core.messages import InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.messages import Message

CTRL = Channel.ctrl()
URL = "memory://broker.lan"


def said(text: str) -> PayloadMessage:
    return PayloadMessage(InstancePath(), {"TEXT": text})


def ignore(message: Message, acknowledge: Callable[[], None]) -> None:
    acknowledge()


# --- last will ------------------------------------------------------------------------------------


def test_a_last_will_is_sealed_for_everybody_and_left_with_the_broker(bench: Any) -> None:
    bench.started(last_will=lambda: (said("lost"), CTRL))

    assert bench.transport.wills == [LastWill(CTRL, b"lost")]
    assert bench.serializer.encrypted_for == [None]


def test_without_one_no_last_will_is_left(bench: Any) -> None:
    bench.started()

    assert bench.transport.options.last_will is None


def test_a_last_will_is_asked_for_anew_at_each_connection(bench: Any) -> None:
    texts = iter("abc")
    bench.started(last_will=lambda: (said(next(texts)), CTRL))

    for times in (2, 3):
        bench.transport.lose()
        bench.transport.wait_for("connect", times)
        bench.wait_until_connected()

    assert bench.transport.wills == [LastWill(CTRL, text) for text in (b"a", b"b", b"c")]


def test_a_last_will_that_cannot_be_made_is_logged_and_no_reason_not_to_connect(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> tuple[Message, Channel]:
        raise ZeroDivisionError("no last words")

    connection = bench.started(last_will=fail)

    assert connection.connected
    assert bench.transport.wills == [None]
    (logged,) = [each for each in caplog.records if "without a last will" in each.message]
    assert URL in logged.message
    assert "no last words" in caplog.text


@pytest.mark.parametrize(
    ("most", "limit"), [(1000, 1000), (MAX_LAST_WILL * 2, MAX_LAST_WILL)], ids=str
)
def test_a_last_will_that_is_too_large_is_logged_and_not_left(
    bench: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    most: int,
    limit: int,
) -> None:
    texts = iter(["x" * limit, "x" * (limit + 1)])
    connection = bench.connection(last_will=lambda: (said(next(texts)), CTRL))
    features = TransportFeatures(last_will=True, max_message=most)
    monkeypatch.setattr(type(bench.transport), "features", features)

    connection.start()
    bench.transport.lose()
    bench.transport.wait_for("connect", 2)
    bench.wait_until_connected()

    assert bench.transport.wills == [LastWill(CTRL, b"x" * limit), None]
    assert f"may have {limit:,}" in caplog.text


def test_a_transport_without_last_wills_is_done_without_and_that_is_said_once(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(bench.transport_class, "features", TransportFeatures())

    connection = bench.started(last_will=lambda: (said("lost"), CTRL))
    bench.transport.lose()
    bench.transport.wait_for("connect", 2)
    bench.wait_until_connected()

    assert connection.connected
    (told,) = [each for each in caplog.records if "no last will" in each.message]
    assert told.levelname == "INFO"
    assert URL in told.message


def test_nothing_is_said_about_last_wills_to_who_has_none(
    bench: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(bench.transport_class, "features", TransportFeatures())

    bench.started()

    assert "last will" not in caplog.text


# --- all owners at once ---------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [Channel.every_config(), Channel.every_inbox()])
def test_all_owners_can_be_listened_to_at_once(bench: Any, channel: Channel) -> None:
    connection = bench.started()

    connection.listen(channel, ignore)

    assert bench.transport.calls == ["connect", f"subscribe {channel.kind.value}"]


def test_what_reaches_who_listens_to_all_owners_is_opened(bench: Any) -> None:
    heard: list[Message] = []
    connection = bench.started()
    connection.listen(Channel.every_inbox(), lambda message, _: heard.append(message))

    bench.transport.on_message(Delivery(Channel.inbox("0xai_A"), b"x", lambda: None))

    assert heard == [said("something")]


@pytest.mark.parametrize("channel", [Channel.every_config(), Channel.every_inbox()])
@pytest.mark.parametrize("life", ["connection", "started"])
def test_where_the_transport_cannot_do_that_it_is_refused_with_a_way_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch, channel: Channel, life: str
) -> None:
    monkeypatch.setattr(bench.transport_class, "features", TransportFeatures())
    connection = getattr(bench, life)()

    with pytest.raises(
        TransportError, match=rf"Channel\.{channel.kind.value}\(address\)"
    ) as caught:
        connection.listen(channel, ignore)

    assert caught.value.broker == URL
    assert "subscribe" not in " ".join(bench.transport.calls)


def test_a_refused_wildcard_does_not_stand_in_the_way_of_reconnecting(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.transport_class, "features", TransportFeatures())
    connection = bench.started()
    with pytest.raises(TransportError):
        connection.listen(Channel.every_inbox(), ignore)

    bench.transport.lose()
    bench.transport.wait_for("connect", 2)
    bench.wait_until_connected()

    assert "subscribe inbox" not in bench.transport.calls


def test_what_the_transport_refuses_to_publish_fails_and_is_not_tried_again(bench: Any) -> None:
    connection = bench.started()
    done = connection.send(said("to all"), Channel.every_inbox())

    ((_, published),) = bench.transport.published
    published.set_exception(TransportError("all owners at once", broker=URL))
    bench.transport.lose()
    bench.transport.wait_for("connect", 2)
    bench.wait_until_connected()

    with pytest.raises(TransportError, match="all owners at once"):
        done.result(0)
    assert bench.transport.calls.count("publish to all") == 1
