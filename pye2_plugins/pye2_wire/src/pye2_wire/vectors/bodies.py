"""Vectors of what messages hold: heartbeats' state, and bodies that a formatter shaped.

PyE2 wire protocol, sections 9 and 11.
"""

from __future__ import annotations

import ast
import re
from base64 import b64decode, b64encode
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pye2_wire.formatters import formatter_named, name_on_the_wire
from pye2_wire.heartbeats import decoded_data, encoded_data
from pye2_wire.vectors.cases import Facts, Mismatch, cases_in, expect, expect_fields
from pye2_wire.vectors.hashes import expect_verdict, hashed_text_of
from pye2core.errors import MessageRejected, NotProvided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_wire.vectors.cases import Case
    from pye2_wire.vectors.keys import KeyRing


# --- heartbeat_v2.json ----------------------------------------------------------------------------


def heartbeat_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Compressed states, and complete heartbeats."""
    del ring
    yield from cases_in(content, "vectors", _check_heartbeat)


def _check_heartbeat(vector: Facts) -> None:
    vector.require_any("decompressed", "json_text", "message")
    if "message" in vector:
        _check_message(vector, vector["message"])
    if "ENCODED_DATA" in vector:
        _check_state(vector, vector["ENCODED_DATA"])
    if "json_text" in vector:
        text = vector["json_text"].encode()
        expect("the state after compression", decoded_data(encoded_data(text)), text)


def _check_message(vector: Facts, message: dict[str, Any]) -> None:
    vector.expect("canonical_json", hashed_text_of(message).decode(), "the text that is hashed")
    if "verify" in vector:
        expect_verdict("the verdict", message, vector["verify"])
    if "decompressed" in vector:
        _check_state(vector, message["ENCODED_DATA"])


def _check_state(vector: Facts, encoded: str) -> None:
    try:
        state = decoded_data(encoded).decode()
    except (MessageRejected, UnicodeDecodeError):
        state = None
    else:
        expect("the state's base64", b64encode(b64decode(encoded)).decode(), encoded)
    vector.expect("decompressed", state, "the decompressed state")
    if state is not None:
        vector.expect("json_text", state, "the decompressed state")


# --- formatters.json ------------------------------------------------------------------------------

_LAID_OVER = ("EE_EVENT_TYPE", "EE_TIMESTAMP", "EE_VERSION", "SESSION_ID", "INITIATOR_ID")
"""What is taken from a message as it was before its formatter, where that has it."""

_PATH = ("EE_ID", "STREAM_NAME", "SIGNATURE", "INSTANCE_ID")

_CLASS_NAME = re.compile(r"\w*Formatter")

_OURS_ALONE = "raw"


def formatter_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Bodies before and after a formatter, both ways, and names of formatters."""
    del ring
    yield from cases_in(content, "vectors", _check_formatter)


def _check_formatter(vector: Facts) -> None:
    vector.require_any("encode_output", "decode_output", "result")
    name = vector["formatter"]
    if "result" in vector:
        _check_name(name, vector["result"])
    if "encode_output" in vector:
        shaped = formatter_named(name).encode(deepcopy(vector["input"]))
        expect_fields("encoded", shaped, vector["encode_output"])
    if "decode_output" in vector:
        restored = formatter_named(name).decode(deepcopy(vector["wire_example"]))
        expect_fields("decoded", restored, vector["decode_output"])
    if "wire_example" in vector and "encode_output" in vector:
        _check_message_of(vector, name)
    if "kind" in vector:
        event = (vector.get("input") or vector["wire_example"])["EE_EVENT_TYPE"]
        vector.expect("kind", str(event).lower())


def _check_message_of(vector: Facts, name: str | None) -> None:
    """What is on the wire is what the formatter made, with what routes it laid over."""
    before = vector["input"]
    about = {
        "EE_FORMATTER": name,
        "SB_IMPLEMENTATION": name,
        "EE_PAYLOAD_PATH": [before.get(key) for key in _PATH],
        **{key: before[key] for key in _LAID_OVER if key in before},
    }
    recorded = vector["wire_example"]
    told = {key: value for key, value in about.items() if key in recorded}
    expect_fields("on the wire", {**vector["encode_output"], **told}, recorded)


def _check_name(name: str | None, recorded: str) -> None:
    """PyE2 tells the name of a formatter's class, or that there is none."""
    if name == _OURS_ALONE:
        # It is ours for what PyE2 calls default, and so we never write it.
        expect("how messages name it", name_on_the_wire(name), None)
        return
    try:
        formatter_named(name)
    except NotProvided:
        expect("what is found", "None", recorded)
        return
    found = ast.literal_eval(recorded)
    if not isinstance(found, str) or not _is_class_of(name_on_the_wire(name), found):
        raise Mismatch(f"there is such a formatter, and it is no {recorded}")


def _is_class_of(name: str | None, class_name: str) -> bool:
    expected = "default" if name is None else name.lower()
    return _CLASS_NAME.fullmatch(class_name) is not None and expected in class_name.lower()
