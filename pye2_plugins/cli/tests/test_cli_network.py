"""What the subcommands that use a network say while nobody, or somebody, is on it."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pye2_broker import EmbeddedBroker
from pye2_cli.fleet import Fleet
from pye2_cli.nodes import labels_of, slots_of, told_sandbox
from pye2core import Session
from pye2core.identity import load_or_create_key
from pye2core.messages import Heartbeat, SandboxReport

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30


@pytest.fixture(scope="module")
def nobodys_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker without any node."""
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.url


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One node that allows the client of its folder, on a broker of its own."""
    folder = tmp_path_factory.mktemp("client")
    client = load_or_create_key(folder / "_local_cache/_data/_pk_sdk.pem").address
    with Fleet(folder, 1, None, (client,)) as running:
        yield running


def environment(broker: str, **more: str) -> dict[str, str]:
    """This environment with a broker, and without anything else of it that concerns pye2."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYE2_", "EE_", "AIXP_"))}
    return {**kept, "PYE2_BROKER": broker, **more}


def pye2(*arguments: str, cwd: Path, broker: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pye2_cli", *arguments],
        cwd=cwd,
        env=environment(broker, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )


def read_until(terminal: int, wanted: str) -> str:
    """What a terminal shows until it shows this."""
    shown = ""
    while wanted not in shown:
        assert select.select([terminal], [], [], PATIENCE)[0], shown
        shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_nodes_once_says_that_nothing_was_heard(
    tmp_path: Path, nobodys_broker: str, more: tuple[str, ...]
) -> None:
    done = pye2("nodes", "--once", "--seconds", "0.2", *more, cwd=tmp_path, broker=nobodys_broker)

    told = "nothing heard within 0.2 s; PyE2's nodes say every 10 s that they are there"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(told)
    assert "root topic" in done.stderr
    assert "access rules" in done.stderr


def test_run_says_what_it_waits_for_and_ctrl_c_ends_it_with_one_line(
    tmp_path: Path, nobodys_broker: str
) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "run", "primes", "--upto", "100"],
        cwd=tmp_path,
        env=environment(nobodys_broker, COLUMNS="200", TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)

    read_until(ours, "waiting for a node to say that it is there, at most every 10 s")
    running.send_signal(signal.SIGINT)
    told = read_until(ours, "interrupted")

    assert running.wait(PATIENCE) == 130
    assert "pye2: interrupted" in told
    assert "Aborted" not in told
    assert "Interrupted" not in told
    os.close(ours)


def test_run_on_a_node_that_does_not_appear_gives_a_hint_for_the_command_line(
    fleet: Fleet,
) -> None:
    done = pye2("run", "primes", "--node", "nobody", cwd=fleet.home, broker=fleet.url)

    assert done.returncode == 1
    assert "'nobody'" in done.stderr
    assert "naeural-1" in done.stderr
    assert "--node" in done.stderr
    assert "session." not in done.stderr


def test_nodes_breaks_no_address_where_it_is_piped_through_few_columns(fleet: Fleet) -> None:
    told = pye2("nodes", "--once", cwd=fleet.home, broker=fleet.url, COLUMNS="40").stdout

    row = next(line for line in told.splitlines() if fleet.nodes[0].address in line)
    assert "naeural-1" in row
    assert "s ago" in row


def test_nodes_tells_what_a_node_can_run_and_what_confines_it(fleet: Fleet) -> None:
    once = ("nodes", "--once")
    row = json.loads(pye2(*once, "--json", cwd=fleet.home, broker=fleet.url).stdout)
    told = pye2(*once, cwd=fleet.home, broker=fleet.url).stdout

    assert row["signatures"]["CUSTOM_EXEC_01"]
    assert {"layers", "missing", "unsafe"} == row["sandbox"].keys()
    assert f"CUSTOM_EXEC_01 {row['signatures']['CUSTOM_EXEC_01']}" in told
    assert all(layer in told for layer in row["sandbox"]["layers"])


def test_nodes_tells_how_many_calls_a_node_runs_at_once(fleet: Fleet) -> None:
    once = ("nodes", "--once")
    row = json.loads(pye2(*once, "--json", cwd=fleet.home, broker=fleet.url).stdout)
    told = pye2(*once, cwd=fleet.home, broker=fleet.url).stdout

    assert row["slots"]["busy"] == 0
    assert f"0 of {row['slots']['total']}" in told
    assert row["labels"] == {}


