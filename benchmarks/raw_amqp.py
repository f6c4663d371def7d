"""pika alone, as one would write it: confirms and acknowledgements by callback, nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pika

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pika.channel import Channel

PREFETCH = 64
"""As many as our transport leaves unacknowledged."""

_TIMEOUT = 20.0
_AT_ONCE = 200
"""Messages that are handed to pika before its loop turns to what the broker answers."""


@contextmanager
def open_channel(url: str) -> Iterator[Channel]:
    """A channel of a connection whose loop has a thread of its own."""
    opened: Future[Channel] = Future()

    def open_one(made: pika.connection.Connection) -> None:
        made.channel(on_open_callback=opened.set_result)

    connection = pika.SelectConnection(
        pika.URLParameters(url),
        on_open_callback=open_one,
        on_close_callback=lambda made, _: made.ioloop.stop(),
    )
    loop = threading.Thread(target=connection.ioloop.start)
    loop.start()
    yield opened.result(_TIMEOUT)
    connection.ioloop.add_callback_threadsafe(connection.close)
    loop.join()


def ask(channel: Channel, method: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    """Call a method of a channel and wait for the broker's answer."""
    answered: Future[Any] = Future()
    channel.connection.ioloop.add_callback_threadsafe(
        lambda: method(*arguments, callback=answered.set_result, **named)
    )
    answered.result(_TIMEOUT)


class Confirmed:
    """Publishes persistent messages to an exchange and waits until the broker has them all.

    Args:
        channel: of a connection of its own.
        exchange: a topic exchange, made if it is missing.
        mandatory: whether the broker says if there is no queue for one.
    """

    def __init__(self, channel: Channel, exchange: str, *, mandatory: bool) -> None:
        self._channel = channel
        self._exchange = exchange
        self._mandatory = mandatory
        self._properties = pika.BasicProperties(delivery_mode=2)
        self._published = self._wanted = self._all_up_to = 0
        self._unconfirmed: set[int] = set()
        self._done = threading.Event()
        ask(channel, channel.exchange_declare, exchange, "topic", durable=True)
        ask(channel, channel.confirm_delivery, self._on_confirm)

    def publish(self, key: str, data: bytes, count: int) -> None:
        """Publish so many."""
        self._done.clear()
        self._wanted += count
        self._channel.connection.ioloop.add_callback_threadsafe(lambda: self._pump(key, data))
        self._done.wait()

    def _pump(self, key: str, data: bytes) -> None:
        for _ in range(min(_AT_ONCE, self._wanted - self._published)):
            self._published += 1
            self._unconfirmed.add(self._published)
            self._channel.basic_publish(
                self._exchange, key, data, self._properties, mandatory=self._mandatory
            )
        if self._published < self._wanted:
            self._channel.connection.ioloop.add_callback_threadsafe(lambda: self._pump(key, data))

    def _on_confirm(self, frame: Any) -> None:
        number = frame.method.delivery_tag
        if frame.method.multiple:
            self._unconfirmed.difference_update(range(self._all_up_to + 1, number + 1))
            self._all_up_to = number
        else:
            self._unconfirmed.discard(number)
        if not self._unconfirmed and self._published == self._wanted:
            self._done.set()


@contextmanager
def consuming(
    url: str, exchange: str, key: str, *, kept: bool, on_message: Callable[[], None]
) -> Iterator[None]:
    """Take what is published with ``key``, and acknowledge each message when it was handled.

    Args:
        url: the broker's.
        exchange: a topic exchange, made if it is missing.
        key: the routing key.
        kept: whether the queue is durable; otherwise it is exclusive.
        on_message: called for each.
    """
    queue = f"{exchange}.raw"

    def receive(channel: Channel, method: Any, _properties: object, _data: bytes) -> None:
        on_message()
        channel.basic_ack(method.delivery_tag)

    with open_channel(url) as channel:
        ask(channel, channel.exchange_declare, exchange, "topic", durable=True)
        ask(channel, channel.queue_declare, queue, durable=kept, exclusive=not kept)
        ask(channel, channel.queue_bind, queue, exchange, key)
        ask(channel, channel.basic_qos, prefetch_count=PREFETCH)
        ask(channel, channel.basic_consume, queue, receive)
        yield
        ask(channel, channel.queue_delete, queue)
