"""What was kept of the fuzzing: of each target a file, an input in base64 a line."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_INPUT = 4096
"""Bytes of an input that is tried, and kept."""

_OF_TRUST = {"pairing_request", "pairing_heard", "delegation", "grants"}
KEPT = Path(__file__).parent / "corpus"
CAPTURES = Path(__file__).parents[1] / "data" / "captures"


def kept_inputs(target: str) -> list[bytes]:
    """The inputs of a target."""
    file = KEPT / f"{target}.txt"
    return [b64decode(line) for line in file.read_text("ascii").split()] if file.exists() else []


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Keep these inputs of a target, in place of those that were kept."""
    lines = sorted(b64encode(each).decode() for each in inputs)
    (KEPT / f"{target}.txt").write_text("".join(f"{line}\n" for line in lines), "ascii")


def seeds(target: str) -> list[bytes]:
    """What a target begins with where nothing was kept: messages as they were recorded."""
    messages = recorded()
    if target == "wire_compressed":
        return [each.encode() for _, each in messages if each]
    if target.startswith("native_"):
        from fuzz_native import SEEDS

        return SEEDS[target]
    if target in _OF_TRUST:
        from fuzz_trust import SEEDS as TRUSTED

        return TRUSTED[target]
    if target.startswith("values_"):
        import fuzz_values

        return fuzz_values.SEEDS[target]
    whole = [raw.encode() for raw, _ in messages]
    if target in {"wire_bytes", "wire_decode", "wire_signed"}:
        return whole
    return _MADE_UP.get(target, [b"", bytes(range(64))]) + (
        whole[:20] if target == "wire_encrypted" else []
    )


def recorded() -> list[tuple[str, str | None]]:
    """The recorded messages, each with what is compressed in it."""
    files = [json.loads(file.read_text("utf-8")) for file in sorted(CAPTURES.glob("*.json"))]
    messages = [each for content in files for each in content["messages"]]
    return [(each["raw_utf8"], each.get("decoded_heartbeat_utf8")) for each in messages]


_MADE_UP: dict[str, list[bytes]] = {
    "wire_encrypted": [
        b'{"ACTION":"UPDATE_CONFIG","PAYLOAD":{"NAME":"p","TYPE":"Void","PLUGINS":[{}]}}',
        b'{"ACTION":"UPDATE_PIPELINE_INSTANCE","PAYLOAD":{"NAME":"p","INSTANCE_CONFIG":{}}}',
        b'{"ACTION":"ARCHIVE_CONFIG","PAYLOAD":"p"}',
        b'{"ACTION":"PIPELINE_COMMAND","PAYLOAD":{"NAME":"p","PIPELINE_COMMAND":"x"}}',
    ],
    "wire_ciphertext": [bytes(12), bytes(28), b"A" * 40],
    "code_transfer": [b"cmV0dXJuIDE=", b"return 1", zlib.compress(b"return 1")],
    "worker_frame": [
        b'\0\0\0\x10{"did":"log","text":"a\\n"}',
        b'\0\0\0\x10{"did":"print","text":"a"}',
        b'\0\0\0\x10{"did":"payload","fields":{"A":[1,0.5,null,"x",{"B":true}]}}',
        b'\0\0\0\x10{"did":"save","name":"a.b","text":"x"}',
        b'\0\0\0\x10{"did":"load","name":"a"}',
        b'\0\0\0\x10{"did":"limit","name":"memory"}',
        b'\0\0\0\x10{"did":"crashed","text":"Traceback"}',
        b'\0\0\0\x10{"id":1,"seconds":0.5,"value":{"a":[NaN]}}',
        b'\0\0\0\x10{"id":1,"seconds":0.5,"failure":{"type":"E","message":"m","line":3}}',
        b'\0\0\0\x10{"source_line":"x","traceback":"t","function":"f"}',
        b'\0\0\0\x10{"id":1,"problems":[{"function":"f","line":1,"column":2}]}',
    ],
    "channel_names": [
        b"naeural/0xai_A/config",
        b"naeural/payloads",
        b"naeural.config.node%2E1",
        b"naeural.payloads",
    ],
}
