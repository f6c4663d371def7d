"""``pye2 up`` and its neighbours as processes, and what happens when some of them are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pye2_cli.fleet import Fleet


class Up:
    """A running ``pye2 up --json`` and what it said."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pye2_cli", "up", "--json", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = json.loads(self.process.stdout.readline())

    def next_complaint(self) -> str:
        """The next line that it writes to standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def stop(self) -> None:
        """Tell it to stop, wait until it has, and let go of its output."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.communicate(timeout=30)

    def everything(self) -> list[psutil.Process]:
        """It and all processes below it."""
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]

    def node_process(self, name: str) -> psutil.Process:
        """The process of one of its nodes."""
        return next(each for each in self.everything() if name in each.cmdline())


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """A fleet of two nodes, ended with the test whatever the test did to it."""
    running = Up(tmp_path, "--nodes", "2")
    everything = running.everything()
    yield running
    running.stop()
    psutil.wait_procs(everything, timeout=10)


def test_up_says_in_one_line_where_everything_is(up: Up, tmp_path: Path) -> None:
    names = [node["name"] for node in up.said["nodes"]]

    assert up.said["broker"].startswith("mqtt://127.0.0.1:")
    assert names == ["naeural-1", "naeural-2"]
    assert (tmp_path / "_local_cache/nodes/naeural-1/node.pem").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_up_stops_everything_that_it_started(up: Up, how: signal.Signals) -> None:
    everything = up.everything()

    up.process.send_signal(how)
    up.process.wait(30)

    _, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []
    assert up.process.returncode == 0


def test_up_tells_of_a_node_that_was_killed_and_stops_the_others(up: Up) -> None:
    everything = up.everything()
    up.node_process("naeural-2").kill()
    assert "naeural-2 has ended (signal 9)" in up.next_complaint()

    up.process.send_signal(signal.SIGTERM)
    up.process.wait(30)

    _, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []


def test_nothing_is_left_when_up_itself_is_killed(up: Up) -> None:
    everything = up.everything()

    up.process.kill()

    _, alive = psutil.wait_procs(everything, timeout=20)
    assert alive == []


def test_nodes_keep_their_addresses_from_one_start_to_the_next(tmp_path: Path) -> None:
    said = []
    for _ in range(2):
        running = Up(tmp_path, "--nodes", "1")
        running.stop()
        said.append(running.said["nodes"])

    assert said[0] == said[1]


def test_whom_allow_names_may_use_the_nodes(tmp_path: Path) -> None:
    guest = tmp_path / "guest.pem"
    running = Up(tmp_path, "--nodes", "1", "--allow", load_or_create_key(guest).address)
    node = running.said["nodes"][0]["address"]

    with Session(broker=running.said["broker"], key_file=guest, silent=True) as session:
        session.wait_for_node(node, verbose=False)
        allowed = session.get_allowed_nodes()
    running.stop()

    assert allowed == [node]


def test_the_nodes_trust_each_others_word_only_where_the_user_says_so(
    up: Up, tmp_path: Path
) -> None:
    (tmp_path / "trusting").mkdir()
    trusting = Up(tmp_path / "trusting", "--nodes", "2", "--may-delegate")

    def trusted(running: Up) -> list[set[str]]:
        """By node, the others that it allows, and those whose word it trusts, too."""
        addresses = {node["address"] for node in running.said["nodes"]}
        with Session(broker=running.said["broker"], silent=True) as session:
            for address in addresses:
                session.wait_for_node(address, verbose=False)
            found = [session.peers.heartbeat(address) for address in sorted(addresses)]
        listed = [set(each.allowed) & (addresses - {each.address}) for each in found if each]
        return [*listed, *(set(each.may_delegate or ()) for each in found if each)]

    of_trusting, of_others = trusted(trusting), trusted(up)
    first, second = sorted({node["address"] for node in trusting.said["nodes"]})
    trusting.stop()

    assert of_trusting == [{second}, {first}, {second}, {first}]
    assert of_others == [set(), set(), set(), set()]


