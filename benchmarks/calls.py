"""Functions called on two nodes of one slot, beside Celery, Dask, Dramatiq and a process pool.

Ours are as users have them: signed and encrypted, each client's functions in confined processes,
over Mosquitto. Who is not installed (``uv sync --all-packages --group bench``) is left out. All
parties run for the whole time, idle when it is not their turn, and take turns.

CPU time is that of client, workers or nodes, and broker together.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING, Final, Self

import psutil

from benchmarks.table import Row, progress, typical, typical_pair
from pye2_testing.child import Child
from pye2_testing.mosquitto import Mosquitto
from pye2_testing.mosquitto import find_program as find_mosquitto
from pye2_testing.rabbitmq import RabbitMq
from pye2_testing.rabbitmq import find_program as find_rabbitmq
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RUNS: Final = 5
NOOPS: Final = 2_000
TRIPS: Final = 100
ITEMS: Final = 10_000
ARRAYS: Final = 5
MAPS: Final = 3
_PATIENCE: Final = 60.0

_TRANSIENT: Final = (
    "nothing on disk: calls end with their client, and are sent again if a node dies"
)
_NOTES: Final = {
    "trip": "Dask: one at a time, two processes of one thread; on both sides nothing is on disk",
    "transient": f"Celery, transient; ours: {_TRANSIENT}",
    "durable": "Celery, durable with acks_late: a broker's crash loses nothing; ours: as above",
    "dramatiq": "Dramatiq, durable queue, without results; ours: as above",
    "map": "against a pool's as it is",
    "map50": "against a pool's in pieces of 50",
    "item": "ProcessPoolExecutor(2), ours as it is; an item takes some 8 ms",
    "array": "one publish and receive of the same bytes by paho, QoS 1",
}


class _Process:
    """A party's client; it ends with the ``with`` block."""

    def __init__(self, servers: Sequence[int], *given: str, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.call_ends", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **variables},
        )
        self._servers = servers
        self.cpu = 0.0

    def __enter__(self) -> Self:
        self._line("ready")
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _line(self, wanted: str = "") -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or (wanted and line != wanted):
            raise RuntimeError(f"{self._process.args} said {line!r}")
        return line

    def do(self, what: str, count: int) -> float:
        """Seconds; CPU seconds of each of ``count`` are in ``cpu`` afterwards."""
        assert self._process.stdin is not None
        before = self._cpu_seconds()
        self._process.stdin.write(f"{what} {count}\n")
        seconds = float(self._line())
        self.cpu = (self._cpu_seconds() - before) / count
        return seconds

    def _cpu_seconds(self) -> float:
        seconds = 0.0
        for pid in (self._process.pid, *self._servers):
            process = psutil.Process(pid)
            for each in (process, *process.children(recursive=True)):
                seconds += sum(each.cpu_times()[:2])
        return seconds


class _Together:
    """Pairs of measures, with the CPU seconds of the pair that is shown."""

    def __init__(self, ours: _Process, theirs: _Process, what: str, count: int) -> None:
        self._ours, self._theirs = ours, theirs
        self._what, self._count = what, count
        self._cpu: dict[float, float] = {}

    def figures(self) -> tuple[float, float, float, float]:
        """Seconds of ours and theirs, and CPU seconds of each."""
        ours, theirs = typical_pair(
            lambda: self._once(self._ours), lambda: self._once(self._theirs), RUNS
        )
        return ours, theirs, self._cpu[ours], self._cpu[theirs]

    def _once(self, process: _Process) -> float:
        seconds = process.do(self._what, self._count)
        self._cpu[seconds] = process.cpu
        return seconds


def _noted(note: str, ours: float, theirs: float) -> str:
    return f"{note}; CPU {ours * 1000:.2f} ms each, theirs {theirs * 1000:.2f}"


# --- what is started ------------------------------------------------------------------------------


@contextmanager
def _started(
    command: Sequence[str], said: bytes, variables: Mapping[str, str] | None = None
) -> Iterator[int]:
    """A program that is ready; its process id."""
    program = Child(
        [sys.executable, "-m", *command],
        lambda line: said in line,
        environment={**os.environ, **(variables or {})},
    )
    failure = program.failure(_PATIENCE)
    if failure is not None:
        raise RuntimeError(f"{command[0]} did not start: {failure}")
    try:
        yield program.pid
    finally:
        program.end([SIGTERM, SIGKILL], patience=10)


