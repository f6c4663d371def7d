"""Dramatiq's actor, for its workers and its client.

Over RabbitMQ it has no results, so that each task says by one byte that it ran, to a socket of the
client's: less than any result costs.
"""

from __future__ import annotations

import os
import socket

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

broker = RabbitmqBroker(url=os.environ["BROKER"])
dramatiq.set_broker(broker)
_ended = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)


@dramatiq.actor
def noop() -> None:
    """Nothing but that it ran."""
    _ended.sendto(b".", os.environ["ENDED"])
