"""What an idle node and an idle session use."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

from benchmarks.table import RUNS, Row, progress
from pye2_cli.fleet import Fleet
from pye2core.identity import load_or_create_key

SECONDS = 30.0
MEBIBYTE = 1024 * 1024
_SESSION = """
import sys
from pye2core import Session
with Session(broker=sys.argv[1], key_file=sys.argv[2], silent=True) as session:
    session.wait_for_any_node(verbose=False)
    print("ready", flush=True)
    session.run(wait=True)
"""


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in processes)


def _resident(processes: list[psutil.Process]) -> float:
    """MiB of all, each as the system tells it: pages that they share count for each of them."""
    return sum(each.memory_info().rss for each in processes) / MEBIBYTE


def _held(processes: list[psutil.Process]) -> float:
    """MiB of memory that all of them hold together: pages that they share count once."""
    return sum(each.memory_full_info().pss for each in processes) / MEBIBYTE


def _shares(groups: list[list[psutil.Process]]) -> list[float]:
    """Percent of a core that each group of processes uses, over the same 30 s."""
    before = [_cpu_seconds(group) for group in groups]
    psutil.wait_procs([each for group in groups for each in group], timeout=SECONDS)
    after = [_cpu_seconds(group) for group in groups]
    return [(end - start) / SECONDS * 100 for start, end in zip(before, after, strict=True)]


def rows() -> list[Row]:
    """CPU time over 30 s against 1 % of a core; a node's memory against 80 MiB."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "client.pem"
        client = load_or_create_key(key).address
        with Fleet(Path(folder), 1, None, (client,)) as fleet:
            command = [sys.executable, "-c", _SESSION, fleet.url, str(key)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
                (script.stdout or sys.stdin).readline()
                home = fleet.nodes[0].home
                node = next(
                    each for each in psutil.Process().children() if str(home) in each.cmdline()
                )
                progress(f"idle for {SECONDS:.0f} s, {RUNS} times")
                alone, both = _resident([node]), _resident(_tree(node))
                held = _held(_tree(node))
                groups = [[psutil.Process(script.pid)], _tree(node)]
                shares = [_shares(groups) for _ in range(RUNS)]
                script.terminate()
    session_cpu, node_cpu = zip(*shares, strict=True)
    return [
        Row("idle session, share of a core", statistics.median(session_cpu), "%", "", 1.0, 1.0),
        Row("idle node with its zygote", statistics.median(node_cpu), "%", "", 1.0, 1.0),
        Row("node process, before a job", alone, "MiB", "against 80 MiB", 80.0, 1.0),
        Row("node with its zygote, before a job", both, "MiB", "against 80 MiB", 80.0, 1.0),
        Row("the same, shared pages counted once", held, "MiB"),
    ]
