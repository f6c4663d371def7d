"""A broker within this process, with the ways of a real one.

Sessions are durable, what is not acknowledged comes again, connections get lost. For tests it also
remembers what was published, can be stopped and stalled, and made to drop a client.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ClassVar, Self

from attrs import define, field, frozen

from pye2_testing.lanes import Lane, Message
from pye2core.abc import KEPT_KINDS, ChannelKind
from pye2core.errors import NotConnected

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.abc import Channel, LastWill
    from pye2core.errors import TransportError

_PAYLOAD_KINDS = frozenset({ChannelKind.PAYLOADS, ChannelKind.INBOX})


@frozen
class Published:
    """What one client published.

    Attributes:
        client_id: who.
        channel: where.
        data: the bytes.
        root: of which network, see ``TransportOptions.root``.
    """

    client_id: str
    channel: Channel
    data: bytes = field(repr=False)
    root: str = "naeural"


@define(eq=False)
class Session:
    """What the broker keeps of one client.

    Attributes:
        client_id: whose it is.
        persistent: whether it outlives the connection.
        root: of the network that it belongs to; no other's messages reach it.
        on_lost: tells the connection that it is lost; None while there is none.
        last_will: what is published when the connection is lost; None for nothing.
        subscriptions: the channels that it receives.
        main: all but payloads.
        payloads: payloads and the inbox.
    """

    client_id: str
    persistent: bool
    root: str
    on_lost: Callable[[str], None] | None = None
    last_will: LastWill | None = None
    subscriptions: set[Channel] = field(factory=set)
    main: Lane = field(factory=Lane)
    payloads: Lane = field(factory=Lane)

    def put(self, message: Message) -> None:
        """Queue ``message``."""
        if message.channel.kind not in KEPT_KINDS:
            self.main.put_best_effort(message)
        elif message.channel.kind in _PAYLOAD_KINDS:
            self.payloads.put(message)
        else:
            self.main.put(message)


@frozen(eq=False)
class _Unconfirmed:
    published: Published
    future: Future[None]


class MemoryBroker:
    """A broker that is found by its name while it runs.

    Args:
        name: part of its URL; lower case, as host names are.
        user: who may connect; None for everybody.
        password: that user's.

    Example:
        >>> with MemoryBroker("lab") as broker:
        ...     broker.url
        'memory://lab'
    """

    _running: ClassVar[dict[str, MemoryBroker]] = {}
    _registry: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, name: str, *, user: str | None = None, password: str | None = None) -> None:
        self.name = name
        self._user = user
        self._password = password
        self._condition = threading.Condition()
        self._sessions: dict[str, Session] = {}
        self._published: list[Published] = []
        self._stalled = False
        self._confirming: int | None = None  # the thread that confirms what was stalled
        self._unconfirmed: list[_Unconfirmed] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @classmethod
    def find(cls, name: str) -> MemoryBroker | None:
        """The running broker of that name."""
        with cls._registry:
            return cls._running.get(name)

    @property
    def url(self) -> str:
        """Where it is reached, without credentials."""
        return f"memory://{self.name}"

    # --- for tests ----------------------------------------------------------------------------

    @property
    def published(self) -> list[Published]:
        """All that it has taken so far, in order."""
        with self._condition:
            return list(self._published)

    def wait_until(self, enough: Callable[[list[Published]], bool], timeout: float) -> bool:
        """Wait up to ``timeout`` seconds until what was published is ``enough``; whether it is."""
        with self._condition:
            return self._condition.wait_for(lambda: enough(list(self._published)), timeout)

    def subscriptions(self, client_id: str) -> set[Channel]:
        """What a client's session is subscribed to; nothing where it has no session."""
        with self._condition:
            session = self._sessions.get(client_id)
            return set(session.subscriptions) if session else set()

    def start(self) -> None:
        """Take connections; what persistent sessions had kept is still there.

        Raises:
            ValueError: another broker runs under this name.
        """
        with self._registry:
            if self._running.get(self.name, self) is not self:
                raise ValueError(f"a memory broker named {self.name!r} runs already")
            self._running[self.name] = self

    def stop(self) -> None:
        """Lose all connections and take no more; what is stalled is lost, last wills too."""
        with self._registry:
            if self._running.get(self.name) is self:
                del self._running[self.name]
        with self._condition:
            connected = [one.client_id for one in self._sessions.values() if one.on_lost]
        for client_id in connected:
            self.drop(client_id, "the broker was stopped")
        with self._condition:
            self._stalled = False
            self._unconfirmed = []

    def drop(self, client_id: str, reason: str = "the broker dropped the connection") -> None:
        """Lose the connection of one client; nothing happens where it has none."""
        with self._condition:
            session = self._sessions.get(client_id)
            on_lost = session.on_lost if session else None
        if session is not None and on_lost is not None:
            self.lose(session, on_lost)
            on_lost(reason)

    def stall(self) -> None:
        """Take and confirm nothing until :meth:`resume`, like a broker whose process is stopped."""
        with self._condition:
            self._stalled = True

    def resume(self) -> None:
        """Take and confirm what was published since :meth:`stall`, and go on."""
        with self._condition:
            self._stalled = False
            taken, self._unconfirmed = self._unconfirmed, []
            for one in taken:
                self._take(one.published)
            self._confirming = threading.get_ident()
        for one in taken:
            one.future.set_result(None)
        self._confirming = None

    # --- for the transport --------------------------------------------------------------------

    @property
    def confirms_here(self) -> bool:
        """Whether this thread has to return before more is confirmed."""
        return self._confirming == threading.get_ident()

    def admits(self, user: str | None, password: str | None) -> bool:
        """Whether these credentials are good."""
        return self._user is None or (user, password) == (self._user, self._password)

    def connect(
        self,
        client_id: str,
        on_lost: Callable[[str], None],
        *,
        persistent: bool,
        root: str,
        last_will: LastWill | None = None,
    ) -> Session:
        """Give a client its session, a new one unless one was kept; takes it from who has it."""
        self.drop(client_id, "another connection has the same client id")
        with self._condition:
            session = self._sessions.get(client_id)
            is_kept = session is not None and session.persistent and session.root == root
            if session is None or not persistent or not is_kept:
                session = self._sessions[client_id] = Session(client_id, persistent, root)
            session.on_lost = on_lost
            session.last_will = last_will
            return session

    def disconnect(self, session: Session, on_lost: Callable[[str], None]) -> None:
        """End the connection that ``on_lost`` stands for; the session stays if it is persistent."""
        self._end(session, on_lost)

    def lose(self, session: Session, on_lost: Callable[[str], None]) -> None:
        """Like :meth:`disconnect`, but without a goodbye: the last will is published."""
        will = self._end(session, on_lost)
        if will is not None:
            self.publish(session, will.channel, will.data)

    def _end(self, session: Session, on_lost: Callable[[str], None]) -> LastWill | None:
        """End a connection, if it is still there; its last will."""
        with self._condition:
            if session.on_lost is not on_lost:
                return None
            will, session.last_will, session.on_lost = session.last_will, None, None
            if not session.persistent:
                self._discard(session)
            failed = [
                one for one in self._unconfirmed if one.published.client_id == session.client_id
            ]
            self._unconfirmed = [one for one in self._unconfirmed if one not in failed]
        for one in failed:
            one.future.set_exception(self.lost(f"a message on {one.published.channel}"))
        return will

    def forget(self, session: Session) -> None:
        """End a session for good."""
        with self._condition:
            self._discard(session)

    def subscribe(self, session: Session, channel: Channel) -> None:
        """Have ``session`` receive what is published on ``channel``."""
        with self._condition:
            session.subscriptions.add(channel)

    def publish(self, session: Session, channel: Channel, data: bytes) -> Future[None]:
        """Take a message, at once unless stalled."""
        published = Published(session.client_id, channel, data, session.root)
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._condition:
            if self._stalled:
                self._unconfirmed.append(_Unconfirmed(published, future))
                return future
            self._take(published)
        future.set_result(None)
        return future

    def lost(self, what: str) -> TransportError:
        """The error for ``what`` came to nothing because there is no connection."""
        return NotConnected(
            f"{what} was not taken by {self.url}: there is no connection. Connect first.",
            broker=self.url,
        )

    def _discard(self, session: Session) -> None:
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    def _take(self, published: Published) -> None:
        """Hand a message to each session that is subscribed to it, once."""
        self._published.append(published)
        subscribed = (published.channel, published.channel.for_all_owners)
        for session in self._sessions.values():
            if session.root == published.root and not session.subscriptions.isdisjoint(subscribed):
                session.put(Message(published.channel, published.data))
        self._condition.notify_all()
