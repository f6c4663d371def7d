"""The targets of our own dialect: messages, whole and signed, their bodies, introductions."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fuzz_heard import take_in

from pye2_native_wire.introductions import announced_key
from pye2_native_wire.layout import read_header
from pye2_native_wire.sealing import TAG_BYTES, encrypt_into
from pye2_native_wire.serializer import NativeSerializer
from pye2_native_wire.signing import FOR_KEY, FOR_MESSAGE, digest_of, signature_of
from pye2core.clock import ManualClock
from pye2core.connection import VolatileMemory
from pye2core.errors import MessageRejected
from pye2core.identity import Identity, public_key_of
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Introduction,
    Notification,
    NotificationKind,
    OfferState,
    PairingOffer,
    PairingRequest,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
    Provenance,
    Requester,
    SandboxReport,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATH = InstancePath("p", "CUSTOM_EXEC_01", "i")
ASKER = Requester(SENDER.address, "desk", "desk_1")
LONGEST_WORDS = 5000
REASONS = {"shape", "signature", "decryption", "unsupported", "expired"}


def counted(count: int) -> bytes:
    """Bytes that are the same in every run."""
    return bytes(number % 256 for number in range(count))


def speaker() -> NativeSerializer:
    return NativeSerializer("n", ManualClock(NOON), memory=VolatileMemory(), randomness=counted)


OURS, THEIRS = speaker(), speaker()
OURS.learn(RECEIVER.address, THEIRS.introduction(RECEIVER))

PIPELINE = PipelineConfig(
    "p",
    instances=(InstanceConfig("CUSTOM_EXEC_01", "i", {"A": 1}),),
    settings={"B": 2},
    provenance=Provenance(ASKER, ASKER, NOON),
)
CHANGE = InstanceUpdate("p", "CUSTOM_EXEC_01", "i", {"A": 2})
_DIGITS = ("0a" * 8, "1b" * 16, "2c" * 32)
SAID: list[Any] = [
    Command(Action.ARCHIVE_PIPELINE, "p", RECEIVER.address, ASKER),
    Command(Action.FULL_HEARTBEAT, None, RECEIVER.address, ASKER),
    PayloadMessage(PATH, {"A": [1, 0.5, None, {"b": b"x"}], "T": NOON}, ASKER),
    Notification(NotificationKind.NORMAL, "it is well", code=100, path=PATH),
    Heartbeat("n", SENDER.address, allowed=(RECEIVER.address,)),
    Command(Action.PAIR, None, RECEIVER.address, ASKER, pairing=PairingRequest(*_DIGITS)),
    Heartbeat("n", SENDER.address, pairing=PairingOffer(OfferState.OPEN, *_DIGITS[:2])),
    Command(Action.UPDATE_PIPELINE, PIPELINE, RECEIVER.address, ASKER),
    Command(Action.UPDATE_INSTANCES, (CHANGE,), RECEIVER.address, ASKER),
    Command(Action.PIPELINE_COMMAND, PipelineCommand("p", {"A": 1}), RECEIVER.address, ASKER),
    Heartbeat(
        "n",
        SENDER.address,
        pipelines=(PIPELINE,),
        capabilities=frozenset(Capability),
        introductions=(Introduction("native", "text"),),
        load=12.5,
        free_memory=1.5,
        signatures={"FUNCTION_CALLS": "1"},
        sandbox=SandboxReport(("seccomp",), {"uid": "no"}),
        status={
            "PYE2_SLOTS": {"total": 2, "busy": 1, "memory_megabytes": 500},
            "PYE2_LABELS": {"gpu": "1", "room": "attic"},
        },
    ),
]
IN_CLEAR = [OURS.seal(each, SENDER) for each in SAID]
ENCRYPTED = [OURS.seal(each, SENDER, encrypt_for=RECEIVER.address) for each in SAID]
HEADERS = [each[: read_header(each)[1]] for each in IN_CLEAR]
SEALED_HEADERS = [each[: read_header(each)[1]] for each in ENCRYPTED]
CONTENT_KEY = THEIRS.parse(ENCRYPTED[0]).content_key()


def require_reason(rejection: MessageRejected, known: set[str]) -> None:
    """One that is promised, in words that are not all that was sent."""
    assert rejection.reason in known, rejection.reason
    assert len(str(rejection)) < LONGEST_WORDS


def survive(data: bytes) -> None:
    """Take a message as far as it goes."""
    THEIRS.recognises(data)
    try:
        sealed = THEIRS.parse(data)
        sealed.verify()
        message = sealed.open(RECEIVER)
    except MessageRejected as rejection:
        require_reason(rejection, REASONS)
        return
    assert message.origin is not None
    assert message.origin.verified
    take_in(message)


def signed(said: bytes) -> bytes:
    return said + signature_of(digest_of(FOR_MESSAGE, said), SENDER)


def native_bytes(data: bytes) -> None:
    """Bytes as they come, and with a good signature."""
    survive(data)
    survive(signed(data))


def native_body(data: bytes) -> None:
    """A body of any kind of message, signed by its sender."""
    header = HEADERS[data[0] % len(HEADERS)] if data else HEADERS[0]
    survive(signed(header + data[1:]))


def native_encrypted(data: bytes) -> None:
    """A body of any kind of message, encrypted for its receiver and signed by its sender."""
    header = SEALED_HEADERS[data[0] % len(SEALED_HEADERS)] if data else SEALED_HEADERS[0]
    room = bytearray(len(data[1:]) + TAG_BYTES)
    encrypt_into(memoryview(room), data[1:], CONTENT_KEY, header)
    survive(signed(header + room))


def native_introduction(data: bytes) -> None:
    """What a peer announces as its key, signed and not."""
    own = digest_of(FOR_KEY, public_key_of(SENDER.address), data)
    both = data + signature_of(own, SENDER)
    for text in (
        data.decode("latin-1"),
        urlsafe_b64encode(both).rstrip(b"=").decode(),
    ):
        try:
            announced_key(SENDER.address, text)
        except MessageRejected as rejection:
            if rejection.reason != "introduction":
                raise


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (native_bytes, native_body, native_encrypted, native_introduction)
}
_BODIES = [bytes([place]) + each[read_header(each)[1] : -64] for place, each in enumerate(IN_CLEAR)]
SEEDS = {
    "native_bytes": [each[:-64] for each in (*IN_CLEAR, *ENCRYPTED)],
    "native_body": _BODIES,
    "native_encrypted": _BODIES,
    "native_introduction": [
        struct.pack(">B32sQQ", 1, counted(32), int(NOON.timestamp()), int(NOON.timestamp()) + 9),
    ],
}
