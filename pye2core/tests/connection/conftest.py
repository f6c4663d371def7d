"""A bench: a connection on a scripted transport, which does what a broker might when told to."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, cast

import pytest

from pye2core.abc import (
    KEPT_KINDS,
    Channel,
    ConnectionState,
    Delivery,
    LastWill,
    SealedMessage,
    Serializer,
    Transport,
    TransportFeatures,
)
from pye2core.clock import ManualClock
from pye2core.connection import Connection, ConnectionSettings, Dialects
from pye2core.descriptors import TransportDescriptor
from pye2core.errors import NotConnected
from pye2core.messages import InstancePath, PayloadMessage
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pye2core.identity import Identity
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

PATIENCE = 30.0
"""Seconds after which what has not happened counts as not happening at all."""

URL = "memory://broker.lan"
ME = cast("Identity", object())


class ScriptedTransport(Transport):
    """Does as it is told; ``calls`` is what the connection asked of it."""

    features = TransportFeatures(
        durable=KEPT_KINDS, last_will=True, max_message=1000, max_unacknowledged=7, wildcards=True
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.calls: list[str] = []
        self.published: list[tuple[str, Future[None]]] = []
        self.wills: list[LastWill | None] = []
        self.is_connected = False
        self.during: dict[str, Callable[[], object]] = {}
        self.changed = threading.Condition()

    def _called(self, what: str, detail: str = "") -> None:
        with self.changed:
            self.calls.append(f"{what} {detail}".strip())
            self.changed.notify_all()
        self.during.get(what, lambda: None)()

    def connect(self, timeout: float) -> None:
        if self.features.last_will:
            self.wills.append(self.options.last_will() if self.options.last_will else None)
        self._called("connect")
        self.is_connected = True

    def subscribe(self, channel: Channel, timeout: float) -> None:
        self._called("subscribe", channel.kind.value)

    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        confirmed: Future[None] = Future()
        with self.changed:
            self.published.append((data.decode(), confirmed))
            if not self.is_connected:
                confirmed.set_exception(lost())
        self._called("publish", data.decode())
        return confirmed

    def close(self, timeout: float) -> None:
        self.is_connected = False
        self._called("close")

    def detach(self, timeout: float) -> None:
        self.is_connected = False
        self._called("detach")

    # --- what the test plays ---

    def confirm(self) -> None:
        """The broker confirms all that it has."""
        for future in self._unconfirmed():
            future.set_result(None)

    def lose(self) -> None:
        """The connection is gone."""
        with self.changed:
            self.is_connected = False
        for future in self._unconfirmed():
            future.set_exception(lost())
        self.on_state(ConnectionState.LOST, "the cable was pulled")

    def _unconfirmed(self) -> list[Future[None]]:
        with self.changed:
            return [future for _, future in self.published if not future.done()]

    def deliver(self) -> None:
        """A message arrives."""
        self.on_message(Delivery(Channel.payloads(), b"x", lambda: None))

    def fail(self, call: str, *errors: Exception | None) -> None:
        """The next calls of that name raise these, one each; None for nothing."""
        script = iter(errors)

        def step() -> None:
            error = next(script, None)
            if error is not None:
                raise error

        self.during[call] = step

    def stall(self, call: str) -> threading.Event:
        """Calls of that name do not return before the event is set."""
        leave = threading.Event()
        self.during[call] = lambda: leave.wait(PATIENCE)
        return leave

    def wait_for(self, call: str, times: int = 1) -> None:
        """Wait until it was called so often."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.calls.count(call) >= times, PATIENCE)


def lost() -> NotConnected:
    return NotConnected("lost", broker=URL)


def said(text: str) -> PayloadMessage:
    return PayloadMessage(InstancePath(), {"TEXT": text})


class Plain(SealedMessage):
    sender = "0xai_sender"
    recipient = None
    path = InstancePath()
    digest = ""
    is_command = False

    def verify(self) -> None:
        pass

    def open(self, identity: Identity) -> Message:
        return said("something")


class PlainText(Serializer):
    """Writes a payload's text as it is, and reads everything as "something"."""

    def __init__(self) -> None:
        self.encrypted_for: list[str | None] = []

    def recognises(self, data: bytes) -> bool:
        return True

    def parse(self, data: bytes) -> SealedMessage:
        return Plain()

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        assert identity is ME
        self.encrypted_for.append(encrypt_for)
        return str(cast("PayloadMessage", message).fields["TEXT"]).encode()


class Registry:
    """Stands for the installed plugins: one transport, one observer."""

    descriptor = TransportDescriptor(
        "scripted", ("memory",), "nowhere:Scripted", default_ports={"memory": 4242}
    )

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def transport(self, scheme: str) -> TransportDescriptor:
        assert scheme == "memory"
        return self.descriptor

    def make(
        self, kind: type, descriptor: TransportDescriptor, import_string: str, *given: Any
    ) -> Transport:
        return ScriptedTransport(*given)

    def settings_of(self, descriptor: TransportDescriptor, environment: object = None) -> None:
        return None

    def observe(self, hook: str, **arguments: Any) -> None:
        self.told.append((hook, arguments))


class FixedJitter(random.Random):
    """Gives the same share of every delay."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return self.share


class Bench:
    """One connection, its transport, and all that is told to others."""

    settings = ConnectionSettings(parse_broker_url(URL), "client-1", connect_timeout=PATIENCE)
    transport_class = ScriptedTransport

    def __init__(self) -> None:
        self.registry = Registry()
        self.serializer = PlainText()
        self.clock = ManualClock()
        self.made: list[Connection] = []

    def connection(
        self, settings: ConnectionSettings = settings, jitter: float = 0, **options: Any
    ) -> Connection:
        """A connection that was not started; reconnects without delay unless there is jitter."""
        self.made.append(
            Connection(
                settings,
                ME,
                Dialects([self.serializer]),
                cast("PluginRegistry", self.registry),
                rng=FixedJitter(jitter),
                clock=self.clock,
                **options,
            )
        )
        return self.made[-1]

    def started(
        self, settings: ConnectionSettings = settings, jitter: float = 0, **options: Any
    ) -> Connection:
        """A connection that is connected."""
        connection = self.connection(settings, jitter, **options)
        connection.start()
        return connection

    @property
    def transport(self) -> ScriptedTransport:
        """The connection's transport."""
        return cast("ScriptedTransport", self.made[-1]._transport)

    def send(self, *texts: str, **options: Any) -> list[Future[None]]:
        """Send payloads."""
        return [self.made[-1].send(said(text), Channel.payloads(), **options) for text in texts]

    def wait_until_connected(self) -> None:
        """Wait until the connection is there."""
        assert self.made[-1]._lifeline.wait_until_there(PATIENCE)

    def wait_until_ended(self, work: threading.Thread | None = None) -> None:
        """Wait for a thread; without one, for the connection's own."""
        thread = work or self.made[-1]._reconnecting._thread
        thread.join(PATIENCE)
        assert not thread.is_alive()

    @staticmethod
    def thread(work: Callable[..., object], *arguments: Any) -> threading.Thread:
        """Do something in a thread of its own."""
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    for connection in made.made:
        connection.close()
        assert not connection._reconnecting.is_running
