"""What arrives and is not for us, or does not verify for a reason that is tolerated."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pye2core.abc import Channel, Delivery, SealedMessage, Serializer
from pye2core.connection.dialects import Dialects
from pye2core.connection.inbound import Inbound, Listener
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import InstancePath, Origin, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

ME = Identity.from_private_value(bytes.fromhex("11" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("22" * 32))
SENDER = "0xai_sender"
PAYLOADS = Channel.payloads()


class Sealed(SealedMessage):
    sender = SENDER
    path = InstancePath("p")
    digest = "digest"

    def __init__(self, dialect: Dialect, *, is_command: bool) -> None:
        self.dialect = dialect
        self.recipient = dialect.recipient
        self.is_command = is_command

    def verify(self) -> None:
        self.dialect.step("verify")

    def open(self, identity: Identity) -> Message:
        self.dialect.step("open")
        # A dialect that takes no note of what its verify() found.
        return PayloadMessage(InstancePath(), {}, origin=Origin(SENDER, verified=True))


class Dialect(Serializer):
    """Writes down each step, and rejects a message in one of them if it is told to."""

    def __init__(self, mark: bytes = b"", recipient: str | None = None) -> None:
        self.mark = mark
        self.recipient = recipient
        self.steps: list[str] = []
        self.rejections: dict[str, str] = {}

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.rejections:
            raise MessageRejected("no", reason=self.rejections[name], sender=SENDER)

    def recognises(self, data: bytes) -> bool:
        return data.startswith(self.mark)

    def parse(self, data: bytes) -> SealedMessage:
        return Sealed(self, is_command=data == b"command")

    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        raise NotImplementedError


class Observers:
    """Stands for the registry; nobody observes."""

    def observe(self, hook: str, **arguments: Any) -> None:
        pass


class Bench:
    """An inbound side that tolerates one reason."""

    def __init__(self, *dialects: Dialect, tolerated: frozenset[str] = frozenset({"odd"})) -> None:
        self.first = dialects[0]
        self.dialects = Dialects(dialects)
        self.acknowledged = 0
        self.handled: list[Message] = []
        self.inbound = Inbound(
            ME,
            self.dialects,
            cast("PluginRegistry", Observers()),
            lambda sealed: self.first.step("gate"),
            tolerated,
        )
        for channel in (PAYLOADS, Channel.config(ME.address)):
            self.inbound.listeners[channel] = Listener(self.handle)

    def handle(self, message: Message, acknowledge: Callable[[], None]) -> None:
        self.handled.append(message)

    def ack(self) -> None:
        self.acknowledged += 1

    def receive(self, data: bytes = b"payload", channel: Channel = PAYLOADS) -> None:
        self.inbound.receive(Delivery(channel, data, self.ack))

    @property
    def counts(self) -> dict[str, int]:
        return dict(self.inbound.rejections.counts)

    @property
    def verified(self) -> list[bool]:
        return [message.origin.verified for message in self.handled if message.origin is not None]


# --- what is for somebody else --------------------------------------------------------------------


def test_what_is_encrypted_for_another_is_dropped_unchecked_and_not_counted() -> None:
    bench = Bench(Dialect(recipient=OTHER.address))

    bench.receive()

    assert bench.first.steps == []
    assert (bench.acknowledged, bench.counts, bench.handled) == (1, {}, [])


@pytest.mark.parametrize("prefix", ["0xai_", "aixp_", ""])
def test_what_is_encrypted_for_us_is_opened_whatever_form_our_address_has(prefix: str) -> None:
    bench = Bench(Dialect(recipient=prefix + ME.address.removeprefix("0xai_")))

    bench.receive()

    assert bench.first.steps == ["verify", "gate", "open"]
    assert len(bench.handled) == 1


def test_what_is_encrypted_for_us_and_cannot_be_decrypted_is_counted() -> None:
    bench = Bench(Dialect(recipient=ME.address))
    bench.first.rejections["open"] = "decryption"

    bench.receive()

    assert bench.counts == {"decryption": 1}


def test_of_a_command_the_gate_judges_whom_it_is_for() -> None:
    bench = Bench(Dialect(recipient="a node's name"))

    bench.receive(b"command", Channel.config(ME.address))

    assert bench.first.steps == ["verify", "gate", "open"]


# --- what is tolerated ----------------------------------------------------------------------------


def test_what_verifies_is_verified_where_something_is_tolerated() -> None:
    bench = Bench(Dialect())

    bench.receive()

    assert bench.verified == [True]


def test_what_is_tolerated_is_handed_on_as_not_verified() -> None:
    bench = Bench(Dialect())
    bench.first.rejections["verify"] = "odd"

    bench.receive()

    assert bench.first.steps == ["verify", "gate", "open"]
    assert bench.verified == [False]
    assert bench.counts == {}


@pytest.mark.parametrize("reason", ["signature", "shape", ""])
def test_nothing_else_is(reason: str) -> None:
    bench = Bench(Dialect())
    bench.first.rejections["verify"] = reason

    bench.receive()

    assert bench.first.steps == ["verify"]
    assert (bench.counts, bench.handled) == ({reason: 1}, [])


def test_nothing_at_all_is_unless_it_was_asked_for() -> None:
    bench = Bench(Dialect(), tolerated=frozenset())
    bench.first.rejections["verify"] = "odd"

    bench.receive()

    assert (bench.counts, bench.handled) == ({"odd": 1}, [])


@pytest.mark.parametrize("step", ["gate", "open"])
def test_what_is_tolerated_of_a_signature_is_not_tolerated_of_anything_else(step: str) -> None:
    bench = Bench(Dialect())
    bench.first.rejections[step] = "odd"

    bench.receive()

    assert (bench.counts, bench.handled) == ({"odd": 1}, [])


def test_what_does_not_verify_says_nothing_about_the_dialects_of_its_sender() -> None:
    weak, strong = Dialect(b"weak"), Dialect(b"strong")
    bench = Bench(weak, strong)
    strong.rejections["verify"] = "odd"

    bench.receive(b"strong")

    assert bench.verified == [False]
    assert bench.dialects.for_peer(SENDER) is weak
