"""From deploy() of a new pipeline to its first result, and the cold start of a script."""

from __future__ import annotations

import asyncio
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.table import RUNS, Row, percentile, progress, with_bytecode
from pye2_cli.fleet import Fleet
from pye2core import Session
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from pye2core import Pipeline

DEPLOYS = 100
_SCRIPT = """
import sys, threading
from pye2core import Session
def job(plugin):
    return 1
done = threading.Event()
with Session(broker=sys.argv[1], key_file=sys.argv[3], silent=True) as session:
    session.wait_for_node(sys.argv[2], verbose=False)
    pipeline = session.create_pipeline(node=sys.argv[2], name="cold")
    pipeline.create_custom_plugin_instance(
        instance_id="one", custom_code=job, on_data=lambda *_: done.set(), process_delay=60)
    pipeline.deploy()
    done.wait(30)
    pipeline.close()
"""


def one(plugin: Any) -> Any:
    """What is deployed."""
    return 1


def echo_times(url: str, count: int) -> list[float]:
    """Echoes of 1 KiB at QoS 1: to another process by raw paho and back, in seconds."""
    from benchmarks.echo import ASKED, ECHOED, connected_client

    command = [sys.executable, "-m", "benchmarks.echo", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as echoing:
        (echoing.stdout or sys.stdin).readline()
        arrived: queue.Queue[float] = queue.Queue()
        client = connected_client(url, ECHOED, lambda *_: arrived.put(time.perf_counter()))
        times = []
        for _ in range(count):
            start = time.perf_counter()
            client.publish(ASKED, b"x" * 1024, qos=1)
            times.append(arrived.get(timeout=10) - start)
        client.disconnect()
        client.loop_stop()
        echoing.terminate()
    return times


def fork_times(count: int) -> list[float]:
    """Forks of a warm zygote, from asking for a worker to having it, in seconds."""
    return asyncio.run(_fork_times(count))


class _Deaf:
    """Takes what a worker says, of which there is nothing here."""

    async def on_log(self, text: str) -> None:
        """A line of the worker's log."""

    async def on_payload(self, fields: dict[str, Any]) -> None:
        """A payload that it wants sent."""

    async def on_cache_save(self, name: str, text: str) -> None:
        """Something that it wants kept."""

    async def on_cache_load(self, name: str) -> str | None:
        """Something that it wants back."""
        return None

    async def on_limit(self, name: str, value: float) -> None:
        del name, value


async def _fork_times(count: int) -> list[float]:
    from pye2_node.sandbox import SandboxPool

    pool = SandboxPool()
    deaf = _Deaf()
    await pool.start()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        worker = await pool.spawn(deaf)
        times.append(time.perf_counter() - start)
        await worker.stop(0.0)
    await pool.stop()
    return times


def first_result_times(session: Session, node: str, count: int) -> list[float]:
    """From the call of deploy() of a new pipeline to the first result's callback, in seconds."""
    times = []
    for number in range(count + 3):
        arrived: queue.Queue[float] = queue.Queue()

        def on_data(pipeline: Pipeline, *_: Any, arrived: queue.Queue[float] = arrived) -> None:
            arrived.put(time.perf_counter())

        pipeline = session.create_pipeline(node=node, name=f"first-{number}")
        pipeline.create_custom_plugin_instance(
            instance_id="one", custom_code=one, on_data=on_data, process_delay=60
        )
        start = time.perf_counter()
        pipeline.deploy()
        times.append(arrived.get(timeout=30) - start)
        pipeline.close()
    return times[3:]


def cold_start_times(url: str, node: str, key: Path) -> list[float]:
    """A whole script, from its start to its end after the first result, in seconds."""
    script = key.with_name("cold.py")
    script.write_text(_SCRIPT)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        command = [sys.executable, script, url, node, str(key)]
        subprocess.run(command, env=with_bytecode(), check=True)
        times.append(time.perf_counter() - start)
    return times


def rows() -> list[Row]:
    """Deploy to first result against echoes and a fork; cold start, shown."""
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "client.pem"
        client = load_or_create_key(key).address
        with Fleet(Path(folder), 1, None, (client,)) as fleet:
            node = fleet.nodes[0].address
            progress("raw echoes, forks, deploys")
            echo = statistics.median(echo_times(fleet.url, 200))
            fork = statistics.median(fork_times(30))
            with Session(broker=fleet.url, key_file=key, silent=True) as session:
                session.wait_for_node(node, verbose=False)
                times = first_result_times(session, node, DEPLOYS)
            progress("cold starts")
            cold = statistics.median(cold_start_times(fleet.url, node, key))
    allowed = (15 * echo + fork) * 1000
    middle, slowest = statistics.median(times) * 1000, percentile(times, 0.99) * 1000
    note = f"against 15 raw QoS 1 echoes of {echo * 1000:.2f} ms and a fork of {fork * 1000:.2f} ms"
    return [
        Row("deploy() to first result, p50", middle, "ms", note, allowed, 1.0),
        Row("deploy() to first result, p99", slowest, "ms", "against the same", allowed, 4.0),
        Row("cold start of a script, to its end after a result", cold * 1000, "ms"),
    ]
