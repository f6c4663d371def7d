"""A whole network in this process: a broker, nodes, and sessions that they allow.

For the tests of signatures and presets. Everything is as on machines of one's own (keys, white
lists, signatures, encryption, the node itself) but for two things: the broker is a
``MemoryBroker``, and the sandbox is inline, so that custom code is not confined.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

from pye2_node import allow_file
from pye2_node.doorbell import ring
from pye2_node.home import Home, allow_file_of
from pye2_node.node import Node
from pye2_node.settings import NodeSettings
from pye2_testing.inline_sandbox import inline_pool
from pye2_testing.memory_broker import MemoryBroker
from pye2core import Session
from pye2core.clock import SYSTEM_CLOCK
from pye2core.code import read_grants
from pye2core.identity import load_or_create_key
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

_numbers = itertools.count(1)

_PATIENCE = 30.0


@define
class _RunningNode:
    """A node and how to hear of its beginning and of its end."""

    node: Node
    ready: Future[None] = field(factory=Future)
    ended: Future[Any] = field(factory=Future)


class MemoryNetwork:
    """A broker and nodes that live as long as a ``with`` block.

    Args:
        nodes: how many; they are called ``node-1``, ``node-2``, ….

    Attributes:
        broker: the broker.
        addresses: the nodes' addresses, by name.
        loop: the one that all nodes share, in a thread of its own.

    Example:
        ::

            with MemoryNetwork(nodes=3) as network, network.session() as session:
                pipeline = session.create_pipeline(node="node-1", name="cellar")
    """

    def __init__(self, nodes: int = 2) -> None:
        self.broker = MemoryBroker(f"network-{next(_numbers)}")
        self.addresses: dict[str, str] = {}
        self._names = [f"node-{number}" for number in range(1, nodes + 1)]
        self.loop = asyncio.new_event_loop()
        self._running: list[_RunningNode] = []
        self._at_the_end = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as at_the_end:
            self._folder = Path(at_the_end.enter_context(tempfile.TemporaryDirectory()))
            at_the_end.enter_context(self.broker)
            thread = threading.Thread(target=self._run_loop, name="pye2-network", daemon=True)
            thread.start()
            at_the_end.callback(self._end_loop, thread)
            homes = [
                at_the_end.enter_context(Home.open(self._folder / name)) for name in self._names
            ]
            client = allow_file.Guest(load_or_create_key(self._client_key).address)
            at_the_end.callback(self._stop_nodes)
            for name, home in zip(self._names, homes, strict=True):
                allow_file.allow(home.allow_file, [client], SYSTEM_CLOCK.now())
                self._start_node(name, home)
            for running in self._running:
                running.ready.result(_PATIENCE)
            self._at_the_end = at_the_end.pop_all()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._at_the_end.close()

    def session(self, **options: Any) -> Session:
        """A session whose commands all nodes take, and which knows them all.

        Args:
            options: as :class:`pye2core.Session` takes them.

        Raises:
            NodeNotOnline: a node of this network does not show itself to that session.
        """
        given = {"key_file": self._client_key, "silent": True, **options}
        session = Session(broker=self.broker.url, **given)
        try:
            for name in self._names:
                session.wait_for_node(name, timeout=_PATIENCE, verbose=False)
                session.peers.resolve(name)
        except BaseException:
            session.close()
            raise
        return session

    def grant(self, node: str, **grants: Any) -> None:
        """Grant something to the code of this network's sessions, as a node's owner does.

        Where something is granted the sandbox is a real one, and code that asks for it is confined.

        Args:
            node: the node's name.
            grants: what: ``network``, ``folders``, ``folders_rw``, ``devices``, ``modules``.

        Raises:
            ValueError: that cannot be granted; says why.
        """
        home = self._folder / node
        client = load_or_create_key(self._client_key).address
        guest = allow_file.Guest(client, grants=read_grants(grants))
        allow_file.allow(allow_file_of(home), [guest], SYSTEM_CLOCK.now())
        ring(home)

    @property
    def _client_key(self) -> Path:
        return self._folder / "client.pem"

    # --- the loop of the nodes, in a thread of its own --------------------------------------------

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _end_loop(self, thread: threading.Thread) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join(_PATIENCE)
        self.loop.close()

    def _start_node(self, name: str, home: Home) -> None:
        settings = NodeSettings(name, parse_broker_url(self.broker.url), home.path)
        running = self._on_loop(_made(settings, home))
        self.addresses[name] = running.node.address
        self._running.append(running)
        asyncio.run_coroutine_threadsafe(_run(running), self.loop)

    def _on_loop(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_PATIENCE)

    def _stop_nodes(self) -> None:
        for running in self._running:
            self.loop.call_soon_threadsafe(running.node.stop)
        for running in self._running:
            running.ended.exception(_PATIENCE)


async def _made(settings: NodeSettings, home: Home) -> _RunningNode:
    return _RunningNode(Node(settings, home, pool=inline_pool()))


async def _run(running: _RunningNode) -> None:
    try:
        await running.node.run(lambda: running.ready.set_result(None))
    except BaseException as error:
        if not running.ready.done():
            running.ready.set_exception(error)
        raise
    finally:
        running.ended.set_result(None)
