"""The demo as a whole, and what a second worker brings."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import RUNS, Row, medians_in_turn, progress, with_bytecode
from pye2_cli.fleet import Fleet
from pye2_cli.jobs import JobRun
from pye2core import Session
from pye2core.identity import load_or_create_key

DEMO_SECONDS = 4.0
UPTO = 300_000
PLAIN = "twice one process's time over two processes' at once, plain Python: 2 with two free cores"


def demo_seconds() -> float:
    """One run of ``pye2 demo primes`` from start to exit."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pye2_cli", "demo", "primes", "--json"]
    subprocess.run(command, env=with_bytecode(), check=True, capture_output=True)
    return time.perf_counter() - start


def trial_division_seconds(session: Session, node: str, workers: int) -> float:
    """One job over the whole range, from asking for it to its result."""
    parameters = {"upto": UPTO, "workers": workers, "method": "trial-division"}
    start = time.perf_counter()
    found = JobRun("primes", parameters).run(session, node, show_progress=False)
    taken = time.perf_counter() - start
    if len(found) != 25_997:  # noqa: PLR2004 - the number of primes below 300,000
        message = f"{len(found)} primes below {UPTO}, and there are 25,997"
        raise AssertionError(message)
    return taken


def divide() -> int:
    """Plain Python that keeps a processor busy for about as long as one worker's piece."""
    return sum(all(n % d for d in range(3, int(n**0.5) + 1, 2)) for n in range(3, UPTO // 4, 2))


def processes_seconds(count: int) -> float:
    """So many processes that do the same at once, without pye2: what the machine itself gives."""
    processes = [multiprocessing.Process(target=divide) for _ in range(count)]
    start = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return time.perf_counter() - start


def rows() -> list[Row]:
    """The demo against its limit; one worker against two."""
    progress("demo primes")
    (demo,) = medians_in_turn(demo_seconds, runs=RUNS)
    progress("trial division by one and by two workers")
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "client.pem"
        client = load_or_create_key(key).address
        with (
            Fleet(Path(folder), 3, None, (client,)) as fleet,
            Session(broker=fleet.url, key_file=key, silent=True) as session,
        ):
            node = fleet.nodes[0].address
            session.wait_for_node(node, verbose=False)
            single, double, alone, both = medians_in_turn(
                lambda: trial_division_seconds(session, node, 1),
                lambda: trial_division_seconds(session, node, 2),
                lambda: processes_seconds(1),
                lambda: processes_seconds(2),
            )
    note = f"one worker's time over two workers', trial division to {UPTO:,}"
    return [
        Row("pye2 demo primes, start to exit", demo, "s", "against the limit", DEMO_SECONDS, 1.0),
        Row("two workers instead of one", single, "s", note, double, 1.5, at_least=True),
        Row("what the machine gives two processes", 2 * alone, "s", PLAIN, both),
    ]
