"""The contract of a runner: the node's side of a signature, and what a node gives to it.

You are among the contracts. A signature plugin implements :class:`Runner`; the protocols are what
the node implements for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from pye2core.abc.custom_code import Sandbox
    from pye2core.clock import Clock
    from pye2core.messages import (
        Command,
        Delegation,
        Heartbeat,
        InstancePath,
        Notification,
        NotificationCode,
        NotificationKind,
        PayloadMessage,
        Requester,
    )


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
        is_lost: whether its connection was lost; it may come back.
        allowed: the addresses on its white list.
        lets_me_delegate: whether it takes work for others from this node without a delegation; None
            where it knows nothing of delegations, so that ``allows_me`` decides.
    """

    address: str
    name: str
    allows_me: bool
    load: float = 0.0
    pipelines: int = 0
    signatures: frozenset[str] | None = None
    is_lost: bool = False
    allowed: frozenset[str] = frozenset()
    lets_me_delegate: bool | None = None


class NetworkListener(Protocol):
    """Hears what other nodes say, on the node's loop."""

    def cares_about(self, pipeline: str | None) -> bool:
        """Whether what is said about a pipeline, or None, matters here; called from any thread.

        What matters to no listener is not even checked.
        """

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
        """Send a command, encrypted for its target; done when the broker has it.

        A node has no wishes of its own: without a ``delegation`` the command is marked as brought
        for somebody who signed none.
        """

    def listen(self, listener: NetworkListener) -> Callable[[], None]:
        """Hear what others say until the function that is returned is called."""


class Slots(Protocol):
    """How many calls of code a node runs at once, and what it keeps for them, shared fairly.

    All instances of one client have one share together: nobody has more for making many.

    Example:
        ::

            await self.context.slots.acquire()
            try:
                result = await sandbox.call("code", timeout=60)
            finally:
                self.context.slots.release()
    """

    @property
    def total(self) -> int:
        """How many the node has, for all of its instances together."""

    def tell_waiting(self, calls: int) -> None:
        """Say how many calls wait, which the node's heartbeats tell."""

    async def acquire(self) -> None:
        """Wait for a slot, and hold it until :meth:`release`."""

    def release(self) -> None:
        """Give one back."""

    def make_room(self) -> None:
        """Another process is about to be started: what others keep unused may have to go."""

    def keep(self, end: Callable[[], None]) -> Callable[[], None]:
        """Keep a process that has nothing to do for the next call.

        Args:
            end: called if its room is needed for another; is to end it.

        Returns:
            What is to be called when it is used again, or was ended.
        """

    def set_aside(self) -> bool:
        """Have a process that has begun wait without a slot, until :meth:`take_up`.

        Returns:
            Whether it may: this client has not too many of them.
        """

    def take_up(self) -> None:
        """One that was set aside goes on, or has ended."""

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more may be kept for this client's calls."""

    def tell_kept(self, kept: int, unsent: int) -> None:
        """Say how many bytes are kept for calls, and how many wait to be sent to the client.

        Where too many wait to be sent, no further slot is given to this client.
        """


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

    def delegation(self) -> Delegation | None:
        """What its client lets this node have others do for it; None if it has signed nothing.

        Raises:
            DelegationRefused: it cannot be used here, or now; says why.
        """

    @property
    def clock(self) -> Clock:
        """Where to read the time."""

    @property
    def folder(self) -> Path:
        """The instance's own folder."""

    @property
    def network(self) -> Network:
        """Access to other nodes."""

    @property
    def slots(self) -> Slots:
        """The slots in which code runs, for signatures that run much of it."""

    @property
    def largest_exchange(self) -> int:
        """Bytes that ``Sandbox.exchange`` takes, or gives, at once."""

    async def emit(self, fields: Mapping[str, Any]) -> None:
        """Send a payload; waits while too many are under way.

        Args:
            fields: what it says, by upper-case key.

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

        What the instance asks for in its setting ``GRANTS`` is open to it: the node has seen that
        all of it is granted. To whom depends on who sent the code, so a signature lists the
        settings that hold code in ``SignatureDescriptor.confidential``.

        Raises:
            GrantMissing: the instance asks for what is not granted (any more).
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

    @property
    def life(self) -> str | None:
        """What tells this object from all others that ran, or will run, for its instance.

        A client that was told it can say in a command that it is meant for no other
        (``pye2core.messages.LIFE``): it is then taken sooner, and dropped once this one is gone.
        None, unless overridden: such commands are dropped.
        """
        return None

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
        """Answer an instance command (PyE2 wire protocol, section 6).

        Unless overridden: a payload that echoes ``data`` as ``COMMAND_PARAMS``. A client that waits
        for an answer knows it by that field.

        Args:
            data: what the client gave as ``payload``, and what it marked its question with; keys
                as it wrote them.
            parameters: what the client gave as ``command_params``, and the command's name with the
                value True. **Keys are in lower case**: after ``send_instance_command("RESET",
                command_params={"From": 3})`` they are ``{"from": 3, "reset": True}``.

        Raises:
            Exception: whatever it is, the client is told that the command failed, and why.

        Example:
            ::

                async def on_command(self, data, parameters):
                    if "reset" in parameters:
                        self._count = parameters.get("from", 0)
                    await super().on_command(data, parameters)
        """
        del parameters
        await self.context.emit({"COMMAND_PARAMS": dict(data)})

    @abstractmethod
    async def stop(self) -> None:
        """Release what :meth:`start` took; called once after the last :meth:`run`."""
