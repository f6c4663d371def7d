"""The contracts that plugins implement: transports, serializers, the two sides of a signature.

Behaviour lives here; what is installed is told by descriptors (``pye2core.descriptors``) that hooks
return (``pye2core.hookspecs``). An implementation is imported only when it is first used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from asyncio import Future as AsyncFuture
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from pye2core.clock import Clock
    from pye2core.identity import Identity
    from pye2core.messages import (
        Command,
        Heartbeat,
        InstancePath,
        Message,
        Notification,
        NotificationCode,
        NotificationKind,
        PayloadMessage,
        Requester,
    )
    from pye2core.settings import BrokerAddress

MAX_MESSAGE = 16 * 1024 * 1024
"""Bytes that one encoded message may have, checked before sending and on receipt."""


# --- transports -----------------------------------------------------------------------------------


class ChannelKind(Enum):
    """The kinds of channel of a network."""

    CONFIG = "config"
    CTRL = "ctrl"
    NOTIF = "notif"
    PAYLOADS = "payloads"
    INBOX = "inbox"


@frozen
class Channel:
    """A transport-neutral address; each transport maps it to its own.

    Attributes:
        kind: which channel.
        owner: the node (config) or receiver (inbox) it belongs to; None for the shared ones.
    """

    kind: ChannelKind
    owner: str | None = None

    @classmethod
    def config(cls, node: str) -> Channel:
        """Where a node takes commands, by its address or its name."""
        return cls(ChannelKind.CONFIG, node)

    @classmethod
    def ctrl(cls) -> Channel:
        """Where all nodes' heartbeats go."""
        return cls(ChannelKind.CTRL)

    @classmethod
    def notif(cls) -> Channel:
        """Where all nodes' notifications go."""
        return cls(ChannelKind.NOTIF)

    @classmethod
    def payloads(cls) -> Channel:
        """Where all nodes' payloads go."""
        return cls(ChannelKind.PAYLOADS)

    @classmethod
    def inbox(cls, address: str) -> Channel:
        """Where one receiver alone listens."""
        return cls(ChannelKind.INBOX, address)


@frozen
class Delivery:
    """Bytes that arrived.

    Attributes:
        channel: where they arrived.
        data: the bytes.
        ack: tells the broker that they are taken care of; from any thread, at most once. A
            transport without manual acknowledgement gives a function that does nothing.
    """

    channel: Channel
    data: bytes
    ack: Callable[[], None]


@frozen
class TransportFeatures:
    """What a transport can do; what needs a missing feature refuses, or does without and says so.

    Attributes:
        durable: commands for a node that is away are kept by the broker.
        ordered: messages of one publisher on one channel keep their order.
        last_will: the broker announces the death of a connection.
        manual_ack: a message whose handler died is delivered again.
        max_message: bytes that one message may have.
        max_unacknowledged: how many deliveries the broker is known to keep unacknowledged before it
            stops delivering.
    """

    durable: bool = False
    ordered: bool = True
    last_will: bool = False
    manual_ack: bool = False
    max_message: int = MAX_MESSAGE
    max_unacknowledged: int = 20


class ConnectionState(Enum):
    """What a transport tells about its connection."""

    CONNECTED = "connected"
    LOST = "lost"
    CLOSED = "closed"


@frozen
class TransportOptions:
    """What the kernel tells a transport when it makes one.

    Attributes:
        broker: where to connect, with credentials and TLS settings.
        client_id: identifies this connection to the broker.
        persistent: whether the broker is to keep subscriptions and messages while it is away.
        root: the root of all channel names.
        settings: the plugin's own settings object, if its descriptor names a class.
    """

    broker: BrokerAddress
    client_id: str
    persistent: bool = False
    root: str = "naeural"
    settings: Any = None


class Transport(ABC):
    """Carries bytes over a broker.

    One object serves one client for its whole life: the kernel calls :meth:`connect` again after a
    loss, subscribes anew and publishes again what was not confirmed. A transport never reconnects,
    queues or retries by itself.
    """

    features = TransportFeatures()

    def __init__(
        self,
        options: TransportOptions,
        on_message: Callable[[Delivery], None],
        on_state: Callable[[ConnectionState, str], None],
    ) -> None:
        """Keep what is given; connect to nothing yet.

        Args:
            options: where and as whom to connect.
            on_message: called for every delivery, from a thread of the transport's; returns soon.
            on_state: called when a connection is lost, with the reason.
        """
        self.options = options
        self.on_message = on_message
        self.on_state = on_state

    @abstractmethod
    def connect(self, timeout: float) -> None:
        """Connect, or connect again after a loss or an unconfirmed subscription.

        What is left of an earlier connection is dropped first.

        Raises:
            BrokerUnreachable: nothing answers within ``timeout`` seconds.
            CredentialsRefused: the broker says no.
        """

    @abstractmethod
    def subscribe(self, channel: Channel, timeout: float) -> None:
        """Receive what is published on ``channel``; returns when the broker has confirmed.

        Raises:
            NotConnected: the connection was lost, or the broker did not confirm in time.
        """

    @abstractmethod
    def publish(self, channel: Channel, data: bytes) -> Future[None]:
        """Hand ``data`` to the broker, without waiting for it; called by one thread at a time.

        Returns:
            A future that is done when the broker has taken the message, and fails with
            ``NotConnected`` when the connection is lost before that: no later than
            :meth:`connect` is called again, as the kernel then publishes it anew.
        """

    @abstractmethod
    def close(self, timeout: float) -> None:
        """Send what was published, then disconnect for good; a persistent session ends as well.

        May be called from any thread, also from within ``on_message``, while :meth:`connect` runs
        in another, without a connection, and again.

        ``on_message`` and ``on_state`` are not called after it has returned.
        """

    @abstractmethod
    def detach(self, timeout: float) -> None:
        """Like :meth:`close`, but the broker keeps a persistent session for the next start."""


