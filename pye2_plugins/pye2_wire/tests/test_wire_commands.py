"""Commands on the wire are PyE2's, and what arrives as a command is read or rejected."""

import json
from typing import Any

import pytest

from pye2_wire.canonical import canonical
from pye2_wire.commands import ACTIONS
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields
from pye2_wire.unsendable import UnsendableValue
from pye2core.clock import ManualClock
from pye2core.errors import InvalidAddress, MessageRejected
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    CommandBody,
    InstanceUpdate,
    PairingRequest,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("33" * 32))
DIALECT = Pye2Serializer(clock=ManualClock())
SESSION = Requester(CLIENT.address, "pySDK", "session-7")

BODIES: dict[Action, CommandBody] = {
    Action.UPDATE_PIPELINE: PipelineConfig("p1"),
    Action.UPDATE_INSTANCES: (InstanceUpdate("p1", "S", "i", {"A": 1}),),
    Action.UPDATE_INSTANCE: InstanceUpdate("p1", "S", "i", {"INSTANCE_COMMAND": {"x": 1}}),
    Action.PIPELINE_COMMAND: PipelineCommand("p1", {"START": True, "k": 1}),
    Action.ARCHIVE_PIPELINE: "p1",
    Action.DELETE_PIPELINE: "p1",
}
REQUESTS = {Action.PAIR: PairingRequest("0a" * 8, "1b" * 16, "2c" * 32)}


def command(action: Action, **more: Any) -> Command:
    more = {"pairing": REQUESTS.get(action), **more}
    return Command(action, BODIES.get(action), NODE.address, SESSION, **more)


def wired(message: Command, encrypt_for: str | None = None) -> dict[str, Any]:
    wire: dict[str, Any] = json.loads(DIALECT.seal(message, CLIENT, encrypt_for=encrypt_for))
    return wire


def received(wire: dict[str, Any], opener: Identity = NODE) -> Command:
    unsigned = {key: wire[key] for key in wire if key not in ("EE_SIGN", "EE_HASH", "EE_SENDER")}
    signature = signature_fields(canonical(unsigned), CLIENT)
    sealed = DIALECT.parse(json.dumps({**unsigned, **signature}).encode())
    sealed.verify()
    opened = sealed.open(opener)
    assert isinstance(opened, Command)
    return opened


def rejection_of(wire: dict[str, Any], opener: Identity = NODE) -> MessageRejected:
    with pytest.raises(MessageRejected) as rejection:
        received(wire, opener)
    return rejection.value


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("encrypt_for", [None, NODE.address], ids=["plain", "encrypted"])
def test_every_action_arrives_as_it_was_meant(action: Action, encrypt_for: str | None) -> None:
    sealed = DIALECT.parse(DIALECT.seal(command(action), CLIENT, encrypt_for=encrypt_for))

    sealed.verify()
    opened = sealed.open(NODE)

    assert isinstance(opened, Command)
    assert (opened.action, opened.body) == (action, BODIES.get(action))
    assert opened.pairing == REQUESTS.get(action)
    assert (opened.target, opened.requester, opened.delegation) == (NODE.address, SESSION, None)
    assert opened.origin is not None
    assert opened.origin.sender == CLIENT.address
    assert opened.origin.encrypted is (encrypt_for is not None)
    assert opened.origin.verified
    assert opened.origin.digest == sealed.digest


def test_a_plain_command_has_exactly_pye2s_keys() -> None:
    assert list(wired(command(Action.STOP))) == [
        "ACTION",
        "PAYLOAD",
        "EE_IS_ENCRYPTED",
        "EE_ID",
        "SESSION_ID",
        "INITIATOR_ID",
        "TIME",
        "EE_SIGN",
        "EE_SENDER",
        "EE_HASH",
    ]


def test_an_encrypted_command_hides_what_it_wants() -> None:
    wire = wired(command(Action.ARCHIVE_PIPELINE), NODE.address)

    assert wire["EE_IS_ENCRYPTED"] is True
    assert not {"ACTION", "PAYLOAD"} & set(wire)
    assert "p1" not in json.dumps({**wire, "EE_SIGN": "", "EE_SENDER": "", "EE_ENCRYPTED_DATA": ""})


def test_a_command_is_written_in_ascii_with_spaces() -> None:
    body = PipelineCommand("žluť", {"a": 1})
    data = DIALECT.seal(Command(Action.PIPELINE_COMMAND, body, "node", SESSION), CLIENT)

    assert data == json.dumps(json.loads(data)).encode()
    assert rb'{"NAME": "\u017elu\u0165", "PIPELINE_COMMAND": {"a": 1}}' in data


