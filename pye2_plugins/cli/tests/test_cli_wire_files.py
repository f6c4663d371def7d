"""Files of messages: what ``pye2 wire listen`` keeps, and what ``decode`` says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pye2_cli.wire.files import SavedMessage, messages_in, saved_object
from pye2_cli.wire.names import NameBook
from pye2_cli.wire.reading import Reader, Reading
from pye2_cli.wire.telling import as_line, as_object
from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.abc import Channel
from pye2core.messages import Action, Command, Heartbeat, InstancePath, PayloadMessage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLIENT, NODE, OTHER = (Identity.from_private_value(bytes([byte]) * 32) for byte in (1, 2, 3))
NODE_SPEAKS = Pye2Serializer(node_name="attic")
HEARTBEAT = NODE_SPEAKS.seal(Heartbeat("attic", NODE.address), NODE)
PAYLOAD = NODE_SPEAKS.seal(PayloadMessage(InstancePath("p1", "S", "i"), {"X": 1}), NODE)
HEARD_AT = datetime(2026, 1, 31, 12, 0, 0, 1, UTC)

CHANNELS = st.sampled_from(
    [None, Channel.ctrl(), Channel.roll_call(), Channel.config("attic"), Channel.inbox("é")]
)


def command(encrypt_for: str | None = None) -> bytes:
    said = Command(Action.ARCHIVE_PIPELINE, "p1", target=NODE.address)
    return Pye2Serializer().seal(said, CLIENT, encrypt_for=encrypt_for)


def forged(data: bytes) -> bytes:
    return data.replace(b'"p1"', b'"p2"')


# --- what is kept is found again ------------------------------------------------------------------


@given(st.lists(st.tuples(st.binary(min_size=1), CHANNELS), min_size=1))
@pytest.mark.parametrize("written", [saved_object, as_object])
def test_whatever_was_heard_is_found_again_as_it_came(
    written: Callable[[Reading, datetime], dict[str, Any]],
    heard: list[tuple[bytes, Channel | None]],
) -> None:
    lines = [
        json.dumps(written(Reading(data, channel=channel), HEARD_AT)) for data, channel in heard
    ]

    found = messages_in("\n".join(lines).encode())

    assert found == [SavedMessage(data, channel, HEARD_AT) for data, channel in heard]


def test_a_kept_message_is_told_as_when_it_was_heard() -> None:
    reader = Reader(installed_plugins())
    heard = reader.read(command()).heard_on(Channel.ctrl())

    (saved,) = messages_in(json.dumps(saved_object(heard, HEARD_AT)).encode())

    assert saved.channel is not None
    again = reader.read(saved.data).heard_on(saved.channel)
    assert as_line(again, NameBook(), saved.heard_at) == as_line(heard, NameBook(), HEARD_AT)


def test_what_is_kept_is_not_decrypted() -> None:
    data = command(encrypt_for=NODE.address)
    reading = Reader(installed_plugins(), [NODE]).read(data)

    assert reading.path.pipeline == "p1"
    assert saved_object(reading, HEARD_AT) == {
        "heard_at": HEARD_AT.isoformat(),
        "channel": None,
        "channel_owner": None,
        "raw": data.decode(),
        "raw_base64": None,
    }


@pytest.mark.parametrize(
    "kept",
    [
        {"raw": None, "raw_base64": None},
        {"raw": 1, "raw_base64": "?"},
        {"raw": None, "raw_base64": "ä"},
        {"raw": "\ud800", "raw_base64": None},
    ],
)
def test_a_line_that_only_looks_like_a_kept_message_is_one_as_it_is(kept: dict[str, Any]) -> None:
    line = json.dumps(kept).encode()

    assert messages_in(line) == [SavedMessage(line)]


@pytest.mark.parametrize("kept", [{}, {"channel": "attic", "heard_at": "noon"}, {"channel": []}])
def test_where_and_when_need_not_be_known(kept: dict[str, Any]) -> None:
    line = json.dumps({"raw": "x", "raw_base64": None, **kept}).encode()

    assert messages_in(line) == [SavedMessage(b"x")]


# --- files of whatever origin ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (PAYLOAD, 1),
        (json.dumps(json.loads(PAYLOAD), indent=1).encode(), 1),
        (PAYLOAD + b"\n\n" + HEARTBEAT + b"\r\n", 2),
        (PAYLOAD + b"\nnot a message\n", 2),
        (b'{"broken":\n 1', 1),
        (b"", 0),
        (b" \n\n", 0),
    ],
)
def test_a_file_holds_one_message_or_one_on_each_line(content: bytes, count: int) -> None:
    assert len(messages_in(content)) == count


def pye2_wire(
    *arguments: str, cwd: Path, data: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ``pye2 wire`` with nothing of this environment's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", "wire", *arguments],
        cwd=cwd,
        env=kept,
        input=data,
        capture_output=True,
        check=False,
    )


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_decode_of_good_messages_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(PAYLOAD + b"\n" + HEARTBEAT)

    done = pye2_wire("decode", "m.jsonl", "--json", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert [each["kind"] for each in lines_of(done)] == ["payload", "heartbeat"]
    assert all(each["verified"] for each in lines_of(done))


def test_decode_takes_standard_input_and_ends_with_1_if_one_does_not_verify(
    tmp_path: Path,
) -> None:
    done = pye2_wire("decode", "-", cwd=tmp_path, data=PAYLOAD + b"\n" + forged(PAYLOAD))

    first, second = done.stdout.decode().splitlines()
    assert done.returncode == 1
    assert first.endswith("verified")
    assert "Corrupted digest!" in second


def test_decode_reads_with_a_key_what_it_cannot_without(tmp_path: Path) -> None:
    data = command(encrypt_for=NODE.address)
    key = tmp_path / "node.pem"
    key.write_bytes(NODE.to_pem())
    key.chmod(0o600)

    without = pye2_wire("decode", "-", cwd=tmp_path, data=data)
    with_key = pye2_wire("decode", "-", "--key", "node.pem", cwd=tmp_path, data=data)

    assert (without.returncode, with_key.returncode) == (1, 0)
    assert b"archive pipeline" in with_key.stdout


def test_decode_tells_at_length_once_whose_key_is_needed_and_programs_each_time(
    tmp_path: Path,
) -> None:
    data = command(encrypt_for=NODE.address) + b"\n" + command(encrypt_for=NODE.address)

    first, second = pye2_wire("decode", "-", cwd=tmp_path, data=data).stdout.decode().splitlines()
    objects = lines_of(pye2_wire("decode", "-", "--json", cwd=tmp_path, data=data))

    assert "give one of these files with --key" in first
    assert second.endswith(f"NOT READ (decryption: as before, for {NODE.address})")
    assert all("--key" in each["problems"][0]["text"] for each in objects)


def test_decode_reads_what_was_kept_and_says_where_it_was_sent(tmp_path: Path) -> None:
    reading = Reader(installed_plugins()).read(command()).heard_on(Channel.config(OTHER.address))
    (tmp_path / "heard.jsonl").write_text(json.dumps(saved_object(reading, HEARD_AT)) + "\n")

    done = pye2_wire("decode", "heard.jsonl", "--json", cwd=tmp_path)

    (told,) = lines_of(done)
    assert done.returncode == 1
    assert told["will_be_ignored"]
    assert told["problems"][0]["reason"] == "recipient"
    assert (told["channel"], told["channel_owner"]) == ("config", OTHER.address)
    assert told["heard_at"] == HEARD_AT.isoformat()


def test_decode_reads_its_own_json_again(tmp_path: Path) -> None:
    first = pye2_wire("decode", "-", "--json", cwd=tmp_path, data=PAYLOAD + b"\n" + HEARTBEAT)
    second = pye2_wire("decode", "-", "--json", cwd=tmp_path, data=first.stdout)

    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


def test_decode_of_nothing_says_what_to_do(tmp_path: Path) -> None:
    done = pye2_wire("decode", "-", cwd=tmp_path, data=b"\n")

    assert done.returncode == 1
    assert b"no message" in done.stderr


def test_wire_is_listed_and_costs_nothing_until_it_is_used(tmp_path: Path) -> None:
    script = (
        "import sys; from pye2_cli.main import pye2\n"
        "try: pye2(['--help'])\n"
        "except SystemExit: print('pye2_cli.wire.commands' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert "\n  wire " in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_moment_that_is_none_here_is_left_out(text: str) -> None:
    reading = Reader(installed_plugins()).read(HEARTBEAT)

    line = as_line(reading, NameBook(), heard_at=datetime.fromisoformat(text))

    assert "attic" in line
