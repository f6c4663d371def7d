"""Who has functions called, in a process of its own: ours, or one that it is held against.

``python -m benchmarks.call_ends PARTY …``. Each line on standard input is what to do and how often;
the answer is how many seconds that took: all together, or, of what goes one at a time, the median.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.call_functions import noop, same, work

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

TIMEOUT = 120.0
ARRAY_BYTES = 8 * 1024 * 1024
_TOPIC = "benchmarks/array"
_ROUNDS_TO_WARM_UP = 20


def _array() -> NDArray[np.uint8]:
    """What no compression makes smaller."""
    import numpy as np

    return np.frombuffer(os.urandom(ARRAY_BYTES), dtype=np.uint8)


def _median_of(count: int, once: Callable[[], object]) -> float:
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _seconds(once: Callable[[], object]) -> float:
    start = time.perf_counter()
    once()
    return time.perf_counter() - start


class _Party(Protocol):
    """Can do some of what is measured."""

    def close(self) -> None:
        """End it."""

    def do(self, what: str, count: int) -> float:
        """Seconds that something takes."""


class _Ours(_Party):
    """A session; with ``together`` 1 each call is sent in a message of its own."""

    def __init__(self, url: str, key_file: str, names: str, together: str) -> None:
        from pye2_calls.client.calls import SessionCalls
        from pye2_calls.client.doors import MOST_TOGETHER
        from pye2core import Session

        self._session = Session(broker=url, key_file=key_file, silent=True)
        for name in names.split(","):
            if not self._session.wait_for_node(name, timeout=TIMEOUT, verbose=False):
                raise TimeoutError(name)
        self._calls = SessionCalls(self._session, together=int(together) or MOST_TOGETHER)
        self._array = _array()
        for _ in range(_ROUNDS_TO_WARM_UP):
            self._all_noops(10)  # until both nodes have been given some

    def close(self) -> None:
        self._calls.close()
        self._session.close()

    def do(self, what: str, count: int) -> float:
        match what:
            case "trip":
                return _median_of(count, lambda: self._submit(noop).result(TIMEOUT))
            case "noops":
                return _seconds(partial(self._all_noops, count))
            case "map":
                return _seconds(partial(self._map, count))
            case _:
                return _median_of(count, self._echo)

    def _submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._calls.submit(function, args, {}, {"timeout": 60})

    def _all_noops(self, count: int) -> None:
        for future in [self._submit(noop) for _ in range(count)]:
            future.result(TIMEOUT)

    def _map(self, count: int) -> None:
        for future in self._calls.map(work, [range(count)], {}):
            future.result()  # raises what went wrong

    def _echo(self) -> None:
        back = self._submit(same, self._array).result(TIMEOUT)
        if back.nbytes != ARRAY_BYTES:
            raise ValueError("the array came back as another")


class _Dask(_Party):
    """A scheduler beside the client, and two workers with one thread each."""

    def __init__(self) -> None:
        import distributed

        self._cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        )
        self._client = distributed.Client(self._cluster)
        self._all_noops(100)

    def close(self) -> None:
        self._client.close()
        self._cluster.close()

    def do(self, what: str, count: int) -> float:
        if what == "trip":
            return _median_of(count, lambda: self._submit().result(TIMEOUT))
        return _seconds(partial(self._all_noops, count))

    def _submit(self) -> Any:
        return self._client.submit(noop, pure=False)

    def _all_noops(self, count: int) -> None:
        self._client.gather([self._submit() for _ in range(count)])


class _Celery(_Party):
    """A client of Celery's workers."""

    def __init__(self) -> None:
        from benchmarks import call_celery

        self._task, self._app = call_celery.noop, call_celery.app
        self._all_noops(100)

    def close(self) -> None:
        self._app.close()

    def do(self, what: str, count: int) -> float:
        if what == "trip":
            return _median_of(count, lambda: self._task.delay().get(TIMEOUT))
        return _seconds(partial(self._all_noops, count))

    def _all_noops(self, count: int) -> None:
        from celery.result import ResultSet

        ResultSet([self._task.delay() for _ in range(count)]).join_native(TIMEOUT)


class _Dramatiq(_Party):
    """A client of Dramatiq's workers."""

    def __init__(self) -> None:
        from benchmarks import call_dramatiq

        self._actor = call_dramatiq.noop
        self._ended = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        Path(os.environ["ENDED"]).unlink(missing_ok=True)
        self._ended.bind(os.environ["ENDED"])
        self._ended.settimeout(TIMEOUT)
        self._all_noops(100)

    def close(self) -> None:
        self._ended.close()

    def do(self, what: str, count: int) -> float:
        del what
        return _seconds(partial(self._all_noops, count))

    def _all_noops(self, count: int) -> None:
        for _ in range(count):
            self._actor.send()
        for _ in range(count):
            self._ended.recv(1)


class _Pool(_Party):
    """Python's own two processes; they are handed over so many items at a time."""

    def __init__(self, pieces: str) -> None:
        self._pool = ProcessPoolExecutor(2)
        self._pieces = int(pieces)
        list(self._pool.map(work, range(10)))

    def close(self) -> None:
        self._pool.shutdown()

    def do(self, what: str, count: int) -> float:
        del what
        return _seconds(lambda: list(self._pool.map(work, range(count), chunksize=self._pieces)))


class _Raw(_Party):
    """paho alone: a message of as many bytes, published and received."""

    def __init__(self, url: str) -> None:
        from benchmarks.echo import connected_client

        self._came = threading.Event()
        self._client = connected_client(url, _TOPIC, lambda *_: self._came.set())
        self._message = _array().tobytes()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def do(self, what: str, count: int) -> float:
        del what
        return _median_of(count, self._once)

    def _once(self) -> None:
        self._came.clear()
        self._client.publish(_TOPIC, self._message, 1)
        if not self._came.wait(TIMEOUT):
            raise TimeoutError(_TOPIC)


_PARTIES: dict[str, Callable[..., _Party]] = {
    "ours": _Ours,
    "dask": _Dask,
    "celery": _Celery,
    "dramatiq": _Dramatiq,
    "pool": _Pool,
    "raw": _Raw,
}


def main(name: str, *given: str) -> None:
    """Do what is asked for until there is no more."""
    party = _PARTIES[name](*given)
    print("ready", flush=True)
    for line in sys.stdin:
        what, count = line.split()
        print(party.do(what, int(count)), flush=True)
    party.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
