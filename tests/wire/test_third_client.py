"""A client written from ``docs/protocol.md`` alone uses nodes of ours.

Nobody else speaks on these brokers unless a test has it so: what a node does depends on its company
(section 17.2 of that page).
"""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import third_client
from third_client import Key, ThirdClient, bare, packed, status_of, verifies
from wire_client import WireClient, instance_path, pipeline_object, run_once
from wire_format import WireKey

from pye2_cli.fleet import Fleet
from pye2_testing.fixtures import require_mosquitto
from pye2_testing.mosquitto import Mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from node_process import NodeProcess

Message = dict[str, Any]

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
THIRD, PYE2 = Key(), WireKey()


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)]
)
def own_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Each broker, with nobody on it."""
    folder = tmp_path_factory.mktemp(f"third-{request.param}")
    if request.param == "mosquitto":
        require_mosquitto()
        with Mosquitto(folder) as mosquitto:
            yield mosquitto.url
        return
    from pye2_broker import EmbeddedBroker

    with EmbeddedBroker(folder) as embedded:
        yield embedded.url


@pytest.fixture(scope="module")
def quiet_fleet(own_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two nodes that allow the third client; only the test about PyE2's client has one."""
    folder = tmp_path_factory.mktemp("third-fleet")
    with Fleet(folder, 2, own_broker, (THIRD.address, PYE2.address)) as running:
        yield running


@pytest.fixture
def third(quiet_fleet: Fleet) -> Iterator[ThirdClient]:
    """The third client; all that it hears verifies by its own reading of the page."""
    with ThirdClient(quiet_fleet.url, THIRD) as client:
        yield client
        assert client.refused == []


def heartbeats(client: ThirdClient, node: str, topic: str) -> list[Message]:
    return [
        status_of(each)
        for each in client.messages(topic)
        if each["EE_EVENT_TYPE"] == "HEARTBEAT" and each["EE_SENDER"] == node
    ]


def deployed(client: ThirdClient, node: str, pipeline: str, source: str) -> list[Any]:
    """Deploy custom code that runs once a minute; what the node answered."""
    settings = {"INSTANCE_ID": "one", "CODE": packed(source), "PROCESS_DELAY": 60}
    plugins = [{"SIGNATURE": "CUSTOM_EXEC_01", "INSTANCES": [settings]}]
    config = {"NAME": pipeline, "TYPE": "Void", "DEFAULT_PLUGIN": False, "PLUGINS": plugins}
    path: list[str | None] = [pipeline, "CUSTOM_EXEC_01", "one"]
    expected = [(1, [pipeline, None, None]), (100, path)]
    return client.command(node, "UPDATE_CONFIG", config, expected)


def archived(client: ThirdClient, node: str, pipeline: str) -> list[Any]:
    return client.command(node, "ARCHIVE_CONFIG", pipeline, [(4, [pipeline, None, None])])


# --- from connecting to closing (section 18) ------------------------------------------------------


