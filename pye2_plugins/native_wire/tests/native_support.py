"""Two who speak our own dialect to each other, at a time that stands still."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from pye2_native_wire.serializer import NativeSerializer
from pye2core.clock import ManualClock
from pye2core.connection import VolatileMemory
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    InstancePath,
    PairingRequest,
    PayloadMessage,
    Requester,
)

if TYPE_CHECKING:
    from pye2core.messages import Message

ALICE = Identity.from_private_value(bytes.fromhex("11" * 32))
BOB = Identity.from_private_value(bytes.fromhex("22" * 32))
MALLORY = Identity.from_private_value(bytes.fromhex("33" * 32))

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = 86_400.0

COMMAND = Command(
    Action.ARCHIVE_PIPELINE, "p1", BOB.address, Requester(ALICE.address, "desk", "desk_1")
)
QUESTION = Command(Action.FULL_HEARTBEAT, None, BOB.address, Requester(ALICE.address, "desk", "1"))
REQUEST = Command(
    Action.PAIR,
    None,
    BOB.address,
    Requester(ALICE.address, "desk", "1"),
    pairing=PairingRequest("0a" * 8, "1b" * 16, "2c" * 32),
)
PAYLOAD = PayloadMessage(
    InstancePath("p1", "METER_01", "north"), {"RESULT": 42}, Requester(BOB.address)
)


@frozen
class Speaker:
    """Somebody who speaks it.

    Attributes:
        identity: who it is.
        dialect: how that one speaks.
        memory: what is kept for that one.
    """

    identity: Identity
    dialect: NativeSerializer
    memory: VolatileMemory


@define
class Pair:
    """Alice and Bob, who have introduced themselves to each other."""

    clock: ManualClock = field(factory=lambda: ManualClock(NOON))
    alice: Speaker = field(init=False)
    bob: Speaker = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.alice, self.bob = self.speaker(ALICE), self.speaker(BOB)
        self.introduce()

    def speaker(self, identity: Identity, memory: VolatileMemory | None = None) -> Speaker:
        """Somebody, in a process of its own."""
        memory = memory or VolatileMemory()
        return Speaker(identity, NativeSerializer("attic", self.clock, memory=memory), memory)

    def introduce(self) -> None:
        """Have both tell each other how they are spoken to."""
        for one, other in ((self.alice, self.bob), (self.bob, self.alice)):
            one.dialect.learn(other.identity.address, other.dialect.introduction(other.identity))

    def sealed(self, message: Message, *, encrypt: bool = True) -> bytes:
        """What Alice says to Bob."""
        return self.alice.dialect.seal(message, ALICE, encrypt_for=BOB.address if encrypt else None)

    def read(self, data: bytes) -> Any:
        """What Bob makes of it."""
        sealed = self.bob.dialect.parse(data)
        sealed.verify()
        return sealed.open(BOB)

    def refused(self, data: bytes) -> str:
        """For which reason Bob refuses it; nothing if he does not."""
        try:
            self.read(data)
        except MessageRejected as rejected:
            return rejected.reason
        return ""
