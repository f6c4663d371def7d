"""Embedded brokers, clients of theirs, and the ends of processes that are not our children."""

from __future__ import annotations

import os
import queue
import select

import pytest
from attrs import evolve

from pye2_broker import EmbeddedBroker
from pye2_mqtt.transport import MqttTransport
from pye2core.abc import TransportOptions
from pye2core.settings import parse_broker_url

PATIENCE = 30.0


@pytest.fixture
def broker(tmp_path):
    with EmbeddedBroker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def connect():
    """Makes connected clients; what they receive is in their ``data`` queue."""
    made = []

    def make(url, client_id="client", *, persistent=False, **credentials):
        data = queue.Queue()

        def receive(delivery):
            delivery.ack()
            data.put(delivery.data)

        address = evolve(parse_broker_url(url), **credentials)
        options = TransportOptions(address, client_id, persistent)
        transport = MqttTransport(options, receive, lambda state, reason: None)
        transport.data = data
        made.append(transport)
        transport.connect(PATIENCE)
        return transport

    yield make
    for transport in made:
        transport.detach(0)


@pytest.fixture
def await_end():
    """Waits for the end of any process."""

    def wait(pid):
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            assert select.select([process], [], [], PATIENCE)[0], f"process {pid} lives on"
        finally:
            os.close(process)

    return wait
