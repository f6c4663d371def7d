"""Vectors of what messages hold: heartbeats' state, and bodies that a formatter shaped.

PyE2 wire protocol, sections 9 and 11.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pye2_cli.wire.vectors.cases import Mismatch, cases_in, expect, require_fact
from pye2_cli.wire.vectors.hashes import expect_verdict, hashed_text_of
from pye2_wire.formatters import formatter_named
from pye2_wire.heartbeats import decoded_data, encoded_data
from pye2core.errors import MessageRejected, NotProvided

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pye2_cli.wire.vectors.cases import Case
    from pye2_cli.wire.vectors.keys import KeyRing


# --- heartbeat_v2.json ----------------------------------------------------------------------------


def heartbeat_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Compressed states, and complete heartbeats."""
    del ring
    yield from cases_in(content, "vectors", _check_heartbeat)


def _check_heartbeat(vector: dict[str, Any]) -> None:
    require_fact(vector, "decompressed", "json_text", "message")
    if "ENCODED_DATA" in vector:
        _check_state(vector["ENCODED_DATA"], vector.get("decompressed", vector.get("json_text")))
    if "json_text" in vector:
        text = vector["json_text"].encode()
        expect("the state after compression", decoded_data(encoded_data(text)), text)
    if "message" in vector:
        _check_message(vector)


def _check_state(encoded: str, recorded: str | None) -> None:
    try:
        state = decoded_data(encoded).decode()
    except MessageRejected:
        state = None
    expect("the decompressed state", state, recorded)


def _check_message(vector: dict[str, Any]) -> None:
    message = vector["message"]
    if "canonical_json" in vector:
        recorded = vector["canonical_json"].encode()
        expect("the text that is hashed", hashed_text_of(message), recorded)
    if "verify" in vector:
        expect_verdict("the verdict", message, vector["verify"])
    if "decompressed" in vector:
        _check_state(message["ENCODED_DATA"], vector["decompressed"])


# --- formatters.json ------------------------------------------------------------------------------


def formatter_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Bodies before and after a formatter, both ways, and names of formatters."""
    del ring
    yield from cases_in(content, "vectors", _check_formatter)


def _check_formatter(vector: dict[str, Any]) -> None:
    require_fact(vector, "encode_output", "decode_output", "result")
    name = vector["formatter"]
    if "result" in vector:
        _check_name(name, is_known=vector["result"] not in (None, "None"))
    if "encode_output" in vector:
        shaped = formatter_named(name).encode(deepcopy(vector["input"]))
        _expect_fields("encoded", shaped, vector["encode_output"])
    if "decode_output" in vector:
        restored = formatter_named(name).decode(deepcopy(vector["wire_example"]))
        _expect_fields("decoded", restored, vector["decode_output"])


def _check_name(name: str | None, *, is_known: bool) -> None:
    try:
        formatter_named(name)
    except NotProvided:
        found = False
    else:
        found = True
    expect("whether there is such a formatter", found, is_known)


def _expect_fields(what: str, made: dict[str, Any], recorded: dict[str, Any]) -> None:
    """Name the fields that differ: the whole of two messages tells nobody anything."""
    for key in sorted(made.keys() | recorded.keys()):
        if key not in made:
            raise Mismatch(f"{what}, it has no {key}")
        if key not in recorded:
            raise Mismatch(f"{what}, it has {key} and should not")
        expect(f"{what}, {key}", made[key], recorded[key])
