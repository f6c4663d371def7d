"""A publisher in a process of its own: our transport, or the client library under it, alone.

Each line on standard input, a count, has it publish that many messages of 1 KiB at once. When the
broker has taken them all, it answers with the moment before the first.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from attrs import frozen

from benchmarks.echo import connected_client
from benchmarks.raw_amqp import Confirmed, open_channel
from pye2core.abc import Channel, ChannelKind, TransportOptions
from pye2core.plugins import installed_plugins
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2core.abc import Delivery, Transport

NODE = "benchmark"
MESSAGE = b"x" * 1024
RAW = "raw"
_TIMEOUT = 20.0
_LONGEST = 600.0


@frozen
class Way:
    """How messages go from the publisher to the subscriber.

    Attributes:
        kind: the kind of channel, by which the transport knows how safe they must be.
        qos: the same for paho.
        kept: whether the subscriber's session or queue lasts longer than its connection.
    """

    kind: ChannelKind
    qos: int
    kept: bool

    @property
    def channel(self) -> Channel:
        """Where they are published."""
        return Channel.config(NODE) if self.kind is ChannelKind.CONFIG else Channel(self.kind)


WAYS = {
    "unconfirmed": Way(ChannelKind.CTRL, 0, kept=False),
    "confirmed": Way(ChannelKind.PAYLOADS, 1, kept=False),
    "kept": Way(ChannelKind.CONFIG, 1, kept=True),
}


def make_transport(
    url: str, client_id: str, *, kept: bool, on_message: Callable[[Delivery], None]
) -> Transport:
    """Our transport for ``url``, connected."""
    address = parse_broker_url(url)
    registry = installed_plugins()
    descriptor = registry.transport(address.scheme)
    options = TransportOptions(
        address, client_id, kept, settings=registry.settings_of(descriptor, {})
    )
    implementation = registry.load(descriptor, descriptor.implementation)
    made: Transport = implementation(options, on_message, lambda *_: None)
    made.connect(_TIMEOUT)
    return made


class Publisher:
    """The process, as its owner sees it; it ends with the ``with`` block.

    Args:
        url: the broker's.
        way: a key of ``WAYS``.
        raw: whether the client library publishes, not our transport.
    """

    def __init__(self, url: str, way: str, *, raw: bool) -> None:
        command = [sys.executable, "-m", "benchmarks.publishing", url, way, RAW if raw else "ours"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.terminate()

    def publish(self, count: int) -> float:
        """Have so many published; the moment before the first, by ``time.perf_counter``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        return float(self._answer())

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def _ours(url: str, way: Way) -> Iterator[Callable[[int], None]]:
    transport = make_transport(url, "publisher", kept=False, on_message=lambda _: None)

    def publish(count: int) -> None:
        published = [transport.publish(way.channel, MESSAGE) for _ in range(count)]
        published[-1].result(_LONGEST)

    yield publish
    transport.close(_TIMEOUT)


@contextmanager
def _paho(url: str, way: Way) -> Iterator[Callable[[int], None]]:
    client = connected_client(url, "benchmark/nothing", lambda *_: None)

    def publish(count: int) -> None:
        published = [client.publish(RAW, MESSAGE, way.qos) for _ in range(count)]
        published[-1].wait_for_publish(_LONGEST)

    yield publish
    client.disconnect()
    client.loop_stop()


@contextmanager
def _pika(url: str, way: Way) -> Iterator[Callable[[int], None]]:
    with open_channel(url) as channel:
        confirmed = Confirmed(channel, RAW, mandatory=way.kind is ChannelKind.CONFIG)
        yield lambda count: confirmed.publish(RAW, MESSAGE, count)


def main(url: str, way: str, who: str) -> None:
    """Publish what is asked for until the input ends."""
    raw = _pika if url.startswith("amqp") else _paho
    with (raw if who == RAW else _ours)(url, WAYS[way]) as publish:
        print("ready", flush=True)
        for line in sys.stdin:
            start = time.perf_counter()
            publish(int(line))
            print(start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
