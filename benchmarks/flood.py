"""50,000 payloads at once at QoS 1: how many arrive, on which broker, beside paho's own callback.

No broker's limit is ours: where Mosquitto at its defaults loses some, that is shown, and held
against nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.receivers import client_arrivals, raw_arrivals
from benchmarks.sender import Sender
from benchmarks.table import Row, progress
from pye2_broker import EmbeddedBroker
from pye2_testing.mosquitto import Mosquitto, find_program

if TYPE_CHECKING:
    from benchmarks.receivers import Arrivals

AT_ONCE = 50_000
_STILL_SECONDS = 5.0
"""As long as nothing has come, the rest is lost."""

UNLIMITED = ("max_queued_messages 0",)
AT_DEFAULTS = ("max_queued_messages 1000",)
"""What Mosquitto does where its configuration says nothing."""


def arrived(sender: Sender, arrivals: Arrivals) -> int:
    """How many of those that were published at once came through."""
    arrivals.expect(AT_ONCE)
    sender.send(arrivals.topic, AT_ONCE)
    before = -1
    while before < arrivals.count:
        before = arrivals.count
        if arrivals.wait(_STILL_SECONDS):
            break
    return arrivals.count


def _row(place: str, url: str, *, is_bound: bool) -> Row:
    progress(f"{AT_ONCE:,} at once, {place}")
    with Sender(url) as sender:
        with client_arrivals(url) as client:
            ours = arrived(sender, client)
        with raw_arrivals(url) as raw:
            reference = arrived(sender, raw)
    note = f"of {AT_ONCE:,}, all verified; paho's own callback got {reference:,}"
    if is_bound:
        return Row(f"arrived, {place}", ours, "", note, AT_ONCE, 1.0, at_least=True)
    return Row(f"arrived, {place}", ours, "", note, reference)


def rows() -> list[Row]:
    """The embedded broker; Mosquitto without a limit and at its defaults, where it is installed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with EmbeddedBroker(folder / "embedded") as broker:
            found = [_row("embedded broker", broker.url, is_bound=True)]
        if find_program() is None:
            return found
        with Mosquitto(folder / "unlimited", options=UNLIMITED) as mosquitto:
            found.append(_row("Mosquitto without a limit", mosquitto.url, is_bound=True))
        with Mosquitto(folder / "defaults", options=AT_DEFAULTS) as mosquitto:
            found.append(_row("Mosquitto at its defaults", mosquitto.url, is_bound=False))
    return found
