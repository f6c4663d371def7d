"""The transport within a process keeps the contract of a transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

import pye2_testing.plugin
from pye2_testing import MemoryBroker, MemoryTransport
from pye2_testing.contracts import Bench, Client, TransportContract
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2core.settings import BrokerAddress


class MemoryBench(Bench):
    """A broker of this process, in which nothing needs a cable."""

    def __init__(self, user: str | None = None, password: str | None = None) -> None:
        super().__init__(MemoryTransport)
        self._broker = MemoryBroker("contract", user=user, password=password)
        self._broker.start()
        self._credentials = {"user": user, "password": password}

    @property
    def address(self) -> BrokerAddress:
        return evolve(parse_broker_url(self._broker.url), **self._credentials)

    @property
    def nowhere(self) -> BrokerAddress:
        return parse_broker_url("memory://nowhere")

    def sever(self, client: Client) -> None:
        self._broker.drop(client.transport.options.client_id)

    def freeze(self) -> None:
        self._broker.stall()

    def thaw(self) -> None:
        self._broker.resume()

    def kill(self) -> None:
        self._broker.stop()

    def stop(self) -> None:
        self._broker.stop()

    def restart(self) -> None:
        self._broker.start()


class TestMemoryTransport(TransportContract):
    plugin = pye2_testing.plugin
    transport = MemoryTransport

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        with MemoryBench() as bench:
            yield bench

    @pytest.fixture
    def guarded_bench(self) -> Iterator[Bench]:
        with MemoryBench("pye2", "s3cret & ü:/@") as bench:
            yield bench
