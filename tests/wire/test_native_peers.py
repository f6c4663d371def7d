"""Peers of ours speak their own dialect to each other, and what that is good for, at the broker."""

from __future__ import annotations

import json
import queue
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from node_process import NodeProcess
from wire_format import NATIVE, WireConnection, native_envelope

from pye2_cli.wire.commands import wire
from pye2_wire.serializer import Pye2Serializer
from pye2core import Session
from pye2core.errors import DeployFailed, DialectUnusable
from pye2core.identity import load_or_create_key
from pye2core.messages import (
    DETAILS_SENT_TO,
    Action,
    Command,
    InstanceConfig,
    NotificationCode,
    PipelineConfig,
    Requester,
)
from pye2core.plugins import PluginRegistry
from pye2core.plugins.discovery import LoadPolicy, installed_candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Message = dict[str, Any]

PATIENCE = 30.0
ANSWER = "return 41 + 1"
SECRET = "hidden_plan"
FAILING = f"{SECRET} = 0\nreturn 1 / {SECRET}"


class Tap:
    """All that passes on the broker: where, whether in our own dialect, and what all can see."""

    def __init__(self, url: str) -> None:
        self.seen: queue.Queue[tuple[str, Message, bytes]] = queue.Queue()
        self._connection = WireConnection(url, f"tap_{uuid.uuid4().hex[:6]}", ["#"], self._take)

    def _take(self, topic: str, data: bytes) -> None:
        said = native_envelope(data) if data.startswith(NATIVE) else json.loads(data)
        self.seen.put((topic, said, data))

    def first(self, fits: Callable[[str, Message], object]) -> tuple[Message, bytes]:
        """The first message that fits."""
        while True:
            topic, said, data = self.seen.get(timeout=PATIENCE)
            if fits(topic, said):
                return said, data

    def until(self, fits: Callable[[str, Message], object]) -> list[tuple[str, Message, bytes]]:
        """All messages up to the first that fits."""
        passed = [self.seen.get(timeout=PATIENCE)]
        while not fits(*passed[-1][:2]):
            passed.append(self.seen.get(timeout=PATIENCE))
        return passed

    def publish(self, topic: str, data: bytes) -> None:
        self._connection.publish(topic, data)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def tap(broker_url: str) -> Iterator[Tap]:
    listening = Tap(broker_url)
    yield listening
    listening.close()


