"""Pairing, as a client does it: over a broker, with a code that a node shows.

You are in the client room. What is said and believed is decided in ``pye2core.pairing``; here it is
sent, heard and waited for. No session is used: names of nodes are worth nothing before the answer.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pye2core.abc import Channel
from pye2core.client.known_nodes import (
    KnownNode,
    known_nodes_file,
    read_known_nodes,
    remember_node,
)
from pye2core.client.options import KeySource
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import Pye2Error, TransportError
from pye2core.messages import EVERY_NODE, Action, Command, Heartbeat, Notification, Requester
from pye2core.pairing.answers import answer_in
from pye2core.pairing.client_side import ClientPairing, PairedNode
from pye2core.pairing.code import read_code
from pye2core.pairing.proofs import NONCE_BYTES, PairingKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pye2core.clock import Clock
    from pye2core.connection import Connection
    from pye2core.messages import Message
    from pye2core.plugins import PluginRegistry

_LOOK_SECONDS: Final = 0.5
"""At least so often it is looked whether something is due, and whether there is hope."""

_MOST_ASKED: Final = 256
"""Nodes that are asked for a full heartbeat, as they were heard with a brief one only."""


@frozen
class Pairing:
    """What came of it.

    Attributes:
        node: the node, which allows this client now.
        address: this client's.
        known_nodes: the file in which the node's name was pinned to its address.
    """

    node: PairedNode
    address: str
    known_nodes: Path


def pair(
    code: str,
    *,
    broker: str | None = None,
    root_topic: str | None = None,
    key_file: Path | None = None,
    name: str = "pye2-pair",
    replace: bool = False,
    registry: PluginRegistry | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Pairing:
    """Pair this client with the node that shows a code: it allows us, and we pin its name.

    Args:
        code: as it is shown there, in any spelling.
        broker: the broker's URL; looked for in the environment and ``.env`` if not given.
        root_topic: the root of all channel names; likewise.
        key_file: the client's key, made if there is none; that of this folder if not given.
        name: what this client calls itself; the node's owner sees it, and so does the broker.
        replace: whether the node's name may be taken from another address that it is pinned to.
        registry: the plugins to use instead of the installed ones.
        clock: where to read the time.

    Raises:
        PairingFailed: it did not come to that; says why and what to do.
        SettingsError: no broker is given, or the list of known nodes cannot be used.
        KeyFileError: the key file cannot be used.
        TransportError: the broker cannot be used.
    """
    from pye2core.plugins import installed_plugins
    from pye2core.settings.environment import client_settings

    secret = read_code(code)
    registry = registry if registry is not None else installed_plugins()
    settings = client_settings(
        broker=broker, root_topic=root_topic, secured_schemes=registry.secured_schemes()
    )
    source = KeySource(key_file=key_file)
    identity = source.load(settings.environment)
    key_file = source.path
    assert key_file is not None
    file = known_nodes_file(key_file)
    known = read_known_nodes(file)
    key = PairingKey.of_code(secret)
    attempt = ClientPairing(
        key,
        identity.address,
        name,
        nonce=os.urandom(NONCE_BYTES).hex(),
        pinned={} if replace else {each: node.address for each, node in known.items()},
        began=clock.monotonic(),
        place=f"{settings.broker.url}, root topic {settings.root_topic!r}",
    )

    from pye2core.connection import Connection, ConnectionSettings, Dialects, memory_of

    connection = Connection(
        ConnectionSettings(
            settings.broker,
            f"pye2-pair_{os.urandom(4).hex()}",
            root=settings.root_topic,
            environment=settings.environment,
        ),
        identity,
        # What shows whether it hears its own inbox is what nodes send.
        Dialects.installed(
            registry,
            node_name=name,
            environment=settings.environment,
            memory=lambda: memory_of(identity.address, key_file),
        ),
        registry,
        clock=clock,
    )
    node = _Talk(connection, attempt, name, clock).until_paired()
    try:
        remember_node(file, node.name, KnownNode(node.address, clock.now()))
    except Pye2Error as error:
        error.add_note(f"{node.name} ({node.address}) allows this client all the same")
        raise
    return Pairing(node, identity.address, file)


class _Talk:
    """Carries an attempt's messages to and fro."""

    def __init__(
        self, connection: Connection, attempt: ClientPairing, name: str, clock: Clock
    ) -> None:
        self._connection = connection
        self._attempt = attempt
        self._clock = clock
        self._inbox = Channel.inbox(connection.identity.address)
        # It says that it understands nothing: nodes answer where everybody may listen.
        self._requester = Requester(connection.identity.address, name, name, frozenset())
        self._asked: set[str] = set()
        self._changed = threading.Condition()

    def until_paired(self) -> PairedNode:
        """Talk until there is an answer, or no hope.

        Raises:
            PairingFailed: there is none.
            TransportError: the broker cannot be used.
        """
        connection = self._connection
        connection.listen(Channel.ctrl(), self._on_heartbeat)
        connection.listen(Channel.notif(), self._on_notification)
        connection.listen(self._inbox, self._on_heartbeat, without_it="nodes are asked one by one")
        connection.prove(self._inbox, self._call_roll)
        try:
            connection.start()
            return self._wait()
        finally:
            connection.close()

    def _wait(self) -> PairedNode:
        with self._changed:
            while True:
                now = self._clock.monotonic()
                node = self._attempt.conclusion(now)
                if node is not None:
                    return node
                for address, request in self._attempt.requests_due(now):
                    asking = Command(Action.PAIR, None, address, self._requester, pairing=request)
                    self._connection.send(asking, Channel.config(address))
                self._changed.wait(_LOOK_SECONDS)

    def _ask_to_show(self, target: str, channel: Channel) -> None:
        self._connection.send(
            Command(Action.FULL_HEARTBEAT, None, target, self._requester), channel
        )

    def _call_roll(self, _: bool) -> None:  # noqa: FBT001 - called by the connection
        """As sessions do: not where the broker's access rules know PyE2's channels only."""
        if not self._connection.is_forbidden(self._inbox):
            self._ask_to_show(EVERY_NODE, Channel.roll_call())

    def _on_heartbeat(self, message: Message, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        if not isinstance(message, Heartbeat):
            return
        if message.is_brief:
            self._ask_for_more(message.address)
            return
        with self._changed:
            self._attempt.hear_heartbeat(message, self._clock.monotonic())
            self._changed.notify_all()

    def _ask_for_more(self, address: str) -> None:
        """A brief heartbeat offers nothing, and its node may."""
        with self._changed:
            if address in self._asked or len(self._asked) >= _MOST_ASKED:
                return
            self._asked.add(address)
        try:
            self._ask_to_show(address, Channel.config(address))
        except TransportError:
            with self._changed:
                self._asked.discard(address)  # it is heard again when the broker is back

    def _on_notification(self, message: Message, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        answer = answer_in(message.fields) if isinstance(message, Notification) else None
        if answer is None or message.origin is None:
            return
        with self._changed:
            if self._attempt.hear_answer(message.origin.sender, answer):
                self._changed.notify_all()
