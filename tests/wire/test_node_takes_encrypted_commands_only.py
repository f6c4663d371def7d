"""A node of ours whose owner wants no commands that others can read (section 8)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from node_process import NodeProcess
from wire_client import PIPELINE_OK, Expected, WireClient, instance_path, pipeline_object, run_once
from wire_format import PATIENCE

from pye2core import Session
from pye2core.errors import DeployFailed
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wire_format import WireKey

VARIABLE = "PYE2_NODE_ACCEPT_UNENCRYPTED_COMMANDS"


@pytest.fixture(params=["option", "environment"])
def strict_node(
    request: pytest.FixtureRequest,
    broker_url: str,
    tmp_path: Path,
    wire_key: WireKey,
    our_key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NodeProcess]:
    """A node that takes encrypted commands only, told so in one way or the other."""
    options = ("--encrypted-commands-only",) if request.param == "option" else ()
    if request.param == "environment":
        monkeypatch.setenv(VARIABLE, "false")
    name = f"strict-{uuid.uuid4().hex[:6]}"
    allowed = (wire_key.address, load_or_create_key(our_key_file).address)
    with NodeProcess(broker_url, tmp_path / "node", name, allowed, options) as running:
        yield running


def test_who_sends_a_command_in_clear_is_told_why_it_is_refused(
    strict_node: NodeProcess, broker_url: str, wire_key: WireKey
) -> None:
    with WireClient(broker_url, key=wire_key, encrypts=False) as client:
        node = client.meet(strict_node.address)  # signs of life may be asked for in clear
        wanted = pipeline_object("p", {"one": run_once("return 1")})
        client.send(node.address, "UPDATE_CONFIG", wanted, "in clear")
        told = client.notification(lambda each: each["NOTIFICATION_CODE"] == -5000)

        client.encrypts = True
        client.deploy(node, wanted)
        client.result(node.address, instance_path("p"), 1)
        deafened_by = list(client.deafened_by)

    assert told["NOTIFICATION_TYPE"] == "ABNORMAL FUNCTIONING"
    assert "encrypted commands only" in told["NOTIFICATION"]
    assert (told["SESSION_ID"], told["INITIATOR_ID"]) == ("in clear", client.name)
    assert told["INITIATOR_ADDR"] == client.address
    assert deafened_by == []


def test_our_client_fails_at_once_with_the_reason(
    strict_node: NodeProcess, broker_url: str, our_key_file: Path
) -> None:
    with Session(
        broker=broker_url, key_file=our_key_file, encrypt_comms=False, silent=True
    ) as session:
        assert session.wait_for_node(strict_node.address, timeout=PATIENCE, verbose=False)
        pipeline = session.create_pipeline(node=strict_node.address, name="p")
        pipeline.create_custom_plugin_instance(instance_id="one", custom_code="return 1")

        with pytest.raises(DeployFailed, match="encrypted commands only"):
            pipeline.deploy(timeout=PATIENCE)


def test_without_that_choice_commands_in_clear_are_taken(
    broker_url: str, tmp_path: Path, wire_key: WireKey
) -> None:
    name = f"usual-{uuid.uuid4().hex[:6]}"
    with (
        WireClient(broker_url, key=wire_key, encrypts=False) as client,
        NodeProcess(broker_url, tmp_path / "node", name, (wire_key.address,), ()) as running,
    ):
        node = client.meet(running.address)
        told = client.ask(
            node,
            "UPDATE_CONFIG",
            pipeline_object("p", {}),
            [Expected(PIPELINE_OK, ("p", None, None))],
        )

    assert told.steps[-1] == (1, ("p", None, None))
