"""The node: puts its parts together, begins, and stops in order.

One loop. Messages come from the transport's threads through ``reception`` and are handed to the
loop; each part says what it does there. Whatever a message, a plugin or the disk does, the node
goes on; it ends when it is told to.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from pye2_node.allow_file import full_address
from pye2_node.allow_list import AllowList
from pye2_node.announcing import Announcements
from pye2_node.audience import Audience
from pye2_node.caretaker import Caretaker
from pye2_node.command_desk import CommandDesk
from pye2_node.commands import Apply, NodeAction, requester_of
from pye2_node.context import Facilities
from pye2_node.deputies import Deputies
from pye2_node.doorbell import Doorbell
from pye2_node.failure_log import FailureLog
from pye2_node.gate import Gate
from pye2_node.granting import Granting
from pye2_node.grants_watch import GrantsWatch
from pye2_node.guest_nodes import GuestNodes
from pye2_node.heartbeat import (
    HeartbeatSchedule,
    capabilities_of,
    modules_in_sandboxes,
    shown_pipelines,
    signatures_of,
    status_of,
)
from pye2_node.ledger import Ledger
from pye2_node.machine import Machine
from pye2_node.network import LOST_SECONDS, NodeNetwork
from pye2_node.node_clock import NodeClock
from pye2_node.notices import Answers, not_allowed, not_delegated, not_encrypted
from pye2_node.pairing_door import PairingDoor
from pye2_node.pipelines import Pipelines
from pye2_node.presence import Presence
from pye2_node.pulse import Pulse
from pye2_node.reception import Reception
from pye2_node.refusals import Refusals
from pye2_node.results import Results
from pye2_node.roll_calls import RollCalls
from pye2_node.sandbox import SandboxPool
from pye2_node.sandbox.limits import limits_chosen
from pye2_node.signatures import Signatures
from pye2_node.slots import desk_chosen
from pye2_node.store import Store
from pye2core.abc import Channel
from pye2core.clock import SYSTEM_CLOCK
from pye2core.connection import Connection, ConnectionSettings, Dialects, memory_of
from pye2core.errors import MessageRejected, NodeError, Pye2Error
from pye2core.identity import load_or_create_key
from pye2core.peers import PeerBook
from pye2core.plugins import installed_plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2_node.commands import Work
    from pye2_node.confidence import Parties
    from pye2_node.deputies import Authority
    from pye2_node.home import Home
    from pye2_node.instances import RunningInstance
    from pye2_node.settings import NodeSettings
    from pye2core.abc import SealedMessage
    from pye2core.clock import Clock
    from pye2core.messages import Command, Notification, Requester
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2_node")

_GOODBYE_SECONDS = 2.0
"""For each step of leaving the broker: whoever stops a node does not wait for ever."""


class Node:
    """An edge node. Made on the loop that it runs on.

    Args:
        settings: how to run it.
        home: its home, locked for this process.
        registry: the installed plugins.
        pool: where custom code runs; one of its own if it is not given.
        clock: where the time comes from.

    Attributes:
        settings: how it runs.
        identity: its key.
        allow_list: who may give it commands.
        pairing: where clients can be paired with it.

    Raises:
        KeyFileError: its key cannot be used.
        NodeError: its state cannot be used.
        Pye2Error: a plugin that it needs is missing or broken.
    """

    def __init__(
        self,
        settings: NodeSettings,
        home: Home,
        *,
        registry: PluginRegistry | None = None,
        pool: SandboxPool | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.settings = settings
        self.identity = load_or_create_key(home.key_file, settings.passphrase)
        self.allow_list = AllowList(home.allow_file, self.address)
        self.pairing = PairingDoor(home.path, self, clock)
        self._home = home
        self._registry = registry or installed_plugins()
        self._signatures = Signatures(self._registry, shows_code=settings.choices.show_code)
        clock = self._clock = NodeClock(clock, home)
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[NodeAction] = self._loop.create_future()
        self._roll_calls = RollCalls(
            lambda: self._main.is_forbidden(Channel.roll_call()), self.note_change
        )
        self._dialects = Dialects.installed(
            self._registry,
            node_name=self.settings.name,
            memory=lambda: memory_of(self.address, home.key_file),
            clock=clock,
        )
        self._failure_log = FailureLog(clock)
        self._store = Store(home.database, clock)
        self._ledger = Ledger(self._store)
        self._audience = Audience(
            clock,
            results_to_everyone=settings.choices.results_to_everyone,
            speaks_stronger=self._dialects.speaks_stronger,
        )
        self._pool = pool or SandboxPool(
            limits_chosen(settings.choices), modules=modules_in_sandboxes(self._registry)
        )
        self._slots = desk_chosen(settings.choices)
        self._guest_nodes = GuestNodes(self._store, self.allow_list.allows)
        self._deputies = Deputies(
            self.allow_list,
            self.address,
            settings.name,
            is_node=self._is_node,
            brings=self._ledger.is_brought_by,
            clock=clock,
        )
        self._main = self._make_main_connection()
        self._desk = CommandDesk(
            self._ledger,
            self,
            self._signatures,
            clock=clock,
            loop=self._loop,
        )
        self._presence = self._make_presence()
        self._pulse = Pulse(
            HeartbeatSchedule(settings.choices.heartbeat_interval, clock),
            self._presence,
            self._main,
            must_say_everything=lambda: self._audience.has_pye2_peers,
            loop=self._loop,
        )
        self._network = self._make_network()
        self._results = Results(self._audience, self._main, clock)
        self._announcements = Announcements(self._audience, self._main, clock)
        self._grants_watch = GrantsWatch(self.allow_list, self._instances, self._loop)
        facilities = Facilities(
            settings=settings,
            address=self.address,
            clock=clock,
            registry=self._registry,
            home=home,
            store=self._store,
            pool=self._pool,
            network=self._network,
            send_payload=self._results.send,
            announce=self.announce,
            confidant=self._results.confidant,
            granting=Granting(
                self.allow_list.granted,
                settings.name,
                home.path,
                on_asked=self._grants_watch.look_soon,
                count=self.allow_list.count_granted,
                allows=self.allow_list.allows,
            ),
            slots=self._slots,
        )
        self._caretaker = Caretaker(
            facilities,
            self._ledger,
            is_confidential=self._signatures.is_confidential,
            signatures=self._presence.signatures,
            on_change=self.note_change,
        )
        self._pipelines = Pipelines(self._caretaker)
        self._reception = Reception(
            self.name,
            self.address,
            desk=self._desk,
            deputies=self._deputies,
            pairing=self.pairing,
            roll_calls=self._roll_calls,
            audience=self._audience,
            pulse=self._pulse,
            network=self._network,
            guest_nodes=self._guest_nodes,
        )

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    @property
    def address(self) -> str:
        """Its address."""
        return self.identity.address

    def _make_main_connection(self) -> Connection:
        """The connection for everything but what other nodes say; the broker keeps its session."""
        accepts_unencrypted = self.settings.choices.accept_unencrypted_commands
        gate = Gate(
            self.settings.name,
            self.address,
            has_seen=self._store.has_seen,
            allows=self.allow_list.allows,
            on_refused=lambda sender: self.announce(not_allowed(sender, self.settings.name)),
            refusals=Refusals(self._clock, self._call_later),
            pairs=self.pairing.hears,
            deputies=self._deputies,
            on_not_delegated=lambda requester, why: self.announce(not_delegated(requester, why)),
            on_unencrypted=None if accepts_unencrypted else self._refuse_unencrypted,
        )
        settings = ConnectionSettings(
            self.settings.broker,
            f"pye2-node-{self.address}",
            persistent=True,
            root=self.settings.root,
        )
        return Connection(
            settings,
            self.identity,
            self._dialects,
            self._registry,
            gate=gate,
            on_unreadable=self._on_unreadable,
            last_will=lambda: (self._presence.begin_life(), Channel.ctrl()),
            # What is known of the life before has ended with it.
            on_connected=lambda: self._pulse.asked_by(None),
        )

    def _call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Have something done on the loop after a time; from any thread."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, call)

    def _make_presence(self) -> Presence:
        return Presence(
            self.settings.name,
            self.address,
            interval=self.settings.choices.heartbeat_interval,
            signatures=signatures_of(self._registry),
            sandbox=self._pool.report,
            capabilities=lambda: capabilities_of(
                self._main.features, hears_roll_calls=self._roll_calls.are_heard
            ),
            machine=Machine(self._home.path, self._clock),
            clock=self._clock,
            clock_trouble=self._clock.look,
            allowed=self.allow_list.addresses,
            may_delegate=self.allow_list.delegates,
            pipelines=lambda: shown_pipelines(
                self._ledger.pipelines.values(), self._signatures.is_shown_as_digest
            ),
            instances=self._instances,
            pairing=self.pairing.offer,
            status=lambda: status_of(self._slots, self.settings.choices),
        )

    def _make_ears(self) -> Connection:
        """A connection for what other nodes say."""
        settings = ConnectionSettings(
            self.settings.broker, f"pye2-node-{self.address}-ears", root=self.settings.root
        )
        return Connection(settings, self.identity, self._dialects, self._registry)

    def _make_network(self) -> NodeNetwork:
        own = {self.settings.name: self.address}
        return NodeNetwork(
            self.settings.name,
            self.address,
            peers=PeerBook(self._clock, own, grace=LOST_SECONDS),
            send=lambda command, channel, receiver: self._main.send(
                command, channel, encrypt_for=receiver
            ),
            take=self._desk.receive,
            new_ears=self._make_ears,
            on_new_peer=lambda: self._pulse.asked_by(None),
            loop=self._loop,
        )

    # --- life -------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Have :meth:`run` come to its end; to be called on the loop."""
        self._finish(NodeAction.STOP)

    def _finish(self, action: NodeAction) -> None:
        if not self._end.done():
            self._end.set_result(action)

    async def run(self, on_ready: Callable[[], None]) -> NodeAction:
        """Run until told to stop.

        Args:
            on_ready: called when it is connected, takes commands and has said so.

        Returns:
            Whether to stop, or to begin anew.

        Raises:
            BrokerUnreachable: nothing answers at the broker's address.
            CredentialsRefused: the broker says no.
        """
        async with AsyncExitStack() as at_the_end:
            beginning = asyncio.create_task(self._begin(at_the_end))
            either: set[asyncio.Future[Any]] = {beginning, self._end}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if beginning.done():
                beginning.result()
                self._registry.observe(
                    "pye2_node_started", name=self.settings.name, address=self.address
                )
                on_ready()
                return await self._end
            beginning.cancel()
            await asyncio.wait({beginning})
        return self._end.result()

    async def _begin(self, at_the_end: AsyncExitStack) -> None:
        at_the_end.callback(self._store.close)
        self._clock.look()
        # Whoever changes the white list rings, so that all hear soon who is allowed.
        at_the_end.callback(Doorbell(self._home.path, self._on_ring).close)
        at_the_end.callback(self._grants_watch.stop)
        at_the_end.push_async_callback(self._pool.stop)
        warming = asyncio.create_task(self._warm_up())
        at_the_end.push_async_callback(_cancelled, warming)
        await self._connect(at_the_end)
        if self._roll_calls.may_be_heard:
            self._network.call_roll()
        await asyncio.to_thread(self._caretaker.remove_leftovers)
        at_the_end.push_async_callback(self._say_goodbye)
        at_the_end.push_async_callback(self._network.close)
        at_the_end.push_async_callback(self._pipelines.stop)
        self._restore()
        writing = asyncio.create_task(self._ledger.write_behind())
        at_the_end.push_async_callback(_cancelled, writing)
        at_the_end.push_async_callback(_cancelled, asyncio.create_task(self._desk.handle_all()))
        await self._roll_calls.wait_for_own()
        await self._pulse.first()
        # Not before: the first one says whether roll calls are heard.
        at_the_end.push_async_callback(_cancelled, asyncio.create_task(self._pulse.beat()))
        at_the_end.callback(self.pairing.close)
        self.pairing.look()

    def _on_ring(self) -> None:
        self.note_change()
        self._grants_watch.look()
        self.pairing.look()

    async def _warm_up(self) -> None:
        """Have the sandbox ready before it is needed; if that fails, who needs it is told."""
        try:
            await self._pool.start()
        except NodeError as error:
            _log.warning("custom code cannot be run: %s", error)
        else:
            self._tell_of_sandbox()

    def _tell_of_sandbox(self) -> None:
        """Say what stands between custom code and this machine, here and in heartbeats."""
        report = self._pool.report()
        if report is None:
            return
        if report.refuses_code:
            _log.error("custom code is refused here: neither Landlock nor seccomp can confine it")
        else:
            _log.info("custom code is confined by: %s", ", ".join(report.layers) or "nothing")
        for layer, why in report.missing.items():
            _log.warning("the layer %s is missing (`pye2 node doctor`): %s", layer, why)
        self.note_change()

    async def _connect(self, at_the_end: AsyncExitStack) -> None:
        self._reception.listen(self._main)

        async def disconnect() -> None:
            await asyncio.to_thread(self._main.close, keep_session=True, timeout=_GOODBYE_SECONDS)

        at_the_end.push_async_callback(disconnect)
        await asyncio.to_thread(self._main.start)

    def _restore(self) -> None:
        for pipeline in self._ledger.pipelines.values():
            self._audience.heard_client(pipeline.modified_by.capabilities)
            answers = Answers(pipeline.modified_by)
            self.announce(answers.restored(pipeline.config.name))
            self._pipelines.do(Apply(pipeline, answers, frozenset(pipeline.paths())))

    async def _say_goodbye(self) -> None:
        self._registry.observe("pye2_node_stopped", name=self.settings.name, address=self.address)
        self._main.send(self._presence.farewell(), Channel.ctrl())

    # --- speaking ---------------------------------------------------------------------------------

    def _refuse_unencrypted(self, requester: Requester) -> None:
        self.announce(not_encrypted(requester, self.settings.name))

    def announce(self, notification: Notification, parties: Parties | None = None) -> None:
        """Send a notification, an instance's for its parties; from any thread."""
        self._failure_log.note(notification)
        try:
            self._announcements.send(notification, parties)
        except (Pye2Error, TypeError) as error:
            _log.warning("a notification was not sent (%s): %s", error, notification.text)

    # --- what its parts ask of it -----------------------------------------------------------------

    def _instances(self) -> list[RunningInstance]:
        return self._pipelines.instances()

    def _on_unreadable(self, sealed: SealedMessage, error: MessageRejected) -> None:
        self._reception.on_unreadable(sealed, error)

    def do(self, work: Work) -> None:
        """Hand work to the pipelines."""
        self._pipelines.do(work)

    def note_client(self, client: Requester) -> None:
        """Somebody who is allowed gave a command."""
        self._audience.heard_client(client.capabilities)

    def note_change(self) -> None:
        """Tell everybody soon how the node is: that changed."""
        self._presence.life.revision += 1
        self._pulse.changed()

    async def act(self, action: NodeAction) -> None:
        """Do something that concerns the node as a whole."""
        if action is NodeAction.RELOAD:
            try:
                await self._ledger.read_again()
            except NodeError as error:
                _log.error("the node goes on with what it had: %s", error)
            self._restore()
        else:
            self._finish(action)

    def _is_node(self, address: str) -> bool:
        return address in self._guest_nodes or self._network.is_node(address)

    def authority_of(self, command: Command) -> Authority:
        """Whose rights a command has.

        Raises:
            DelegationRefused: nobody's who is allowed.
        """
        sender = full_address(requester_of(command).address or self.address)
        return self._deputies.authority_of(sender, command.delegation)

    def report_replay(self, command: Command) -> None:
        """Count a command that came again while it was being taken."""
        sender = command.origin.sender if command.origin is not None else None
        error = MessageRejected("this very command was taken", reason="replay", sender=sender)
        self._main.reject(error, Channel.config(self.address), 0)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
