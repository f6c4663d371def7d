"""``pye2 wire listen`` beside a real session, real nodes and a real broker."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import uuid
from typing import IO, TYPE_CHECKING, Any

import pytest

from pye2_wire.serializer import Pye2Serializer
from pye2core import Identity, installed_plugins
from pye2core.abc import Channel, TransportOptions
from pye2core.messages import (
    EVERY_NODE,
    Action,
    Command,
    Heartbeat,
    InstancePath,
    PayloadMessage,
    Presence,
)
from pye2core.settings import client_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pye2_cli.fleet import Fleet
    from pye2core import Pipeline, Session
    from pye2core.abc import Transport

WAIT = 40.0


class Listening:
    """A running ``pye2 wire listen``: its lines as they come."""

    def __init__(self, folder: Path, broker: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pye2_cli", "wire", "listen", "--broker", broker, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard: queue.Queue[str] = queue.Queue()
        self.told: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._threads = [
            threading.Thread(target=_pump, args=(self.process.stdout, self.heard)),
            threading.Thread(target=_pump, args=(self.process.stderr, self.told)),
        ]
        for thread in self._threads:
            thread.start()
        self.until_told("listening at")

    def until_told(self, words: str) -> str:
        """The first line on standard error that has these words."""
        while words not in (line := self.told.get(timeout=WAIT)):
            assert self.process.poll() is None, line
        return line

    def until_heard(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first message that is wanted."""
        while not wanted(message := json.loads(self.heard.get(timeout=WAIT))):
            pass
        return message

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(WAIT)
        for thread in self._threads:
            thread.join(WAIT)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def _pump(stream: IO[str], lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)


@pytest.fixture
def listen(tmp_path: Path, fleet: Fleet) -> Iterator[Callable[..., Listening]]:
    running: list[Listening] = []

    def start(*arguments: str) -> Listening:
        running.append(Listening(tmp_path, fleet.url, *arguments))
        return running[-1]

    yield start
    for each in running:
        if each.process.returncode is None:
            each.stop()


def deploy(pipeline: Pipeline) -> None:
    pipeline.create_custom_plugin_instance(
        instance_id="one", custom_code="return 41 + 1", process_delay=0.2
    )
    pipeline.deploy()


def test_all_kinds_of_message_are_heard_decrypted_and_verified(
    listen: Callable[..., Listening], fleet: Fleet, client_key: Path, pipeline: Pipeline
) -> None:
    node = fleet.nodes[0]
    keys = ("--key", str(node.home / "node.pem"), "--key", str(client_key))
    listening = listen("--json", "--node", node.name, *keys)

    deploy(pipeline)

    heard = [
        listening.until_heard(lambda each, kind=kind: each["kind"] == kind)
        for kind in ("command", "notification", "payload")
    ]
    heard.append(listening.until_heard(lambda each: each["kind"] == "heartbeat"))
    assert all(each["verified"] and each["readable"] for each in heard)
    assert heard[2]["message"]["fields"]["EXEC_RESULT"] == 42
    assert {heard[0]["recipient"], heard[3]["sender"]} == {node.address}


def test_a_command_is_not_read_without_its_nodes_key_and_says_so(
    listen: Callable[..., Listening], fleet: Fleet, pipeline: Pipeline
) -> None:
    node = fleet.nodes[0]
    listening = listen("--json", "--kind", "command", "--node", node.address)

    deploy(pipeline)

    command = listening.until_heard(lambda each: each["encrypted"])
    assert command["verified"]
    assert not command["readable"]
    assert node.address in command["problems"][0]["text"]


def test_only_what_is_about_a_pipeline_is_shown(
    listen: Callable[..., Listening], session: Session, fleet: Fleet, pipeline: Pipeline
) -> None:
    other = session.create_pipeline(
        node=fleet.nodes[0].address, name=f"other-{uuid.uuid4().hex[:8]}"
    )
    listening = listen("--json", "--kind", "payload", "--pipeline", pipeline.name)

    deploy(other)
    deploy(pipeline)

    heard = [listening.until_heard(lambda _: True)["pipeline"] for _ in range(3)]
    other.close()
    assert heard == [pipeline.name] * 3


