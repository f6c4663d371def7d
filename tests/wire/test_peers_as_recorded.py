"""The peers that are not ours speak as PyE2 was recorded: otherwise they would prove nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from wire_client import WireClient, code, pipeline_object
from wire_format import WireKey, canonical, digest_of, unpacked, verifies
from wire_node import WireNode
from wire_shapes import restored

Message = dict[str, Any]

DATA = Path(__file__).parents[1] / "data"


def recorded(name: str) -> list[Message]:
    """The JSON messages of a recording, with the topic's last part as ``channel``."""
    content = json.loads((DATA / f"captures/{name}.json").read_text("utf-8"))
    messages = []
    for each in content["messages"]:
        channel = each["topic"].rsplit("/", 1)[-1]
        messages.append({"channel": channel, "message": json.loads(each["raw_utf8"])})
    return messages


def vectors(name: str) -> Message:
    content: Message = json.loads((DATA / f"vectors/{name}.json").read_text("utf-8"))
    return content


def recorded_keys() -> dict[str, WireKey]:
    """The keys of the vectors, by address."""
    keys = {}
    unlocked = [each for each in vectors("keys_addresses")["keys"] if not each["password"]]
    for each in unlocked:
        lines = (
            "-----BEGIN PRIVATE KEY-----",
            each["pkcs8_der_base64"],
            "-----END PRIVATE KEY-----",
        )
        key = WireKey("\n".join(lines).encode())
        keys[key.address] = key
    return keys


@pytest.mark.parametrize("name", ["client_plain", "client_encrypted", "engine_plain"])
def test_recorded_commands_and_confirmations_verify(name: str) -> None:
    told = [each["message"] for each in recorded(name) if each["channel"] in ("config", "notif")]

    assert told
    assert all(map(verifies, told))


def test_recorded_heartbeats_are_read() -> None:
    beats = [each["message"] for each in recorded("engine_plain") if each["channel"] == "ctrl"]

    assert beats
    assert all("CONFIG_STREAMS" in json.loads(unpacked(each["ENCODED_DATA"])) for each in beats)


def test_canonical_json_is_as_recorded() -> None:
    cases = [each for each in vectors("hash_sign_verify")["vectors"] if "canonical_json" in each]
    checked = 0
    for each in cases:
        received = json.loads(bytes.fromhex(each["wire_node_style_utf8_hex"]))
        if each["verify_after_node_style_json"]["valid"]:
            assert digest_of(received).hex() == each["sha256_hex"], each["name"]
            checked += 1

    assert checked > 20
    assert canonical({"b": 1.5e20, "a": [-0.0, float("nan")]}) == '{"a":[-0,null],"b":1.5e+2}'


def test_recorded_ciphertexts_are_decrypted() -> None:
    keys = recorded_keys()
    cases = [each for each in vectors("encrypt_decrypt")["vectors"] if "ciphertext_b64" in each]

    plaintexts = [
        keys[each["receiver"]].decrypt(each["ciphertext_b64"], each["sender"]) for each in cases
    ]

    assert len(cases) > 2
    assert plaintexts == [each["plaintext"] for each in cases]


@pytest.mark.parametrize("formatter", ["aixp1", "cavi2"])
def test_recorded_formatted_payloads_are_restored(formatter: str) -> None:
    case = next(
        each
        for each in vectors("formatters")["vectors"]
        if (each.get("kind"), each["formatter"]) == ("payload", formatter)
    )

    assert restored(case["wire_example"]) == case["decode_output"]


@pytest.mark.parametrize("encrypts", [True, False])
def test_the_client_s_commands_have_the_keys_of_recorded_ones(
    broker_url: str, *, encrypts: bool
) -> None:
    name = "client_encrypted" if encrypts else "client_plain"
    known = {frozenset(each["message"]) for each in recorded(name) if each["channel"] == "config"}

    with WireClient(broker_url, encrypts=encrypts) as client:
        pipeline = pipeline_object("x", {"one": code("return 1")})
        ours = client.envelope(WireKey().address, "UPDATE_CONFIG", pipeline)

    assert frozenset(ours) in known
    base64.urlsafe_b64decode(ours["EE_SIGN"])


def test_the_node_s_notifications_have_the_keys_of_recorded_ones(broker_url: str) -> None:
    real = next(
        each["message"]
        for each in recorded("engine_plain")
        if each["channel"] == "notif" and each["message"]["NOTIFICATION_CODE"] == 1
    )

    with WireClient(broker_url, name="x") as listener, WireNode(broker_url, "recorded") as node:
        node.notify(None, (real["STREAM_NAME"], None, None), 1, "text")
        told = listener.notification(lambda each: each["EE_SENDER"] == node.address)

    assert told.keys() == real.keys()
