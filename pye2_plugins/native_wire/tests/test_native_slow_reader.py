"""What we write can be read by who knows the document only; and what that one refuses, we do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slow_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from native_support import ALICE, BOB, COMMAND, PAYLOAD, REQUEST, Pair
from test_native_values import values

from pye2_native_wire.commands import command_map
from pye2_native_wire.values import packed, unpacked
from pye2_testing.contracts.serializer.messages import commands
from pye2core.identity import public_key_of

if TYPE_CHECKING:
    from pye2core.messages import Command

PAIR = Pair()
"""Made once: what is slow is the reading."""


def keys_of(pair: Pair) -> dict[tuple[str, str], bytes]:
    """Bob's private keys, as the slow reader wants them."""
    (private,) = pair.bob.memory.read("native private key").values()
    told = slow_reader.read_introduction(
        pair.bob.dialect.introduction(BOB), public_key_of(BOB.address)
    )
    return {(BOB.address, told["key_id"]): private}


def slowly_read(data: bytes) -> dict[str, Any]:
    return slow_reader.read_message(data, keys_of(PAIR), PAIR.clock.now())


@settings(deadline=None, max_examples=15)
@given(command=commands, encrypt=st.booleans())
def test_a_command_is_read_from_the_document_alone(command: Command, encrypt: bool) -> None:  # noqa: FBT001 - drawn
    data = PAIR.sealed(command, encrypt=encrypt)

    said = slowly_read(data)

    assert (said["sender"], said["target"]) == (ALICE.address, command.target)
    assert (said["name"], said["session_id"]) == (
        command.requester.name,
        command.requester.session_id,
    )
    assert said["digest"] == PAIR.bob.dialect.parse(data).digest
    assert slow_reader.same(said["body"], unpacked(packed(command_map(command))))


def test_a_request_to_be_paired_is_read_from_the_document_alone() -> None:
    said = slowly_read(PAIR.sealed(REQUEST, encrypt=False))

    assert said["body"]["action"] == "PAIR"
    assert said["body"]["pairing"] == {"tag": "0a" * 8, "nonce": "1b" * 16, "proof": "2c" * 32}


def test_a_payload_is_read_from_the_document_alone() -> None:
    said = slowly_read(PAIR.sealed(PAYLOAD))

    assert said["body"]["fields"] == PAYLOAD.fields
    assert (said["pipeline"], said["signature"], said["instance_id"]) == ("p1", "METER_01", "north")
    assert said["expires"] is None


@settings(deadline=None)
@given(value=values)
def test_every_value_is_read_from_the_document_alone(value: Any) -> None:
    body = slow_reader.Body(bytes(packed({"value": value}))).read()

    assert slow_reader.same(body["value"], unpacked(packed({"value": value}))["value"])


def refusal_of_bytes(data: bytes) -> str:
    try:
        slowly_read(data)
    except slow_reader.Refused as refused:
        return str(refused)
    except (ValueError, OverflowError, LookupError):  # it is no model of how to say it
        return "shape"
    return ""


@settings(deadline=None, max_examples=40)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), encrypt=st.booleans())
def test_both_refuse_what_was_changed(place: int, bit: int, encrypt: bool) -> None:  # noqa: FBT001 - drawn
    data = bytearray(PAIR.sealed(COMMAND, encrypt=encrypt))
    data[place % len(data)] ^= 1 << bit

    assert PAIR.refused(bytes(data))
    assert refusal_of_bytes(bytes(data))
