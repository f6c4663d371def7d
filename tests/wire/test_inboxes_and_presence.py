"""What peers of ours do for each other, and how a PyE2 client that is not ours sees it.

Each test has nodes of its own, which have never heard a PyE2 client.
"""

from __future__ import annotations

import json
import queue
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from node_process import NodeProcess
from wire_client import WireClient, instance_path, pipeline_object, run_once
from wire_format import NATIVE, WireConnection, WireKey, native_envelope, unpacked

from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pye2core import Pipeline

    Message = dict[str, Any]

PATIENCE = 30.0
COUNTING = "plugin.obj_cache['n'] = plugin.obj_cache.get('n', 0) + 1\nreturn plugin.obj_cache['n']"


class Tap:
    """All that passes on the broker, by topic."""

    def __init__(self, url: str, root: str = "naeural") -> None:
        self._root = root
        self._seen: queue.Queue[tuple[str, Message]] = queue.Queue()
        self._connection = WireConnection(
            url, f"tap_{uuid.uuid4().hex[:6]}", [f"{root}/#"], self._take
        )

    def _take(self, topic: str, data: bytes) -> None:
        message = native_envelope(data) if data.startswith(NATIVE) else json.loads(data)
        message["bytes"] = len(data)
        self._seen.put((topic.removeprefix(f"{self._root}/"), message))

    def next(self, topic: str, fits: Callable[[Message], object] = bool) -> Message:
        """The next message there that fits."""
        while True:
            where, message = self._seen.get(timeout=PATIENCE)
            if where == topic and fits(message):
                return message

    def next_of(self, fits: Callable[[Message], object]) -> tuple[str, Message]:
        """The next message that fits, wherever it passes."""
        while True:
            where, message = self._seen.get(timeout=PATIENCE)
            if fits(message):
                return where, message

    def until_now(self) -> list[tuple[str, Message]]:
        """What has passed and was not taken yet."""
        marker = uuid.uuid4().hex
        self._connection.publish(f"{self._root}/marker", json.dumps({"MARKER": marker}))
        passed = []
        while (seen := self._seen.get(timeout=PATIENCE))[1].get("MARKER") != marker:
            passed.append(seen)
        return passed

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def tap(broker_url: str) -> Iterator[Tap]:
    listening = Tap(broker_url)
    yield listening
    listening.close()


@pytest.fixture
def start_node(
    broker_url: str, tmp_path: Path, wire_key: WireKey, our_key_file: Path
) -> Iterator[Callable[..., NodeProcess]]:
    """Starts nodes that allow both clients."""
    running = []
    allow = (wire_key.address, load_or_create_key(our_key_file).address)

    def start(*options: str) -> NodeProcess:
        name = f"own-{uuid.uuid4().hex[:6]}"
        options = options or ("--heartbeat-interval", "30")
        node = NodeProcess(broker_url, tmp_path / name, name, allow, options)
        node.__enter__()
        running.append(node)
        return node

    yield start
    for node in running:
        node.__exit__()


@pytest.fixture
def open_session(broker_url: str, our_key_file: Path) -> Iterator[Callable[..., Session]]:
    """Opens sessions of ours."""
    opened = []

    def open_one(key_file: Path = our_key_file, **options: Any) -> Session:
        session = Session(broker=broker_url, key_file=key_file, **options)
        opened.append(session)
        return session

    yield open_one
    for session in opened:
        session.close()


def counting(
    session: Session, node: NodeProcess, **settings: Any
) -> tuple[Pipeline, queue.Queue[int]]:
    """A pipeline of the session that counts, and its results."""
    results: queue.Queue[int] = queue.Queue()
    assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
    pipeline = session.create_pipeline(node=node.address, name=f"count-{uuid.uuid4().hex[:6]}")
    pipeline.create_custom_plugin_instance(
        instance_id="one",
        custom_code=COUNTING,
        on_data=lambda _pipeline, result, _payload: results.put(result),
        process_delay=0.05,
        **settings,
    )
    pipeline.deploy(timeout=PATIENCE)
    return pipeline, results


def is_result(message: Message) -> bool:
    """Whether it is one; what a session sends itself, to see whether it arrives, is encrypted in
    PyE2's dialect, which peers of ours do not use for that."""
    if message.get("EE_EVENT_TYPE") != "PAYLOAD":
        return False
    return "NATIVE" in message or not message["EE_IS_ENCRYPTED"]


# --- results --------------------------------------------------------------------------------------


