"""A broker and several nodes as processes of this machine, started and stopped together."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Self

import click
from attrs import define, field, frozen

from pye2_cli.keys.places import node_passphrases
from pye2core import Pye2Error, installed_plugins
from pye2core.identity import load_or_create_key
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READY_SECONDS = 30.0
STOP_SECONDS = 10.0


class NodeDidNotStart(Pye2Error):
    """A node process ended, or was silent, before it was ready.

    Attributes:
        name: the node's name.
    """

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


def check_broker(url: str | None) -> None:
    """Say what is wrong with an existing broker's URL before every node says it.

    Raises:
        BrokerUrlError: it is none.
        UnknownTransport: no plugin serves its scheme; says what to install.
        PluginBroken: the plugin that does is broken.
        PluginConflict: two do.
    """
    if url is not None:
        installed_plugins().transport(parse_broker_url(url).scheme)


@frozen
class FleetNode:
    """One node of a fleet.

    Attributes:
        name: its name.
        home: its home folder.
        address: its address.
    """

    name: str
    home: Path
    address: str


@define
class Fleet:
    """A context: on entry all is ready, on exit all is stopped, even what was killed meanwhile.

    Args:
        home: the folder that holds a folder for each node, and the broker's.
        size: how many nodes.
        broker_url: an existing broker; None to start an embedded one.
        allow: addresses whose commands the nodes take.
        may_delegate: whether they also take each other's work for clients that have signed no
            delegation, as PyE2's cannot.
        root_topic: the root of all channel names; None for that of this environment.
    """

    home: Path
    size: int
    broker_url: str | None = None
    allow: Sequence[str] = ()
    root_topic: str | None = None
    may_delegate: bool = False
    nodes: list[FleetNode] = field(factory=list, init=False)
    _processes: list[subprocess.Popen[str]] = field(factory=list, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)
    _stopping: bool = field(default=False, init=False)

    @property
    def url(self) -> str:
        """The broker's URL."""
        if self.broker_url is None:
            raise AssertionError("the fleet has not been entered")
        return self.broker_url

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            if self.broker_url is None:
                self.broker_url = self._start_broker(starting)
            self.nodes = [self._settle(f"naeural-{number + 1}") for number in range(self.size)]
            starting.callback(self._stop_nodes)
            self._start_nodes()
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_broker(self, stack: ExitStack) -> str:
        from pye2_broker import EmbeddedBroker

        broker = EmbeddedBroker(self.home / "broker")
        broker.watch(_tell_of_broker)
        return stack.enter_context(broker).url

    def _settle(self, name: str) -> FleetNode:
        home = self.home / name
        identity = load_or_create_key(home / "node.pem", node_passphrases())
        return FleetNode(name, home, identity.address)

    def _start_nodes(self) -> None:
        lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
        for node in self.nodes:
            process = self._start(node)
            self._processes.append(process)
            reader = threading.Thread(
                target=_read_lines, args=(node.name, process.stdout, lines), daemon=True
            )
            reader.start()
        waiting = {node.name for node in self.nodes}
        while waiting:
            waiting -= self._next_ready(waiting, lines)
        for node, process in zip(self.nodes, self._processes, strict=True):
            threading.Thread(target=self._tell_of_end, args=(node, process), daemon=True).start()

    def _tell_of_end(self, node: FleetNode, process: subprocess.Popen[str]) -> None:
        code = process.wait()
        if not self._stopping:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            click.echo(f"the node {node.name} has ended ({how}); the others go on", err=True)

    def _start(self, node: FleetNode) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pye2_node", "--name", node.name]
        command += ["--home", str(node.home), "--json", "--parent-death"]
        for address in self.allow:
            command += ["--allow", address]
        for other in self.nodes if self.may_delegate else ():
            if other is not node:
                command += ["--may-delegate", other.address]
        if logging.getLogger().isEnabledFor(logging.INFO):
            command += ["--verbose"]
        # The broker's URL can hold a password, which an argument would show to all users.
        return subprocess.Popen(  # noqa: S603 - our own program with our own arguments
            command,
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the fleet, which then stops its nodes in order.
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        root = {} if self.root_topic is None else {"PYE2_ROOT_TOPIC": self.root_topic}
        return {"PYE2_BROKER": self.url, **root}

    @staticmethod
    def _next_ready(waiting: set[str], lines: queue.Queue[tuple[str, str | None]]) -> set[str]:
        try:
            name, line = lines.get(timeout=READY_SECONDS)
        except queue.Empty:
            names = ", ".join(sorted(waiting))
            message = f"{names}: not ready within {READY_SECONDS:.0f} s; is the machine overloaded?"
            raise NodeDidNotStart(message, name=names) from None
        if line is None:
            message = f"the node {name} ended before it was ready; what it said is above"
            raise NodeDidNotStart(message, name=name)
        return {name} if _says_ready(line) else set()

    def _stop_nodes(self) -> None:
        self._stopping = True
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()


def _tell_of_broker(failure: Pye2Error) -> None:
    click.echo(f"{failure}\nNothing works without it: stop this and start it again.", err=True)


def _read_lines(
    name: str, stream: IO[str] | None, lines: queue.Queue[tuple[str, str | None]]
) -> None:
    with stream or open(os.devnull) as readable:  # noqa: PTH123 - closes either kind of stream
        for line in readable:
            lines.put((name, line))
    lines.put((name, None))


def _says_ready(line: str) -> bool:
    try:
        return bool(json.loads(line).get("event") == "ready")
    except (ValueError, AttributeError):
        return False
