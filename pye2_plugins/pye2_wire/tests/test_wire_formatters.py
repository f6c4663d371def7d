"""Shaped messages (PyE2 wire protocol, section 11): what is meant arrives in every shape."""

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pye2_wire.canonical import canonical
from pye2_wire.envelope import ENVELOPE
from pye2_wire.formatters import formatter_named
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Heartbeat,
    InstancePath,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    Requester,
)

SHAPES = ["aixp1", "cavi2"]
CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("33" * 32))
ASKER = Requester(CLIENT.address, "pySDK", "session-7")
PATH = InstancePath("p1", "CUSTOM_EXEC_01", "i1")
FIELDS = {
    "EXEC_RESULT": [1, 2.5, {"inner": None}],
    "ID": 3,
    "ID_TAGS": ["a"],
    "TIMESTAMP_EXECUTION": "2026-11-22 20:46:11",
    "PLUGIN_CATEGORY": "special",
    "IMG": "aGk=",
    "IMG_HEIGHT": 4,
    "IMG_WIDTH": 5,
    "_P_VERSION": "1",
    "_C_cap_time": "t",
}
DIALECT = Pye2Serializer("naeural-1")

shapes = st.sampled_from(SHAPES)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# Upper case, because cavi2 restores no other; not one of these may be a word of the wire.
keys = st.text("ABCDEFG_0123456789", min_size=1).map("X_".__add__)
figures = st.sampled_from(["_P_", "_C_"]).flatmap(lambda prefix: texts.map(prefix.__add__))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=5,
)
fields = st.dictionaries(keys | figures, values, max_size=5)
names = texts.filter(bool)
signatures = st.text("ABC_019", min_size=1, max_size=9)
paths = st.builds(InstancePath, names, signatures, names)
receivers = st.sampled_from([None, CLIENT.address])


def sealed(payload: PayloadMessage, encrypt_for: str | None = None) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(DIALECT.seal(payload, NODE, encrypt_for=encrypt_for))
    return wire


def received(wire: dict[str, Any], opener: Identity = CLIENT) -> Any:
    unsigned = signed_part(wire)
    signature = signature_fields(canonical(unsigned), NODE)
    message = DIALECT.parse(json.dumps({**unsigned, **signature}).encode())
    message.verify()
    return message.open(opener)


def payload_in(shape: str | None, said: dict[str, Any] = FIELDS) -> PayloadMessage:
    return PayloadMessage(PATH, said, ASKER, ASKER, formatter=shape)


def shaped(body: dict[str, Any], shape: str, path: list[str | None]) -> dict[str, Any]:
    """A message of another kind than a payload as another node may shape it."""
    envelope = {key: body[key] for key in ENVELOPE if key in body}
    return {
        **formatter_named(shape).encode(body),
        **envelope,
        "EE_PAYLOAD_PATH": path,
        "EE_FORMATTER": shape,
    }


# --- what is meant arrives ------------------------------------------------------------------------


