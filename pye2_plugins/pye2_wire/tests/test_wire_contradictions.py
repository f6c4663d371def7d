"""What is in clear and what is encrypted in one message cannot send it to different places."""

import json
from typing import Any

import pytest

from pye2_wire.canonical import canonical, compact
from pye2_wire.ciphertext import decrypted_object, encrypted_text
from pye2_wire.serializer import Pye2Serializer
from pye2_wire.signing import signature_fields, signed_part
from pye2core.errors import MessageRejected
from pye2core.identity import Identity
from pye2core.messages import InstancePath, PayloadMessage, Requester

NODE = Identity.from_private_value(bytes.fromhex("22" * 32))
CLIENT = Identity.from_private_value(bytes.fromhex("11" * 32))
OTHER = Identity.from_private_value(bytes.fromhex("33" * 32))
ASKER = Requester(CLIENT.address, "pySDK", "session-7")
PATH = InstancePath("p1", "CUSTOM_EXEC_01", "i1")
DIALECT = Pye2Serializer("naeural-1")

IN_CLEAR = {
    "EE_EVENT_TYPE": "PAYLOAD",
    "EE_PAYLOAD_PATH": ["naeural-1", "p1", "CUSTOM_EXEC_01", "i1"],
    "SESSION_ID": "session-7",
    "INITIATOR_ID": "pySDK",
    "INITIATOR_ADDR": CLIENT.address,
}
ELSEWHERE = {
    "EE_EVENT_TYPE": "HEARTBEAT",
    "EE_PAYLOAD_PATH": ["naeural-1", "p2", "CUSTOM_EXEC_01", "i1"],
    "SESSION_ID": "session-8",
    "INITIATOR_ID": None,
    "INITIATOR_ADDR": OTHER.address,
}


def opened(changes: dict[str, Any], *, without: str = "") -> Any:
    """A payload for the client after changes of its encrypted part, and less one key in clear."""
    payload = PayloadMessage(PATH, {"VALUE": 1}, ASKER, ASKER)
    wire = json.loads(DIALECT.seal(payload, NODE, encrypt_for=CLIENT.address))
    inner = {**decrypted_object(wire, CLIENT, NODE.address), **changes}
    wire["EE_ENCRYPTED_DATA"] = encrypted_text(compact(inner), NODE, CLIENT.address)
    unsigned = {key: value for key, value in signed_part(wire).items() if key != without}
    signature = signature_fields(canonical(unsigned), NODE)
    sealed = DIALECT.parse(json.dumps({**unsigned, **signature}).encode())
    sealed.verify()
    return sealed.open(CLIENT)


@pytest.mark.parametrize("key", IN_CLEAR)
def test_what_routes_a_message_cannot_be_contradicted(key: str) -> None:
    with pytest.raises(MessageRejected, match=key) as rejection:
        opened({key: ELSEWHERE[key]})

    assert (rejection.value.reason, rejection.value.sender) == ("shape", NODE.address)


@pytest.mark.parametrize("path", [None, [], "p2", ["naeural-1", "p1"], 5])
def test_nor_can_its_path_be_taken_back(path: Any) -> None:
    with pytest.raises(MessageRejected, match="EE_PAYLOAD_PATH"):
        opened({"EE_PAYLOAD_PATH": path})


def test_who_says_nothing_of_a_path_in_clear_says_nothing_of_one() -> None:
    with pytest.raises(MessageRejected, match="EE_PAYLOAD_PATH"):
        opened({"EE_PAYLOAD_PATH": ELSEWHERE["EE_PAYLOAD_PATH"]}, without="EE_PAYLOAD_PATH")


@pytest.mark.parametrize("key", IN_CLEAR)
def test_it_may_be_repeated(key: str) -> None:
    message = opened({key: IN_CLEAR[key]})

    assert (message.path, message.requester, message.fields["VALUE"]) == (PATH, ASKER, 1)


@pytest.mark.parametrize("key", ["SESSION_ID", "INITIATOR_ID"])
def test_who_asked_may_be_said_in_secret_alone(key: str) -> None:
    message = opened({key: "a secret"}, without=key)

    assert message.fields[key] == "a secret"


def test_of_all_else_what_was_encrypted_is_believed() -> None:
    changes = {"EE_TIMESTAMP": "1999-12-31 00:00:00.000000", "MODIFIED_BY_ID": "another"}

    message = opened(changes)

    assert {key: message.fields[key] for key in changes} == changes
    assert message.modified_by.name == "another"