@pytest.mark.parametrize(
    ("status", "slots", "labels"),
    [
        ({"PYE2_SLOTS": {"total": 4, "busy": 1}}, {"total": 4, "busy": 1}, {}),
        ({"PYE2_LABELS": {"gpu": "1"}}, None, {"gpu": "1"}),
        ({"PYE2_SLOTS": {"total": "4"}, "PYE2_LABELS": {"gpu": 1}}, {}, {"gpu": "1"}),
        ({"PYE2_SLOTS": [4], "PYE2_LABELS": "gpu"}, None, {}),
    ],
)
def test_of_what_nodes_say_about_calls_only_what_is_in_order_is_told(
    status: dict[str, object], slots: object, labels: object
) -> None:
    heartbeat = Heartbeat("attic", "0xai_A", status=status)

    assert (slots_of(heartbeat), labels_of(heartbeat)) == (slots, labels)


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (SandboxReport(("namespaces", "rlimits")), "refuses code"),
        (SandboxReport(("namespaces",), unsafe=True), "namespaces (unsafe)"),
        (SandboxReport(("seccomp",)), "seccomp"),
        (None, ""),
    ],
)
def test_a_node_that_runs_no_code_of_others_is_told_from_one_that_does(
    report: SandboxReport | None, told: str
) -> None:
    assert told_sandbox(report) == told


@pytest.mark.skipif(
    Path("/run/systemd/timesync").is_dir(),
    reason="here systemd-timesyncd decides whether the clock is set",
)
def test_nodes_tells_which_node_does_not_know_the_time(fleet: Fleet) -> None:
    (node,) = fleet.nodes
    lock = node.home / "node.lock"
    once = ("nodes", "--once")
    known = lock.stat().st_mtime_ns

    os.utime(lock, ns=(known, known + 10**15))
    try:
        row = json.loads(pye2(*once, "--json", cwd=fleet.home, broker=fleet.url).stdout)
        told = pye2(*once, cwd=fleet.home, broker=fleet.url).stdout
    finally:
        os.utime(lock, ns=(known, known))

    assert "this node ran at" in row["clock_trouble"]
    assert "clock not set" in told
    right = json.loads(pye2(*once, "--json", cwd=fleet.home, broker=fleet.url).stdout)
    assert right["clock_trouble"] is None


def test_nodes_leaves_out_columns_where_a_terminal_has_no_room_for_them(fleet: Fleet) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "pye2_cli", "nodes", "--once"],
        cwd=fleet.home,
        env=environment(fleet.url, COLUMNS="80", TERM="xterm"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)

    told = read_until(ours, "└")

    assert fleet.nodes[0].address in told
    assert "allows me" in told
    assert "free GB" not in told
    running.wait(PATIENCE)
    os.close(ours)


def test_a_network_under_another_root_is_seen_only_by_who_asks_for_it(
    tmp_path: Path, nobodys_broker: str
) -> None:
    once = ("nodes", "--once", "--json", "--seconds", "1.5")
    with Fleet(tmp_path, 1, nobodys_broker, root_topic="lab/attic") as running:
        here = pye2(*once, "--root-topic", "lab/attic", cwd=tmp_path, broker=running.url)
        by_name = pye2(*once, cwd=tmp_path, broker=running.url, PYE2_ROOT_TOPIC="lab/attic")
        elsewhere = pye2(*once, cwd=tmp_path, broker=running.url)

    assert running.nodes[0].address in here.stdout
    assert running.nodes[0].address in by_name.stdout
    assert (elsewhere.returncode, elsewhere.stdout) == (1, "")


def run_code_that_prints(broker: str, node: str, folder: Path) -> None:
    key = folder / "_local_cache/_data/_pk_sdk.pem"
    with Session(broker, key_file=key, silent=True) as session:
        session.wait_for_node(node, verbose=False)
        pipeline = session.create_pipeline(node=node, name="printing")
        pipeline.wait_exec("print('from', 'afar')\nreturn 1", timeout=PATIENCE)


@pytest.mark.parametrize(("arguments", "is_shown"), [(("-v", "up"), True), (("up",), False)])
def test_what_custom_code_prints_is_shown_by_nodes_that_are_to_be_verbose(
    tmp_path: Path, nobodys_broker: str, arguments: tuple[str, ...], *, is_shown: bool
) -> None:
    log = tmp_path / "log"
    options = ("--nodes", "1", "--json", "--broker", nobodys_broker)
    with log.open("w") as written:
        running = subprocess.Popen(
            [sys.executable, "-m", "pye2_cli", *arguments, *options],
            cwd=tmp_path,
            env=environment(nobodys_broker),
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    try:
        assert running.stdout is not None
        (node,) = json.loads(running.stdout.readline())["nodes"]
        run_code_that_prints(nobodys_broker, node["address"], tmp_path)
    finally:
        running.terminate()
        running.communicate(timeout=PATIENCE)

    assert ("from afar" in log.read_text()) is is_shown
