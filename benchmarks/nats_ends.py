"""A sender or a receiver on a NATS server, in a process of its own: nats-py's, or our transport.

``python -m benchmarks.nats_ends send|receive raw|ours core|kept URL``. Each line on
standard input is a number of messages of 1 KiB. A sender publishes them at once; when the server
has taken them all, it answers with the moment of the first. A receiver answers with the moment of
the last.

What nats-py does alone is the fastest way to the same guarantees that it offers. On core subjects,
which nobody confirms: a marker to oneself behind every thousand messages, since its ``flush``
overtakes what it has not written yet. With JetStream: ``publish_async``, as many at once as it
allows, and a pull consumer whose messages are acknowledged each.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import nats

from pye2_nats.transport import NatsTransport
from pye2core.abc import Channel, TransportOptions
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future

    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from pye2core.abc import Delivery

_MESSAGE = bytes(1024)
_TIMEOUT = 60.0
_PAYLOADS, _COMMANDS = "naeural.payloads", "naeural.config.raw"
_KEPT = Channel.config("benchmark")
_STREAM = "naeural-config"
_AT_ONCE = 64
_MARKED = 1_000


def _answer(moment: float) -> None:
    print(moment, flush=True)


async def _next_count() -> int:
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    return int(line or 0)


async def _send_raw(client: Client, kind: str) -> None:
    publish = _publish_kept if kind == "kept" else await _confirmed_publishing(client)
    while count := await _next_count():
        start = time.perf_counter()
        await publish(client, count)
        _answer(start)


async def _publish_kept(client: Client, count: int) -> None:
    stream = client.jetstream()
    for _ in range(count):
        await stream.publish_async(_COMMANDS, _MESSAGE, wait_stall=_TIMEOUT)
    await stream.publish_async_completed()


async def _confirmed_publishing(client: Client) -> Callable[[Client, int], Awaitable[None]]:
    """A future for each message, done when a marker behind it has come back."""
    inbox = client.new_inbox()
    unconfirmed: deque[list[asyncio.Future[None]]] = deque()

    async def confirm(_marker: Msg) -> None:
        for published in unconfirmed.popleft():
            published.set_result(None)

    await client.subscribe(inbox, cb=confirm)

    async def publish(client: Client, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(0, count, _MARKED):
            unmarked = []
            for _ in range(_MARKED):
                unmarked.append(loop.create_future())
                await client.publish(_PAYLOADS, _MESSAGE)
            unconfirmed.append(unmarked)
            await client.publish(inbox)
            await asyncio.sleep(0)  # what waits is written
        await unmarked[-1]

    return publish


async def _receive_raw(client: Client, kind: str) -> None:
    if kind == "kept":
        await _pull_raw(client)
        return
    last = asyncio.Event()
    left = 0

    async def count_down(_message: Msg) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            last.set()

    await client.subscribe(_PAYLOADS, cb=count_down)
    await client.flush()
    _answer(0)
    while left := await _next_count():
        last.clear()
        _answer(0)
        await last.wait()
        _answer(time.perf_counter())


async def _pull_raw(client: Client) -> None:
    pulling = await client.jetstream().pull_subscribe(
        _COMMANDS, "raw", stream=_STREAM, pending_msgs_limit=0
    )
    _answer(0)
    while left := await _next_count():
        _answer(0)
        while left > 0:
            for message in await pulling.fetch(min(left, _AT_ONCE), timeout=_TIMEOUT):
                await message.ack()
                left -= 1
        _answer(time.perf_counter())


async def _raw(role: str, kind: str, url: str) -> None:
    client = await nats.connect(url)
    await (_send_raw if role == "send" else _receive_raw)(client, kind)
    await client.close()


class _Countdown:
    """Waits for so many confirmations, as the kernel takes them: none is held once it is there."""

    def __init__(self, count: int) -> None:
        self._left = count
        self._all = threading.Event()

    def note(self, published: Future[None]) -> None:
        published.result(0)
        self._left -= 1
        if self._left == 0:
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(_TIMEOUT)


def _send_ours(transport: NatsTransport, channel: Channel) -> None:
    for line in sys.stdin:
        start = time.perf_counter()
        confirmations = _Countdown(int(line))
        for _ in range(int(line)):
            transport.publish(channel, _MESSAGE).add_done_callback(confirmations.note)
        confirmations.wait()
        _answer(start)


def _ours(role: str, kind: str, url: str) -> None:
    last = threading.Event()
    left = 0

    def count_down(delivery: Delivery) -> None:
        nonlocal left
        delivery.ack()
        left -= 1
        if left == 0:
            last.set()

    channel = _KEPT if kind == "kept" else Channel.payloads()
    options = TransportOptions(parse_broker_url(url), f"benchmark-{role}", persistent=True)
    transport = NatsTransport(options, count_down, lambda *_: None)
    transport.connect(_TIMEOUT)
    if role == "send":
        _send_ours(transport, channel)
    else:
        transport.subscribe(channel, _TIMEOUT)
        _answer(0)
        for line in sys.stdin:
            left = int(line)
            last.clear()
            _answer(0)
            last.wait(_TIMEOUT)
            _answer(time.perf_counter())
    transport.close(_TIMEOUT)


def main() -> None:
    """Play one part until the input ends."""
    role, whose, kind, url = sys.argv[1:]
    if whose == "raw":
        asyncio.run(_raw(role, kind, url))
    else:
        _ours(role, kind, url)


if __name__ == "__main__":
    main()
