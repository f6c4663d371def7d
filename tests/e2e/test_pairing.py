"""A node and a client that were never told of each other are paired, over a real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from pye2core import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 100

ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PYE2_")}


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A pye2 command, ended in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def event(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline())
    return said


def pye2(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", *arguments],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def answer_of(node: str, url: str, key_file: Path) -> Any:
    """What a node's code says that a client sends to a node by its name."""
    with Session(url, key_file=key_file, silent=True) as session:
        assert session.wait_for_node(node, timeout=30, verbose=False)
        pipeline = session.create_pipeline(node=node, name="paired")
        heard: list[Any] = []
        pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code=answer,
            on_data=lambda pipeline, result, payload: heard.append(result),
        )
        pipeline.deploy()
        session.run(wait=lambda: not heard, close_session=False)
        pipeline.close()
        return heard[0]


def answer(plugin: Any) -> int:
    return 42


def test_a_running_node_is_paired_with_a_client_that_can_use_it_at_once(
    mosquitto_url: str, tmp_path: Path
) -> None:
    home, key_file = tmp_path / "home", tmp_path / "client" / "key.pem"
    here = ("--broker", mosquitto_url)
    with started("node", "--name", "attic", "--home", str(home), *here, "--json") as node:
        address = event(node)["address"]
        with started("node", "--pair", "--home", str(home), "--json") as pairing:
            code = event(pairing)["code"]

            done = pye2("pair", code, *here, "--key-file", str(key_file), "--as", "desk", "--json")

            assert done.returncode == 0, done.stderr
            said = json.loads(done.stdout)
            assert (said["name"], said["address"]) == ("attic", address)
            told = event(pairing)
            assert (told["event"], told["address"]) == ("pairing-paired", said["client"])
            assert pairing.wait(PATIENCE) == 0
        assert answer_of("attic", mosquitto_url, key_file) == 42
        who = pye2("node", "who", "--home", str(home)).stdout
        assert who == f"{said['client']}  desk\n"


@pytest.mark.parametrize("without", ["", "wire"], ids=["all dialects", "ours alone"])
def test_a_node_is_started_to_be_paired_and_goes_on(
    without: str, mosquitto_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENT, "PYE2_DISABLE_PLUGINS", without)
    home, key_file = tmp_path / "home", tmp_path / "key.pem"
    arguments = ("--name", "cellar", "--home", str(home), "--broker", mosquitto_url, "--json")
    with started("node", "--pair", "--pair-as", "my laptop", *arguments) as node:
        assert event(node)["event"] == "ready"
        code = event(node)["code"]

        done = pye2("pair", code, "--broker", mosquitto_url, "--key-file", str(key_file))

        assert done.returncode == 0, done.stderr
        assert "paired    cellar\n" in done.stdout
        assert event(node)["alias"] == "my laptop"
        assert pye2("node", "who", "--home", str(home)).stdout.endswith("  my laptop\n")
        assert node.poll() is None