# --- serializers ----------------------------------------------------------------------------------


class SealedMessage(ABC):
    """A message whose shape was read but that nobody has vouched for yet.

    Attributes:
        sender: the address that it claims to come from.
        recipient: whom it says it is for: an address, a node's name, or None for everybody.
        digest: identifies the signed content.
        is_command: whether it is a command to a node.
        asks_for_sign_of_life: whether it is a command, in clear, that only asks a node to show
            itself: nodes answer that to anybody.
    """

    sender: str
    recipient: str | None
    digest: str
    is_command: bool
    asks_for_sign_of_life: bool = False

    @abstractmethod
    def verify(self) -> None:
        """Check the signature against ``sender``.

        Raises:
            MessageRejected: reason "signature".
        """

    @abstractmethod
    def open(self, identity: Identity) -> Message:
        """Decrypt where it is encrypted for ``identity`` and give its meaning.

        Raises:
            MessageRejected: reason "decryption", "shape" or "unsupported".
        """


class Serializer(ABC):
    """Turns messages into bytes and back: a wire dialect."""

    @abstractmethod
    def recognises(self, data: bytes) -> bool:
        """Whether these bytes look like this dialect's; cheap, never raises."""

    @abstractmethod
    def seal(
        self, message: Message, identity: Identity, *, encrypt_for: str | None = None
    ) -> bytes:
        """Encode and sign ``message``, encrypted for the address ``encrypt_for`` if that is given.

        Raises:
            InvalidAddress: ``encrypt_for`` is not an address.
            TypeError: the message holds what the dialect cannot carry; names the path to it.
        """

    @abstractmethod
    def parse(self, data: bytes) -> SealedMessage:
        """Read the shape of a message, trusting nothing.

        Raises:
            MessageRejected: reason "shape" or "unsupported".
        """


# --- custom code and its sandbox ------------------------------------------------------------------


@frozen
class FunctionSource:
    """The body of a function that was sent.

    Attributes:
        source: the body's text.
        parameters: the names by which it finds its arguments; the first is ``plugin``.
    """

    source: str
    parameters: tuple[str, ...] = ("plugin",)


@frozen
class CodeFailure:
    """An exception of custom code.

    Attributes:
        type: the exception's class name.
        message: its text.
        line: the line within the source that was sent, from 1; None where there is none.
        source_line: that line's text.
        traceback: the frames of the user's code as text.
        function: which of the defined functions was called.
    """

    type: str
    message: str
    line: int | None = None
    source_line: str | None = None
    traceback: str = ""
    function: str = ""

    def __str__(self) -> str:
        """``ZeroDivisionError: division by zero (line 2: return 1 / 0)``."""
        where = f" (line {self.line}: {self.source_line})" if self.line is not None else ""
        return f"{self.type}: {self.message}{where}"


@frozen
class CallResult:
    """What came of one call of custom code.

    Attributes:
        value: what it returned, as JSON carries it.
        failure: the exception that ended it, if one did.
        printed: what it printed, cut at a limit.
        seconds: how long it took.
    """

    value: Any = None
    failure: CodeFailure | None = None
    printed: str = ""
    seconds: float = 0.0


@frozen
class SandboxExit:
    """How a sandbox process ended: its exit code or signal, and why in words."""

    code: int | None
    signal: int | None
    reason: str


class Sandbox(Protocol):
    """A confined process that runs the functions of one instance."""

    @property
    def exited(self) -> AsyncFuture[SandboxExit]:
        """Done when the process is gone, for whatever reason."""

    async def define(self, functions: Mapping[str, FunctionSource]) -> None:
        """Compile functions there, to be called by name.

        Raises:
            CodeRefused: the source is not allowed or does not compile.
        """

    async def configure(self, settings: Mapping[str, Any]) -> None:
        """Show these settings to the code as ``plugin.cfg_*``."""

    async def call(self, name: str, *args: Any, timeout: float) -> CallResult:  # noqa: ASYNC109
        """Call a function; the process is killed when it takes longer than ``timeout`` seconds.

        A limit of the caller's (``asyncio.timeout``) would leave the process running.

        Raises:
            CallTimedOut: it took too long; the sandbox is gone.
            SandboxDied: the process ended during the call.
        """

    async def stop(self, grace: float = 1.0) -> None:
        """End the process and all that it started."""