class _Nodes:
    """A Mosquitto and two nodes of one slot."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        broker = stack.enter_context(Mosquitto(folder, options=["max_queued_bytes 0"]))
        self.url, self._key = broker.url, folder / "client.pem"
        self._names = ("left", "right")
        client = load_or_create_key(self._key).address
        usual = ["pye2_node", "--broker", self.url, "--allow", client, "--slots", "1", "--json"]
        self._pids = [broker.pid]
        for name in self._names:
            command = [*usual, "--name", name, "--home", str(folder / name), "--parent-death"]
            self._pids.append(stack.enter_context(_started(command, b'"ready"')))

    def client(self, stack: ExitStack, *, together: int) -> _Process:
        """A session; ``together`` is how many calls go in one message, 0 for what is usual."""
        names = ",".join(self._names)
        given = ("ours", self.url, str(self._key), names, str(together))
        return stack.enter_context(_Process(self._pids, *given))


@contextmanager
def _celery(rabbit: RabbitMq, *, durable: bool) -> Iterator[_Process]:
    variables = {"BROKER": rabbit.url, "DURABLE": "1" if durable else ""}
    command = ["celery", "-A", "benchmarks.call_celery", "worker", "--pool", "prefork"]
    command += ["--concurrency", "2", "--without-gossip", "--without-mingle"]
    command += ["--loglevel", "INFO"]  # only so does it say that it is ready
    with (
        _started(command, b"ready.", variables) as worker,
        _Process([worker, rabbit.pid], "celery", **variables) as client,
    ):
        yield client


@contextmanager
def _dramatiq(rabbit: RabbitMq) -> Iterator[_Process]:
    variables = {"BROKER": rabbit.url, "ENDED": str(rabbit.folder / "ended.socket")}
    command = ["dramatiq", "--processes", "2", "--threads", "1", "benchmarks.call_dramatiq"]
    with (
        _started(command, b"Worker process is ready for action.", variables) as worker,
        _Process([worker, rabbit.pid], "dramatiq", **variables) as client,
    ):
        yield client


# --- rows -----------------------------------------------------------------------------------------


def _is_there(module: str) -> bool:
    found = importlib.util.find_spec(module) is not None
    if not found:
        progress(f"{module} is not installed, its rows are left out: sync with --group bench")
    return found


def _time_row(name: str, note: str, together: _Together, bound: float) -> Row:
    progress(name)
    ours, theirs, our_cpu, their_cpu = together.figures()
    return Row(name, ours * 1000, "ms", _noted(note, our_cpu, their_cpu), theirs * 1000, bound)


def _rate_row(name: str, note: str, pair: _Together, count: int, bound: float | None) -> Row:
    progress(name)
    ours, theirs, our_cpu, their_cpu = pair.figures()
    noted = _noted(note, our_cpu, their_cpu)
    return Row(name, count / ours, "/s", noted, count / theirs, bound, at_least=True)


def _trips(alone: _Process) -> Iterator[Row]:
    if _is_there("distributed"):
        with _Process((), "dask") as dask:
            pair = _Together(alone, dask, "trip", TRIPS)
            yield _time_row("a call of nothing, alone, there and back", _NOTES["trip"], pair, 0.5)


def _rates(folder: Path, alone: _Process, batched: _Process) -> Iterator[Row]:
    if find_rabbitmq() is None:
        progress("RabbitMQ is not installed, the rows of what needs it are left out")
        return
    with RabbitMq(folder) as rabbit:
        for kind in ("transient", "durable") if _is_there("celery") else ():
            with _celery(rabbit, durable=kind == "durable") as celery:
                yield from _two_rates(f"against Celery, {kind}", kind, celery, alone, batched)
        if _is_there("dramatiq"):
            with _dramatiq(rabbit) as dramatiq:
                yield from _two_rates("against Dramatiq", "dramatiq", dramatiq, alone, batched)


def _two_rates(
    against: str, note: str, theirs: _Process, alone: _Process, batched: _Process
) -> Iterator[Row]:
    bounds: Mapping[str, tuple[float, float]] = {"transient": (0.6, 3.0), "durable": (0.6, 3.0)}
    one, many = bounds.get(note, (None, None))
    for how, ours, bound in (("each sent alone", alone, one), ("sent together", batched, many)):
        name = f"calls of nothing, {how}, {against}"
        yield _rate_row(name, _NOTES[note], _Together(ours, theirs, "noops", NOOPS), NOOPS, bound)


def _map_rows(batched: _Process) -> Iterator[Row]:
    """Ours as it is, and a pool as it is and with as many items at a time as is best for it."""
    with _Process((), "pool", "1") as usual, _Process((), "pool", "50") as pieces:
        parties = (batched, usual, pieces)
        for each in parties:
            each.do("map", ITEMS // 20)
        rounds = []
        for number in range(1, MAPS + 1):
            progress(f"map over {ITEMS:,} items, {number} of {MAPS}")
            rounds.append([(each.do("map", ITEMS), each.cpu) for each in parties])
    for place, kind in enumerate(("map", "map50"), 1):
        ours, theirs = typical([(each[0][0], each[place][0]) for each in rounds])
        cpu = {seconds: used for each in rounds for seconds, used in each}
        name = f"map over {ITEMS:,} items, {_NOTES[kind]}"
        note = _noted(_NOTES["item"], cpu[ours], cpu[theirs])
        yield Row(name, ITEMS / ours, "/s", note, ITEMS / theirs, 0.9, at_least=True)


def _array_row(url: str, batched: _Process) -> Row:
    with _Process((), "raw", url) as raw:
        pair = _Together(batched, raw, "array", ARRAYS)
        return _time_row("an array of 8 MiB, there and back", _NOTES["array"], pair, 4.0)


def rows() -> list[Row]:
    """Round trips, rates, a map and an array."""
    if find_mosquitto() is None:
        progress("Mosquitto is not installed: nothing is measured")
        return []
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        nodes = _Nodes(Path(name) / "mosquitto", stack)
        alone = nodes.client(stack, together=1)
        batched = nodes.client(stack, together=0)
        wanted: Mapping[str, Callable[[], list[Row]]] = {
            "trips": lambda: list(_trips(alone)),
            "rates": lambda: list(_rates(Path(name) / "rabbitmq", alone, batched)),
            "map": lambda: list(_map_rows(batched)),
            "array": lambda: [_array_row(nodes.url, batched)],
        }
        only = os.environ.get("ONLY", ",".join(wanted)).split(",")
        return [row for each in only for row in wanted[each]()]
