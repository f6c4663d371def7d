"""Messages of 1 KiB a second from one process to another, beside the client library alone.

Broker and guarantees are the same for both: QoS for MQTT; confirms, mandatory, persistent and
acknowledged one by one for AMQP. Publisher and subscriber have a process each.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.echo import connected_client
from benchmarks.publishing import RAW, WAYS, Publisher, make_transport
from benchmarks.raw_amqp import consuming
from benchmarks.receivers import Arrivals
from benchmarks.table import Row, progress, typical_pair
from pye2_testing import mosquitto, rabbitmq

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.publishing import Way
    from pye2core.abc import Delivery

AT_ONCE = 10_000
AT_ONCE_ON_DISK = 2_000
_TIMEOUT = 120.0
_ENOUGH = 0.80


@contextmanager
def _ours(url: str, way: Way) -> Iterator[Arrivals]:
    arrivals = Arrivals("")

    def handle(delivery: Delivery) -> None:
        arrivals.note()
        delivery.ack()

    transport = make_transport(url, "subscriber", kept=way.kept, on_message=handle)
    transport.subscribe(way.channel, _TIMEOUT)
    yield arrivals
    transport.close(_TIMEOUT)


@contextmanager
def _raw(url: str, way: Way) -> Iterator[Arrivals]:
    arrivals = Arrivals("")
    if url.startswith("amqp"):
        with consuming(url, RAW, RAW, kept=way.kept, on_message=arrivals.note):
            yield arrivals
        return
    client = connected_client(url, RAW, lambda *_: arrivals.note())
    yield arrivals
    client.disconnect()
    client.loop_stop()


def rate(publisher: Publisher, arrivals: Arrivals, count: int) -> float:
    """Messages a second, from the first that is published to the last that arrives."""
    arrivals.expect(count)
    start = publisher.publish(count)
    return count / (arrivals.complete_at(_TIMEOUT) - start)


def _row(name: str, url: str, way: str, count: int = AT_ONCE) -> Row:
    progress(name)
    with (
        Publisher(url, way, raw=False) as our_publisher,
        Publisher(url, way, raw=True) as raw_publisher,
        _ours(url, WAYS[way]) as ours,
        _raw(url, WAYS[way]) as raw,
    ):
        our_rate, raw_rate = typical_pair(
            lambda: rate(our_publisher, ours, count), lambda: rate(raw_publisher, raw, count)
        )
    library = "pika's" if url.startswith("amqp") else "paho's"
    note = f"{count:,} of 1 KiB at once, against {library} own callbacks"
    return Row(name, our_rate, "/s", note, raw_rate, _ENOUGH, at_least=True)


def rows() -> list[Row]:
    """MQTT on Mosquitto and AMQP on RabbitMQ, where they are installed."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if mosquitto.find_program():
            unlimited = ("max_queued_messages 0",)
            with mosquitto.Mosquitto(folder / "mosquitto", options=unlimited) as broker:
                found.append(_row("MQTT on Mosquitto, QoS 0", broker.url, "unconfirmed"))
                found.append(_row("MQTT on Mosquitto, QoS 1", broker.url, "confirmed"))
        if rabbitmq.find_program():
            with rabbitmq.RabbitMq(folder / "rabbitmq") as rabbit:
                found.append(_row("AMQP on RabbitMQ, confirmed", rabbit.url, "confirmed"))
                found.append(
                    _row("AMQP on RabbitMQ, durable queue", rabbit.url, "kept", AT_ONCE_ON_DISK)
                )
    return found