def decode(saved: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pye2_cli", "wire", "decode", "-", *arguments],
        cwd=folder,
        input=saved,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_what_was_heard_and_saved_is_decoded_again(
    listen: Callable[..., Listening],
    tmp_path: Path,
    fleet: Fleet,
    client_key: Path,
    pipeline: Pipeline,
) -> None:
    node = fleet.nodes[0]
    file = tmp_path / "heard.jsonl"
    key = ("--key", str(node.home / "node.pem"), "--key", str(client_key))
    chosen = ("--kind", "command", "--kind", "payload", "--pipeline", pipeline.name)
    listening = listen("--json", *chosen, *key, "--save", str(file))

    deploy(pipeline)
    listening.until_heard(lambda each: each["kind"] == "command")
    listening.until_heard(lambda each: each["kind"] == "payload")
    listening.stop()

    decoded = decode(file.read_text(), tmp_path, "--json", *key)
    heard = [json.loads(line) for line in decoded.splitlines()]
    assert {each["kind"] for each in heard} == {"command", "payload"}
    assert {each["pipeline"] for each in heard} == {pipeline.name}
    assert all(each["verified"] and each["readable"] and each["heard_at"] for each in heard)
    assert {each["channel_owner"] for each in heard if each["kind"] == "command"} == {node.address}


def test_what_was_printed_as_json_is_decoded_again(
    listen: Callable[..., Listening], tmp_path: Path, client_key: Path, pipeline: Pipeline
) -> None:
    listening = listen("--json", "--kind", "payload", "--pipeline", pipeline.name)
    deploy(pipeline)

    told = decode(listening.heard.get(timeout=WAIT), tmp_path, "--key", str(client_key))

    assert "EXEC_RESULT=42" in told
    assert told.rstrip().endswith("verified, encrypted")


# --- to somebody who is not there -----------------------------------------------------------------

ABSENT, CLIENT = Identity.generate(), Identity.generate()


@pytest.fixture(params=["embedded", "mosquitto"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """Both brokers, one after the other."""
    if request.param == "mosquitto":
        url: str = request.getfixturevalue("mosquitto_url")
        return url
    fleet: Fleet = request.getfixturevalue("fleet")
    return fleet.url


@pytest.fixture
def speaker(broker_url: str) -> Iterator[Callable[[Channel, bytes], None]]:
    """Publishes on a broker."""
    address = client_settings(broker=broker_url).broker
    plugins = installed_plugins()
    descriptor = plugins.transport(address.scheme)
    transport: Transport = plugins.load(descriptor, descriptor.implementation)(
        TransportOptions(address, f"speaker-{uuid.uuid4().hex[:8]}"),
        lambda _: None,
        lambda *_: None,
    )
    transport.connect(WAIT)
    yield lambda channel, data: transport.publish(channel, data).result(WAIT)
    transport.close(WAIT)


def command_to_absent(pipeline: str, *, encrypted: bool = True) -> bytes:
    said = Command(Action.ARCHIVE_PIPELINE, pipeline, target=ABSENT.address)
    return Pye2Serializer().seal(said, CLIENT, encrypt_for=ABSENT.address if encrypted else None)


@pytest.fixture
def listen_at(tmp_path: Path, broker_url: str) -> Iterator[Callable[..., Listening]]:
    running: list[Listening] = []

    def start(*arguments: str) -> Listening:
        running.append(Listening(tmp_path, broker_url, "--json", *arguments))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def test_a_command_to_a_node_that_is_not_there_is_shown(
    listen_at: Callable[..., Listening], speaker: Callable[[Channel, bytes], None], tmp_path: Path
) -> None:
    key = tmp_path / "absent.pem"
    key.write_bytes(ABSENT.to_pem())
    key.chmod(0o600)
    in_the_dark, with_its_key = listen_at("--kind", "command"), listen_at("--key", str(key))

    speaker(Channel.config(ABSENT.address), command_to_absent("attic-lights"))

    shut = in_the_dark.until_heard(lambda each: each["recipient"] == ABSENT.address)
    opened = with_its_key.until_heard(lambda each: each["recipient"] == ABSENT.address)
    assert (shut["verified"], shut["readable"], shut["encrypted"]) == (True, False, True)
    assert (opened["verified"], opened["readable"], opened["encrypted"]) == (True, True, True)
    assert opened["pipeline"] == "attic-lights"
    assert shut["channel_owner"] == opened["channel_owner"] == ABSENT.address


def test_a_command_on_the_channel_of_another_than_it_names_is_said_to_be_ignored(
    listen_at: Callable[..., Listening], speaker: Callable[[Channel, bytes], None]
) -> None:
    listening = listen_at("--kind", "command")

    speaker(Channel.config(CLIENT.address), command_to_absent("attic-lights"))

    heard = listening.until_heard(lambda each: each["recipient"] == ABSENT.address)
    assert (heard["verified"], heard["will_be_ignored"]) == (True, True)
    assert heard["channel_owner"] == CLIENT.address
    assert heard["problems"][-1]["reason"] == "recipient"


def test_what_is_not_chosen_is_not_shown(
    listen_at: Callable[..., Listening], speaker: Callable[[Channel, bytes], None]
) -> None:
    listening = listen_at("--kind", "command", "--node", ABSENT.address, "--pipeline", "chosen")
    result = Pye2Serializer("attic").seal(
        PayloadMessage(InstancePath("chosen", "S", "i"), {}), CLIENT
    )

    speaker(Channel.inbox(ABSENT.address), result)
    speaker(Channel.config("cellar"), command_to_another("chosen"))
    speaker(Channel.config(ABSENT.address), command_to_absent("other", encrypted=False))
    speaker(Channel.config(ABSENT.address), command_to_absent("chosen", encrypted=False))

    heard = listening.until_heard(lambda _: True)
    assert (heard["pipeline"], heard["recipient"]) == ("chosen", ABSENT.address)


def command_to_another(pipeline: str) -> bytes:
    said = Command(Action.ARCHIVE_PIPELINE, pipeline, target="cellar")
    return Pye2Serializer().seal(said, CLIENT)


def test_roll_calls_inboxes_and_wills_are_shown_in_words(
    listen_at: Callable[..., Listening], speaker: Callable[[Channel, bytes], None]
) -> None:
    listening = listen_at()
    roll_call = Pye2Serializer().seal(
        Command(Action.FULL_HEARTBEAT, None, target=EVERY_NODE), CLIENT
    )
    will = Pye2Serializer("attic").seal(
        Heartbeat("attic", ABSENT.address, presence=Presence.LOST, is_brief=True), ABSENT
    )
    result = Pye2Serializer("attic").seal(PayloadMessage(InstancePath("p", "S", "i"), {}), ABSENT)

    speaker(Channel.roll_call(), roll_call)
    called = listening.until_heard(lambda each: each["sender"] == CLIENT.address)
    speaker(Channel.ctrl(), will)
    lost = listening.until_heard(lambda each: each["sender"] == ABSENT.address)
    speaker(Channel.inbox(CLIENT.address), result)
    answered = listening.until_heard(lambda each: each["sender"] == ABSENT.address)

    assert (called["channel"], called["title"]) == (
        "rollcall",
        "roll call: send a full heartbeat",
    )
    assert (lost["channel"], lost["title"]) == ("ctrl", "last will: its connection was lost")
    assert (answered["channel"], answered["channel_owner"]) == ("inbox", CLIENT.address)
    assert called["problems"] == lost["problems"] == answered["problems"] == []


# --- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_with_0_when_it_is_told_to(
    listen: Callable[..., Listening], how: signal.Signals
) -> None:
    listening = listen()

    assert listening.stop(how) == 0
    assert not any("Traceback" in line for line in listening.told.queue)


def test_it_ends_quietly_when_nobody_reads_any_more(
    fleet: Fleet, tmp_path: Path, pipeline: Pipeline
) -> None:
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "wire", "listen", "--broker", fleet.url],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert process.stderr is not None
    assert "listening at" in process.stderr.readline()
    os.close(reading)

    deploy(pipeline)

    _, complained = process.communicate(timeout=WAIT)
    assert process.returncode == 0
    assert "Traceback" not in complained
    assert "Broken pipe" not in complained


def test_it_comes_back_after_the_broker_was_away(tmp_path: Path) -> None:
    from pye2_broker import EmbeddedBroker

    broker = EmbeddedBroker(tmp_path / "broker")
    with broker:
        url = broker.url
        listening = Listening(tmp_path, url, "--json")
    listening.until_told("lost the broker")
    port = int(url.rpartition(":")[2])
    with EmbeddedBroker(tmp_path / "broker", "127.0.0.1", port):
        listening.until_told("listening again")
        assert listening.stop() == 0


def test_a_broker_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pye2_cli", "wire", "listen", "--broker", "mqtt://127.0.0.1:9"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
