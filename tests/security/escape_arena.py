"""A whole network to be attacked: a broker, a node in a cell, two tenants, and the witnesses.

``Arena`` starts and ends it all, and starts the node anew when it was broken. What is tried there
is in ``escape_trials``; who lives on the node besides is in ``escape_neighbours``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import psutil
from attrs import define, field
from escape_tenants import Tenant
from escape_witnesses import (
    ENVIRONMENT_SECRET,
    PASSWORD,
    PORT,
    Household,
    Listener,
    Outside,
)

from pye2_node.home import Home
from pye2_testing.mosquitto import Mosquitto
from pye2core.identity import load_or_create_key

if TYPE_CHECKING:
    from pye2core.messages import InstancePath

HERE: Final = Path(__file__).parent
ORDINARY_USER: Final = 60991
"""A user that nobody is, for nodes that are not root's."""

PATIENCE: Final = 30.0
_HEARTBEAT: Final = 0.25


@define
class Arena:
    """A context: on entry the node runs and knows both tenants; on exit nothing of it is left.

    Args:
        without: the layers of the node's sandbox that are turned off.
        as_user: whether the node is an ordinary user's, where these tests are root's.
    """

    without: frozenset[str] = frozenset()
    as_user: bool = False
    attacker: Tenant = field(init=False)
    tenant: Tenant = field(init=False)
    listener: Listener = field(init=False)
    outside: Outside = field(init=False)
    household: Household = field(init=False)
    node: str = field(default="", init=False)
    home: Path = field(init=False)
    _ground: Path = field(init=False)
    _log: Path = field(init=False)
    _log_read: int = field(default=0, init=False)
    _lives: int = field(default=0, init=False)
    _broker: Mosquitto = field(init=False)
    _cell: subprocess.Popen[str] | None = field(default=None, init=False)
    _stack: ExitStack = field(factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            private = Path(tempfile.mkdtemp(prefix="pye2-escapes-broker-"))
            starting.callback(shutil.rmtree, private)
            self._ground = Path(tempfile.mkdtemp(prefix="pye2-escapes-"))
            starting.callback(shutil.rmtree, self._ground)
            self._ground.chmod(0o755)
            self.outside = Outside(self._ground / "outside")
            self.listener = starting.enter_context(Listener(self._ground))
            broker = Mosquitto(private / "broker", user="pye2", password=PASSWORD)
            self._broker = starting.enter_context(broker)
            self._log = private / "node.log"
            self.attacker = starting.enter_context(Tenant(self.url, private / "attacker.pem"))
            self.tenant = starting.enter_context(Tenant(self.url, private / "tenant.pem"))
            starting.callback(self._end_node)
            self._start_node()
            self._stack = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The broker's, with the password that the node knows, too."""
        return f"mqtt://pye2:{PASSWORD}@127.0.0.1:{self._broker.port}"

    def places(self, name: str, path: InstancePath) -> dict[str, str]:
        """What a snippet's placeholders stand for."""
        return {
            "@NODE_KEY@": str(self.home / "node.pem"),
            "@OUTSIDE@": str(self.outside.place_for(name)),
            "@WORK@": str(Home._place_of(self._home_only, path)),
            "@HOME@": str(self.home),
            "@GROUND@": str(self._ground),
            "@ABSTRACT@": self.listener.abstract_name,
            str(PORT): str(self.listener.port),
            "@MARKER@": f"PLANTED-BY-A-{name}",
        }

    @property
    def _home_only(self) -> Any:
        """As much of a ``Home`` as knows where an instance's folder is."""
        known = Home.__new__(Home)
        known.path = self.home
        return known

    def new_log(self) -> str:
        """What the node has logged since this was asked last."""
        with self._log.open("rb") as log:
            log.seek(self._log_read)
            said = log.read()
        self._log_read += len(said)
        return said.decode("utf-8", "replace")

    def is_alive(self) -> bool:
        """Whether the node's process is there."""
        return self._cell is not None and self._cell.poll() is None

    def begin_anew(self) -> None:
        """End the node, however it is, and start another."""
        self._end_node()
        for tenant in (self.attacker, self.tenant):
            tenant.abandon()
        self._start_node()

    # --- starting and ending ----------------------------------------------------------------------

    def _start_node(self) -> None:
        self._lives += 1
        self.home = self._ground / f"home-{self._lives}"
        self.home.mkdir(mode=0o700)
        # Made here, so that the sessions know whom to wait for before it is up.
        self.node = load_or_create_key(self.home / "node.pem").address
        user = ORDINARY_USER if self.as_user and os.geteuid() == 0 else None
        if user is not None:
            for each in (self.home, *self.home.iterdir()):
                os.chown(each, user, user)
        asked = {"writable": [str(self._ground)], "uid": user, "command": self._command()}
        with self._log.open("ab") as log:
            self._cell = subprocess.Popen(
                [sys.executable, str(HERE / "escape_cell.py"), json.dumps(asked)],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.household = Household(psutil.Process(self._cell.pid))
        assert self._cell.stdout is not None
        ready = self._cell.stdout.readline()
        assert "ready" in ready, f"the node did not start:\n{self.new_log()}"
        self.household.start()
        for tenant in (self.attacker, self.tenant):
            tenant.meet(self.node, PATIENCE)

    def _command(self) -> list[str]:
        program = ["-m", "pye2_node"]
        if self.without:
            program = [str(HERE / "escape_node.py"), ",".join(sorted(self.without))]
        options = ["--name", f"arena-{self._lives}", "--home", str(self.home), "--json"]
        options += ["--verbose", "--heartbeat-interval", str(_HEARTBEAT)]
        for tenant in (self.attacker, self.tenant):
            options += ["--allow", tenant.address]
        return [sys.executable, *program, *options]

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYE2_")}
        ours = {"PYE2_BROKER": self.url, "SOMETHING_SECRET": ENVIRONMENT_SECRET}
        return {**kept, **ours, "HOME": str(self.home), "TMPDIR": str(self._ground)}

    def _end_node(self) -> None:
        cell, self._cell = self._cell, None
        if cell is None:
            return
        self.household.stop()
        self.household.end_cell()
        cell.wait()
        assert cell.stdout is not None
        cell.stdout.close()