def test_nodes_lists_who_is_online_for_programs(fleet: Fleet, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pye2_cli", "nodes", "--once", "--json"]

    done = subprocess.run(
        [*command, "--broker", fleet.url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert {node["address"] for node in listed} == {node.address for node in fleet.nodes}
    assert not any(node["allowed"] for node in listed)


@pytest.fixture
def client_folder(client_key: Path, tmp_path: Path) -> Path:
    """A working folder whose client key the fleet allows."""
    key = tmp_path / "_local_cache/_data/_pk_sdk.pem"
    key.parent.mkdir(parents=True)
    key.write_bytes(client_key.read_bytes())
    key.chmod(0o600)
    return tmp_path


def pye2_run(fleet: Fleet, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start ``pye2 run primes`` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "run", "primes", *arguments, "--json"],
        cwd=folder,
        env={**os.environ, "PYE2_BROKER": fleet.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("main_node", [(), ("--node", "naeural-2")])
def test_run_tells_the_result_of_a_preset_as_json(
    fleet: Fleet, client_folder: Path, main_node: tuple[str, ...]
) -> None:
    running = pye2_run(fleet, client_folder, "--upto", "100", *main_node)

    told, complained = running.communicate(timeout=100)

    assert running.returncode == 0, complained
    assert json.loads(told)["count"] == 25


def test_run_that_is_interrupted_says_so_and_leaves_nothing_running(
    fleet: Fleet, client_folder: Path, session: Session
) -> None:
    node = fleet.nodes[0].address
    running = pye2_run(
        fleet, client_folder, "--upto", "9000000", "--method", "trial-division", "--node", node
    )
    session.run(wait=lambda: not session.get_active_pipelines(node), close_session=False)

    running.send_signal(signal.SIGINT)
    told, complained = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "result" not in told
    assert complained.endswith("pye2: interrupted\n")
    session.run(
        wait=lambda: any(session.get_active_pipelines(each.address) for each in fleet.nodes),
        close_session=False,
    )


def slow_piece(plugin: Any) -> Any:
    done = plugin.obj_cache.get("done", 0)
    if done == 20:
        return None
    plugin.obj_cache["done"] = done + 1
    plugin.sleep(0.1)
    return [[plugin.cfg_job_id, done]]


def test_a_worker_that_is_killed_is_replaced_and_its_piece_done_again(tmp_path: Path) -> None:
    running = Up(tmp_path, "--nodes", "4")
    main_node = running.said["nodes"][0]["address"]
    names = {node["address"]: node["name"] for node in running.said["nodes"]}
    results: list[Any] = []
    killed: list[str] = []
    finished = threading.Event()

    def on_data(pipeline: Any, payload: Any) -> None:
        by_node = payload.get("PROGRESS_BY_NODE") or {}
        if not killed and len(by_node) == 2 and payload.get("DATA"):
            killed.append(by_node["0"]["NODE"])
            running.node_process(names[killed[0]]).kill()
        if payload.get("PROGRESS") == 100:
            results.append(payload["DATA"])
            finished.set()

    with Session(
        broker=running.said["broker"],
        key_file=tmp_path / "_local_cache/_data/_pk_sdk.pem",
        silent=True,
    ) as session:
        session.wait_for_node(main_node, verbose=False)
        session.create_chain_dist_custom_job(
            node=main_node,
            main_node_process_real_time_collected_data="return data",
            main_node_finish_condition="return sum(map(len, collected_data.values())) == 40",
            main_node_finish_condition_kwargs={},
            main_node_aggregate_collected_data="return sorted(sum(collected_data.values(), []))",
            nr_remote_worker_nodes=2,
            worker_node_code=slow_piece,
            on_data=on_data,
            deploy=True,
            node_timeout=3,
        )
        session.run(wait=lambda: not finished.is_set(), close_session=False, close_pipelines=True)
    running.stop()

    assert len(killed) == 1
    assert results == [[[piece, step] for piece in (0, 1) for step in range(20)]]