def test_results_go_to_the_asker_s_inbox_and_to_nobody_else(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    session = open_session()

    _, results = counting(session, start_node())

    assert [results.get(timeout=PATIENCE) for _ in range(5)] == [1, 2, 3, 4, 5]
    for _ in range(5):
        where, seen = tap.next_of(is_result)
        assert where == f"{session.address}/payloads"
        assert seen["NATIVE"]
        assert seen["EE_IS_ENCRYPTED"]


def test_a_node_can_be_told_to_leave_results_open(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    session = open_session()

    counting(session, start_node(), encrypt_payload=False)

    where, seen = tap.next_of(is_result)
    assert (where, seen["EXEC_RESULT"]) == (f"{session.address}/payloads", 1)


def test_one_listens_to_everything_while_others_use_their_inboxes(
    start_node: Callable[..., NodeProcess],
    open_session: Callable[..., Session],
    tmp_path: Path,
    tap: Tap,
) -> None:
    heard: queue.Queue[tuple[str, int]] = queue.Queue()
    open_session(
        key_file=tmp_path / "listener.pem",
        on_payload=lambda *told: heard.put((told[2], told[5]["EXEC_RESULT"])),
    )
    session = open_session()

    pipeline, results = counting(session, start_node(), encrypt_payload=False)

    assert results.get(timeout=PATIENCE) == 1
    assert [heard.get(timeout=PATIENCE) for _ in range(3)] == [
        (pipeline.name, n) for n in (1, 2, 3)
    ]
    assert tap.next_of(is_result)[0] == f"{session.address}/payloads"


def test_who_attaches_to_the_pipeline_of_another_hears_its_results(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tmp_path: Path
) -> None:
    node = start_node()
    pipeline, _ = counting(open_session(), node, encrypt_payload=False)
    other = open_session(key_file=tmp_path / "other.pem")
    heard: queue.Queue[int] = queue.Queue()

    found = other.attach_to_pipeline(node=node.address, name=pipeline.name, max_wait_time=PATIENCE)
    found.attach_to_custom_plugin_instance(
        instance_id="one", on_data=lambda _pipeline, result, _payload: heard.put(result)
    )

    first = heard.get(timeout=PATIENCE)
    assert heard.get(timeout=PATIENCE) == first + 1


def test_once_a_pye2_client_uses_the_node_open_results_go_to_everybody_and_arrive_as_before(
    start_node: Callable[..., NodeProcess],
    open_session: Callable[..., Session],
    broker_url: str,
    wire_key: WireKey,
    tap: Tap,
) -> None:
    node = start_node()
    pipeline, results = counting(open_session(), node, encrypt_payload=False)
    assert results.get(timeout=PATIENCE) == 1

    with WireClient(broker_url, key=wire_key) as theirs:
        known = theirs.meet(node.address)
        theirs.deploy(known, pipeline_object("theirs", {"one": run_once("return 'theirs'")}))
        theirs.result(node.address, instance_path("theirs"), "theirs")
        public = tap.next("payloads", lambda each: each["STREAM"] == pipeline.name)
        path = instance_path(pipeline.name)
        theirs.result(node.address, path, public["EXEC_RESULT"] + 1)
        theirs.archive(known, "theirs")

    numbers = [results.get(timeout=PATIENCE) for _ in range(public["EXEC_RESULT"])]
    # Those sent while the channel changed may have changed places.
    assert sorted(numbers) == list(range(2, public["EXEC_RESULT"] + 2))


def test_an_owner_can_have_all_results_sent_to_everybody(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    _, results = counting(open_session(), start_node("--results-to-everyone"))

    assert results.get(timeout=PATIENCE) == 1
    assert tap.next_of(is_result)[0] == "payloads"


def test_the_results_of_workers_go_to_their_main_node_alone(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    main = start_node()
    worker = start_node()
    session = open_session()
    done: queue.Queue[list[int]] = queue.Queue()
    assert session.wait_for_node(main.address, timeout=PATIENCE, verbose=False)
    places: set[str] = set()

    while not places:  # a main node that hears of nobody for two seconds does the work itself
        session.create_job(
            "primes",
            node=main.address,
            upto=1000,
            workers=1,
            on_data=lambda _pipeline, each: each["PROGRESS"] == 100 and done.put(each["DATA"]),
        )
        assert len(done.get(timeout=PATIENCE)) == 168
        results = [each for each in tap.until_now() if is_result(each[1])]
        places = {where for where, each in results if each["EE_SENDER"] == worker.address}

    assert places == {f"{main.address}/payloads"}


# --- heartbeats -----------------------------------------------------------------------------------


def is_heartbeat_of(node: NodeProcess) -> Callable[[Message], bool]:
    return lambda each: (
        each.get("EE_EVENT_TYPE") == "HEARTBEAT" and each["EE_SENDER"] == node.address
    )


def status_of(message: Message) -> Message:
    """What a full heartbeat says."""
    return {**message, **json.loads(unpacked(message["ENCODED_DATA"]))}


def test_a_quiet_node_says_briefly_that_it_is_there(
    start_node: Callable[..., NodeProcess], tap: Tap
) -> None:
    node = start_node("--heartbeat-interval", "0.5")

    first = status_of(tap.next("ctrl", is_heartbeat_of(node)))
    brief = tap.next("ctrl", lambda each: is_heartbeat_of(node)(each) and "PYE2_BRIEF" in each)

    assert brief["bytes"] < 1024
    assert brief["PYE2_LIFE"] == first["PYE2_LIFE"]
    assert "CONFIG_STREAMS" not in brief
    assert "brief-heartbeats" in first["PYE2_CAPABILITIES"]


def test_a_change_is_told_at_once_and_in_full(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    node = start_node("--heartbeat-interval", "30")

    pipeline, _ = counting(open_session(), node)

    while True:
        said = status_of(tap.next("ctrl", is_heartbeat_of(node)))
        if pipeline.name in [each["NAME"] for each in said["CONFIG_STREAMS"]]:
            break


@pytest.mark.parametrize(
    ("options", "is_shown"), [((), False), (("--show-code",), True)], ids=["digest", "clear"]
)
def test_code_is_shown_to_everybody_only_where_the_owner_says_so(
    start_node: Callable[..., NodeProcess],
    open_session: Callable[..., Session],
    broker_url: str,
    options: tuple[str, ...],
    is_shown: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    node = start_node("--heartbeat-interval", "30", *options)
    pipeline, _ = counting(open_session(), node)

    with WireClient(broker_url, encrypts=False) as stranger:
        stranger.meet(node.address)
        known = stranger.node_when(node.address, lambda each: pipeline.name in each.pipelines)

    ((plugin,),) = [each["INSTANCES"] for each in known.pipelines[pipeline.name]["PLUGINS"]]
    assert plugin["CODE"].startswith("sha256:") is not is_shown
    if is_shown:
        assert unpacked(plugin["CODE"]) == COUNTING


def test_while_a_pye2_client_is_about_all_heartbeats_are_full(
    start_node: Callable[..., NodeProcess], broker_url: str, tap: Tap
) -> None:
    node = start_node("--heartbeat-interval", "0.5")
    tap.next("ctrl", lambda each: is_heartbeat_of(node)(each) and "PYE2_BRIEF" in each)

    with WireClient(broker_url, encrypts=False) as stranger:
        stranger.meet(node.address)

    tap.next(f"{node.address}/config")
    tap.next("ctrl", lambda each: is_heartbeat_of(node)(each) and "ENCODED_DATA" in each)
    following = [tap.next("ctrl", is_heartbeat_of(node)) for _ in range(4)]
    assert all("ENCODED_DATA" in each for each in following)


def test_a_pye2_client_takes_a_brief_heartbeat_as_a_sign_of_life_and_keeps_what_it_knows(
    start_node: Callable[..., NodeProcess], broker_url: str
) -> None:
    with WireClient(broker_url) as theirs:
        node = start_node("--heartbeat-interval", "0.5")
        is_its_own = is_heartbeat_of(node)  # that of the test before may have just been lost
        theirs.wait_for(
            lambda: [
                each for each in theirs.heartbeats if is_its_own(each) and "PYE2_BRIEF" in each
            ],
            "a brief one",
        )

        assert theirs.nodes[node.address].name == node.name
        assert theirs.deafened_by == []
        assert theirs.unverified == []


# --- presence -------------------------------------------------------------------------------------


def test_a_network_is_known_as_soon_as_a_session_is_open(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    nodes = {start_node().address for _ in range(2)}

    session = open_session()

    # The nodes' own rate would tell of them within 30 s.
    assert session.peers.wait_until(lambda: nodes <= session.peers.online().keys(), 15)
    question = tap.next("rollcall", lambda each: each["EE_SENDER"] == session.address)
    assert question["EE_ID"] == "*"


def test_who_asks_alone_is_answered_in_its_inbox(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    node = start_node()
    session = open_session()
    assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)
    is_full = is_heartbeat_of(node)

    where = "ctrl"
    while where == "ctrl":  # while others ask as well, as the nodes do that have just met it
        session.commands.ask_for_heartbeat(node.address)
        where, answer = tap.next_of(lambda each: is_full(each) and "ENCODED_DATA" in each)

    assert where == f"{session.address}/payloads"
    assert status_of(answer)["CONFIG_STREAMS"] == []


def test_a_node_that_is_killed_is_offline_at_once_and_back_when_it_is(
    start_node: Callable[..., NodeProcess], open_session: Callable[..., Session], tap: Tap
) -> None:
    node = start_node()
    session = open_session()
    assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)

    node.kill()

    gone = session.peers.wait_until(lambda: node.address not in session.peers.online(), PATIENCE)
    assert gone
    will = tap.next("ctrl", lambda each: each.get("DEVICE_STATUS") == "LOST")
    assert (will["EE_SENDER"], will["bytes"] < 1024) == (node.address, True)
    node.__enter__()
    assert session.peers.wait_until(lambda: node.address in session.peers.online(), PATIENCE)


def test_an_old_will_that_is_played_again_changes_nothing(
    start_node: Callable[..., NodeProcess],
    open_session: Callable[..., Session],
    broker_url: str,
    tap: Tap,
) -> None:
    node = start_node()
    node.kill()
    will = tap.next("ctrl", lambda each: each.get("DEVICE_STATUS") == "LOST")
    del will["bytes"]
    node.__enter__()
    session = open_session()
    assert session.wait_for_node(node.address, timeout=PATIENCE, verbose=False)

    with WireConnection(broker_url, "player") as player:
        player.publish("naeural/ctrl", json.dumps(will))

    _, results = counting(session, node)
    assert results.get(timeout=PATIENCE) == 1
    assert node.address in session.get_active_nodes()
    assert session._connection.rejections.counts["stale"] == 1
