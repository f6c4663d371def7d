"""What is handed over from a lane, and what is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pye2_nats import lane as lane_module
from pye2_nats.lane import Arrival, Lane
from pye2core.abc import Channel

if TYPE_CHECKING:
    from pye2core.abc import Delivery

PATIENCE = 30.0


class Heard:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def __call__(self, delivery: Delivery) -> None:
        self.data.append(delivery.data)


def _passing(data: bytes) -> Arrival:
    return Arrival(Channel.notif(), data)


def _stored(data: bytes) -> Arrival:
    return Arrival(Channel.config("node"), data, lambda: None)


def test_after_a_loss_all_that_does_not_come_again_is_handed_over() -> None:
    heard = Heard()
    lane = Lane("test", heard)
    for arrival in (_passing(b"1"), _stored(b"2"), _passing(b"3")):
        lane.put(arrival)

    lane.lose()
    lane.start()
    lane.join(PATIENCE)

    assert heard.data == [b"1", b"3"]


@pytest.mark.parametrize(("bound", "value"), [("_MOST_MESSAGES", 3), ("_MOST_BYTES", 30)])
def test_what_no_handler_takes_is_bounded_in_number_and_bytes(
    bound: str,
    value: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(lane_module, bound, value)
    heard = Heard()
    lane = Lane("test", heard)

    for _ in range(5):
        lane.put(_passing(bytes(10)))
    lane.put(_stored(b"never dropped"))
    lane.lose()
    lane.start()
    lane.join(PATIENCE)

    assert heard.data == [bytes(10)] * 3
    assert "2 messages were dropped" in caplog.text
