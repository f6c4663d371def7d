"""Fixtures of the client's tests. What tests import by name is in ``client_support``."""

from __future__ import annotations

import itertools
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pye2_testing import MemoryBroker
from pye2core import PluginRegistry, Session
from pye2core.identity import Identity
from pye2core.plugins.discovery import Candidate, installed_candidates

# pytest imports test modules by their path, so that this folder is on no other path.
sys.path.append(str(Path(__file__).parent))

from client_support import PATIENCE, FakeNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count()


@pytest.fixture(scope="session")
def registry() -> PluginRegistry:
    """The transport and the dialect that are installed, and the puppets."""
    wanted = {"testing", "wire"}
    installed = [each for each in installed_candidates() if each.name in wanted]
    puppets = Candidate(EntryPoint("puppets", "client_puppets", "pye2"), "client-puppets", "1.0")
    return PluginRegistry([*installed, puppets])


@pytest.fixture
def broker() -> Iterator[MemoryBroker]:
    with MemoryBroker(f"client-{next(_numbers)}") as running:
        yield running


@pytest.fixture
def identity() -> Identity:
    """The client's key."""
    return Identity.generate()


@pytest.fixture
def open_session(
    broker: MemoryBroker, registry: PluginRegistry, identity: Identity
) -> Iterator[Callable[..., Session]]:
    """Opens sessions, and closes them in the end."""
    opened: list[Session] = []

    def open_one(**arguments: Any) -> Session:
        session = Session(broker.url, **{"bc_engine": identity, "registry": registry, **arguments})
        opened.append(session)
        return session

    yield open_one
    for session in opened:
        session.close()


@pytest.fixture
def add_node(broker: MemoryBroker, registry: PluginRegistry) -> Iterator[Callable[..., FakeNode]]:
    """Adds nodes to the network, and closes them in the end."""
    added: list[FakeNode] = []

    def add(name: str = "naeural-1") -> FakeNode:
        node = FakeNode(broker.url, registry, name)
        added.append(node)
        return node

    yield add
    for node in added:
        node.close()


@pytest.fixture
def node(add_node: Callable[..., FakeNode], identity: Identity) -> FakeNode:
    """A node that allows the client."""
    node = add_node()
    node.allowed = (identity.address,)
    return node


@pytest.fixture
def session(open_session: Callable[..., Session], node: FakeNode) -> Session:
    """A session that has heard from the node."""
    session = open_session()
    assert session.wait_for_node(node.address, PATIENCE, verbose=False)
    return session
