"""Other nodes, as the runners of this one see them: who is online, commands to them, what they say.

On the node's loop, but for what says so. Payloads and notifications of others are only listened to
while some runner wants to hear them, on a connection of their own: a flood of them holds up nothing
else.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from attrs import evolve

from pye2core.abc import Channel, NetworkListener, Peer
from pye2core.errors import NodeNotOnline, NotConnected
from pye2core.identity import is_address, same_address, with_prefix
from pye2core.messages import (
    EVERY_NODE,
    UNDELEGATED,
    Action,
    Capability,
    Command,
    Heartbeat,
    Notification,
    Origin,
    PayloadMessage,
    Presence,
    Requester,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from pye2core.abc import SealedMessage
    from pye2core.connection import Connection
    from pye2core.messages import Message
    from pye2core.peers import PeerBook

    Send = Callable[[Command, Channel, str | None], Future[None]]
    """Sends a command on a channel, encrypted for an address if one is given."""

_log = logging.getLogger("pye2_node")

LOST_SECONDS = 10.0
"""A node whose connection was lost has so long to come back before its work is given to others."""

_WITH_INBOX = frozenset({Capability.INBOX})
_WITHOUT_INBOX: frozenset[Capability] = frozenset()
"""What a node understands as a client of others: whether their results may come to its inbox."""

_PROOF_SECONDS = 1.0
"""For so long is waited until something arrives there: brokers may forbid it without a word."""

_ASKED_IN_PUBLIC: frozenset[Capability] = frozenset()
"""What a node says that asks others how they are: it listens to what everybody hears."""


class NodeNetwork:
    """A node's access to other nodes; implements ``pye2core.abc.Network``.

    Args:
        name: this node's name.
        address: this node's address.
        peers: who was heard from.
        send: sends a command to another node.
        take: takes a command of this node to itself.
        new_ears: makes a connection for listening, not started yet.
        on_new_peer: called when a node is heard for the first time, or again after it was gone.
        loop: the node's loop.
    """

    def __init__(
        self,
        name: str,
        address: str,
        *,
        peers: PeerBook,
        send: Send,
        take: Callable[[Command], None],
        new_ears: Callable[[], Connection],
        on_new_peer: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._name = name
        self._address = address
        self._inbox = Channel.inbox(address)
        self._peers = peers
        self._send = send
        self._take = take
        self._new_ears = new_ears
        self._on_new_peer = on_new_peer
        self._loop = loop
        self._listeners: list[NetworkListener] = []
        self._ears: asyncio.Task[Connection] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    # --- who is there -----------------------------------------------------------------------------

    def peers(self) -> Sequence[Peer]:
        """The nodes that are online, without this one."""
        online = self._peers.online().values()
        return [self._peer(each) for each in online if each.address != self._address]

    def _peer(self, heartbeat: Heartbeat) -> Peer:
        signatures = heartbeat.signatures
        return Peer(
            address=heartbeat.address,
            name=heartbeat.name,
            allows_me=not heartbeat.secured or self._address in heartbeat.allowed,
            load=heartbeat.load or 0.0,
            pipelines=len(heartbeat.pipelines or ()),
            signatures=frozenset(signatures) if signatures is not None else None,
            is_lost=self._peers.is_lost(heartbeat.address),
            allowed=frozenset(heartbeat.allowed),
            lets_me_delegate=self._may_delegate_on(heartbeat),
        )

    def _may_delegate_on(self, heartbeat: Heartbeat) -> bool | None:
        if heartbeat.may_delegate is None:
            return None
        return not heartbeat.secured or self._address in heartbeat.may_delegate

    def is_node(self, address: str) -> bool:
        """Whether an address was heard of as a node's; from any thread."""
        return self._peers.name_of(address) is not None

    def hear_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Take in a verified heartbeat; called by the transport's thread.

        Raises:
            MessageRejected: as :meth:`PeerBook.hear`.
        """
        if heartbeat.address == self._address:
            return
        heard = self._peers.hear(heartbeat)
        if heard.is_new:
            self._loop.call_soon_threadsafe(self._on_new_peer)
        if heard.should_ask:
            self.ask_for_heartbeat(heartbeat.address)
        # One that was lost may come back; until then it is seen in peers().
        if self._listeners and heartbeat.presence is not Presence.LOST:
            # What it runs is only told where that is known to be so now.
            told = heard.heartbeat if heard.is_current else evolve(heard.heartbeat, pipelines=None)
            self._loop.call_soon_threadsafe(self._tell, lambda each: each.on_peer(told))

    # --- commands ---------------------------------------------------------------------------------

    def call_roll(self) -> None:
        """Ask all nodes to show themselves; from any thread."""
        self._ask(EVERY_NODE, Channel.roll_call())

    def ask_for_heartbeat(self, node: str) -> None:
        """Ask one node to show itself; from any thread."""
        self._ask(node, Channel.config(node))

    def _ask(self, target: str, channel: Channel) -> None:
        asker = Requester(self._address, self._name, self._name, _ASKED_IN_PUBLIC)
        try:
            self._send(Command(Action.FULL_HEARTBEAT, None, target, asker), channel, None)
        except NotConnected as error:
            _log.info("other nodes are not asked how they are: %s", error)

    async def send(self, command: Command) -> None:
        """Send a command, encrypted for its target; done when the broker has it.

        Without a delegation it says that nobody signed one: a node has no wishes of its own.

        Raises:
            NodeNotOnline: its target is the name of a node that was never heard from.
            NotConnected: the connection was closed.
        """
        if self._listeners:
            # Answers to the command must be heard.
            await asyncio.shield(self._opening_ears())
        understood = _WITH_INBOX if self._hears_inbox() else _WITHOUT_INBOX
        command = evolve(
            command,
            requester=evolve(command.requester, capabilities=understood),
            delegation=command.delegation or UNDELEGATED,
        )
        address = self._address_of(command.target)
        if address == self._address:
            origin = Origin(self._address, name=self._name)
            self._take(evolve(command, target=self._address, origin=origin))
            return
        sealed = evolve(command, target=address)
        sending = await asyncio.to_thread(self._send, sealed, Channel.config(address), address)
        await asyncio.wrap_future(sending)

    def _address_of(self, target: str) -> str:
        """The address in full, which is all that a node listens to, whichever form it is given."""
        if target == self._name:
            return self._address
        address = self._peers.address_of(target)
        if address is not None:
            return address
        if is_address(target):
            return with_prefix(target)
        message = f"the node {target!r} was not heard from; give its address"
        raise NodeNotOnline(message, node=target)

    # --- listening --------------------------------------------------------------------------------

    def listen(self, listener: NetworkListener) -> Callable[[], None]:
        """Hear what others say until the function that is returned is called."""
        self._listeners.append(listener)
        self._opening_ears()
        return lambda: self._leave(listener)

    def _opening_ears(self) -> asyncio.Task[Connection]:
        """The connection for listening, opened once more if that failed."""
        if self._ears is None or _has_failed(self._ears):
            self._ears = asyncio.create_task(self._opened())
            self._ears.add_done_callback(_log_failure)
        return self._ears

    async def _opened(self) -> Connection:
        ears = self._new_ears()
        for channel in (Channel.payloads(), Channel.notif()):
            ears.listen(channel, self._on_message, wanted=self._is_of_use)
        ears.listen(
            self._inbox,
            self._on_message,
            wanted=self._is_of_use,
            without_it="everybody on this broker is sent the results of this node's workers",
        )
        ears.prove(self._inbox)
        await asyncio.to_thread(ears.start)
        if not ears.is_forbidden(self._inbox):
            await asyncio.to_thread(ears.hears, self._inbox, _PROOF_SECONDS)
        return ears

    def _hears_inbox(self) -> bool:
        ears = self._ears
        if ears is None or not ears.done() or _has_failed(ears):
            return False
        return ears.result().hears(self._inbox)

    def _is_of_use(self, sealed: SealedMessage) -> bool:
        return any(each.cares_about(sealed.path.pipeline) for each in list(self._listeners))

    def _on_message(self, message: Message, ack: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(self._hear, message, ack)

    def _hear(self, message: Message, ack: Callable[[], None]) -> None:
        if isinstance(message, PayloadMessage):
            self._tell(lambda listener: listener.on_payload(message))
        elif isinstance(message, Notification) and not self._comes_in_full(message):
            self._tell(lambda listener: listener.on_notification(message))
        ack()

    def _comes_in_full(self, notification: Notification) -> bool:
        """Whether the same comes to the inbox, with what only this node is told."""
        receiver = notification.details_sent_to or ""
        return same_address(receiver, self._address) and self._hears_inbox()

    def _tell(self, say: Callable[[NetworkListener], None]) -> None:
        for listener in list(self._listeners):
            try:
                say(listener)
            except Exception:  # noqa: BLE001 - a plugin's code; others hear the message all the same
                _log.exception("a listener of the network failed")

    def _leave(self, listener: NetworkListener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners and self._ears is not None:
            closing = asyncio.create_task(_close(self._ears))
            self._ears = None
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Listen no more."""
        self._listeners.clear()
        if self._ears is not None:
            await _close(self._ears)
        await asyncio.gather(*self._closing)


async def _close(opening: asyncio.Task[Connection]) -> None:
    await asyncio.wait({opening})
    if not _has_failed(opening):
        await asyncio.to_thread(opening.result().close)


def _has_failed(opening: asyncio.Task[Connection]) -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)


def _log_failure(opening: asyncio.Task[Connection]) -> None:
    if not opening.cancelled() and (error := opening.exception()) is not None:
        _log.error("other nodes cannot be listened to: %s", error)