def test_the_roll_call_is_answered_by_all_nodes_in_the_inbox(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    nodes = [each.address for each in quiet_fleet.nodes]

    third.call_roll(lambda: all(heartbeats(third, each, third.inbox) for each in nodes))

    for node in nodes:
        status = heartbeats(third, node, third.inbox)[0]
        assert bare(THIRD.address) in status["EE_WHITELIST"]
        assert "CONFIG_STREAMS" in status
        assert {"inbox", "roll-call"} <= set(status["PYE2_CAPABILITIES"])
        assert "CUSTOM_EXEC_01" in status["PYE2_SIGNATURES"]


def test_it_deploys_gets_its_result_in_its_inbox_alone_and_archives(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    node, name = quiet_fleet.nodes[0].address, f"third-{uuid.uuid4().hex[:8]}"
    path = [name, "CUSTOM_EXEC_01", "one"]
    with ThirdClient(quiet_fleet.url, Key(), "bystander", persists=False) as bystander:
        confirmed = deployed(third, node, name, "return 6 * 7")
        third.wait_for(lambda: third.payloads(node, path, third.inbox))
        ended = archived(third, node, name)
        bystander.wait_for(lambda: bystander.messages("naeural/notif"))
        overheard = bystander.messages("naeural/payloads")

    (payload,) = third.payloads(node, path, third.inbox)
    whole = [name, None, None]
    assert confirmed == [(None, [None, None, None]), (1, whole), (100, path)]
    assert (payload["EXEC_RESULT"], payload["EXEC_ERRORS"]) == (42, None)
    assert payload["INITIATOR_ADDR"] == THIRD.address
    assert ended == [(None, whole), (4, whole)]
    assert third.payloads(node, path, "naeural/payloads") == overheard == []


def test_an_encrypted_result_is_read(third: ThirdClient, quiet_fleet: Fleet) -> None:
    """Section 5.2."""
    node, name = quiet_fleet.nodes[0].address, f"third-{uuid.uuid4().hex[:8]}"
    path = [name, "CUSTOM_EXEC_01", "one"]
    update = {"NAME": name, "SIGNATURE": path[1], "INSTANCE_ID": path[2]}
    changed = {**update, "INSTANCE_CONFIG": {"ENCRYPT_PAYLOAD": True, "PROCESS_DELAY": 0.1}}
    deployed(third, node, name, "return 'for you alone'")

    third.command(node, "UPDATE_PIPELINE_INSTANCE", changed, [(1, path), (100, path)])

    def encrypted() -> list[Message]:
        found = third.payloads(node, path, third.inbox)
        return [each for each in found if each["EE_IS_ENCRYPTED"]]

    third.wait_for(encrypted)
    inside = json.loads(THIRD.decrypted(encrypted()[0]["EE_ENCRYPTED_DATA"], node))
    archived(third, node, name)
    assert inside["EXEC_RESULT"] == "for you alone"
    assert "EXEC_RESULT" not in encrypted()[0]


def test_a_command_that_claims_another_sender_is_not_carried_out(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    """Section 8: who cannot be verified is not answered, either."""
    node, name = quiet_fleet.nodes[0].address, f"third-{uuid.uuid4().hex[:8]}"
    path = [name, "CUSTOM_EXEC_01", "one"]
    forger = Key()
    forger.address = THIRD.address
    update = {"NAME": name, "SIGNATURE": path[1], "INSTANCE_ID": path[2], "INSTANCE_CONFIG": {}}
    deployed(third, node, name, "return None")

    with ThirdClient(quiet_fleet.url, forger, persists=False) as forging:
        topic = f"naeural/{node}/config"
        forged = forging.say(topic, node, "ARCHIVE_CONFIG", name, secret=False)
        still_there = third.command(node, "UPDATE_PIPELINE_INSTANCE", update, [(100, path)])
        archived(third, node, name)
        answers = forging.answers(node, forged)

    assert still_there == [(1, path), (100, path)]
    assert answers == []


# --- company, and heartbeats (sections 17.2 to 17.6) ----------------------------------------------


@pytest.mark.slow
def test_a_brief_heartbeat_says_that_nothing_changed(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    node = quiet_fleet.nodes[0].address
    listed = set(re.findall(r'^  "(\w+)":', example("signed brief heartbeat"), re.MULTILINE))

    def brief_ones() -> list[Message]:
        return [each for each in heartbeats(third, node, "naeural/ctrl") if "PYE2_BRIEF" in each]

    third.wait_for(brief_ones)
    third.call_roll(lambda: heartbeats(third, node, third.inbox))

    brief, full = brief_ones()[-1], heartbeats(third, node, third.inbox)[-1]
    assert brief.keys() == listed
    assert len(json.dumps(brief)) < 1024
    assert (brief["PYE2_LIFE"], brief["PYE2_STATE"]) == (full["PYE2_LIFE"], full["PYE2_STATE"])


def test_a_change_is_told_by_a_full_heartbeat_of_a_later_state(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    node, name = quiet_fleet.nodes[0].address, f"third-{uuid.uuid4().hex[:8]}"
    third.call_roll(lambda: heartbeats(third, node, third.inbox))
    before = heartbeats(third, node, third.inbox)[0]

    deployed(third, node, name, "return None")

    def told() -> list[Message]:
        shown = heartbeats(third, node, "naeural/ctrl")
        full = [each for each in shown if "CONFIG_STREAMS" in each]
        return [each for each in full if name in str(each["CONFIG_STREAMS"])]

    third.wait_for(told)
    archived(third, node, name)
    assert told()[0]["PYE2_LIFE"] == before["PYE2_LIFE"]
    assert told()[0]["PYE2_STATE"] > before["PYE2_STATE"]


def test_results_go_to_everyone_once_a_pye2_client_gave_a_command(
    third: ThirdClient, quiet_fleet: Fleet
) -> None:
    """The second node: its company is over only an hour later."""
    node, name = quiet_fleet.nodes[1].address, f"third-{uuid.uuid4().hex[:8]}"
    path = [name, "CUSTOM_EXEC_01", "one"]
    with WireClient(quiet_fleet.url, key=PYE2) as client:
        known = client.meet(node)
        client.deploy(known, pipeline_object(f"{name}-pye2", {"one": run_once("return 1")}))
        client.result(node, instance_path(f"{name}-pye2"), 1)
        client.archive(known, f"{name}-pye2")

    deployed(third, node, name, "return 6 * 7")

    third.wait_for(lambda: third.payloads(node, path, "naeural/payloads"))
    archived(third, node, name)
    assert third.payloads(node, path, third.inbox) == []


@pytest.mark.parametrize(("end", "status"), [("kill", "LOST"), ("terminate", "OFFLINE")])
def test_the_end_of_a_node_is_told(
    lone_node: tuple[NodeProcess, WireClient], end: str, status: str
) -> None:
    node, _ = lone_node
    with ThirdClient(node.url, Key(), persists=False) as third:
        third.call_roll(lambda: heartbeats(third, node.address, third.inbox))
        life = heartbeats(third, node.address, third.inbox)[-1]["PYE2_LIFE"]

        getattr(node.process, end)()

        def ends() -> list[Message]:
            shown = heartbeats(third, node.address, "naeural/ctrl")
            return [each for each in shown if each.get("DEVICE_STATUS") == status]

        third.wait_for(ends)
        assert ends()[0]["PYE2_LIFE"] == life


# --- the page's own examples, read by the client that was written from it -------------------------


def example(name: str) -> str:
    found = re.search(rf"^```\w+ {re.escape(name)}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None, name
    return found[1]


@pytest.mark.parametrize("name", re.findall(r"^```json (signed [^\n]*)$", PAGE, re.MULTILINE))
def test_it_verifies_the_messages_of_the_page(name: str) -> None:
    message = json.loads(example(name))

    assert verifies(message)
    assert not verifies({**message, "EE_ID": "another"})


def test_it_makes_the_canonical_texts_of_the_page() -> None:
    message = json.loads(example("signed example"))

    assert third_client.signed_text(message).decode() == example("canonical of the example").strip()
    for line in example("numbers").splitlines():
        literal, text = line.split("→")
        assert third_client.canonical(json.loads(literal)) == text.strip()


def test_it_encrypts_as_the_page_shows() -> None:
    keys, shown = json.loads(example("keys")), json.loads(example("encryption example"))
    node = Key(int(keys["node"]["private"], 16))

    assert node.address == keys["node"]["address"]
    assert node.decrypted(shown["text"], keys["client"]["address"]) == shown["plaintext"]
