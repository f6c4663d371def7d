"""A broker that is not there, and one that does not let us in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pye2_testing.contracts.transport.bench import PATIENCE
from pye2_testing.contracts.transport.promises import CONFIG, Promises
from pye2core.errors import BrokerUnreachable, CredentialsRefused

if TYPE_CHECKING:
    from pye2_testing.contracts.transport.bench import Bench

_WRONG: list[dict[str, Any]] = [
    {"password": "not this one"},
    {"user": "nobody"},
    {"password": None},
    {"user": None, "password": None},
]
"""What is not as it should be of otherwise good credentials."""


class Refusals(Promises):
    """A broker that is not there, and one that does not let us in."""

    def test_a_broker_that_is_not_there_is_unreachable(self, bench: Bench) -> None:
        nowhere = bench.nowhere
        client = bench.client("client", connected=False, address=nowhere)

        with pytest.raises(BrokerUnreachable) as refused:
            client.transport.connect(PATIENCE)

        assert refused.value.broker == nowhere.url

    def test_a_host_name_that_does_not_exist_is_unreachable(self, bench: Bench) -> None:
        address = evolve(bench.address, host="no-such-host.invalid")
        client = bench.client("client", connected=False, address=address)

        with pytest.raises(BrokerUnreachable) as refused:
            client.transport.connect(PATIENCE)

        assert refused.value.broker == address.url

    def test_good_credentials_are_accepted(self, guarded_bench: Bench) -> None:
        receiver = guarded_bench.client("receiver").subscribe(CONFIG)

        guarded_bench.client("sender").publish(CONFIG, b"let in")

        assert receiver.data() == [b"let in"]

    @pytest.mark.parametrize("wrong", _WRONG, ids=" and ".join)
    def test_bad_credentials_are_refused(self, guarded_bench: Bench, wrong: dict[str, Any]) -> None:
        address = evolve(guarded_bench.address, **wrong)
        client = guarded_bench.client("client", connected=False, address=address)

        with pytest.raises(CredentialsRefused) as refused:
            client.transport.connect(PATIENCE)

        assert refused.value.broker == address.url
        assert not address.password or address.password not in str(refused.value)

    def test_a_refused_client_connects_once_it_is_let_in(self, guarded_bench: Bench) -> None:
        bad = evolve(guarded_bench.address, **_WRONG[0])
        client = guarded_bench.client("client", connected=False, address=bad)
        with pytest.raises(CredentialsRefused):
            client.transport.connect(PATIENCE)

        good = guarded_bench.client("client")
        good.subscribe(CONFIG).publish(CONFIG, b"in")

        assert good.data() == [b"in"]
