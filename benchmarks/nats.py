"""Messages of 1 KiB over a NATS server, one publisher and one subscriber, beside nats-py alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

from benchmarks.table import Row, progress, typical_pair
from pye2_nats.transport import NatsTransport
from pye2_testing import NatsServer
from pye2_testing.nats_server import find_program
from pye2core.abc import TransportOptions
from pye2core.settings import parse_broker_url

BOUND = 0.80
_COUNTS = {"core": 10_000, "kept": 5_000}
_NAMES = {
    "core": "1 KiB over NATS, payloads",
    "kept": "1 KiB over NATS, commands (JetStream)",
}
_NOTE = {
    "core": "nats-py with nothing but its loop: publish, a marker for every 1,000; a callback",
    "kept": "nats-py: publish_async; a pull consumer, each message acknowledged",
}


class _End:
    """One end in its own process; it ends with the ``with`` block."""

    def __init__(self, role: str, whose: str, kind: str, url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.nats_ends", role, whose, kind, url]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.terminate()

    def ask(self, count: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")

    def answer(self) -> float:
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())


def _rate(sender: _End, receiver: _End, count: int) -> float:
    """Messages a second, from the first that is published to the last that arrives."""
    receiver.ask(count)
    receiver.answer()  # it counts
    sender.ask(count)
    start = sender.answer()
    return count / (receiver.answer() - start)


def _row(kind: str, url: str) -> Row:
    progress(_NAMES[kind])
    with ExitStack() as stack:
        measures = []
        for whose in ("ours", "raw"):
            receiver = stack.enter_context(_End("receive", whose, kind, url))
            receiver.answer()  # it has subscribed
            sender = stack.enter_context(_End("send", whose, kind, url))
            measures.append(partial(_rate, sender, receiver, _COUNTS[kind]))
        ours, raw = typical_pair(*measures)
    return Row(_NAMES[kind], ours, "/s", _NOTE[kind], raw, BOUND, at_least=True)


def rows() -> list[Row]:
    """Payloads over core subjects, and commands over JetStream."""
    if find_program() is None:
        return []
    with tempfile.TemporaryDirectory() as folder, NatsServer(Path(folder)) as server:
        options = TransportOptions(parse_broker_url(server.url), "first")
        first = NatsTransport(options, lambda _: None, lambda *_: None)
        first.connect(10)  # the stream is there from now on, for nats-py as well
        first.close(10)
        return [_row(kind, server.url) for kind in _COUNTS]
