"""The transport over AMQP keeps the contract of a transport, on a RabbitMQ that all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

import pye2_amqp.plugin
from pye2_amqp.settings import AmqpSettings
from pye2_amqp.transport import AmqpTransport
from pye2_testing.contracts import Bench, ProcessBench, TransportContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_testing.rabbitmq import RabbitMq


@pytest.fixture
def shared_bench(broker: RabbitMq) -> Iterator[Bench]:
    """A network of its own; whatever was done to the broker, it runs again afterwards."""
    settings = AmqpSettings(exchange=f"bench-{uuid4().hex[:8]}")
    made = ProcessBench(
        AmqpTransport, broker, user=broker.user, password=broker.password, settings=settings
    )
    yield made
    made.detach_clients()
    broker.start()


class TestAmqpOnRabbitMq(TransportContract):
    plugin = pye2_amqp.plugin
    transport = AmqpTransport

    @pytest.fixture
    def bench(self, shared_bench: Bench) -> Bench:
        return shared_bench

    @pytest.fixture
    def guarded_bench(self, shared_bench: Bench) -> Bench:
        return shared_bench