def test_a_command_says_when_it_was_sent_and_its_session() -> None:
    wire = wired(command(Action.STOP))

    assert wire["TIME"] == "2026-01-01 00:00:00.000000"
    assert (wire["INITIATOR_ID"], wire["SESSION_ID"]) == ("pySDK", "session-7")


def test_without_a_session_id_the_session_is_known_by_its_name() -> None:
    wire = wired(Command(Action.STOP, None, "node", Requester(name="pySDK")))

    assert wire["SESSION_ID"] == "pySDK"


def test_a_list_of_updates_repeats_the_ids_as_pye2_does() -> None:
    wire = wired(command(Action.UPDATE_INSTANCES))

    assert wire["PAYLOAD"][0]["INSTANCE_CONFIG"] == {"A": 1, "INSTANCE_ID": "i"}


def test_an_instance_command_stays_within_its_update() -> None:
    wire = wired(command(Action.UPDATE_INSTANCE))

    assert wire["PAYLOAD"]["INSTANCE_CONFIG"] == {"INSTANCE_COMMAND": {"x": 1}}


@pytest.mark.parametrize("encrypt_for", [None, NODE.address], ids=["plain", "encrypted"])
def test_in_whose_name_it_comes_is_in_clear_and_known_before_it_is_opened(
    encrypt_for: str | None,
) -> None:
    delegated = command(Action.STOP, delegation="signed")
    sealed = DIALECT.parse(DIALECT.seal(delegated, CLIENT, encrypt_for=encrypt_for))

    assert sealed.delegation == "signed"
    assert received(wired(delegated, encrypt_for)).delegation == "signed"
    assert wired(delegated, encrypt_for)["PYE2_DELEGATION"] == "signed"


def test_a_command_is_for_its_target_and_says_so_before_it_is_opened() -> None:
    sealed = DIALECT.parse(DIALECT.seal(command(Action.STOP), CLIENT, encrypt_for=NODE.address))

    assert sealed.is_command
    assert (sealed.sender, sealed.recipient) == (CLIENT.address, NODE.address)


def test_a_command_encrypted_for_another_does_not_open() -> None:
    wire = wired(command(Action.STOP), NODE.address)

    rejection = rejection_of(wire, OTHER)

    assert (rejection.reason, rejection.sender) == ("decryption", CLIENT.address)


def test_a_copied_ciphertext_does_not_open_for_its_thief() -> None:
    stolen = DIALECT.seal(command(Action.STOP), OTHER, encrypt_for=NODE.address)
    copied = wired(command(Action.STOP)) | json.loads(stolen)

    assert rejection_of(copied).reason == "decryption"


@pytest.mark.parametrize("ciphertext", [None, 5, "", "é", "zz", ["x"]])
def test_odd_ciphertexts_are_rejected(ciphertext: object) -> None:
    wire = wired(command(Action.STOP), NODE.address) | {"EE_ENCRYPTED_DATA": ciphertext}

    assert rejection_of(wire).reason in {"decryption", "shape"}


def test_a_command_left_plain_for_want_of_a_receiver_is_read_as_plain() -> None:
    error_text = "Error! No receiver address found!"
    wire = wired(command(Action.STOP)) | {"EE_ENCRYPTED_DATA": error_text}

    assert received(wire).action is Action.STOP


def test_keys_of_a_body_may_be_lower_case() -> None:
    payload = {"name": "p", "pipeline_command": {"start": True}}
    wire = wired(command(Action.PIPELINE_COMMAND)) | {"PAYLOAD": payload}

    assert received(wire).body == PipelineCommand("p", {"start": True})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ACTION": "FORMAT_DISK"}, "unsupported"),
        ({"ACTION": None}, "shape"),
        ({"ACTION": {}}, "shape"),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": None}, "shape"),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": []}, "shape"),
        ({"ACTION": "UPDATE_PIPELINE_INSTANCE", "PAYLOAD": "x"}, "shape"),
        ({"ACTION": "BATCH_UPDATE_PIPELINE_INSTANCE", "PAYLOAD": {}}, "shape"),
        ({"ACTION": "BATCH_UPDATE_PIPELINE_INSTANCE", "PAYLOAD": [1]}, "shape"),
        ({"ACTION": "PIPELINE_COMMAND", "PAYLOAD": {"NAME": "p"}}, "shape"),
        ({"ACTION": "ARCHIVE_CONFIG", "PAYLOAD": {"NAME": "p"}}, "shape"),
        ({"ACTION": "ARCHIVE_CONFIG", "PAYLOAD": ""}, "shape"),
        ({"PYE2_DELEGATION": {}}, "shape"),
        ({"INITIATOR_ID": 5}, "shape"),
        ({"SESSION_ID": []}, "shape"),
        ({"EE_ID": None}, "shape"),
        ({"EE_ID": 5}, "shape"),
        ({"EE_IS_ENCRYPTED": "yes"}, "shape"),
    ],
)
def test_what_is_no_command_is_rejected(changes: dict[str, Any], reason: str) -> None:
    rejection = rejection_of(wired(command(Action.STOP)) | changes)

    assert (rejection.reason, rejection.sender) == (reason, CLIENT.address)


