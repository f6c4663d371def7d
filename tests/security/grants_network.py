"""A node whose owner grants things, and two clients: a broker in this process, a real sandbox.

What the tests of grants share. Everything is as on machines of one's own but for the broker.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from click.testing import CliRunner

from pye2_node import allow_file
from pye2_node.cli import node as node_command
from pye2_node.home import Home
from pye2_node.node import Node
from pye2_node.sandbox import SandboxLimits, SandboxPool
from pye2_node.settings import NodeSettings
from pye2_testing import MemoryBroker
from pye2core import Session
from pye2core.clock import SYSTEM_CLOCK
from pye2core.identity import load_or_create_key
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PATIENCE = 30.0

_numbers = itertools.count(1)


def _name(what: str) -> str:
    return f"{what}-{next(_numbers)}"


def strict_pool_without(layers: frozenset[str]) -> SandboxPool:
    """A node's sandbox that lacks these layers, whose owner has not said ``--unsafe``."""
    return SandboxPool(SandboxLimits(layers=SandboxLimits().layers - layers))


class Answers:
    """What an instance gives, and what is said of it, each in order."""

    def __init__(self) -> None:
        self._results: queue.Queue[Any] = queue.Queue()
        self._notices: queue.Queue[str] = queue.Queue()

    def on_data(self, pipeline: Any, result: Any, payload: Any) -> None:
        del pipeline, payload
        self._results.put(result)

    def on_notification(self, pipeline: Any, notification: Any) -> None:
        del pipeline
        self._notices.put(str(notification.get("NOTIFICATION") or ""))

    def next_result(self) -> Any:
        """The next result."""
        return self._results.get(timeout=PATIENCE)

    def next_notice(self, about: str) -> str:
        """The next notification that says this."""
        while about not in (found := self._notices.get(timeout=PATIENCE)):
            pass
        return found


class GrantsNetwork:
    """A context: a node, its owner's command line, and two clients that it allows."""

    def __init__(self, folder: Path, pool: Callable[[], SandboxPool] | None = None) -> None:
        self.home = folder / "node home"
        self._folder = folder
        self._pool = pool
        self._at_the_end = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self.broker = starting.enter_context(MemoryBroker(f"grants-{id(self)}"))
            keys = [self._folder / f"{name}.pem" for name in ("asker", "other")]
            self.asker, self.other = (load_or_create_key(key).address for key in keys)
            starting.callback(self._stop_node)
            self._start_node()
            self.session, self.others_session = (
                starting.enter_context(self._connected(key)) for key in keys
            )
            self._at_the_end = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._at_the_end.close()

    # --- the owner --------------------------------------------------------------------------------

    def owner(self, *words: str) -> str:
        """Run ``pye2 node …`` as the owner does."""
        command = [*words, "--home", str(self.home)]
        done = CliRunner().invoke(node_command, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def grant(self, *options: str) -> None:
        """Grant something to the asker."""
        self.owner("allow", self.asker, *options)

    # --- the clients ------------------------------------------------------------------------------

    def run_once(
        self, code: str, grants: Mapping[str, Any] | None, session: Session | None = None
    ) -> tuple[Any, str | None]:
        """What code gives that asks for this, and its error."""
        pipeline = (session or self.session).create_pipeline(
            node=self.node_address, name=_name("once")
        )
        try:
            config = {} if grants is None else {"grants": dict(grants)}
            return pipeline.wait_exec(code, config, timeout=PATIENCE)
        finally:
            if pipeline.is_deployed:
                pipeline.close()

    def keep_running(self, code: str, grants: Mapping[str, Any]) -> Any:
        """A deployed pipeline that runs code every 0.2 s, and what it says."""
        answers = Answers()
        pipeline = self.session.create_pipeline(node=self.node_address, name=_name("kept"))
        pipeline.create_custom_plugin_instance(
            instance_id="one",
            custom_code=code,
            process_delay=0.2,
            grants=dict(grants),
            on_data=answers.on_data,
            on_notification=answers.on_notification,
        )
        return pipeline, answers

    def new_session(self) -> Session:
        """Another session of the asker's."""
        return self._connected(self._folder / "asker.pem")

    def _connected(self, key: Path) -> Session:
        session = Session(broker=self.broker.url, key_file=key, silent=True)
        assert session.wait_for_node(self.node_address, timeout=PATIENCE, verbose=False)
        return session

    # --- the node, on a loop in a thread of its own -----------------------------------------------

    def _start_node(self) -> None:
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="grants-node")
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            self._error = error
        self._ready.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        settings = NodeSettings("granting", parse_broker_url(self.broker.url), self.home)
        with Home.open(self.home) as home:
            guests = [allow_file.Guest(each) for each in (self.asker, self.other)]
            allow_file.allow(home.allow_file, guests, SYSTEM_CLOCK.now())
            pool = self._pool() if self._pool is not None else None
            self.node = Node(settings, home, pool=pool)
            self.node_address = self.node.address
            await self.node.run(self._ready.set)

    def _stop_node(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.node.stop)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
