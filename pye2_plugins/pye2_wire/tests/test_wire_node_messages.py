"""Payloads and notifications on the wire are PyE2's, and open to what was meant."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from pye2_wire.canonical import canonical
from pye2_wire.ciphertext import encrypted_text
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2_wire.unsendable import UnsendableValue
from pye2core.clock import ManualClock
from pye2core.errors import InvalidAddress, MessageRejected, NotProvided
from pye2core.identity import Identity, with_prefix, without_prefix
from pye2core.messages import (
    Heartbeat,
    InstancePath,
    Message,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    Requester,
)

CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("33" * 32))
MOMENT = datetime(2026, 11, 22, 20, 46, 11, 821357, tzinfo=UTC)
ASKER = Requester(CLIENT.address, "pySDK", "session-7")
PATH = InstancePath("p1", "CUSTOM_EXEC_01", "i1")
PAYLOAD = PayloadMessage(PATH, {"EXEC_RESULT": [1, 2.5, "é"]}, ASKER, ASKER)
NOTIFICATION = Notification(
    NotificationKind.NORMAL,
    "configured",
    NotificationCode.PLUGIN_CONFIG_OK,
    PATH,
    info="all well",
    requester=ASKER,
)


def dialect() -> Pye2Serializer:
    return Pye2Serializer("naeural-1", ManualClock(MOMENT))


def wired(message: Message, encrypt_for: str | None = None) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(dialect().seal(message, NODE, encrypt_for=encrypt_for))
    return wire


def received(wire: dict[str, Any], opener: Identity = CLIENT) -> Any:
    unsigned = signed_part(wire)
    signature = signature_fields(canonical(unsigned), NODE)
    sealed = dialect().parse(json.dumps({**unsigned, **signature}).encode())
    sealed.verify()
    return sealed.open(opener)


def rejection_of(wire: dict[str, Any], opener: Identity = CLIENT) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        received(wire, opener)
    return rejection.value


# --- what every message of a node carries ---------------------------------------------------------


def test_a_message_is_dated_and_says_in_which_zone() -> None:
    wire = wired(PAYLOAD)

    assert wire["EE_TIMESTAMP"] == "2026-11-22 20:46:11.821357"
    assert (wire["EE_TIMEZONE"], wire["EE_TZ"]) == ("UTC+0", "Etc/UTC")
    assert received(wire).origin.sent_at == MOMENT


def test_messages_are_numbered_by_kind() -> None:
    node = dialect()
    kinds: list[Message] = [PAYLOAD, PAYLOAD, NOTIFICATION, PAYLOAD]

    wires = [json.loads(node.seal(message, NODE)) for message in kinds]

    assert [wire["EE_MESSAGE_SEQ"] for wire in wires] == [1, 2, 1, 3]
    assert [wire["EE_TOTAL_MESSAGES"] for wire in wires] == [1, 2, 1, 3]
    assert len({wire["EE_MESSAGE_ID"] for wire in wires}) == 4


def test_equal_messages_have_different_digests() -> None:
    assert wired(PAYLOAD)["EE_HASH"] != wired(PAYLOAD)["EE_HASH"]


def test_a_message_is_compact_and_not_escaped_to_ascii() -> None:
    data = dialect().seal(PAYLOAD, NODE)

    assert b": " not in data.replace(b"20:46", b"")
    assert '"EXEC_RESULT":[1,2.5,"é"]'.encode() in data


@pytest.mark.parametrize("message", [PAYLOAD, NOTIFICATION], ids=["payload", "notification"])
def test_a_node_has_to_have_a_name_to_speak(message: Message) -> None:
    with pytest.raises(TypeError, match="node_name"):
        Pye2Serializer().seal(message, NODE)


def test_a_message_is_for_everybody_and_no_command() -> None:
    sealed = dialect().parse(dialect().seal(PAYLOAD, NODE))

    assert (sealed.sender, sealed.recipient, sealed.is_command) == (NODE.address, None, False)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC+0", MOMENT),
        ("UTC-5", MOMENT.replace(tzinfo=timezone(timedelta(hours=-5)))),
        ("UTC+99", None),
        ("Mars", None),
        (None, None),
        (5, None),
    ],
)
def test_a_moment_is_known_only_with_its_zone(zone: object, expected: datetime | None) -> None:
    wire = wired(PAYLOAD) | {"EE_TIMEZONE": zone}

    assert received(wire).origin.sent_at == expected


@pytest.mark.parametrize("text", ["yesterday", "", 5, None, [], "2026-13-01 00:00:00", "9" * 99])
def test_a_moment_that_cannot_be_read_is_unknown(text: object) -> None:
    assert received(wired(PAYLOAD) | {"EE_TIMESTAMP": text}).origin.sent_at is None


def test_a_legacy_address_is_known_by_its_full_form() -> None:
    wire = wired(PAYLOAD)
    wire["EE_SENDER"] = "aixp_" + without_prefix(NODE.address)

    sealed = dialect().parse(json.dumps(wire).encode())

    sealed.verify()
    assert sealed.sender == NODE.address == with_prefix(without_prefix(NODE.address))


def test_a_changed_message_is_rejected_with_its_supposed_sender() -> None:
    sealed = dialect().parse(json.dumps(wired(PAYLOAD) | {"EXEC_RESULT": 0}).encode())

    with pytest.raises(MessageRejected, match="Corrupted digest!") as rejection:
        sealed.verify()

    assert (rejection.value.reason, rejection.value.sender) == ("signature", NODE.address)


@pytest.mark.parametrize("missing", ["EE_SIGN", "EE_SENDER"])
def test_an_unsigned_message_is_rejected(missing: str) -> None:
    wire = wired(PAYLOAD)
    del wire[missing]

    sealed = dialect().parse(json.dumps(wire).encode())

    with pytest.raises(MessageRejected) as rejection:
        sealed.verify()
    assert rejection.value.reason == "signature"


def test_what_was_not_verified_says_so() -> None:
    opened = dialect().parse(dialect().seal(PAYLOAD, NODE)).open(CLIENT)

    assert isinstance(opened, PayloadMessage)
    assert opened.origin is not None
    assert not opened.origin.verified


def test_the_digest_is_computed_and_not_believed() -> None:
    wire = wired(PAYLOAD)
    stated = wire["EE_HASH"]

    sealed = dialect().parse(json.dumps(wire | {"EE_HASH": "0" * 64}).encode())

    assert sealed.digest == stated


# --- payloads -------------------------------------------------------------------------------------


def test_a_payload_arrives_as_it_was_meant() -> None:
    opened = received(wired(PAYLOAD))

    assert (opened.path, opened.requester) == (PATH, ASKER)
    assert opened.modified_by == Requester(CLIENT.address, "pySDK")
    assert opened.formatter is None
    assert opened.origin.name == "naeural-1"
    assert not opened.origin.encrypted


def test_a_payloads_fields_are_all_that_the_message_said() -> None:
    fields = received(wired(PAYLOAD)).fields

    expected = {
        "EXEC_RESULT": [1, 2.5, "é"],
        "STREAM": "p1",
        "PIPELINE": "p1",
        "STREAM_NAME": "p1",
        "SIGNATURE": "CUSTOM_EXEC_01",
        "INSTANCE_ID": "i1",
        "INITIATOR_ID": "pySDK",
        "SESSION_ID": "session-7",
        "EE_ID": "naeural-1",
        "EE_EVENT_TYPE": "PAYLOAD",
        "EE_PAYLOAD_PATH": ["naeural-1", "p1", "CUSTOM_EXEC_01", "i1"],
        "EE_SENDER": NODE.address,
    }
    assert {key: fields[key] for key in expected} == expected


def test_a_payload_cannot_pretend_to_be_of_another_instance_or_node() -> None:
    lies = {"EE_ID": "x", "SIGNATURE": "x", "EE_PAYLOAD_PATH": [], "EE_SENDER": "x", "EE_HASH": "x"}
    opened = received(wired(PayloadMessage(PATH, lies, ASKER)))

    assert (opened.path, opened.origin.name, opened.origin.sender) == (
        PATH,
        "naeural-1",
        NODE.address,
    )


def test_numpy_results_are_sent_and_verify() -> None:
    fields = {"EXEC_RESULT": np.float64(1.5), "A": np.arange(3), "B": np.float32(0.5)}

    opened = received(wired(PayloadMessage(PATH, fields)))

    assert [opened.fields[key] for key in fields] == [1.5, [0, 1, 2], 0.5]


def test_what_json_cannot_carry_is_named() -> None:
    with pytest.raises(UnsendableValue) as refusal:
        wired(PayloadMessage(PATH, {"EXEC_RESULT": {"a": {1, 2}}}))

    assert refusal.value.path == "EXEC_RESULT.a"


def test_an_encrypted_payload_hides_all_but_pye2s_outer_keys() -> None:
    assert set(wired(PAYLOAD, CLIENT.address)) == {
        "EE_ENCRYPTED_DATA",
        "EE_IS_ENCRYPTED",
        "EE_PAYLOAD_PATH",
        "EE_VERSION",
        "EE_EVENT_TYPE",
        "SESSION_ID",
        "INITIATOR_ID",
        "INITIATOR_ADDR",
        "MODIFIED_BY_ID",
        "MODIFIED_BY_ADDR",
        "EE_TIMESTAMP",
        "EE_TIMEZONE",
        "EE_TZ",
        "SB_IMPLEMENTATION",
        "EE_MESSAGE_ID",
        "EE_SIGN",
        "EE_SENDER",
        "EE_HASH",
    }


def test_an_encrypted_payload_opens_for_its_requester_as_if_it_were_plain() -> None:
    opened = received(wired(PAYLOAD, CLIENT.address))

    plain = received(wired(PAYLOAD)).fields
    assert set(opened.fields) == set(plain)
    assert opened.fields["EXEC_RESULT"] == [1, 2.5, "é"]
    assert (opened.path, opened.requester, opened.origin.name) == (PATH, ASKER, "naeural-1")
    assert opened.origin.encrypted


def test_an_encrypted_payload_says_whom_it_is_for() -> None:
    data = dialect().seal(PAYLOAD, NODE, encrypt_for=CLIENT.address)

    assert dialect().parse(data).recipient == CLIENT.address


def test_an_encrypted_payload_without_requester_is_addressed_to_its_receiver() -> None:
    wire = wired(PayloadMessage(PATH, {"A": 1}), CLIENT.address)

    assert wire["INITIATOR_ADDR"] == CLIENT.address
    assert received(wire).fields["A"] == 1


def test_a_payload_for_one_cannot_be_encrypted_for_another() -> None:
    with pytest.raises(TypeError, match=OTHER.address):
        wired(PAYLOAD, OTHER.address)


def test_an_encrypted_payload_does_not_open_for_others() -> None:
    assert rejection_of(wired(PAYLOAD, CLIENT.address), OTHER).reason == "decryption"


def test_a_clear_field_does_not_override_a_decrypted_one() -> None:
    wire = wired(PAYLOAD, CLIENT.address) | {"EXEC_RESULT": "forged", "EE_ID": "forged"}

    opened = received(wire)

    assert opened.fields["EXEC_RESULT"] == [1, 2.5, "é"]
    assert opened.origin.name == "naeural-1"


def test_a_decrypted_field_does_not_override_who_signed() -> None:
    wire = wired(PAYLOAD, CLIENT.address)
    inner = b'{"EE_SENDER":"forged","EE_HASH":"forged"}'
    wire["EE_ENCRYPTED_DATA"] = encrypted_text(inner, NODE, CLIENT.address)

    opened = received(wire)

    assert opened.origin.sender == opened.fields["EE_SENDER"] == NODE.address
    assert opened.fields["EE_HASH"] == opened.origin.digest


def test_a_payload_left_plain_for_want_of_a_receiver_loses_that_remark() -> None:
    wire = wired(PAYLOAD) | {"EE_ENCRYPTED_DATA": "ERROR: No receiver address found!"}

    assert "EE_ENCRYPTED_DATA" not in received(wire).fields


def test_encryption_for_what_is_no_address_is_an_error() -> None:
    with pytest.raises(InvalidAddress):
        wired(PayloadMessage(PATH, {}), "naeural-1")


@pytest.mark.parametrize("message", [NOTIFICATION, Heartbeat("n", NODE.address)])
def test_what_is_for_everybody_is_not_encrypted_and_not_sent_plain_either(message: Message) -> None:
    with pytest.raises(TypeError, match="cannot be encrypted"):
        wired(message, CLIENT.address)


@pytest.mark.parametrize(
    "path", [[], ["n"], ["n", "p", "s"], ["n", "p", "s", "i", "x"], ["n", "p", "s", 5], "nnnn", {}]
)
def test_a_path_that_is_not_four_texts_or_nulls_is_rejected(path: object) -> None:
    assert rejection_of(wired(PAYLOAD) | {"EE_PAYLOAD_PATH": path}).reason == "shape"


def test_a_missing_path_is_about_nothing() -> None:
    wire = wired(PAYLOAD)
    del wire["EE_PAYLOAD_PATH"]

    assert received(wire).path == InstancePath()


@pytest.mark.parametrize("name", ["INITIATOR_ID", "INITIATOR_ADDR", "SESSION_ID", "EE_ID"])
def test_odd_types_are_rejected(name: str) -> None:
    assert rejection_of(wired(PAYLOAD) | {name: ["x"]}).reason == "shape"


# --- formatters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "", "default", "raw"])
def test_messages_without_a_formatter_are_read_as_they_are(name: str | None) -> None:
    wire = wired(PAYLOAD) | {"EE_FORMATTER": name, "SB_IMPLEMENTATION": "aixp1"}

    opened = received(wire)

    assert (opened.fields["EXEC_RESULT"], opened.formatter) == ([1, 2.5, "é"], None)


def test_the_raw_formatter_is_not_named_for_pye2_does_not_know_it() -> None:
    wire = wired(PayloadMessage(PATH, {}, formatter="raw"))

    assert (wire["EE_FORMATTER"], wire["SB_IMPLEMENTATION"]) == (None, None)


def test_an_unknown_formatter_is_unsupported() -> None:
    rejection = rejection_of(wired(PAYLOAD) | {"EE_FORMATTER": "surprise"})

    assert rejection.reason == "unsupported"
    assert "surprise" in str(rejection)


def test_without_its_key_the_formatter_is_named_by_the_older_one() -> None:
    wire = wired(PAYLOAD) | {"SB_IMPLEMENTATION": "surprise"}
    del wire["EE_FORMATTER"]

    assert rejection_of(wire).reason == "unsupported"


def test_an_unknown_formatter_is_an_error_of_the_sender() -> None:
    with pytest.raises(NotProvided, match="surprise"):
        wired(PayloadMessage(PATH, {}, formatter="surprise"))


# --- notifications --------------------------------------------------------------------------------


def test_a_notification_arrives_as_it_was_meant() -> None:
    opened = received(wired(NOTIFICATION))

    assert isinstance(opened, Notification)
    assert (opened.kind, opened.text, opened.code) == (
        NotificationKind.NORMAL,
        "configured",
        NotificationCode.PLUGIN_CONFIG_OK,
    )
    assert (opened.path, opened.info, opened.module) == (PATH, "all well", "Node")
    assert (opened.requester, opened.failed) == (ASKER, False)
    assert opened.fields["NOTIFICATION_TAG"] == "PLUGIN_CONFIG_OK"


def test_a_notification_has_pye2s_fields() -> None:
    wire = wired(NOTIFICATION)

    expected = {
        "EE_EVENT_TYPE": "NOTIFICATION",
        "EE_PAYLOAD_PATH": ["naeural-1", "p1", "CUSTOM_EXEC_01", "i1"],
        "ERROR_CODE": None,
        "INFO": "all well",
        "INITIATOR_ID": "pySDK",
        "INSTANCE_ID": "i1",
        "MODIFIED_BY_ADDR": None,
        "MODIFIED_BY_ID": None,
        "MODULE": "Node",
        "NOTIFICATION": "configured",
        "NOTIFICATION_CODE": 100,
        "NOTIFICATION_TAG": "PLUGIN_CONFIG_OK",
        "NOTIFICATION_TYPE": "NORMAL",
        "SESSION_ID": "session-7",
        "SIGNATURE": "CUSTOM_EXEC_01",
        "STREAM_NAME": "p1",
        "TIMESTAMP": "2026-11-22 20:46:11.821357",
    }
    assert {key: wire[key] for key in expected} == expected


def test_a_denial_has_its_code_as_error_code() -> None:
    wire = wired(Notification(NotificationKind.EXCEPTION, "no", NotificationCode.PIPELINE_FAILED))

    assert (wire["NOTIFICATION_CODE"], wire["ERROR_CODE"]) == (-1, -1)
    assert received(wire).failed


def test_a_notification_about_no_instance_names_none() -> None:
    wire = wired(Notification(NotificationKind.NORMAL, "hello"))

    assert not {"SIGNATURE", "INSTANCE_ID"} & set(wire)
    assert (wire["STREAM_NAME"], wire["NOTIFICATION_CODE"], wire["NOTIFICATION_TAG"]) == (
        None,
        None,
        None,
    )


def test_long_texts_are_cut() -> None:
    assert len(wired(Notification(NotificationKind.NORMAL, "x" * 999))["NOTIFICATION"]) == 255


def test_further_fields_travel_along() -> None:
    extra = Notification(NotificationKind.NORMAL, "x", fields={"DISPLAYED": True})

    assert received(wired(extra)).fields["DISPLAYED"] is True


@pytest.mark.parametrize(("code", "expected"), [(4711, 4711), (1.0, 1), (None, None), (-999, -999)])
def test_codes_may_be_unknown_or_whole_floats(code: object, expected: object) -> None:
    assert received(wired(NOTIFICATION) | {"NOTIFICATION_CODE": code}).code == expected


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"NOTIFICATION_CODE": "1"}, "shape"),
        ({"NOTIFICATION_CODE": True}, "shape"),
        ({"NOTIFICATION_CODE": 1.5}, "shape"),
        ({"NOTIFICATION": 5}, "shape"),
        ({"NOTIFICATION_TYPE": {}}, "shape"),
        ({"NOTIFICATION_TYPE": "GOSSIP"}, "unsupported"),
        ({"EE_EVENT_TYPE": "GOSSIP"}, "unsupported"),
        ({"EE_EVENT_TYPE": 5}, "shape"),
        ({"EE_EVENT_TYPE": None}, "shape"),
    ],
)
def test_what_is_no_notification_is_rejected(changes: dict[str, Any], reason: str) -> None:
    assert rejection_of(wired(NOTIFICATION) | changes).reason == reason
