"""Nothing that was changed, cut, mixed or said by somebody else gets through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from native_support import ALICE, BOB, COMMAND, MALLORY, PAYLOAD, QUESTION, REQUEST, Pair

from pye2_native_wire.layout import SIGNATURE_BYTES, header_bytes, read_header
from pye2_native_wire.signing import FOR_MESSAGE, digest_of, signature_of
from pye2_native_wire.values import packed, unpacked
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.messages import Action, Heartbeat, PipelineConfig

if TYPE_CHECKING:
    from typing import Any

    from pye2core.messages import Message

ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141

ALL = [
    pytest.param(COMMAND, False, id="command in clear"),
    pytest.param(COMMAND, True, id="command"),
    pytest.param(QUESTION, False, id="question"),
    pytest.param(REQUEST, False, id="request to be paired"),
    pytest.param(PAYLOAD, True, id="payload"),
    pytest.param(PAYLOAD, False, id="payload in clear"),
]


def signed(header: bytes, body: bytes, by: Any = ALICE) -> bytes:
    return header + body + signature_of(digest_of(FOR_MESSAGE, header, body), by)


@pytest.mark.parametrize(("message", "encrypt"), ALL)
def test_no_bit_can_be_changed(pair: Pair, message: Message, encrypt: bool) -> None:  # noqa: FBT001 - a parameter
    data = pair.sealed(message, encrypt=encrypt)
    assert pair.refused(data) == ""

    passed = []
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        if not pair.refused(bytes(changed)):
            passed.append(place)

    assert passed == []


@pytest.mark.parametrize(("message", "encrypt"), ALL)
def test_no_byte_can_be_left_out_or_added(pair: Pair, message: Message, encrypt: bool) -> None:  # noqa: FBT001 - a parameter
    data = pair.sealed(message, encrypt=encrypt)

    assert all(pair.refused(data[:length]) for length in range(len(data)))
    assert pair.refused(data + b"\0")
    assert pair.refused(b"\0" + data)


@settings(deadline=None, max_examples=300)
@given(noise=st.binary(max_size=400))
def test_whatever_follows_the_magic_it_is_read_or_rejected(noise: bytes) -> None:
    pair = Pair()

    assert pair.refused(b"\x93pye\x01" + noise) in {"shape", "unsupported", "signature"}


@settings(deadline=None, max_examples=300)
@given(body=st.binary(max_size=200))
def test_whatever_is_signed_as_a_body_it_is_read_or_rejected(body: bytes) -> None:
    pair = Pair()
    data = pair.sealed(PAYLOAD, encrypt=False)
    header = data[: read_header(data)[1]]

    assert pair.refused(signed(header, body)) in {"", "shape", "unsupported"}


def test_the_other_s_that_fits_a_signature_is_refused(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    s = int.from_bytes(data[-32:], "big")

    assert pair.refused(data[:-32] + (ORDER - s).to_bytes(32, "big")) == "signature"


def test_the_digest_does_not_depend_on_the_signature(pair: Pair) -> None:
    data = pair.sealed(COMMAND)

    with_another = data[:-64] + bytes(64)

    parse = pair.bob.dialect.parse
    assert parse(data).digest == parse(with_another).digest


def test_who_signs_what_another_encrypted_cannot_have_it_opened(pair: Pair) -> None:
    data = pair.sealed(COMMAND)
    header, body_at = read_header(data)
    stolen = header_bytes(evolve(header, sender=MALLORY.address))

    assert pair.refused(signed(stolen, data[body_at:-64], MALLORY)) == "decryption"


@pytest.mark.parametrize(
    "change",
    [
        {"message_id": bytes(16)},
        {"sequence": 99},
        {"target": "another"},
        {"name": "another"},
        {"session_id": "another"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_encrypted_belongs_to_its_header_even_for_its_sender(
    pair: Pair, change: dict[str, Any]
) -> None:
    data = pair.sealed(COMMAND)
    header, body_at = read_header(data)

    assert pair.refused(signed(header_bytes(evolve(header, **change)), data[body_at:-64])) == (
        "decryption"
    )


def test_what_is_encrypted_cannot_be_put_into_another_message(pair: Pair) -> None:
    one, other = pair.sealed(COMMAND), pair.sealed(COMMAND)
    begins = read_header(one)[1]

    mixed = signed(one[:begins], other[begins:-64])

    assert pair.refused(mixed) == "decryption"


def test_what_is_for_bob_is_opened_by_nobody_else(pair: Pair) -> None:
    sealed = pair.bob.dialect.parse(pair.sealed(COMMAND))

    for other in (ALICE, MALLORY):
        with pytest.raises(MessageRejected) as rejected:
            sealed.open(other)
        assert rejected.value.reason == "decryption"


def test_a_message_of_bobs_cannot_be_reflected_to_him(pair: Pair) -> None:
    said = pair.bob.dialect.seal(COMMAND, BOB, encrypt_for=ALICE.address)

    assert pair.refused(said) == "decryption"


def test_a_question_cannot_pass_for_one_and_be_another_command(pair: Pair) -> None:
    data = pair.sealed(QUESTION, encrypt=False)
    header = data[: read_header(data)[1]]
    disguised = signed(header, packed({"action": Action.STOP.name}))

    assert pair.bob.dialect.parse(disguised).asks_for_sign_of_life
    assert pair.refused(disguised) == "shape"


def test_a_request_to_be_paired_cannot_pass_for_one_and_be_another_command(pair: Pair) -> None:
    data = pair.sealed(REQUEST, encrypt=False)
    header = data[: read_header(data)[1]]
    disguised = signed(header, packed({"action": Action.STOP.name}))

    assert pair.bob.dialect.parse(disguised).asks_to_pair
    assert pair.refused(disguised) == "shape"


def test_a_request_to_be_paired_that_does_not_say_so_outside_is_none(pair: Pair) -> None:
    data = pair.sealed(REQUEST, encrypt=False)
    header, body_at = read_header(data)
    silent = signed(header_bytes(evolve(header, asks_to_pair=False)), data[body_at:-64])

    assert not pair.bob.dialect.parse(silent).asks_to_pair
    assert pair.refused(silent) == "shape"


def test_a_request_to_be_paired_is_not_sent_without_what_it_says(pair: Pair) -> None:
    with pytest.raises(UnsendableValue, match="PAIR cannot be sent without its request"):
        pair.sealed(evolve(REQUEST, pairing=None), encrypt=False)


@pytest.mark.parametrize(
    "said",
    [
        None,
        "0a",
        {},
        {"tag": "0a" * 8, "nonce": "1b" * 16},
        {"tag": "0A" * 8, "nonce": "1b" * 16, "proof": "2c" * 32},
        {"tag": "0a" * 9, "nonce": "1b" * 16, "proof": "2c" * 32},
        {"tag": "0a" * 8, "nonce": "1b" * 16, "proof": "2c" * 32 + "\n"},
        {"tag": "0a" * 8, "nonce": "1b" * 16, "proof": 7},
    ],
)
def test_a_request_to_be_paired_of_another_shape_is_rejected(pair: Pair, said: Any) -> None:
    data = pair.sealed(REQUEST, encrypt=False)
    header = data[: read_header(data)[1]]

    assert pair.refused(signed(header, packed({"action": "PAIR", "pairing": said}))) == "shape"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("open", "shape"),
        ({"state": "OPEN", "tag": "0a" * 8}, "shape"),
        ({"state": "OPEN", "tag": "0a" * 8, "nonce": "1B" * 16}, "shape"),
        ({"state": "AJAR", "tag": "0a" * 8, "nonce": "1b" * 16}, "unsupported"),
    ],
)
def test_an_offer_to_be_paired_of_another_shape_is_rejected(
    pair: Pair, said: Any, reason: str
) -> None:
    data = pair.sealed(Heartbeat("attic", ALICE.address), encrypt=False)
    header, body_at = read_header(data)
    body = unpacked(data[body_at:-64])

    assert pair.refused(signed(header_bytes(header), packed(body))) == ""
    assert pair.refused(signed(header_bytes(header), packed({**body, "pairing": said}))) == reason


def test_a_version_that_is_not_known_says_what_to_install(pair: Pair) -> None:
    data = bytearray(pair.sealed(COMMAND))
    data[4] = 2

    with pytest.raises(MessageRejected, match="install the newest pye2-native-wire") as rejected:
        pair.read(bytes(data))
    assert rejected.value.reason == "unsupported"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "shape"),
        ({"action": "EXPLODE"}, "unsupported"),
        ({"action": 1}, "shape"),
        ({"action": "UPDATE_PIPELINE"}, "shape"),
        ({"action": "ARCHIVE_PIPELINE", "name": ""}, "shape"),
        ({"action": "UPDATE_INSTANCE", "updates": []}, "shape"),
        ({"action": "UPDATE_INSTANCES", "updates": [1]}, "shape"),
        ({"action": "STOP", "capabilities": "INBOX"}, "shape"),
        ({"action": "STOP", "introductions": {"native": 1}}, "shape"),
        (
            {
                "action": "UPDATE_PIPELINE",
                "pipeline": {"name": "p", "settings": {"a": 1, "A": 2}, "instances": []},
            },
            "shape",
        ),
        (
            {
                "action": "UPDATE_PIPELINE",
                "pipeline": {
                    "name": "p",
                    "settings": {},
                    "instances": [
                        {"signature": "s", "instance_id": "i", "settings": {}},
                        {"signature": "S", "instance_id": "i", "settings": {}},
                    ],
                },
            },
            "shape",
        ),
    ],
)
def test_a_command_that_means_nothing_is_rejected(
    pair: Pair, body: dict[str, Any], reason: str
) -> None:
    data = pair.sealed(COMMAND, encrypt=False)
    header = data[: read_header(data)[1]]

    assert pair.refused(signed(header, packed(body))) == reason


def test_keys_of_settings_are_upper_case_whoever_wrote_them(pair: Pair) -> None:
    data = pair.sealed(COMMAND, encrypt=False)
    header = data[: read_header(data)[1]]
    pipeline = {"name": "p", "settings": {"cap_resolution": {"a": 1}}, "instances": []}
    said = packed({"action": "UPDATE_PIPELINE", "pipeline": pipeline})

    body = pair.read(signed(header, said)).body

    assert isinstance(body, PipelineConfig)
    assert body.settings == {"CAP_RESOLUTION": {"a": 1}}


def test_a_command_that_cannot_be_read_names_its_pipeline(pair: Pair) -> None:
    data = pair.sealed(COMMAND, encrypt=False)
    header = data[: read_header(data)[1]]
    update = {"pipeline": "p7", "signature": "S", "instance_id": "i"}
    said = packed({"action": "UPDATE_INSTANCE", "updates": [update]})

    with pytest.raises(MessageRejected) as rejected:
        pair.read(signed(header, said))
    assert rejected.value.pipeline == "p7"
    assert rejected.value.sender == ALICE.address


@pytest.mark.parametrize("key", ["load", "free_memory"])
@pytest.mark.parametrize("figure", [10**400, -1, float("nan"), float("inf"), "1", True])
def test_a_heartbeat_with_a_figure_that_nobody_can_count_with_is_rejected(
    pair: Pair, key: str, figure: Any
) -> None:
    data = pair.sealed(Heartbeat("attic", ALICE.address), encrypt=False)
    at = read_header(data)[1]
    body = {**unpacked(data[at:-SIGNATURE_BYTES]), key: figure}

    assert pair.refused(signed(data[:at], packed(body))) == "shape"
