"""The foundation of the transport contract: channels, and which tests apply to a transport.

You are below the tests, which are in the modules beside this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

from pye2_testing.contracts.contract import Contract
from pye2core.abc import Channel, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2_testing.contracts.transport.bench import Bench

MIB = 1024 * 1024

CONFIG = Channel.config("0xai_A-b_c")
INBOX = Channel.inbox("0xai_A-b_c")
CTRL = Channel.ctrl()
NOTIF = Channel.notif()
PAYLOADS = Channel.payloads()
ROLL_CALL = Channel.roll_call()

KINDS = [CONFIG, CTRL, NOTIF, PAYLOADS, INBOX]
CONFIRMED = [CONFIG, NOTIF, PAYLOADS, INBOX]
"""Where the broker confirms what is published, so that none is lost on the way to it."""

_Test = TypeVar("_Test", bound="Callable[..., Any]")

_NEEDED = "needs_features"


def name_of(channel: Channel) -> str:
    """What a test's parameter is called."""
    return channel.kind.value


def numbered(count: int, prefix: str = "") -> list[bytes]:
    """So many different messages."""
    return [f"{prefix}{number}".encode() for number in range(count)]


def needs(*features: str) -> Callable[[_Test], _Test]:
    """Mark a test that applies to transports with these ``TransportFeatures`` only.

    ``durable`` is needed for the test's parameter ``channel`` or ``every``, or for commands if it
    has neither.
    """

    def mark(test: _Test) -> _Test:
        setattr(test, _NEEDED, features)
        return test

    return mark


class Promises(Contract):
    """What every part of the transport contract stands on.

    Attributes:
        transport: the class under test; a subclass names it.
    """

    transport: ClassVar[type[Transport]]

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """A broker that lets everybody in (or the bench has credentials); a subclass gives it."""
        pytest.fail(
            f"{type(self).__name__} has no fixture `bench`: give it one that yields a Bench"
        )

    @pytest.fixture
    def guarded_bench(self) -> Iterator[Bench]:
        """A broker that asks for a user and a password; a subclass gives it."""
        pytest.fail(
            f"{type(self).__name__} has no fixture `guarded_bench`: give it one that yields a Bench"
            " whose broker wants credentials, or say of each test that needs it why there is none:"
            " not_promised('the reason')"
        )

    @pytest.fixture(autouse=True)
    def _skip_what_is_not_promised(self, request: pytest.FixtureRequest) -> None:
        """Runs before a broker is started."""
        for feature in getattr(request.function, _NEEDED, ()):
            if not self._has(feature, request):
                pytest.skip(f"{self.transport.__name__} does not have the feature {feature!r}")

    def _has(self, feature: str, request: pytest.FixtureRequest) -> bool:
        promised = getattr(self.transport.features, feature)
        if feature != "durable":
            return bool(promised)
        parameters = getattr(request.node, "callspec", None)
        given = parameters.params if parameters else {}
        channel = given.get("channel") or given.get("every") or CONFIG
        return channel.kind in promised