class Place:
    """A node that was never seen before, and sessions of one client that it allows."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.key_file = folder / "key.pem"
        self.client = load_or_create_key(self.key_file)
        name = f"native-{uuid.uuid4().hex[:6]}"
        self.node = NodeProcess(url, folder / name, name, (self.client.address,))
        self.opened: list[Session] = []

    def start(self, **environment: str) -> None:
        self.node.environment = environment
        self.node.__enter__()

    def session(self, **options: Any) -> Session:
        options.setdefault("key_file", self.key_file)
        session = Session(broker=self.url, **options)
        self.opened.append(session)
        assert session.wait_for_node(self.node.address, timeout=PATIENCE, verbose=False)
        return session

    def answers(self, session: Session, name: str = "answers", code: str = ANSWER) -> Any:
        """Deploy something that answers; its first result."""
        results: queue.Queue[Any] = queue.Queue()
        pipeline = session.create_pipeline(node=self.node.address, name=name)
        pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code=code,
            on_data=lambda _pipeline, result, _payload: results.put(result),
            process_delay=0.1,
        )
        pipeline.deploy(timeout=PATIENCE)
        return results.get(timeout=PATIENCE)


def first_failure(heard: queue.Queue[Any]) -> Any:
    """The first failure that somebody was told of."""
    while True:
        said = heard.get(timeout=PATIENCE)
        if said["NOTIFICATION_TYPE"] == "EXCEPTION":
            return said


@pytest.fixture
def place(broker_url: str, tmp_path: Path) -> Iterator[Place]:
    made = Place(broker_url, tmp_path)
    made.start()
    yield made
    for session in made.opened:
        session.close()
    made.node.__exit__()


def test_commands_and_results_are_in_our_own_dialect_and_what_is_for_all_is_in_pye2s(
    place: Place, tap: Tap
) -> None:
    node, client = place.node.address, place.client.address

    assert place.answers(place.session()) == 42

    command, data = tap.first(
        lambda topic, said: topic.endswith(f"{node}/config") and said.get("ACTION") is None
    )
    assert command["NATIVE"]
    assert (command["EE_SENDER"], command["INITIATOR_ADDR"]) == (client, node)
    assert b"41 + 1" not in data
    told, _ = tap.first(lambda topic, said: topic.endswith("/notif") and said["EE_SENDER"] == node)
    assert told["EE_EVENT_TYPE"] == "NOTIFICATION"
    result, data = tap.first(
        lambda topic, said: (
            topic.endswith(f"{client}/payloads")
            and said["EE_SENDER"] == node
            and said["EE_EVENT_TYPE"] == "PAYLOAD"
        )
    )
    assert result["NATIVE"]
    assert result["INITIATOR_ADDR"] == client
    assert b"EXEC_RESULT" not in data
    beat, _ = tap.first(lambda topic, said: topic.endswith("/ctrl"))
    assert "NATIVE" not in beat


def test_what_code_said_when_it_failed_reaches_its_asker_alone(
    place: Place, tap: Tap, tmp_path: Path
) -> None:
    node, client = place.node.address, place.client.address
    heard: queue.Queue[Any] = queue.Queue()
    overheard: queue.Queue[Any] = queue.Queue()
    place.session(
        key_file=tmp_path / "third.pem", on_notification=lambda *said: overheard.put(said[-1])
    )
    pipeline = place.session().create_pipeline(node=node, name="fails")
    pipeline.create_custom_plugin_instance(
        instance_id="one",
        custom_code=FAILING,
        on_data=lambda *_: None,
        on_notification=lambda _pipeline, said: heard.put(said),
        process_delay=30,
    )

    pipeline.deploy(timeout=PATIENCE)

    full = first_failure(heard)
    assert SECRET in full["INFO"]
    assert SECRET in full["EXEC_FAILURE"]["SOURCE_LINE"]
    assert full["EE_IS_ENCRYPTED"]
    left = first_failure(overheard)
    assert "details were sent to who asked" in left["NOTIFICATION"]
    assert left[DETAILS_SENT_TO] == client
    pipeline.close(timeout=PATIENCE)
    passed = tap.until(
        lambda _, said: said.get("NOTIFICATION_CODE") == NotificationCode.PIPELINE_ARCHIVE_OK
    )
    assert not [topic for topic, _, data in passed if SECRET.encode() in data]
    assert any(
        topic.endswith(f"{client}/payloads") and said["EE_EVENT_TYPE"] == "NOTIFICATION"
        for topic, said, _ in passed
    )
    # What everybody was told is not told to the asker besides.
    assert not [said for said in heard.queue if DETAILS_SENT_TO in said]


def test_why_a_deployment_failed_is_told_to_who_waits_for_it(place: Place, tap: Tap) -> None:
    pipeline = place.session().create_pipeline(node=place.node.address, name="refused")
    pipeline.create_plugin_instance(
        signature="CUSTOM_EXEC_01", instance_id="one", on_data=lambda *_: None, code=7
    )

    with pytest.raises(DeployFailed) as failed:
        pipeline.deploy(timeout=PATIENCE)

    assert "CODE" in failed.value.reason
    assert "details were sent" not in failed.value.reason
    left, _ = tap.first(
        lambda topic, said: (
            topic.endswith("/notif")
            and said.get("NOTIFICATION_CODE") == NotificationCode.PLUGIN_CONFIG_FAILED
        )
    )
    assert "details were sent to who asked" in left["NOTIFICATION"]


def test_a_node_reads_after_a_restart_what_was_encrypted_for_it_before(place: Place) -> None:
    session = place.session()
    assert place.answers(session, "first") == 42
    pipeline = session.create_pipeline(node=place.node.address, name="second")
    place.node.kill()

    pipeline.create_custom_plugin_instance(
        instance_id="one", custom_code="return 7", process_delay=0.1
    )
    pipeline.deploy(with_confirmation=False)
    place.start()

    assert session.wait_for_node(place.node.address, timeout=PATIENCE, verbose=False)
    found = session.attach_to_pipeline(
        node=place.node.address, name="second", max_wait_time=PATIENCE
    )
    assert found is not None


def test_two_sessions_of_one_client_read_the_same_results(place: Place) -> None:
    place.answers(place.session(), "shared")
    results: queue.Queue[Any] = queue.Queue()

    found = place.session().attach_to_pipeline(
        node=place.node.address, name="shared", max_wait_time=PATIENCE
    )
    found.attach_to_custom_plugin_instance(
        instance_id="one", on_data=lambda _pipeline, result, _payload: results.put(result)
    )

    assert results.get(timeout=PATIENCE) == 42


def test_a_command_in_pye2s_dialect_from_who_spoke_ours_is_refused_and_answered(
    place: Place, tap: Tap
) -> None:
    node = place.node.address
    place.answers(place.session())
    pipeline = PipelineConfig(
        "weak", "Void", (InstanceConfig("CUSTOM_EXEC_01", "one", {"CODE": "eJwDAAAAAAE="}),)
    )
    requester = Requester(place.client.address, "desk", "desk_1", frozenset())
    weak = Pye2Serializer().seal(
        Command(Action.UPDATE_PIPELINE, pipeline, node, requester),
        place.client,
        encrypt_for=node,
    )

    tap.publish(f"naeural/{node}/config", weak)

    told, _ = tap.first(
        lambda topic, said: (
            topic.endswith("/notif")
            and said.get("SESSION_ID") == "desk_1"
            and said["EE_SENDER"] == node
        )
    )
    assert "stronger dialect 'native'" in told["NOTIFICATION"] + told["INFO"]
    assert "wire forget" in told["NOTIFICATION"] + told["INFO"]


def test_a_node_whose_plugin_was_removed_is_not_spoken_to_until_it_is_forgotten(
    place: Place,
) -> None:
    session = place.session()
    place.answers(session, "first")
    place.node.kill()
    place.start(PYE2_DISABLE_PLUGINS="native_wire")
    assert session.wait_for_node(place.node.address, timeout=PATIENCE, verbose=False)

    def is_refused() -> bool:
        try:
            place.answers(session, f"second-{uuid.uuid4().hex[:4]}")
        except DialectUnusable as error:
            return "no longer says so" in str(error)
        except DeployFailed:
            return False
        return False

    assert is_refused()
    command = ["forget", place.node.address, "--key", str(place.key_file)]
    assert CliRunner().invoke(wire, command).exit_code == 0
    assert place.answers(session, "third") == 42


def test_a_client_without_the_plugin_uses_the_same_node(place: Place, tap: Tap) -> None:
    without = PluginRegistry(installed_candidates(), LoadPolicy(frozenset({"native_wire"})))

    session = place.session(registry=without)

    assert place.answers(session) == 42
    said, _ = tap.first(
        lambda topic, said: topic.endswith("config") and said.get("EE_IS_ENCRYPTED")
    )
    assert "NATIVE" not in said
