"""Vectors of our own dialect: recorded introductions, bodies and messages, and what they say.

You are beside the native serializer, which imports nothing of this. ``pye2 wire vectors check``
reads ``native_wire.json`` with it (PyE2 wire protocol, section 19.7). What JSON has no word for is
an object of one key: ``$bytes`` (hex), ``$moment``, ``$decimal``, ``$float`` ("nan", "inf").
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from pye2_native_wire.introductions import announced_key, key_id_of
from pye2_native_wire.layout import header_bytes, read_header
from pye2_native_wire.sealing import decrypted
from pye2_native_wire.serializer import NativeSerializer
from pye2_native_wire.values import packed, unpacked
from pye2_wire.vectors.cases import Mismatch, cases_in, expect
from pye2core.clock import ManualClock
from pye2core.connection import VolatileMemory
from pye2core.errors import MessageRejected
from pye2core.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pye2_native_wire.layout import Header
    from pye2_wire.vectors.cases import Case, Facts

FILE: Final = "native_wire.json"


def native_cases(content: Facts, ring: object) -> Iterator[Case]:
    """All that the file records.

    Args:
        content: what is in the file.
        ring: the keys of other files; this one brings its own.
    """
    del ring
    world = _World(content["keys"], content["introductions"])
    return chain(
        cases_in(content, "introductions", world.check_introduction),
        cases_in(content, "bodies", _check_body),
        cases_in(content, "messages", world.check_message),
    )


class _World:
    """Everybody whose keys the file tells.

    Args:
        keys: the identities.
        introductions: their X25519 keys.
    """

    def __init__(self, keys: list[Any], introductions: list[Any]) -> None:
        self._identities = {
            each["name"]: Identity.from_private_value(bytes.fromhex(each["private_value_hex"]))
            for each in keys
        }
        self._memory = VolatileMemory()
        for each in introductions:
            if "private_x25519_hex" in each:
                owner = self._identities[each["owner"]].address
                name = f"{owner} {each['not_before'][:10]}"
                private = bytes.fromhex(each["private_x25519_hex"])
                self._memory.add("native private key", name, private)

    def check_introduction(self, facts: Facts) -> None:
        """Read what somebody announces."""
        owner, private = self._identities[facts["owner"]], facts.get("private_x25519_hex")
        text = facts["text"]
        if _refusal(facts, lambda: announced_key(owner.address, text)):
            return
        key = announced_key(owner.address, text)
        facts.expect("public_key_hex", key.public_key.hex())
        facts.expect("key_id_hex", key_id_of(key.public_key).hex())
        facts.expect("not_before", key.not_before.isoformat())
        facts.expect("not_after", key.not_after.isoformat())
        if private is not None:
            made = X25519PrivateKey.from_private_bytes(bytes.fromhex(private)).public_key()
            expect("the public key", made.public_bytes_raw().hex(), key.public_key.hex())

    def check_message(self, facts: Facts) -> None:
        """Read a message to the end, and write its header again."""
        data, now = bytes.fromhex(facts["hex"]), datetime.fromisoformat(facts["now"])
        reader = NativeSerializer(clock=ManualClock(now), memory=self._memory)
        opener = self._identities[facts["opened_by"]]
        if _refusal(facts, lambda: _read(reader, data, opener)):
            return
        _read(reader, data, opener)
        header, body_at = read_header(data)
        expect("the header written again", header_bytes(header).hex(), data[:body_at].hex())
        facts.expect("digest", reader.parse(data).digest)
        for key, value in _told_of(header).items():
            facts.expect(key, value)
        body = data[body_at:-64]
        if header.receiver is not None:
            content_key = reader.parse(data).content_key()
            facts.expect("content_key_hex", content_key.hex())
            body = decrypted(body, content_key, data[:body_at])
        facts.expect("body", tagged(unpacked(body)))


def _read(reader: NativeSerializer, data: bytes, opener: Identity) -> None:
    sealed = reader.parse(data)
    sealed.verify()
    sealed.open(opener)


def _refusal(facts: Facts, attempt: Callable[[], object]) -> bool:
    """Whether a case is one of refusal; fails if it is refused otherwise, or not at all."""
    expected = facts.get("refused")
    if expected is None:
        return False
    try:
        attempt()
    except MessageRejected as rejected:
        expect("the reason", rejected.reason, expected)
        return True
    raise Mismatch("it was not refused")


def _check_body(facts: Facts) -> None:
    data = bytes.fromhex(facts["hex"])
    if _refusal(facts, lambda: unpacked(data)):
        return
    value = unpacked(data)
    facts.expect("value", tagged(value))
    expect("what is read once more", tagged(unpacked(packed(value))), tagged(value))


def _told_of(header: Header) -> Mapping[str, Any]:
    receiver, path = header.receiver, header.path
    return {
        "kind": int(header.kind),
        "sender": header.sender,
        "receiver": None if receiver is None else receiver.address,
        "key_id_hex": None if receiver is None else receiver.key_id.hex(),
        "message_id_hex": header.message_id.hex(),
        "created": header.created.isoformat(),
        "expires": None if header.expires is None else header.expires.isoformat(),
        "sequence": header.sequence,
        "target": header.target,
        "name": header.name,
        "session_id": header.session_id,
        "path": [path.pipeline, path.signature, path.instance_id],
        "asks_for_sign_of_life": header.asks_for_sign_of_life,
        "asks_to_pair": header.asks_to_pair,
        **({} if header.delegation is None else {"delegation": header.delegation}),
    }


def tagged(value: Any) -> Any:
    """A value as a file of vectors has it."""
    match value:
        case dict():
            told: Any = {key: tagged(item) for key, item in value.items()}
        case list():
            told = [tagged(item) for item in value]
        case bytes():
            told = {"$bytes": value.hex()}
        case datetime():
            told = {"$moment": value.astimezone(UTC).isoformat()}
        case Decimal():
            told = {"$decimal": str(value)}
        case float() if not math.isfinite(value):
            told = {"$float": str(value)}
        case _:
            told = value
    return told
