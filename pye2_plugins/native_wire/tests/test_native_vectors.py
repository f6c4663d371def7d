"""The recorded vectors: what we say of them, and what the document's own reader says."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import slow_reader

from pye2_native_wire.vectors import FILE, native_cases, tagged
from pye2_wire.vectors import check_folder
from pye2core.identity import Identity, public_key_of

FOLDER = Path(__file__).parents[3] / "tests/data/vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / FILE).read_text("utf-8"))
ADDRESSES = {each["name"]: each["address"] for each in VECTORS["keys"]}
PRIVATE = {
    (ADDRESSES[each["owner"]], each["key_id_hex"]): bytes.fromhex(each["private_x25519_hex"])
    for each in VECTORS["introductions"]
    if "private_x25519_hex" in each
}


def named(key: str) -> list[Any]:
    return [pytest.param(each, id=each["name"]) for each in VECTORS[key]]


def test_they_are_what_we_say() -> None:
    reports = {each.name: each for each in check_folder(FOLDER, {FILE: native_cases})}

    report = reports[FILE]
    assert report.failures == ()
    assert report.unchecked == ()
    assert report.checked == sum(len(VECTORS[k]) for k in ("introductions", "bodies", "messages"))


def test_a_vector_that_says_something_else_fails(tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(VECTORS))
    wrong["introductions"][0]["key_id_hex"] = "00" * 8
    wrong["bodies"][1]["value"] = {}
    wrong["messages"][0]["sequence"] = 99
    wrong["messages"][-1]["refused"] = "shape"
    (tmp_path / FILE).write_text(json.dumps(wrong))

    (report,) = check_folder(tmp_path, {FILE: native_cases})

    assert len(report.failures) == 4


def test_their_keys_are_those_of_their_addresses() -> None:
    for each in VECTORS["keys"]:
        made = Identity.from_private_value(bytes.fromhex(each["private_value_hex"]))
        assert made.address == each["address"]


# --- the reader that knows the document only ------------------------------------------------------


@pytest.mark.parametrize("vector", named("introductions"))
def test_an_introduction_is_read_from_the_document_alone(vector: dict[str, Any]) -> None:
    owner = public_key_of(ADDRESSES[vector["owner"]])

    if "refused" in vector:
        with pytest.raises(slow_reader.Refused):
            slow_reader.read_introduction(vector["text"], owner)
    else:
        told = slow_reader.read_introduction(vector["text"], owner)
        assert (told["public_key"], told["key_id"]) == (
            vector["public_key_hex"],
            vector["key_id_hex"],
        )
        assert told["not_before"].isoformat() == vector["not_before"]
        assert told["not_after"].isoformat() == vector["not_after"]
        private = bytes.fromhex(vector["private_x25519_hex"])
        assert slow_reader.x25519(private, slow_reader.BASE_POINT).hex() == told["public_key"]


@pytest.mark.parametrize("vector", named("bodies"))
def test_a_body_is_read_from_the_document_alone(vector: dict[str, Any]) -> None:
    body = slow_reader.Body(bytes.fromhex(vector["hex"]))

    if "refused" in vector:
        with pytest.raises(slow_reader.Refused):
            body.read()
    else:
        assert tagged(body.read()) == vector["value"]


@pytest.mark.parametrize("vector", named("messages"))
def test_a_message_is_read_from_the_document_alone(vector: dict[str, Any]) -> None:
    data, now = bytes.fromhex(vector["hex"]), datetime.fromisoformat(vector["now"])

    if "refused" not in vector:
        said = slow_reader.read_message(data, PRIVATE, now)
        assert tagged(said["body"]) == vector["body"]
        for key in ("kind", "sender", "target", "name", "session_id", "sequence", "digest"):
            assert said[key] == vector[key], key
        assert said["created"].isoformat() == vector["created"]
        assert [said["pipeline"], said["signature"], said["instance_id"]] == vector["path"]
    elif vector["opened_by"] == "bob":  # it opens for whomever a message names
        with pytest.raises(slow_reader.Refused) as refused:
            slow_reader.read_message(data, PRIVATE, now)
        assert str(refused.value) == vector["refused"]
