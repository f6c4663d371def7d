"""One thing in many spellings: addresses by their prefixes, keys by their case.

PyE2 wire protocol, section 2: an address is written with ``0xai_``, with the older ``aixp_``, or
bare. Section 7: configuration keys are upper case on the wire, but not from every sender.
"""

import json
from typing import Any

import pytest

from pye2_wire.canonical import canonical
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2core.identity import Identity, same_address, without_prefix
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Message,
    Notification,
    NotificationKind,
    PayloadMessage,
    PipelineCommand,
    PipelineConfig,
    Requester,
)

CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
DIALECT = Pye2Serializer("naeural-1")
ASKER = Requester(CLIENT.address, "pySDK", "s")
PREFIXES = pytest.mark.parametrize("prefix", ["0xai_", "aixp_", ""], ids=["new", "old", "bare"])
MESSAGES: dict[str, Message] = {
    "command": Command(Action.STOP, None, NODE.address, Requester(None, "pySDK", "s")),
    "payload": PayloadMessage(InstancePath("p", "S", "i"), {}, ASKER, ASKER),
    "notification": Notification(NotificationKind.NORMAL, "x", requester=ASKER),
    "heartbeat": Heartbeat("naeural-1", NODE.address, (CLIENT.address,)),
}


def spelt(address: str, prefix: str) -> str:
    return prefix + without_prefix(address)


def signed(wire: dict[str, Any], signer: Identity, prefix: str = "0xai_") -> bytes:
    unsigned = signed_part(wire)
    message = {**unsigned, **signature_fields(canonical(unsigned), signer)}
    return json.dumps({**message, "EE_SENDER": spelt(signer.address, prefix)}).encode()


def opened(data: bytes, opener: Identity) -> Any:
    sealed = DIALECT.parse(data)
    sealed.verify()
    return sealed.open(opener)


# --- addresses (section 2) ------------------------------------------------------------------------


@PREFIXES
@pytest.mark.parametrize("kind", MESSAGES)
def test_a_sender_is_known_by_its_full_address_however_it_spells_it(kind: str, prefix: str) -> None:
    wire = json.loads(DIALECT.seal(MESSAGES[kind], NODE))

    data = signed(wire, NODE, prefix)

    assert DIALECT.parse(data).sender == NODE.address
    assert opened(data, CLIENT).origin.sender == NODE.address


@PREFIXES
@pytest.mark.parametrize("kind", ["command", "payload"])
def test_what_is_encrypted_opens_however_its_sender_spells_itself(kind: str, prefix: str) -> None:
    sealed = DIALECT.seal(MESSAGES[kind], NODE, encrypt_for=CLIENT.address)

    assert opened(signed(json.loads(sealed), NODE, prefix), CLIENT).origin.encrypted


@PREFIXES
@pytest.mark.parametrize("kind", ["command", "payload"])
def test_a_receiver_may_be_named_in_each_spelling(kind: str, prefix: str) -> None:
    receiver = spelt(CLIENT.address, prefix)

    assert opened(DIALECT.seal(MESSAGES[kind], NODE, encrypt_for=receiver), CLIENT).origin.encrypted


@PREFIXES
def test_an_encrypted_payload_names_its_requester_in_each_spelling(prefix: str) -> None:
    spelling = spelt(CLIENT.address, prefix)
    asker = Requester(spelling, "pySDK", "s")
    payload = PayloadMessage(InstancePath("p", "S", "i"), {"A": 1}, asker, asker)

    heard = opened(DIALECT.seal(payload, NODE, encrypt_for=CLIENT.address), CLIENT)

    assert heard.fields["A"] == 1
    assert same_address(heard.requester.address, CLIENT.address)


@PREFIXES
def test_a_heartbeats_white_list_is_read_in_each_spelling(prefix: str) -> None:
    wire = json.loads(DIALECT.seal(MESSAGES["heartbeat"], NODE))
    del wire["ENCODED_DATA"]
    wire |= {"HEARTBEAT_VERSION": "v1", "EE_WHITELIST": [spelt(CLIENT.address, prefix)]}

    assert opened(signed(wire, NODE), CLIENT).allowed == (CLIENT.address,)


@PREFIXES
def test_a_heartbeat_may_spell_its_own_address_otherwise_than_its_signature(prefix: str) -> None:
    wire = json.loads(DIALECT.seal(MESSAGES["heartbeat"], NODE))
    del wire["ENCODED_DATA"]
    wire |= {"HEARTBEAT_VERSION": "v1", "EE_ADDR": spelt(NODE.address, prefix)}

    assert opened(signed(wire, NODE), CLIENT).address == NODE.address


# --- keys (sections 6 and 7) ----------------------------------------------------------------------

INNER = {"Inner": {"Key": 1}}


def body_of(action: str, payload: object) -> Any:
    wire = {"ACTION": action, "PAYLOAD": payload, "EE_ID": "n", "EE_IS_ENCRYPTED": False}
    return opened(signed(wire, CLIENT), NODE).body


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title], ids=["lower", "upper", "mixed"])
def test_keys_of_configurations_may_have_any_case_and_what_is_inside_keeps_its(case: Any) -> None:
    update = {
        case("NAME"): "p",
        case("SIGNATURE"): "Custom_Exec_01",
        case("INSTANCE_ID"): "i",
        case("INSTANCE_CONFIG"): {case("INSTANCE_ID"): "i", case("DATA"): INNER},
    }
    plugin = {
        case("SIGNATURE"): "Custom_Exec_01",
        case("INSTANCES"): [{case("INSTANCE_ID"): "i", case("DATA"): INNER}],
    }
    pipeline = {
        case("NAME"): "p",
        case("TYPE"): "Void",
        case("PLUGINS"): [plugin],
        case("URL"): INNER,
    }
    told = {case("NAME"): "p", case("PIPELINE_COMMAND"): INNER}

    changed = InstanceUpdate("p", "Custom_Exec_01", "i", {"DATA": INNER})
    instance = InstanceConfig("Custom_Exec_01", "i", {"DATA": INNER})
    assert body_of("UPDATE_PIPELINE_INSTANCE", update) == changed
    assert body_of("BATCH_UPDATE_PIPELINE_INSTANCE", [update]) == (changed,)
    assert body_of("UPDATE_CONFIG", pipeline) == PipelineConfig(
        "p", "Void", (instance,), {"URL": INNER}
    )
    assert body_of("PIPELINE_COMMAND", told) == PipelineCommand("p", INNER)
