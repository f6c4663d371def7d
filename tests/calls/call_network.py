"""A Mosquitto and nodes as processes, each of which can be killed and started again."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import ExitStack
from queue import Queue
from typing import TYPE_CHECKING, Any, Self

import psutil

from pye2_node import allow_file
from pye2_node.home import allow_file_of
from pye2_testing.child import Child
from pye2_testing.mosquitto import Mosquitto
from pye2core import Session
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code import read_grants
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from pathlib import Path


PATIENCE = 60.0
"""Seconds that anything may take on a machine that has much else to do."""


class CallNode:
    """A node's process.

    Args:
        home: its folder.
        options: of its command, but for its name and home.

    Attributes:
        name: its name.
    """

    def __init__(self, home: Path, options: Sequence[str]) -> None:
        self.name = home.name
        self._home = home
        self._options = options
        self._child: Child | None = None

    def start(self) -> None:
        """Start it; :meth:`wait_until_ready` is to follow."""
        command = [sys.executable, "-m", "pye2_node", "--name", self.name, "--json"]
        command += ["--home", str(self._home), "--parent-death", *self._options]
        self._child = Child(command, _says_ready)

    def wait_until_ready(self) -> None:
        """Wait until it takes commands."""
        assert self._child is not None
        failure = self._child.failure(PATIENCE)
        assert failure is None, f"{self.name} did not start: {failure}"

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM, signal.SIGKILL)

    def _end(self, *signals: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end(signals, patience=10)

    def processes(self) -> set[psutil.Process]:
        """All processes below it."""
        assert self._child is not None
        return set(psutil.Process(self._child.pid).children(recursive=True))

    def grant(self, client: str, **grants: object) -> None:
        """Grant something to a client, before the node is started."""
        guest = allow_file.Guest(client, grants=read_grants(grants))
        self._home.mkdir(parents=True, exist_ok=True)
        allow_file.allow(allow_file_of(self._home), [guest], SYSTEM_CLOCK.now())


def _says_ready(line: bytes) -> bool:
    try:
        return bool(json.loads(line).get("event") == "ready")
    except (ValueError, AttributeError):
        return False


class CallNetwork:
    """A broker and three nodes with two slots each, as long as a ``with`` block.

    ``n0`` has the label gpu=1; ``n1`` has gpu=2 and room=attic; ``n2`` has none, and its owner
    grants the module ``shlex`` to the client.

    Args:
        folder: an empty one.
        grants: what the owners of all nodes grant to the client, besides.

    Attributes:
        broker: its broker.
        url: the broker's.
        key_file: the client's.
        nodes: the nodes.
    """

    def __init__(self, folder: Path, **grants: object) -> None:
        self._folder = folder
        self._grants = grants
        self._at_the_end = ExitStack()
        self.key_file = folder / "client.pem"

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            # What a thousand calls say may wait for a client that has much else to do.
            options = ["max_queued_bytes 0"]
            self.broker = Mosquitto(self._folder / "mosquitto", options=options)
            self.url = starting.enter_context(self.broker).url
            client = load_or_create_key(self.key_file).address
            usual = (
                "--broker",
                self.url,
                "--allow",
                client,
                "--slots",
                "2",
                "--exec-timeout",
                "0.5",
            )
            labels = (
                ("--label", "gpu=1"),
                ("--label", "gpu=2", "--label", "room=attic"),
                (),
            )
            self.nodes = [
                CallNode(self._folder / f"n{number}", (*usual, *more))
                for number, more in enumerate(labels)
            ]
            self.nodes[2].grant(client, modules=["shlex"])
            for node in self.nodes:
                if self._grants:
                    node.grant(client, **self._grants)
                starting.callback(node.stop)
                node.start()
            for node in self.nodes:
                node.wait_until_ready()
            self._at_the_end = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._at_the_end.close()

    def session(self) -> Session:
        """A new session, which has heard from all nodes."""
        session = Session(broker=self.url, key_file=self.key_file, silent=True)
        try:
            for node in self.nodes:
                assert session.wait_for_node(node.name, timeout=PATIENCE, verbose=False)
        except BaseException:
            session.close()
            raise
        return session


# --- calls that run ------------------------------------------------------------------------------


def work_until_stopped() -> None:
    print("at work")
    while True:
        pass


def wait_until_stopped(*_: object) -> None:
    """For a call that runs and takes no part of the machine; nothing here waits for so long."""
    import time

    print("at work")
    time.sleep(10 * 60)


def begun(session: Session, node: str, **options: Any) -> Future[None]:
    """A call that is at work on a node and does not end by itself."""
    printed: Queue[str] = Queue()
    future: Future[None] = session.submit(
        work_until_stopped, node=node, on_output=printed.put, **options
    )
    printed.get(timeout=PATIENCE)
    return future


def process_at_work(node: CallNode) -> psutil.Process:
    """The process of a node's that computes; all others wait."""
    pace = threading.Event()
    before = {each: each.cpu_times().user for each in node.processes()}
    while True:
        for each, seconds in before.items():
            if each.cpu_times().user > seconds + 0.1:
                return each
        pace.wait(0.01)
