"""The transport over MQTT keeps the contract of a transport, on each broker that we run."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

import pye2_mqtt.plugin
from pye2_broker import EmbeddedBroker
from pye2_mqtt.transport import MqttTransport
from pye2_testing import Mosquitto, fixtures
from pye2_testing.contracts import (
    Bench,
    ProcessBench,
    TransportContract,
    not_promised,
)
from pye2_testing.contracts.transport.bench import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2_broker import BrokerFailed

USER, PASSWORD = "pye2", "s3cret & ü:/@"


class TestMqttOnMosquitto(TransportContract):
    plugin = pye2_mqtt.plugin
    transport = MqttTransport

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        fixtures.require_mosquitto()
        with ProcessBench(MqttTransport, Mosquitto(tmp_path)) as bench:
            yield bench

    @pytest.fixture
    def guarded_bench(self, tmp_path: Path) -> Iterator[Bench]:
        fixtures.require_mosquitto()
        broker = Mosquitto(tmp_path, user=USER, password=PASSWORD)
        with ProcessBench(MqttTransport, broker, user=USER, password=PASSWORD) as bench:
            yield bench

    test_what_the_broker_has_confirmed_survives_its_death = not_promised(
        "Mosquitto saves what it keeps now and then (autosave_interval) and as it ends in good"
        " order: one that is killed has forgotten what came since"
    )


class MortalBroker(EmbeddedBroker):
    """The embedded broker, with the death that users do not ask of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, redeliver_after=1.0)
        self._died = threading.Event()
        self.watch(self._note_death)

    def _note_death(self, _failure: BrokerFailed) -> None:
        self._died.set()

    def kill(self) -> None:
        self._died.clear()
        assert self.pid is not None
        os.kill(self.pid, signal.SIGKILL)
        assert self._died.wait(PATIENCE)


_OPEN = "the embedded broker listens on this machine alone and lets everybody in"


class TestMqttOnTheEmbeddedBroker(TransportContract):
    plugin = pye2_mqtt.plugin
    transport = MqttTransport

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        with ProcessBench(MqttTransport, MortalBroker(tmp_path)) as bench:
            yield bench

    test_what_was_not_acknowledged_comes_again_before_what_is_newer = not_promised(
        "over MQTT, nats-server sends again by a clock of its own, and what is newer meanwhile"
    )
    test_good_credentials_are_accepted = not_promised(_OPEN)
    test_bad_credentials_are_refused = not_promised(_OPEN)
    test_a_refused_client_connects_once_it_is_let_in = not_promised(_OPEN)