# --- the two sides of a signature -----------------------------------------------------------------


@frozen
class Peer:
    """Another node, as a node knows it from heartbeats.

    Attributes:
        address: the node's address.
        name: its name.
        allows_me: whether its white list has this node.
        load: its processor load in percent.
        pipelines: how many pipelines it runs.
        signatures: the signatures it says it can run; None where it does not say.
    """

    address: str
    name: str
    allows_me: bool
    load: float = 0.0
    pipelines: int = 0
    signatures: frozenset[str] | None = None


class NetworkListener(Protocol):
    """Hears what other nodes say, on the node's loop."""

    def on_payload(self, payload: PayloadMessage) -> None:
        """A verified payload of another node (or of this one)."""

    def on_notification(self, notification: Notification) -> None:
        """A verified notification of another node (or of this one)."""

    def on_peer(self, heartbeat: Heartbeat) -> None:
        """A verified heartbeat of another node."""


class Network(Protocol):
    """A node's access to other nodes, as a client of theirs."""

    def peers(self) -> Sequence[Peer]:
        """The nodes that are online, without this one."""

    def send(self, command: Command) -> Awaitable[None]:
        """Send a command, encrypted for its target; done when the broker has it."""

    def listen(self, listener: NetworkListener) -> Callable[[], None]:
        """Hear what others say until the function that is returned is called."""


class InstanceContext(Protocol):
    """What a node gives to a runner."""

    @property
    def path(self) -> InstancePath:
        """Which instance this is."""

    @property
    def node_name(self) -> str:
        """The node's name."""

    @property
    def node_address(self) -> str:
        """The node's address."""

    @property
    def requester(self) -> Requester:
        """Who created the pipeline."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The instance's configuration as it stands, by upper-case key."""

    @property
    def clock(self) -> Clock:
        """Where to read the time."""

    @property
    def folder(self) -> Path:
        """The instance's own folder."""

    @property
    def network(self) -> Network:
        """Access to other nodes."""

    async def emit(self, fields: Mapping[str, Any]) -> None:
        """Send a payload; waits while too many are under way.

        Raises:
            TypeError: a field cannot be carried.
        """

    def notify(
        self,
        kind: NotificationKind,
        text: str,
        *,
        code: NotificationCode | int | None = None,
        info: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """Send a notification about this instance."""

    async def open_sandbox(self) -> Sandbox:
        """Start a confined process; it is stopped with the instance at the latest.

        Raises:
            NodeError: no process could be started.
        """

    async def save(self, state: bytes) -> None:
        """Keep ``state`` durably in place of what was kept before, for after a restart."""

    async def load(self) -> bytes | None:
        """What was kept last by the instance of this path, if anything."""


class Runner(ABC):
    """The node's side of a signature: one object for each running instance.

    The node calls :meth:`start`, then :meth:`run` as a task that it cancels in the end, then
    :meth:`stop`. All on the node's loop: nothing here may block.
    """

    def __init__(self, context: InstanceContext) -> None:
        self.context = context

    @abstractmethod
    async def start(self) -> None:
        """Prepare to run with the context's settings.

        Raises:
            InvalidConfiguration: the settings cannot be used; says which and why.
            CodeError: custom code in the settings is refused.
        """

    @abstractmethod
    async def run(self) -> None:
        """Do the work until cancelled, or until there is nothing more to do."""

    async def reconfigure(self, changes: Mapping[str, Any]) -> None:
        """Take over changed settings, which are already in the context.

        Unless overridden: start anew.

        Raises:
            InvalidConfiguration: as :meth:`start`; the old settings come back.
            CodeError: as :meth:`start`; the old settings come back.
        """
        del changes
        await self.stop()
        await self.start()

    async def on_command(self, data: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        """Answer an instance command.

        Unless overridden: a payload that echoes ``data`` as ``COMMAND_PARAMS`` (PyE2 wire protocol,
        section 6).
        """
        del parameters
        await self.context.emit({"COMMAND_PARAMS": dict(data)})

    @abstractmethod
    async def stop(self) -> None:
        """Release what :meth:`start` took; called once after the last :meth:`run`."""


class CustomCodeClient(Protocol):
    """What the client's side of a signature that runs custom code offers besides ``Instance``."""

    @classmethod
    def settings_from(cls, **arguments: Any) -> dict[str, Any]:
        """The instance settings for what a user gave: code captured and checked.

        Raises:
            CodeError: the code cannot be read back or is refused.
        """
