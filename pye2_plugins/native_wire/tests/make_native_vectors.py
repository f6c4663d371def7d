"""Makes ``native_wire.json``, once: ``python make_native_vectors.py FILE``.

The keys are fixed, and so is all randomness but that of HPKE, which its library draws: made anew,
what is encrypted has other bytes and says the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from native_support import ALICE, BOB, MALLORY

from pye2_native_wire.introductions import AnnouncedKey, announced_key, introduction_of
from pye2_native_wire.layout import read_header
from pye2_native_wire.serializer import NativeSerializer
from pye2_native_wire.signing import FOR_MESSAGE, digest_of, signature_of
from pye2_native_wire.values import packed, unpacked
from pye2_native_wire.vectors import _told_of, tagged
from pye2core.clock import ManualClock
from pye2core.connection import VolatileMemory
from pye2core.identity import public_key_of
from pye2core.messages import (
    Action,
    Capability,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationCode,
    NotificationKind,
    OfferState,
    PairingOffer,
    PairingRequest,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

if TYPE_CHECKING:
    from pye2core.identity import Identity

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = {"alice": ALICE, "bob": BOB, "mallory": MALLORY}


class Counted:
    """Randomness that is the same each time."""

    def __init__(self, seed: str) -> None:
        self.seed, self.count = seed, 0

    def __call__(self, length: int) -> bytes:
        self.count += 1
        return hashlib.sha256(f"{self.seed} {self.count}".encode()).digest()[:length]


CLOCK = ManualClock(NOON)
MEMORIES = {name: VolatileMemory() for name in NAMES}
SPEAKERS = {
    name: NativeSerializer("attic", CLOCK, memory=MEMORIES[name], randomness=Counted(name))
    for name in NAMES
}
TEXTS = {name: SPEAKERS[name].introduction(NAMES[name]) for name in NAMES}
for speaker in SPEAKERS.values():
    for name, text in TEXTS.items():
        speaker.learn(NAMES[name].address, text)


def introductions() -> list[dict[str, Any]]:
    made = []
    for name, text in TEXTS.items():
        key = announced_key(NAMES[name].address, text)
        ((_, private),) = MEMORIES[name].read("native private key").items()
        made.append(
            {
                "name": name,
                "owner": name,
                "private_x25519_hex": private.hex(),
                "public_key_hex": key.public_key.hex(),
                "key_id_hex": key.key_id.hex(),
                "not_before": key.not_before.isoformat(),
                "not_after": key.not_after.isoformat(),
                "text": text,
            }
        )
    weak = AnnouncedKey(bytes(32), NOON, NOON + timedelta(days=7))
    long = AnnouncedKey(b"\x09" + bytes(31), NOON, NOON + timedelta(days=32))
    refused = {
        "another's": TEXTS["bob"],
        "a changed letter": TEXTS["alice"][:20] + "-" + TEXTS["alice"][21:],
        "too short": TEXTS["alice"][:-1],
        "a key that makes every secret the same": introduction_of(weak, ALICE),
        "good for too long": introduction_of(long, ALICE),
    }
    return made + [
        {"name": name, "owner": "alice", "text": text, "refused": "introduction"}
        for name, text in refused.items()
    ]


def bodies() -> list[dict[str, Any]]:
    values = {
        "nothing": {},
        "plain": {"a": None, "b": True, "c": [1, -1, 0], "d": {"e": "schön \U0001f600"}},
        "floats": {"a": [1.0, -0.0, 1e300, float("inf"), float("-inf"), float("nan")]},
        "whole numbers": {
            "a": [2**63, 2**64 - 1, -(2**63), 2**64, -(2**63) - 1, 2**200, -(2**200)]
        },
        "bytes": {"a": b"\x00\xff" * 3},
        "moments": {
            "a": datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
            "b": NOON,
            "c": datetime(9000, 1, 1, tzinfo=UTC),
        },
        "decimals": {
            "a": [Decimal("1.50"), Decimal("-1E+30"), Decimal("Infinity"), Decimal("NaN")]
        },
    }
    good = [
        {"name": name, "hex": packed(value).hex(), "value": tagged(unpacked(packed(value)))}
        for name, value in values.items()
    ]
    bad = {
        "no map": b"\x90",
        "something after it": b"\x80\xc0",
        "cut short": b"\x81\xa1a",
        "a key twice": b"\x82\xa1a\x01\xa1a\x02",
        "a key that is no text": b"\x81\x01\x01",
        "no UTF-8": b"\x81\xa1a\xa1\xff",
        "a surrogate": b"\x81\xa1a\xa3\xed\xa0\x80",
        "an unknown extension": b"\x81\xa1a\xd4\x03\x00",
        "a decimal that is none": b"\x81\xa1a\xc7\x03\x021_0",
        "101 levels": b"\x81\xa1a" + b"\x91" * 100 + b"\xc0",
    }
    return good + [
        {"name": name, "hex": data.hex(), "refused": "shape"} for name, data in bad.items()
    ]


DESK = Requester(ALICE.address, "desk", "desk_7", frozenset({Capability.INBOX}))
PIPELINE = PipelineConfig(
    "p1",
    "Void",
    (InstanceConfig("CUSTOM_EXEC_01", "one", {"CODE": "return 1", "PROCESS_DELAY": 0.5}),),
    {"CAP_RESOLUTION": 10},
)
MESSAGES = {
    "a pipeline": (Command(Action.UPDATE_PIPELINE, PIPELINE, BOB.address, DESK), True),
    "a pipeline, for somebody else": (
        Command(Action.UPDATE_PIPELINE, PIPELINE, BOB.address, DESK, "none"),
        True,
    ),
    "an update": (
        Command(
            Action.UPDATE_INSTANCE,
            InstanceUpdate("p1", "CUSTOM_EXEC_01", "one", {"WHEN": NOON, "KEY": b"\x01\x02"}),
            BOB.address,
            DESK,
        ),
        True,
    ),
    "several updates": (
        Command(
            Action.UPDATE_INSTANCES,
            (InstanceUpdate("p1", "S", "a", {}), InstanceUpdate("p1", "S", "b", {"X": 1})),
            BOB.address,
            DESK,
        ),
        True,
    ),
    "a pipeline command": (
        Command(Action.PIPELINE_COMMAND, PipelineCommand("p1", {"do": "it"}), BOB.address, DESK),
        True,
    ),
    "archiving, in clear": (Command(Action.ARCHIVE_PIPELINE, "p1", "attic", DESK), False),
    "a question": (Command(Action.FULL_HEARTBEAT, None, "*", DESK), False),
    "a result": (
        PayloadMessage(
            InstancePath("p1", "CUSTOM_EXEC_01", "one"), {"EXEC_RESULT": [1, b"x"]}, DESK
        ),
        True,
    ),
    "a result for everybody": (
        PayloadMessage(InstancePath("p1", "CUSTOM_EXEC_01", "one"), {"EXEC_RESULT": 42}, DESK),
        False,
    ),
    "a notification": (
        Notification(
            NotificationKind.NORMAL, "done", NotificationCode.PIPELINE_OK, InstancePath("p1")
        ),
        False,
    ),
    "a heartbeat": (
        Heartbeat(
            "attic",
            ALICE.address,
            (BOB.address,),
            pipelines=(PIPELINE,),
            life="0a1b2c3d",
            revision=3,
        ),
        False,
    ),
    "a request to be paired": (
        Command(
            Action.PAIR,
            None,
            BOB.address,
            DESK,
            pairing=PairingRequest("0a" * 8, "1b" * 16, "2c" * 32),
        ),
        False,
    ),
    "a heartbeat with an offer to be paired": (
        Heartbeat(
            "attic", ALICE.address, pairing=PairingOffer(OfferState.OPEN, "0a" * 8, "1b" * 16)
        ),
        False,
    ),
}


def message_case(name: str, data: bytes, **more: Any) -> dict[str, Any]:
    case = {"name": name, "now": NOON.isoformat(), "opened_by": "bob", "hex": data.hex()}
    if "refused" in more:
        return {**case, **more}
    header, body_at = read_header(data)
    body = data[body_at:-64]
    bob = SPEAKERS["bob"]
    if header.receiver is not None:
        from pye2_native_wire.sealing import decrypted

        content_key = bob.parse(data).content_key()
        case["content_key_hex"] = content_key.hex()
        body = decrypted(body, content_key, data[:body_at])
    return {
        **case,
        **_told_of(header),
        "digest": bob.parse(data).digest,
        "body": tagged(unpacked(body)),
        **more,
    }


def refused_messages(good: bytes) -> list[dict[str, Any]]:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int.from_bytes(good[-32:], "big")

    def signed(said: bytes, by: Identity = ALICE) -> bytes:
        return said + signature_of(digest_of(FOR_MESSAGE, said), by)

    stolen = good[:7] + public_key_of(MALLORY.address) + good[40:-64]
    renumbered = good[:193] + (99).to_bytes(8, "big") + good[201:-64]
    cases = {
        "the other s": (good[:-32] + s.to_bytes(32, "big"), "signature"),
        "a changed body": (good[:-65] + bytes([good[-65] ^ 1]) + good[-64:], "signature"),
        "signed by somebody else": (signed(stolen, MALLORY), "decryption"),
        "another number, signed again": (signed(renumbered), "decryption"),
        "cut short": (good[:150], "shape"),
        "another version": (good[:4] + b"\x02" + good[5:], "unsupported"),
        "an unknown kind": (good[:5] + b"\x05" + good[6:], "unsupported"),
        "an unknown flag": (good[:6] + b"\x11" + good[7:], "shape"),
        "encrypted, and to be paired": (good[:6] + b"\x09" + good[7:], "shape"),
        "another magic": (b"\x93pyf" + good[4:], "shape"),
    }
    late = {"now": (NOON + timedelta(days=7)).isoformat()}
    return [
        *(message_case(name, data, refused=why) for name, (data, why) in cases.items()),
        {**message_case("too late", good, refused="expired"), **late},
        {**message_case("for somebody else", good, refused="decryption"), "opened_by": "mallory"},
    ]


def made() -> dict[str, Any]:
    alice = SPEAKERS["alice"]
    messages, first = [], b""
    for name, (message, encrypt) in MESSAGES.items():
        data = alice.seal(message, ALICE, encrypt_for=BOB.address if encrypt else None)
        first = first or data
        messages.append(message_case(name, data))
    return {
        "meta": {"what": "our own dialect, docs/protocol.md, section 19"},
        "keys": [
            {"name": name, "private_value_hex": hex_of, "address": NAMES[name].address}
            for name, hex_of in (("alice", "11" * 32), ("bob", "22" * 32), ("mallory", "33" * 32))
        ],
        "introductions": introductions(),
        "bodies": bodies(),
        "messages": messages + refused_messages(first),
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(made(), indent=1, ensure_ascii=False) + "\n", "utf-8")
