"""What a plugin promises the kernel, as tests that its author subclasses.

You are at the entrance. Each contract is a class of pytest tests without a name that pytest
collects; a subclass named ``Test…`` says what is under test and inherits them all. The tests are in
the modules beside this one, sorted by what they are about.

Example:
    ::

        from pye2_testing.contracts import ProcessBench, TransportContract

        class TestPigeons(TransportContract):
            transport = PigeonTransport

            @pytest.fixture
            def bench(self, tmp_path):
                with ProcessBench(PigeonTransport, PigeonLoft(tmp_path)) as bench:
                    yield bench
"""

import pytest

# Before the first import of them: what an assertion of theirs compares is to be shown.
pytest.register_assert_rewrite(
    "pye2_testing.contracts.serializer", "pye2_testing.contracts.transport"
)

from pye2_testing.contracts.contract import (  # noqa: E402 - see above
    Contract,
    ContractOverridden,
    departs,
    not_promised,
)
from pye2_testing.contracts.serializer import SerializerContract  # noqa: E402 - see above
from pye2_testing.contracts.transport import TransportContract  # noqa: E402 - see above
from pye2_testing.contracts.transport.bench import (  # noqa: E402 - see above
    Bench,
    BrokerProcess,
    Client,
    ProcessBench,
)

__all__ = [
    "Bench",
    "BrokerProcess",
    "Client",
    "Contract",
    "ContractOverridden",
    "ProcessBench",
    "SerializerContract",
    "TransportContract",
    "departs",
    "not_promised",
]
