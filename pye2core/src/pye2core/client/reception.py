"""What a session does with each message that arrives.

You are in the client room, on the transport's threads: nothing here waits. Confirmations and
answers are settled here and now; user code is only queued, on its owner's thread.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from pye2core.client.payload import Payload
from pye2core.errors import MessageRejected, NotConnected
from pye2core.identity import is_address, without_prefix
from pye2core.messages import Heartbeat, Notification, PayloadMessage, Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pye2core.abc import SealedMessage
    from pye2core.client.callbacks import CallbackThread, Receipts
    from pye2core.client.instance import Call
    from pye2core.client.network import NetworkView
    from pye2core.client.pipelines import KnownPipelines
    from pye2core.client.session import Session
    from pye2core.client.transactions import Transactions
    from pye2core.messages import Message

    Acknowledge = Callable[[], None]

_log = logging.getLogger("pye2core.client")

_M = TypeVar("_M", Heartbeat, Notification, PayloadMessage)


def _bare(node: str) -> str:
    return without_prefix(node) if is_address(node) else node


def _bare_nodes(nodes: Iterable[str] | None) -> frozenset[str] | None:
    return None if nodes is None else frozenset(map(_bare, nodes))


@frozen
class SessionCallbacks:
    """The callbacks of a session.

    Attributes:
        on_payload: ``(session, node_addr, pipeline, signature, instance, payload)``.
        on_notification: ``(session, node_addr, payload)``.
        on_heartbeat: ``(session, node_addr, heartbeat)``.
        filter_workers: the only nodes that callbacks are called for, by address or name; None for
            all.
    """

    on_payload: Callable[..., object] | None = None
    on_notification: Callable[..., object] | None = None
    on_heartbeat: Callable[..., object] | None = None
    filter_workers: frozenset[str] | None = field(default=None, converter=_bare_nodes)


class Reception:
    """Takes in a session's messages.

    Args:
        session: what its callbacks are given.
        callbacks: the session's callbacks.
        thread: the session's own thread for callbacks.
        network: told of heartbeats.
        transactions: told of notifications.
        pipelines: told of everything that concerns them.
        receipts: acknowledges payloads.
    """

    def __init__(
        self,
        session: Session,
        callbacks: SessionCallbacks,
        *,
        thread: CallbackThread,
        network: NetworkView,
        transactions: Transactions,
        pipelines: KnownPipelines,
        receipts: Receipts,
    ) -> None:
        self._session = session
        self._callbacks = callbacks
        self._thread = thread
        self._network = network
        self._transactions = transactions
        self._pipelines = pipelines
        self._receipts = receipts
        self._unwoken: set[CallbackThread] = set()

    def on_heartbeat(self, message: Message, ack: Acknowledge) -> None:
        """Take in a heartbeat.

        Raises:
            MessageRejected: it is none, or claims another node's name.
        """
        heartbeat = _expected(message, Heartbeat)
        ack()
        heard = self._network.hear(heartbeat)
        self._transactions.expire()
        self._speak_up(heartbeat.address if heard.should_ask else None)
        tells = heard.heartbeat.pipelines is not None and heartbeat.presence is Presence.ONLINE
        if tells and heard.is_current:
            self._pipelines.hear(heard.heartbeat)
        self._network.look_again()
        if tells:
            self._show_heartbeat(heard.heartbeat)

    def _show_heartbeat(self, heartbeat: Heartbeat) -> None:
        on_heartbeat = self._callbacks.on_heartbeat
        if on_heartbeat is not None and self._wanted(heartbeat.address):
            self._thread.put_newest(
                heartbeat.address,
                lambda: on_heartbeat(self._session, heartbeat.address, dict(heartbeat.status)),
            )

    def _speak_up(self, node: str | None) -> None:
        """Ask a node how it is, if it is to be asked, and all where we were silent for long."""
        try:
            if node is not None:
                self._session.commands.ask_for_heartbeat(node)
            self._session.commands.stay_introduced()
        except NotConnected as error:
            _log.info("nodes are not asked how they are: %s", error)

    def on_notification(self, message: Message, ack: Acknowledge) -> None:
        """Take in a notification.

        Raises:
            MessageRejected: it is none.
        """
        notification = _expected(message, Notification)
        ack()
        node = _sender(notification)
        pipeline = self._pipelines.get(node, notification.path.pipeline)
        if pipeline is not None:
            pipeline.note_rest(notification)
        self._transactions.hear(notification)
        if pipeline is not None:
            pipeline.note_notification(notification)
        if not self._wanted(node):
            return
        for thread, call in self._notification_calls(node, notification):
            thread.put(call, size=_size(notification))

    @property
    def wants_everything(self) -> bool:
        """Whether payloads of all pipelines are of use here."""
        return self._callbacks.on_payload is not None

    def has_use_for_payload(self, sealed: SealedMessage) -> bool:
        """Whether a payload, not checked yet, is for somebody here."""
        return self.wants_everything or self._knows_pipeline(sealed)

    def has_use_for_inbox_message(self, sealed: SealedMessage) -> bool:
        """Whether a message for this session alone, not checked yet, is for somebody here.

        Heartbeats are about no pipeline.
        """
        return (
            sealed.path.pipeline is None
            or self.has_use_for_payload(sealed)
            or self.has_use_for_notification(sealed)
        )

    def has_use_for_notification(self, sealed: SealedMessage) -> bool:
        """Whether a notification, not checked yet, is for somebody here, or may be an answer."""
        if self._callbacks.on_notification is not None or self._knows_pipeline(sealed):
            return True
        return self._transactions.awaits(sealed.sender)

    def _knows_pipeline(self, sealed: SealedMessage) -> bool:
        return self._pipelines.get(sealed.sender, sealed.path.pipeline) is not None

    def on_payload(self, message: Message, ack: Acknowledge) -> None:
        """Take in a payload; acknowledged when its owners have room for it.

        Raises:
            MessageRejected: it is none.
        """
        payload = _expected(message, PayloadMessage)
        node = _sender(payload)
        calls = list(self._payload_calls(node, payload))
        if not self._wanted(node):
            calls = []
        taken = self._receipts.for_payload(ack, [thread for thread, _ in calls])
        for thread, call in calls:
            thread.append(call, taken, _size(payload))
            self._unwoken.add(thread)

    def wake_owners(self) -> None:
        """Have the callbacks called for the payloads that came together."""
        with suppress(KeyError):  # payloads come on several threads, and none waits for another
            while True:
                self._unwoken.pop().wake()

    def on_inbox(self, message: Message, ack: Acknowledge) -> None:
        """Take in what was sent to this session alone.

        Raises:
            MessageRejected: it is nothing that nodes say.
        """
        if isinstance(message, Heartbeat):
            self.on_heartbeat(message, ack)
        elif isinstance(message, Notification):
            self.on_notification(message, ack)
        else:
            self.on_payload(message, ack)

    def _wanted(self, node: str) -> bool:
        wanted = self._callbacks.filter_workers
        return wanted is None or _bare(node) in wanted or self._network.name_of(node) in wanted

    def _notification_calls(self, node: str, message: Notification) -> Iterator[Call]:
        pipeline = self._pipelines.get(node, message.path.pipeline)
        if pipeline is not None:
            yield from pipeline.calls_for_notification(message)
        on_notification = self._callbacks.on_notification
        if on_notification is not None:
            yield (
                self._thread,
                lambda: on_notification(self._session, node, Payload.of(message)),
            )

    def _payload_calls(self, node: str, message: PayloadMessage) -> Iterator[Call]:
        pipeline = self._pipelines.get(node, message.path.pipeline)
        if pipeline is not None:
            yield from pipeline.calls_for_payload(message)
        on_payload = self._callbacks.on_payload
        if on_payload is not None:
            path = message.path
            yield (
                self._thread,
                lambda: on_payload(
                    self._session,
                    node,
                    path.pipeline,
                    path.signature,
                    path.instance_id,
                    Payload.of(message),
                ),
            )


def _expected(message: Message, kind: type[_M]) -> _M:
    if isinstance(message, kind):
        return message
    raise MessageRejected(
        f"a {type(message).__name__} came where each message is a {kind.__name__}", reason="shape"
    )


def _sender(message: Notification | PayloadMessage) -> str:
    return message.origin.sender if message.origin is not None else ""


def _size(message: Notification | PayloadMessage) -> int:
    return message.origin.size if message.origin is not None else 0
