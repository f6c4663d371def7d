"""A broker that has forgotten what it was to keep: what was lost is said in words."""

from __future__ import annotations

import logging
import queue
from typing import TYPE_CHECKING, Any

import pytest

from pye2core.abc import Channel, ConnectionState
from pye2core.errors import BrokerUnreachable, NotConnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.messages import Message

PATIENCE = 30.0
WHY = "It was switched off. Leave it on."
URL = "memory://broker.lan"


def ignore(message: Message, acknowledge: Callable[[], None]) -> None:
    acknowledge()


def forgets(bench: Any) -> Callable[[], None]:
    """The broker's side: says that it has forgotten us, while we connect."""
    return lambda: bench.transport.on_state(ConnectionState.FORGOTTEN, WHY)


def come_back_forgotten(bench: Any) -> None:
    """Lose the broker, which then has forgotten us."""
    times = bench.transport.calls.count("connect")
    bench.transport.during["connect"] = forgets(bench)
    bench.transport.lose()
    bench.transport.wait_for("connect", times + 1)
    bench.wait_until_connected()
    bench.transport.during.pop("connect")


@pytest.mark.parametrize("somebody_is_told", [True, False])
@pytest.mark.parametrize(
    ("channels", "what"),
    [
        ([Channel.config("0xai_A"), Channel.ctrl()], "commands that waited"),
        (
            [Channel.payloads(), Channel.inbox("0xai_A"), Channel.notif(), Channel.ctrl()],
            "notifications and results that waited",
        ),
    ],
    ids=["a node", "a session"],
)
def test_it_is_said_once_with_what_may_be_lost_and_what_helps(
    bench: Any,
    caplog: pytest.LogCaptureFixture,
    channels: list[Channel],
    what: str,
    somebody_is_told: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    told: list[str] = []
    connection = bench.started(on_forgotten=told.append if somebody_is_told else None)
    for channel in channels:
        connection.listen(channel, ignore)
    caplog.set_level(logging.WARNING, "pye2core.connection")

    come_back_forgotten(bench)
    connection.close()

    logged = [each for each in caplog.messages if "forgotten" in each]
    (text,) = told + logged
    assert bool(told) is somebody_is_told
    assert f"{URL} has forgotten this client: {what}" in text
    assert text.endswith(WHY)


def test_it_is_told_when_messages_flow_again_and_once(bench: Any) -> None:
    flows: queue.Queue[bool] = queue.Queue()
    connection = bench.started(on_forgotten=lambda text: flows.put(connection.connected))
    connection.listen(Channel.notif(), ignore)

    come_back_forgotten(bench)
    assert flows.get(timeout=PATIENCE) is True
    bench.transport.lose()
    bench.transport.wait_for("connect", 3)
    bench.wait_until_connected()
    connection.close()

    assert flows.empty()


def test_it_is_told_also_where_subscribing_fails_at_first(bench: Any) -> None:
    told: list[str] = []
    connection = bench.started(on_forgotten=told.append)
    connection.listen(Channel.notif(), ignore)
    bench.transport.fail("subscribe", NotConnected("not now", broker=URL))
    tell = forgets(bench)

    def tell_at_first() -> None:
        if bench.transport.calls.count("connect") == 2:
            tell()

    bench.transport.during["connect"] = tell_at_first
    bench.transport.lose()
    bench.transport.wait_for("connect", 3)
    bench.wait_until_connected()
    connection.close()

    assert len(told) == 1


def test_without_such_news_nothing_is_told(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []
    bench.started(on_forgotten=told.append).listen(Channel.notif(), ignore)
    bench.transport.fail("connect", BrokerUnreachable("away", broker=URL), None)

    bench.transport.lose()
    bench.transport.wait_for("connect", 3)
    bench.wait_until_connected()
    bench.made[-1].close()

    assert told == []
    assert "forgotten" not in caplog.text


def test_what_telling_raises_is_logged_and_leaves_the_connection_alone(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(text: str) -> None:
        raise ValueError("nobody listens")

    connection = bench.started(on_forgotten=refuse)
    connection.listen(Channel.notif(), ignore)

    come_back_forgotten(bench)
    (done,) = bench.send("still there")
    bench.transport.wait_for("publish still there")
    bench.transport.confirm()
    connection.close()

    assert done.result() is None
    assert "nobody listens" in caplog.text
