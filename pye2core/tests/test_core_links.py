"""Which connection of a transport counts, from its opening to a goodbye or a loss."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pye2core.abc import ConnectionState, CurrentLink, Transport, TransportOptions, broker_failures
from pye2core.clock import ManualClock
from pye2core.errors import BrokerUnreachable, NotConnected, TransportError
from pye2core.settings import BrokerAddress

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pye2core.abc import Channel

BROKER = BrokerAddress("pigeon", "broker.lan", 99, "me", "s3cr3t")


class Wire:
    """A link that writes down what is done with it.

    Args:
        log: where to.
        name: what it is called there.
        leaving: what it does to leave; whether that confirms all.
    """

    def __init__(
        self, log: list[str], name: str = "wire", leaving: Callable[[], bool] = lambda: True
    ) -> None:
        self.runs_here = False
        self._log = log
        self._name = name
        self._leaving = leaving
        self.left_by = ""

    def open(self) -> str:
        self._log.append(f"{self._name} opened")
        return "welcome"

    def drop(self, reason: str) -> None:
        self._log.append(f"{self._name} dropped: {reason}")

    def silence(self) -> None:
        self._log.append(f"{self._name} silenced")

    def leave(self, timeout: float) -> bool:
        self._log.append(f"{self._name} left within {timeout:g} s")
        self.left_by = threading.current_thread().name
        return self._leaving()


class Pigeons(Transport):
    """A transport whose connections are made by the tests."""

    def __init__(self, clock: ManualClock) -> None:
        self.told: list[tuple[ConnectionState, str]] = []
        super().__init__(
            TransportOptions(BROKER, "client"),
            lambda _: None,
            lambda state, reason: self.told.append((state, reason)),
        )
        self.current = CurrentLink[Wire](self, clock)

    def connect(self, timeout: float) -> None: ...
    def subscribe(self, channel: Channel, timeout: float) -> None: ...
    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        return broker_failures.unsent(TransportError("no", broker=BROKER.url))

    def close(self, timeout: float) -> None: ...
    def detach(self, timeout: float) -> None: ...


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def transport(clock: ManualClock) -> Pigeons:
    return Pigeons(clock)


@pytest.fixture
def log() -> list[str]:
    return []


# --- opening ---


def test_a_link_that_was_opened_is_the_one_that_counts(transport: Pigeons, log: list[str]) -> None:
    wire = Wire(log)

    answer = transport.current.open(wire, wire.open)

    assert answer == "welcome"
    assert transport.current.at("somewhere") is wire
    assert log == ["wire opened"]


def test_there_is_none_before_the_first_and_while_one_is_being_opened(
    transport: Pigeons, log: list[str]
) -> None:
    def look() -> None:
        with pytest.raises(NotConnected, match="there is no connection"):
            transport.current.at("somewhere")

    look()

    transport.current.open(Wire(log), look)


def test_the_link_before_is_dropped_before_the_next_is_opened(
    transport: Pigeons, log: list[str]
) -> None:
    first, second = Wire(log, "first"), Wire(log, "second")
    transport.current.open(first, first.open)

    transport.current.open(second, second.open)

    assert log == [
        "first opened",
        "first dropped: a new connection replaces it",
        "second opened",
    ]
    assert transport.current.at("somewhere") is second


@pytest.mark.parametrize(
    "error", [BrokerUnreachable("no", broker=BROKER.url), KeyError("a defect")], ids=repr
)
def test_a_link_that_cannot_be_opened_is_dropped_and_says_why(
    transport: Pigeons, log: list[str], error: Exception
) -> None:
    with pytest.raises(type(error)) as raised:
        transport.current.open(Wire(log), _raising(error))

    assert raised.value is error
    assert log == ["wire dropped: the connection could not be made"]
    with pytest.raises(NotConnected):
        transport.current.at("somewhere")


def test_none_is_opened_once_the_transport_is_closed(transport: Pigeons, log: list[str]) -> None:
    wire = Wire(log)
    transport.current.leave(1)

    with pytest.raises(NotConnected, match="the transport is closed"):
        transport.current.open(wire, wire.open)

    assert log == ["wire dropped: the connection could not be made"]


def test_who_is_connecting_as_the_transport_is_closed_is_told_so(
    transport: Pigeons, log: list[str]
) -> None:
    def close_meanwhile() -> None:
        transport.current.leave(1)
        raise BrokerUnreachable("it hung up", broker=BROKER.url)

    with pytest.raises(NotConnected, match="the transport is closed"):
        transport.current.open(Wire(log), close_meanwhile)

    assert "wire left within 1 s" in log


def test_one_that_was_opened_as_the_transport_was_closed_does_not_count(
    transport: Pigeons, log: list[str]
) -> None:
    transport.current.open(Wire(log), lambda: transport.current.leave(1))

    with pytest.raises(NotConnected, match="the transport is closed"):
        transport.current.at("somewhere")


# --- losses ---


def test_a_loss_is_told_once_and_nothing_can_be_asked_any_more(
    transport: Pigeons, log: list[str]
) -> None:
    wire = Wire(log)
    transport.current.open(wire, wire.open)

    transport.current.lost(wire, "cut")
    transport.current.lost(wire, "cut again")

    assert transport.told == [(ConnectionState.LOST, "cut")]
    with pytest.raises(NotConnected, match=r"'home'.*there is no connection") as raised:
        transport.current.at("home")
    assert "s3cr3t" not in str(raised.value)


def test_the_loss_of_a_link_that_was_replaced_is_nobodys_concern(
    transport: Pigeons, log: list[str]
) -> None:
    first, second = Wire(log, "first"), Wire(log, "second")
    transport.current.open(first, first.open)
    transport.current.open(second, second.open)

    transport.current.lost(first, "cut")

    assert transport.told == []
    assert transport.current.at("somewhere") is second


def test_after_the_goodbye_no_loss_is_told(transport: Pigeons, log: list[str]) -> None:
    wire = Wire(log)
    transport.current.open(wire, wire.open)
    transport.current.leave(1)

    transport.current.lost(wire, "hung up")

    assert transport.told == []


# --- goodbyes ---


def test_what_else_has_to_be_done_has_the_time_that_is_left(
    transport: Pigeons, clock: ManualClock, log: list[str]
) -> None:
    wire = Wire(log, leaving=_taking(clock, 3))
    transport.current.open(wire, wire.open)
    given: list[float] = []

    transport.current.leave(10, given.append)

    assert given == [7]


def test_a_goodbye_that_takes_all_its_time_leaves_none(
    transport: Pigeons, clock: ManualClock, log: list[str]
) -> None:
    wire = Wire(log, leaving=_taking(clock, 11))
    transport.current.open(wire, wire.open)
    given: list[float] = []

    transport.current.leave(10, given.append)

    assert given == [0]


def test_without_a_link_what_else_has_to_be_done_is_done(transport: Pigeons) -> None:
    given: list[float] = []

    transport.current.leave(10, given.append)

    assert given == [10]


def test_the_second_goodbye_does_nothing(transport: Pigeons, log: list[str]) -> None:
    wire = Wire(log)
    transport.current.open(wire, wire.open)
    transport.current.leave(10)
    given: list[float] = []

    transport.current.leave(10, given.append)

    assert given == []
    assert log == ["wire opened", "wire left within 10 s"]


def test_what_was_not_confirmed_in_time_is_logged_without_the_password(
    transport: Pigeons, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    wire = Wire(log, leaving=lambda: False)
    transport.current.open(wire, wire.open)

    transport.current.leave(10)

    assert "before all messages were confirmed" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_goodbye_from_within_the_link_is_said_by_another_thread(
    transport: Pigeons, log: list[str]
) -> None:
    wire = Wire(log)
    transport.current.open(wire, wire.open)
    wire.runs_here = True
    is_done = threading.Event()

    transport.current.leave(10, lambda _: is_done.set())

    assert is_done.wait(30)
    assert log == ["wire opened", "wire silenced", "wire left within 10 s"]
    assert wire.left_by == "pye2-pigeon-client-leaving"


def _raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _taking(clock: ManualClock, seconds: float) -> Callable[[], bool]:
    def leave() -> bool:
        clock.advance(seconds)
        return True

    return leave