@pytest.mark.parametrize("encrypt_for", [None, CLIENT.address], ids=["clear", "encrypted"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shaped_payload_says_what_a_plain_one_says(shape: str, encrypt_for: str | None) -> None:
    plain = received(sealed(payload_in(None), encrypt_for))

    opened = received(sealed(payload_in(shape), encrypt_for))

    own = {"EE_FORMATTER", "SB_IMPLEMENTATION", "EE_HASH", "EE_SIGN"}
    own |= {"EE_MESSAGE_ID", "EE_MESSAGE_SEQ", "EE_TOTAL_MESSAGES", "EE_TIMESTAMP"}
    own |= {"EE_IS_ENCRYPTED"}
    expected = {key: value for key, value in plain.fields.items() if key not in own}
    assert {key: opened.fields[key] for key in expected} == expected
    assert evolve(opened, fields={}, origin=None) == evolve(
        plain, fields={}, origin=None, formatter=shape
    )


@settings(deadline=None)
@given(shapes, paths, fields, receivers)
def test_whatever_json_carries_arrives(
    shape: str, path: InstancePath, said: dict[str, Any], encrypt_for: str | None
) -> None:
    message = PayloadMessage(path, said, ASKER, ASKER, formatter=shape)

    opened = received(sealed(message, encrypt_for))

    assert (opened.path, opened.requester, opened.formatter) == (path, ASKER, shape)
    assert {key: opened.fields[key] for key in said} == said


@settings(deadline=None)
@given(shapes, st.dictionaries(keys, values, max_size=5))
def test_other_nodes_notifications_are_restored(shape: str, said: dict[str, Any]) -> None:
    about = InstancePath("p1", "S_01", "i1")
    notification = Notification(
        NotificationKind.NORMAL,
        "done",
        NotificationCode.PIPELINE_OK,
        about,
        requester=ASKER,
        fields=said,
    )
    plain = json.loads(DIALECT.seal(notification, NODE))

    opened = received(shaped(signed_part(plain), shape, ["naeural-1", "p1", "S_01", "i1"]))

    assert isinstance(opened, Notification)
    assert (opened.code, opened.text, opened.path) == (1, "done", about)
    assert (opened.requester, opened.fields["INSTANCE_ID"]) == (ASKER, "i1")
    assert {key: opened.fields[key] for key in said} == said


@pytest.mark.parametrize("shape", SHAPES)
def test_other_nodes_heartbeats_are_restored(shape: str) -> None:
    plain = json.loads(DIALECT.seal(Heartbeat("naeural-1", NODE.address, load=3.0), NODE))

    opened = received(shaped(signed_part(plain), shape, ["naeural-1", None, None, None]))

    assert isinstance(opened, Heartbeat)
    assert (opened.name, opened.address, opened.load) == ("naeural-1", NODE.address, 3.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_older_key_names_the_formatter_too(shape: str) -> None:
    wire = sealed(payload_in(shape))
    del wire["EE_FORMATTER"]

    opened = received(wire)

    assert (opened.fields["EXEC_RESULT"], opened.formatter) == (FIELDS["EXEC_RESULT"], shape)


# --- how it looks on the wire ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_what_surrounds_a_message_stays_outside_section_5_2(shape: str) -> None:
    wire = sealed(payload_in(shape))

    assert {*ENVELOPE, "EE_PAYLOAD_PATH", "EE_SIGN", "EE_SENDER", "EE_HASH"} <= wire.keys()
    assert wire["EE_FORMATTER"] == wire["SB_IMPLEMENTATION"] == shape
    assert not FIELDS.keys() & wire.keys()


@pytest.mark.parametrize("shape", SHAPES)
def test_an_encrypted_payload_hides_its_shape_section_5_2(shape: str) -> None:
    wire = sealed(payload_in(shape), CLIENT.address)

    assert not {"DATA", "data", "metadata", "EE_ID", "EE_FORMATTER"} & wire.keys()
    with pytest.raises(MessageRejected) as rejection:
        received(wire, OTHER)
    assert rejection.value.reason == "decryption"


def test_aixp1_keeps_the_figures_of_plugin_and_pipeline_apart() -> None:
    data = sealed(payload_in("aixp1"))["DATA"]

    assert data["PLUGIN_META"] == {"_P_VERSION": "1"}
    assert data["PIPELINE_META"] == {"_C_cap_time": "t"}
    assert not {"STREAM", "PIPELINE", "SIGNATURE", "SESSION_ID", "EE_ID"} & data.keys()


def test_cavi2_has_a_place_for_the_image_and_for_values() -> None:
    data = sealed(payload_in("cavi2", {**FIELDS, "_V_SPEED": 1.5}))["data"]

    assert data["img"] == {"id": "aGk=", "height": 4, "width": 5}
    assert data["value"] == {"speed": 1.5}


def test_a_value_of_cavi2_comes_back_without_its_prefix_as_from_pye2() -> None:
    assert received(sealed(payload_in("cavi2", {"_V_SPEED": 1.5}))).fields["SPEED"] == 1.5


# --- what cannot be sent --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["PLUGIN_META", "PIPELINE_META"])
def test_a_field_that_is_called_as_a_part_of_aixp1_is_refused(name: str) -> None:
    with pytest.raises(UnsendableValue, match="choose another formatter") as refusal:
        sealed(payload_in("aixp1", {name: {}}))

    assert refusal.value.path == name


def test_names_that_cavi2_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(UnsendableValue, match="lower case: another field is 'speed' then"):
        sealed(payload_in("cavi2", {"SPEED": 1, "Speed": 2}))


@pytest.mark.parametrize("shape", SHAPES)
def test_what_would_be_nested_too_deeply_for_a_receiver_is_refused(shape: str) -> None:
    deep: Any = 1
    for _ in range(NESTING_LIMIT - 1):
        deep = [deep]
    sealed(payload_in(None, {"A": deep}))

    with pytest.raises(UnsendableValue, match="levels"):
        sealed(payload_in(shape, {"A": deep}))


# --- what is hostile ------------------------------------------------------------------------------

ODD: list[Any] = [None, 5, "x", [], [1], True]


def with_odd(shape: str, place: str, odd: Any) -> dict[str, Any]:
    wire = sealed(payload_in(shape))
    *way, last = place.split(".")
    part = wire
    for step in way:
        part = part[step]
    part[last] = odd
    return wire


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ("aixp1", "DATA"),
        ("aixp1", "DATA.PLUGIN_META"),
        ("aixp1", "DATA.PIPELINE_META"),
        ("cavi2", "data"),
        ("cavi2", "data.identifiers"),
        ("cavi2", "metadata"),
        ("cavi2", "sender"),
        ("cavi2", "time"),
    ],
)
def test_a_part_that_is_no_object_is_rejected_by_its_place(
    shape: str, place: str, odd: Any
) -> None:
    with pytest.raises(MessageRejected, match=place.rpartition(".")[2]) as rejection:
        received(with_odd(shape, place, odd))

    assert rejection.value.reason == "shape"


@pytest.mark.parametrize("odd", ODD[1:])
@pytest.mark.parametrize(
    "place",
    [
        "data.value",
        "data.specificValue",
        "data.img",
        "metadata.captureMetadata",
        "metadata.pluginMetadata",
    ],
)
def test_a_part_that_may_be_missing_must_be_an_object_if_it_is_there(place: str, odd: Any) -> None:
    with pytest.raises(MessageRejected, match=place.rpartition(".")[2]) as rejection:
        received(with_odd("cavi2", place, odd))

    assert rejection.value.reason == "shape"


@pytest.mark.parametrize("path", [None, [], ["n"], "nnnn"])
def test_aixp1_needs_a_path_to_restore_from(path: object) -> None:
    with pytest.raises(MessageRejected, match="EE_PAYLOAD_PATH"):
        formatter_named("aixp1").decode(sealed(payload_in("aixp1")) | {"EE_PAYLOAD_PATH": path})


@pytest.mark.parametrize("shape", SHAPES)
def test_a_formatter_needs_the_kind_of_the_message(shape: str) -> None:
    wire = sealed(payload_in(shape))
    del wire["EE_EVENT_TYPE"]

    with pytest.raises(MessageRejected, match="EE_EVENT_TYPE"):
        formatter_named(shape).decode(wire)


LIES = {
    "EE_ID": "other",
    "EE_SENDER": OTHER.address,
    "EE_PAYLOAD_PATH": ["other", "other", "other", "other"],
    "EE_EVENT_TYPE": "HEARTBEAT",
    "EE_FORMATTER": "other",
    "EE_HASH": "0",
    "EE_TIMESTAMP": "2000-01-01 00:00:00.000000",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_inside_denies_what_surrounds_it(shape: str) -> None:
    wire = sealed(payload_in(shape))
    if shape == "aixp1":
        wire["DATA"].update(LIES)
        wire["DATA"]["PLUGIN_META"].update(LIES)
    else:
        wire["data"]["specificValue"].update({key.lower(): lie for key, lie in LIES.items()})
        wire["sender"]["hostId"] = wire["time"]["hostTime"] = "other"

    opened = received(wire)

    assert (opened.path, opened.formatter) == (PATH, shape)
    assert (opened.origin.name, opened.origin.sender) == ("naeural-1", NODE.address)
    assert not {key for key, lie in LIES.items() if opened.fields.get(key) == lie}


def test_a_path_is_not_brought_in_from_inside() -> None:
    wire = sealed(payload_in("cavi2"))
    wire["data"]["specificValue"]["ee_payload_path"] = LIES["EE_PAYLOAD_PATH"]
    del wire["EE_PAYLOAD_PATH"]

    assert received(wire).path == InstancePath()


parts = st.dictionaries(
    st.sampled_from(["identifiers", "value", "img", "PLUGIN_META", "hostId", "ee_id"]) | texts,
    values | st.dictionaries(texts, values, max_size=2),
    max_size=4,
)


@settings(deadline=None, max_examples=300)
@given(
    shapes,
    st.sampled_from(["PAYLOAD", "NOTIFICATION", "HEARTBEAT"]),
    st.dictionaries(
        st.sampled_from(["DATA", "data", "metadata", "sender", "time", "type", "messageID"]),
        parts | values,
    ),
)
def test_whatever_the_shape_it_is_read_or_rejected(
    shape: str, event: str, body: dict[str, Any]
) -> None:
    wire = {
        **body,
        "EE_EVENT_TYPE": event,
        "EE_FORMATTER": shape,
        "EE_PAYLOAD_PATH": ["n", "p", "s", "i"],
    }
    outcome = outcome_of(wire)

    if isinstance(outcome, MessageRejected):
        assert outcome.reason in {"shape", "unsupported"}
        assert str(outcome)
    else:
        assert outcome.origin.verified


def outcome_of(wire: dict[str, Any]) -> Any:
    try:
        return received(wire)
    except MessageRejected as rejection:
        return rejection
