"""The transport contract, on a real nats-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import pye2_nats.plugin
from pye2_nats.transport import NatsTransport
from pye2_testing import NatsServer
from pye2_testing.contracts import Bench, ProcessBench, TransportContract
from pye2_testing.nats_server import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(find_program() is None, reason="nats-server is not installed")


class TestNats(TransportContract):
    plugin = pye2_nats.plugin
    transport = NatsTransport

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Iterator[Bench]:
        with ProcessBench(NatsTransport, NatsServer(tmp_path)) as bench:
            yield bench

    @pytest.fixture
    def guarded_bench(self, tmp_path: Path) -> Iterator[Bench]:
        server = NatsServer(tmp_path, user="pye2", password="s3cret & ü")
        with ProcessBench(NatsTransport, server, user="pye2", password="s3cret & ü") as bench:
            yield bench
