"""What was kept of the fuzzing: of each target a file, an input in base64 a line."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_INPUT = 4096
"""Bytes of an input that is tried, and kept."""

_SEEDED_IN = {
    **dict.fromkeys(("pairing", "delegation", "grants"), "fuzz_trust"),
    "calls": "fuzz_calls",
    "mqtt": "fuzz_mqtt",
    "native": "fuzz_native",
    "values": "fuzz_values",
    "worker": "fuzz_worker",
}
"""By what the names of targets begin with, the module that says what they begin with."""

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
    home = _SEEDED_IN.get(target.partition("_")[0])
    if home is not None:
        # Not before: it is to be imported where atheris sees it.
        seeded: dict[str, list[bytes]] = import_module(home).SEEDS
        return seeded[target]
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
    "channel_names": [
        b"naeural/0xai_A/config",
        b"naeural/payloads",
        b"naeural.config.node%2E1",
        b"naeural.payloads",
    ],
}
