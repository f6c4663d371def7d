"""What a plugin promises the kernel, as tests that its author subclasses.

You are at the entrance. Each contract is a class of pytest tests without a name that pytest
collects; a subclass named ``Test…`` says what is under test and inherits them all. A name is
imported when it is first asked for: a contract of signatures needs the node, one of transports does
not.

Example:
    ::

        from pye2_testing.contracts import ProcessBench, TransportContract

        class TestPigeons(TransportContract):
            plugin = my_pigeons.plugin
            transport = PigeonTransport

            @pytest.fixture
            def bench(self, tmp_path):
                with ProcessBench(PigeonTransport, PigeonLoft(tmp_path)) as bench:
                    yield bench
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pye2_testing.contracts.contract import (
        Contract,
        ContractOverridden,
        departs,
        not_promised,
    )
    from pye2_testing.contracts.preset import PresetContract, StageCall
    from pye2_testing.contracts.serializer import SerializerContract
    from pye2_testing.contracts.signature import SignatureContract
    from pye2_testing.contracts.transport import TransportContract
    from pye2_testing.contracts.transport.bench import Bench, BrokerProcess, Client, ProcessBench

__all__ = [
    "Bench",
    "BrokerProcess",
    "Client",
    "Contract",
    "ContractOverridden",
    "PresetContract",
    "ProcessBench",
    "SerializerContract",
    "SignatureContract",
    "StageCall",
    "TransportContract",
    "departs",
    "not_promised",
]

_HOME_OF = {
    "Bench": "transport.bench",
    "BrokerProcess": "transport.bench",
    "Client": "transport.bench",
    "Contract": "contract",
    "ContractOverridden": "contract",
    "PresetContract": "preset",
    "ProcessBench": "transport.bench",
    "SerializerContract": "serializer",
    "SignatureContract": "signature",
    "StageCall": "preset",
    "TransportContract": "transport",
    "departs": "contract",
    "not_promised": "contract",
}

# Before any of them is imported: what an assertion of theirs compares is to be shown.
pytest.register_assert_rewrite(
    *(f"{__name__}.{room}" for room in ("offers", "preset", "serializer", "signature", "transport"))
)

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _HOME_OF:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
