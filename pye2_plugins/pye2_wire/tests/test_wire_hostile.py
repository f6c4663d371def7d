"""Whatever arrives, it is read or rejected with a reason: nothing else can happen."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire.canonical import canonical
from pye2_wire.ciphertext import encrypted_text
from pye2_wire.commands import ACTIONS
from pye2_wire.heartbeats import encoded_data
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.reading import MOST_VALUES
from pye2_wire.sealed import parse
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import Action, Command, Message

CAPTURES = Path(__file__).parents[3] / "tests/data/captures"
SENDER = Identity.from_private_value(bytes.fromhex("11" * 32))
RECEIVER = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer()

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = [
    *ACTIONS,
    *("HEARTBEAT", "NOTIFICATION", "PAYLOAD", "v1", "v2", "NORMAL", "default", "p", "UTC+1"),
    SENDER.address,
    RECEIVER.address,
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=6,
)
INNER_KEYS = ["ACTION", "PAYLOAD", "EE_DELEGATION", "CONFIG_STREAMS", "EE_WHITELIST", "SECURED"]
OUTER_KEYS = [
    *INNER_KEYS,
    *("EE_ID", "EE_EVENT_TYPE", "EE_IS_ENCRYPTED", "EE_ENCRYPTED_DATA", "EE_PAYLOAD_PATH"),
    *("EE_FORMATTER", "SB_IMPLEMENTATION", "EE_TIMESTAMP", "EE_TIMEZONE", "HEARTBEAT_VERSION"),
    *("INITIATOR_ID", "INITIATOR_ADDR", "SESSION_ID", "MODIFIED_BY_ID", "NOTIFICATION"),
    *("NOTIFICATION_TYPE", "NOTIFICATION_CODE", "INFO", "MODULE", "ENCODED_DATA", "EE_ADDR"),
]
inner_objects = st.dictionaries(st.sampled_from(INNER_KEYS) | texts, anything, max_size=5)
outer_objects = st.dictionaries(st.sampled_from(OUTER_KEYS) | texts, anything, max_size=9)
pipeline_keys = ["NAME", "TYPE", "PLUGINS", "SIGNATURE", "INSTANCES", "INSTANCE_ID"]
update_keys = ["NAME", "SIGNATURE", "INSTANCE_ID", "INSTANCE_CONFIG", "PIPELINE_COMMAND"]
almost_bodies = st.recursive(
    anything,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(pipeline_keys), inner)
        | st.dictionaries(st.sampled_from(update_keys), inner)
    ),
    max_leaves=8,
)


def signed(message: dict[str, Any]) -> bytes:
    unsigned = signed_part(message)
    complete = {**unsigned, **signature_fields(canonical(unsigned), SENDER)}
    return json.dumps(complete).encode()


def survive(data: bytes) -> None:
    """Take the bytes as far as they go."""
    DIALECT.recognises(data)
    outcome = outcome_of(data)
    if isinstance(outcome, MessageRejected):
        assert outcome.reason in {"shape", "signature", "decryption", "unsupported"}
        assert str(outcome)
    else:
        assert outcome.origin is not None
        assert outcome.origin.verified


def outcome_of(data: bytes) -> Message | MessageRejected:
    try:
        sealed = DIALECT.parse(data)
        sealed.verify()
        return sealed.open(RECEIVER)
    except MessageRejected as rejection:
        return rejection


def rejection_of(data: bytes) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        DIALECT.parse(data)
    return rejection.value


@settings(deadline=None, max_examples=300)
@given(st.binary() | st.text().map(str.encode) | anything.map(json.dumps).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    survive(data)


@settings(deadline=None, max_examples=300)
@given(outer_objects)
def test_any_signed_object(message: dict[str, Any]) -> None:
    survive(signed(message))


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(ACTIONS)), almost_bodies)
def test_any_body_of_any_command(action: str, body: object) -> None:
    survive(signed({"ACTION": action, "PAYLOAD": body, "EE_ID": "n", "EE_IS_ENCRYPTED": False}))


@settings(deadline=None)
@given(outer_objects, inner_objects | anything)
def test_any_encrypted_object(message: dict[str, Any], inner: object) -> None:
    ciphertext = encrypted_text(json.dumps(inner).encode(), SENDER, RECEIVER.address)

    survive(signed({**message, "EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": ciphertext}))


@settings(deadline=None)
@given(outer_objects, inner_objects | anything, almost_bodies)
def test_any_compressed_object(message: dict[str, Any], inner: object, streams: object) -> None:
    state = {**inner, "CONFIG_STREAMS": streams} if isinstance(inner, dict) else inner
    heartbeat = {
        "EE_ID": "n",
        "EE_EVENT_TYPE": "HEARTBEAT",
        "HEARTBEAT_VERSION": "v2",
        "ENCODED_DATA": encoded_data(json.dumps(state).encode()),
    }

    survive(signed({**message, **heartbeat}))


@pytest.mark.parametrize("name", ["client_plain", "client_encrypted", "engine_plain"])
def test_recorded_messages_with_a_changed_bit_are_survived(name: str) -> None:
    rng = random.Random(name)
    content = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    for record in content["messages"]:
        data = bytearray(record["raw_utf8"].encode())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        survive(bytes(data))


@pytest.mark.parametrize("name", ["client_plain", "client_encrypted"])
def test_recorded_messages_that_are_cut_are_rejected(name: str) -> None:
    content = json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))
    for record in content["messages"]:
        data = record["raw_utf8"].encode()
        for length in (0, 1, len(data) // 2, len(data) - 1):
            assert rejection_of(data[:length]).reason == "shape"


MILLION = 1_000_000

HOSTILE = {
    "nothing": b"",
    "binary noise": random.Random(7).randbytes(10 * MILLION),
    "noise that begins well": b'{"EE_ID": "' + random.Random(7).randbytes(10 * MILLION),
    "zeros": bytes(10 * MILLION),
    "spaces": b" " * 10 * MILLION,
    "lists without end": b"[" * 10 * MILLION,
    "objects without end": b'{"EE_ID":' * MILLION,
    "deep lists": b'{"EE_ID":' + b"[" * 900 + b"]" * 900 + b"}",
    "one level too many": b'{"EE_ID":' + b"[" * NESTING_LIMIT + b"]" * NESTING_LIMIT + b"}",
    "brackets in texts": b'{"EE_ID":[' + b'"]",[' * 500 + b"]" * 501 + b"}",
    "a huge integer": b'{"EE_ID":1' + b"0" * 5000 + b"}",
    "an integer of a megabyte": b'{"EE_ID":' + b"1" * MILLION + b"}",
    "another encoding": '{"EE_ID": "é"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"EE_ID": 1}',
    "a lone surrogate": rb'{"EE_ID": "\ud800"}',
    "a lone surrogate in a key": rb'{"\udfff": 1, "EE_ID": 1}',
    "an array": b'["EE_ID"]',
    "many brackets": b"[" + b"{}," * 200 + b"{}]",
    "a text": b'"EE_ID"',
    "a number": b"5",
    "null": b"null",
    "something after the end": b'{"EE_ID": 1} x',
    "an empty object": b"{}",
    "an odd sender": b'{"EE_SENDER": 5, "ACTION": "STOP", "EE_ID": "n"}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_are_rejected(data: bytes) -> None:
    assert rejection_of(data).reason == "shape"


def test_noise_is_not_even_recognised() -> None:
    assert not DIALECT.recognises(HOSTILE["binary noise"])
    assert not DIALECT.recognises(HOSTILE["spaces"])
    assert not DIALECT.recognises(b'{"version": 2}')
    assert DIALECT.recognises(b' \n{"EE_ID": 1}')


def test_a_wide_message_is_not_a_deep_one() -> None:
    wide = [[{"a": []}] for _ in range(NESTING_LIMIT)]
    data = signed({"EE_EVENT_TYPE": "PAYLOAD", "EE_ID": "n", "A": wide})

    DIALECT.parse(data).verify()


def test_a_sender_of_a_megabyte_is_neither_believed_nor_kept() -> None:
    data = json.dumps({"EE_SENDER": "a" * MILLION, "ACTION": "STOP", "EE_ID": "n"}).encode()

    assert len(DIALECT.parse(data).sender) < 200


def test_of_equal_keys_the_last_is_the_one_that_is_signed_and_read() -> None:
    data = signed({"ACTION": "STOP", "EE_ID": "n"})
    doubled = data.replace(b'"ACTION": "STOP"', b'"ACTION": "RESTART", "ACTION": "STOP"')
    assert doubled != data

    sealed = DIALECT.parse(doubled)
    sealed.verify()

    assert sealed.digest == DIALECT.parse(data).digest


def test_a_prepended_key_does_not_slip_in_before_the_signed_one() -> None:
    data = signed({"ACTION": "STOP", "EE_ID": "n"})
    doubled = data[:-1] + b', "ACTION": "RESTART"}'

    with pytest.raises(MessageRejected, match="Corrupted digest!"):
        DIALECT.parse(doubled).verify()


def test_nan_and_infinities_are_read_as_pye2_sends_them() -> None:
    message = {"EE_EVENT_TYPE": "PAYLOAD", "EE_ID": "n", "A": [float("nan"), float("inf")]}

    sealed = DIALECT.parse(signed(message))

    sealed.verify()


def test_a_ciphertext_of_deep_lists_is_rejected() -> None:
    plaintext = b'{"ACTION":' + b"[" * 900 + b"]" * 900 + b"}"
    ciphertext = encrypted_text(plaintext, SENDER, RECEIVER.address)
    sealed = DIALECT.parse(
        signed({"EE_ID": "n", "EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": ciphertext})
    )

    with pytest.raises(MessageRejected, match="levels") as rejection:
        sealed.open(RECEIVER)

    assert (rejection.value.reason, rejection.value.sender) == ("shape", SENDER.address)


def test_a_ciphertext_that_is_too_short_is_rejected() -> None:
    ciphertext = base64.b64encode(b"x" * 27).decode()
    sealed = DIALECT.parse(
        signed({"EE_ID": "n", "EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": ciphertext})
    )

    with pytest.raises(MessageRejected) as rejection:
        sealed.open(RECEIVER)

    assert rejection.value.reason == "decryption"


def test_an_action_in_clear_does_not_open_the_door_for_an_encrypted_one() -> None:
    client, node = Identity.generate(), Identity.generate()
    command = Command(Action.DELETE_ALL, None, target=node.address)
    sealed = json.loads(Pye2Serializer().seal(command, client, encrypt_for=node.address))

    disguised = parse(json.dumps({**sealed, "ACTION": "FULL_HEARTBEAT"}).encode())

    assert not disguised.asks_for_sign_of_life


def test_a_request_for_a_heartbeat_in_clear_is_recognised_as_one() -> None:
    command = Command(Action.FULL_HEARTBEAT, None, target="attic")

    asked = parse(Pye2Serializer().seal(command, Identity.generate()))

    assert asked.asks_for_sign_of_life


@pytest.mark.parametrize("value", ["[]", "{}", "1", '""', r'"\""'])
def test_a_message_that_would_be_large_once_it_is_read_is_rejected_unread(value: str) -> None:
    data = f'{{"EE_ID":[{",".join([value] * (MOST_VALUES + 1))}]}}'.encode()

    assert "values" in str(rejection_of(data))


@pytest.mark.parametrize("text", ["[{,:", r"\\", r"\"[,"])
def test_what_only_looks_like_values_in_a_text_does_not_count(text: str) -> None:
    message = {"EE_EVENT_TYPE": "PAYLOAD", "EE_ID": "n", "A": text * MOST_VALUES, "B": [text] * 99}

    DIALECT.parse(signed(message)).verify()


def test_a_small_heartbeat_does_not_bring_a_large_state() -> None:
    state = b'{"A":[' + b"[]," * 300_000 + b"[]]}"
    heartbeat = {"EE_ID": "n", "EE_EVENT_TYPE": "HEARTBEAT", "HEARTBEAT_VERSION": "v2"}
    data = signed({**heartbeat, "ENCODED_DATA": encoded_data(state)})

    assert len(data) < 10_000
    with pytest.raises(MessageRejected, match="values"):
        DIALECT.parse(data).open(RECEIVER)