@pytest.mark.parametrize(
    ("changes", "pipeline"),
    [
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": {"NAME": "p"}}, "p"),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": {"name": "p"}}, "p"),
        ({"ACTION": "DANCE", "PAYLOAD": {"NAME": "p"}}, "p"),
        ({"ACTION": "DANCE", "PAYLOAD": "p"}, "p"),
        ({"ACTION": "BATCH_UPDATE_PIPELINE_INSTANCE", "PAYLOAD": [{"NAME": "p"}] * 2}, "p"),
        ({"ACTION": "UPDATE_PIPELINE_INSTANCE", "PAYLOAD": [{"NAME": "p"}, {"NAME": "q"}]}, None),
        ({"ACTION": "UPDATE_PIPELINE_INSTANCE", "PAYLOAD": [{"NAME": "p"}, 5]}, None),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": {"NAME": 5}}, None),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": {"NAME": ""}}, None),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": ""}, None),
        ({"ACTION": "UPDATE_CONFIG", "PAYLOAD": [[[]]]}, None),
        ({"ACTION": "UPDATE_CONFIG"}, None),
    ],
)
def test_a_command_that_cannot_be_read_names_its_pipeline_if_that_can_be_told(
    changes: dict[str, Any], pipeline: str | None
) -> None:
    assert rejection_of(wired(command(Action.STOP)) | changes).pipeline == pipeline


@pytest.mark.parametrize("encrypt_for", [None, NODE.address], ids=["plain", "encrypted"])
def test_who_asks_is_known_before_a_command_is_opened(encrypt_for: str | None) -> None:
    sealed = DIALECT.parse(DIALECT.seal(command(Action.STOP), CLIENT, encrypt_for=encrypt_for))

    assert sealed.requester == SESSION
    assert sealed.is_encrypted is (encrypt_for is not None)


def test_of_who_asks_what_is_no_text_is_left_out() -> None:
    wire = wired(command(Action.STOP)) | {"SESSION_ID": 5, "INITIATOR_ID": ["x"]}

    assert DIALECT.parse(json.dumps(wire).encode()).requester == Requester(CLIENT.address)


def test_an_unknown_action_is_told_what_is_known() -> None:
    rejection = rejection_of(wired(command(Action.STOP)) | {"ACTION": "FORMAT_DISK"})

    assert all(name in str(rejection) for name in ("FORMAT_DISK", *ACTIONS))


@pytest.mark.parametrize(
    ("action", "body"),
    [
        (Action.UPDATE_PIPELINE, "p1"),
        (Action.ARCHIVE_PIPELINE, None),
        (Action.STOP, "p1"),
        (Action.UPDATE_INSTANCE, ()),
        (Action.PIPELINE_COMMAND, InstanceUpdate("p", "S", "i")),
    ],
)
def test_a_body_that_does_not_suit_its_action_is_not_sent(
    action: Action, body: CommandBody
) -> None:
    with pytest.raises(TypeError, match=action.name):
        DIALECT.seal(Command(action, body, NODE.address), CLIENT)


@pytest.mark.parametrize("encrypt_for", [None, NODE.address], ids=["plain", "encrypted"])
@pytest.mark.parametrize("value", [{1}, "\ud800"])
def test_what_json_cannot_carry_is_not_sent_and_its_place_named(
    value: object, encrypt_for: str | None
) -> None:
    pipeline = PipelineConfig("p1", settings={"URL": [value]})

    with pytest.raises(UnsendableValue) as refusal:
        DIALECT.seal(
            Command(Action.UPDATE_PIPELINE, pipeline, NODE.address), CLIENT, encrypt_for=encrypt_for
        )

    assert refusal.value.path == "PAYLOAD.URL[0]"


def test_a_lone_surrogate_hidden_by_encryption_is_rejected() -> None:
    from pye2_wire.ciphertext import encrypted_text

    said = rb'{"ACTION": "ARCHIVE_CONFIG", "PAYLOAD": "\ud800"}'
    wire = wired(command(Action.STOP), NODE.address)

    wire["EE_ENCRYPTED_DATA"] = encrypted_text(said, CLIENT, NODE.address)

    assert rejection_of(wire).reason == "shape"


def test_encryption_for_what_is_no_address_is_an_error() -> None:
    with pytest.raises(InvalidAddress):
        DIALECT.seal(command(Action.STOP), CLIENT, encrypt_for="naeural-1")
