"""What a node gives to one runner: its settings, a way to speak, a sandbox, a place to keep things.

The node's side of ``pye2core.abc.InstanceContext``. On the node's loop, as runners are; the disk
and the sealing of large payloads are waited for in threads.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import field, frozen

from pye2_node.budget import Budget
from pye2_node.code_events import CodeEvents
from pye2_node.confidence import confidants, marked, parties, shelf_of, unmarked
from pye2_node.deputies import delegation_in
from pye2_node.desired import path_of, spelled_path_of
from pye2_node.formatters import formatter_of
from pye2_node.granting import granted_to
from pye2_node.limit_notices import LimitNotices
from pye2_node.pace import Pace
from pye2_node.payload_sizes import is_large, is_small, units_of
from pye2_node.sandbox import Surroundings
from pye2_node.sandbox.granted_zygotes import Share
from pye2_node.settings import MEBIBYTE
from pye2_node.slots import SlotDesk
from pye2core.errors import NodeError
from pye2core.messages import (
    GRANTS,
    Circumstances,
    Notification,
    NotificationKind,
    PayloadMessage,
    Speaker,
    upper_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from datetime import datetime
    from pathlib import Path

    from pye2_node.confidence import Parties
    from pye2_node.desired import DesiredPipeline
    from pye2_node.granting import Granting
    from pye2_node.home import Home
    from pye2_node.sandbox import SandboxPool, SandboxProcess
    from pye2_node.settings import NodeSettings
    from pye2_node.store import Store
    from pye2core.abc import Network, Sandbox
    from pye2core.clock import Clock
    from pye2core.code.grants import Grants
    from pye2core.messages import (
        Delegation,
        InstanceConfig,
        InstancePath,
        NotificationCode,
        Requester,
    )
    from pye2core.plugins import PluginRegistry

_log = logging.getLogger("pye2_node")

_SECONDS_AT_ONCE: Final = 5.0
"""Of how many seconds payloads may be sent at once by who was quiet before."""

SECONDS_TO_KEEP_ALL: Final = 60.0
"""In how many seconds an instance may write once over all that it may keep."""

UNDER_WAY: Final = 16
"""Payloads of one instance that the broker has not confirmed yet; more have to wait."""

LARGE_UNDER_WAY: Final = 8
"""The same of large ones of all instances: where the broker is slow, what waits for it is limited,
and then nothing of anybody could be sent."""


def _nobody(payload: PayloadMessage) -> str | None:
    """Nothing is encrypted unless its instance says so."""
    del payload
    return None


class Announce(Protocol):
    """Sends notifications."""

    def __call__(self, notification: Notification, parties: Parties | None = None) -> None:
        """Send one.

        Args:
            notification: what to say.
            parties: who asked for the instance that speaks, and who changed it last; None for the
                one whom the notification answers.
        """


@frozen
class Facilities:
    """What all instances of a node share.

    Attributes:
        settings: how the node runs.
        address: the node's address.
        clock: where to read the time.
        registry: the installed plugins.
        home: where folders are.
        store: where states are kept.
        pool: starts sandboxes.
        network: access to other nodes.
        send_payload: hands a payload to the broker, encrypted for an address if one is given; from
            any thread.
        announce: sends a notification; one that an instance has made, with whom it is for.
        confidant: of a payload whose instance does not say whether to encrypt it, the address it
            is encrypted for; None for everybody.
        granting: says what code may do besides computing; None where nothing is granted to anybody.
        slots: how many calls of code run at once.
        large_ways: those for large payloads.
    """

    settings: NodeSettings
    address: str
    clock: Clock
    registry: PluginRegistry
    home: Home
    store: Store
    pool: SandboxPool
    network: Network
    send_payload: Callable[[PayloadMessage, str | None], Future[None]]
    announce: Announce
    confidant: Callable[[PayloadMessage], str | None] = _nobody
    granting: Granting | None = None
    slots: SlotDesk = field(factory=lambda: SlotDesk(1))
    large_ways: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(LARGE_UNDER_WAY))


class Context:
    """The context of one instance; implements ``pye2core.abc.InstanceContext``.

    Attributes:
        config: the instance's configuration as it stands.
        pipeline: the pipeline as it stands, with who asked for it.
        iteration: how many payloads were sent.
        last_payload_at: when the last one was; None before the first.
        failed_at: when it, or its code, first and last failed; None if that never happened.
        slots: the node's slots for calls, as this instance sees them.
        is_private: whether it is its client's alone.
    """

    def __init__(
        self, config: InstanceConfig, pipeline: DesiredPipeline, facilities: Facilities
    ) -> None:
        self.config = config
        self.pipeline = pipeline
        self.iteration = 0
        self.last_payload_at: datetime | None = None
        self.failed_at: tuple[datetime, datetime] | None = None
        self._facilities = facilities
        self._path = path_of(pipeline.config.name, config)
        self._descriptor = facilities.registry.signatures().get(self._path.signature or "")
        self._version = None if self._descriptor is None else self._descriptor.version
        self.is_private = self._descriptor is not None and self._descriptor.private
        self._began = facilities.clock.monotonic()
        self._pace = Pace()
        payloads_a_second = facilities.settings.choices.payloads_per_second
        self._budget = Budget(
            payloads_a_second, at_once=payloads_a_second * _SECONDS_AT_ONCE, now=self._began
        )
        self.keeping = Budget(
            round(self.most_kept / SECONDS_TO_KEEP_ALL), at_once=self.most_kept, now=self._began
        )
        self._limit_notices = LimitNotices(facilities.clock, self.notify)
        self._ways = asyncio.Semaphore(UNDER_WAY)
        # Whose it is, and not in whose pipeline: others may have put it there.
        self.slots = facilities.slots.for_instance("\n".join(sorted(config.set_by)))
        self._sandboxes: set[SandboxProcess] = set()
        self._runs_before = 0
        self._closed = False

    @property
    def path(self) -> InstancePath:
        """Which instance this is; its signature in upper case, however it is spelled."""
        return self._path

    @property
    def spelled_path(self) -> InstancePath:
        """The same as its configuration spells it, and what is said about it."""
        return spelled_path_of(self.pipeline.config.name, self.config)

    @property
    def speaker(self) -> Speaker:
        """This instance, in notifications in which it speaks."""
        return Speaker(self._version)

    @property
    def node_name(self) -> str:
        """The node's name."""
        return self._facilities.settings.name

    @property
    def node_address(self) -> str:
        """The node's address."""
        return self._facilities.address

    @property
    def requester(self) -> Requester:
        """Who created the pipeline."""
        return self.pipeline.requester

    def delegation(self) -> Delegation | None:
        """What its client lets this node have others do for it; None if it has signed nothing.

        Raises:
            DelegationRefused: it cannot be used here, or now; says why.
        """
        return delegation_in(self.config, self.pipeline.config.name, self.node_address, self.clock)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The instance's configuration, with a limit for calls that is at most the owner's."""
        return {**self.config.settings, "EXEC_TIMEOUT": self._call_seconds()}

    def _call_seconds(self) -> Any:
        limits = self._facilities.settings.choices
        given = self.config.settings.get("EXEC_TIMEOUT")
        if given is None:
            return min(limits.exec_timeout, limits.max_exec_timeout)
        if isinstance(given, int | float) and not given <= limits.max_exec_timeout:
            return limits.max_exec_timeout
        return given

    @property
    def clock(self) -> Clock:
        """Where to read the time."""
        return self._facilities.clock

    @property
    def folder(self) -> Path:
        """The instance's own folder; that of code with grants is for those alone whose code it is.

        Raises:
            OSError: it cannot be made.
        """
        folder = self._facilities.home.instance_folder(self._path)
        shelf = shelf_of(self.config)
        if shelf is None:
            return folder
        folder /= shelf
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def most_kept(self) -> int:
        """Bytes that its code may keep in its folder."""
        return self._facilities.settings.choices.kept_megabytes * MEBIBYTE

    @property
    def largest_exchange(self) -> int:
        """Bytes that its code and its runner may give each other at once."""
        return self._facilities.settings.choices.call_megabytes * MEBIBYTE

    @property
    def network(self) -> Network:
        """Access to other nodes."""
        return self._facilities.network

    # --- speaking ---------------------------------------------------------------------------------

    async def emit(self, fields: Mapping[str, Any]) -> None:
        """Send a payload; waits while too many are under way, or were sent just before.

        Raises:
            TypeError: a field cannot be carried.
            MessageTooLarge: all of it together is larger than a message may be.
            NodeError: the instance was stopped, or it is to be encrypted for nobody knows whom, or
                is nobody's who made or changed its pipeline.
        """
        self._check_open()
        await self._keep_to_budget()
        way = await self._free_way(fields)
        try:
            self._check_open()  # it was a while ago
            requester, modified_by = parties(self.config, self.pipeline, is_private=self.is_private)
            self._budget.spend(1, self.clock.monotonic())
            self.iteration += 1
            self.last_payload_at = self.clock.now()
            message = PayloadMessage(
                self.spelled_path,
                upper_keys(fields),
                requester=requester,
                modified_by=modified_by,
                formatter=formatter_of(self.config),
                circumstances=self._circumstances(self.last_payload_at),
            )
            sending, more = await self._handed_over(message)
            self._budget.spend(more, self.clock.monotonic())
        except BaseException:
            way.close()
            raise
        asyncio.wrap_future(sending).add_done_callback(partial(_on_sent, way))

    async def _free_way(self, fields: Mapping[str, Any]) -> ExitStack:
        """Wait until a payload may be on its way; closed when it has arrived."""
        with ExitStack() as way:
            await self._ways.acquire()
            way.callback(self._ways.release)
            if is_large(fields):
                await self._facilities.large_ways.acquire()
                way.callback(self._facilities.large_ways.release)
            return way.pop_all()

    async def _keep_to_budget(self) -> None:
        while (seconds := self._budget.seconds_to_wait(self.clock.monotonic())) > 0:
            self.tell_limit("payload_rate", self._budget.a_second)
            await asyncio.sleep(seconds)
            self._check_open()

    async def _handed_over(self, message: PayloadMessage) -> tuple[Future[None], float]:
        """Have a payload sealed and sent; for a small one a thread would take longer to begin."""
        if is_small(message.fields):
            return self._hand_over(message)
        return await asyncio.to_thread(self._hand_over, message)

    def _hand_over(self, message: PayloadMessage) -> tuple[Future[None], float]:
        """Seal a payload and send it, and say how large it is."""
        sending = self._facilities.send_payload(message, self._receiver_of(message))
        return sending, units_of(message.fields)

    def _receiver_of(self, payload: PayloadMessage) -> str | None:
        """Who alone can read a payload; None for everybody."""
        wished = self.config.settings.get("ENCRYPT_PAYLOAD")
        if wished is None:
            return self._facilities.confidant(payload)
        if not wished:
            return None
        if payload.requester.address is None:
            raise NodeError(
                f"a result of {payload.path} was not sent: it is to be encrypted, and it is not"
                " known for whom; deploy the pipeline again"
            )
        return payload.requester.address

    def _circumstances(self, sent_at: datetime) -> Circumstances:
        now = self.clock.monotonic()
        self._pace.note(now)
        return Circumstances(
            number=self.iteration,
            sent_at=sent_at,
            alive_seconds=now - self._began,
            frequency=self._pace.frequency,
            version=self._version,
            settings=self.config.settings,
        )

    def notify(
        self,
        kind: NotificationKind,
        text: str,
        *,
        code: NotificationCode | int | None = None,
        info: str | None = None,
        fields: Mapping[str, Any] | None = None,
        is_displayed: bool | None = None,
    ) -> None:
        """Send a notification about this instance; an exception counts as its failure."""
        if kind is NotificationKind.EXCEPTION:
            self.note_failure()
        self._facilities.announce(
            Notification(
                kind,
                text,
                code=code,
                path=self.spelled_path,
                info=info,
                module=self.config.signature,
                requester=self.pipeline.requester,
                fields=upper_keys(fields or {}),
                speaker=self.speaker,
                is_displayed=is_displayed,
            ),
            confidants(self.config, self.pipeline, is_private=self.is_private),
        )

    def tell_limit(self, name: str, value: float) -> None:
        """Say that this instance has come to a limit."""
        self._limit_notices.tell(name, value)

    def note_failure(self) -> None:
        """Remember that it has failed just now."""
        now = self.clock.now()
        self.failed_at = (self.failed_at[0] if self.failed_at else now, now)

    # --- keeping ----------------------------------------------------------------------------------

    async def save(self, state: bytes) -> None:
        """Keep ``state`` durably in place of what was kept before, for after a restart.

        Raises:
            NodeError: it could not be written, or the instance was stopped.
        """
        self._check_open()
        kept = marked(state, shelf_of(self.config))
        await asyncio.to_thread(self._facilities.store.save_state, self._path, kept)

    async def load(self) -> bytes | None:
        """What was kept last by the instance of this path, if anything.

        What code with grants has kept is given only to code of the same people that has some.
        """
        kept = await asyncio.to_thread(self._facilities.store.load_state, self._path)
        return unmarked(kept, shelf_of(self.config))

    # --- sandboxes --------------------------------------------------------------------------------

    async def open_sandbox(self) -> Sandbox:
        """Start a confined process; it is stopped with the instance at the latest.

        Raises:
            GrantMissing: its configuration asks for what is not granted.
            NodeError: no process could be started or confined, or the instance was stopped.
        """
        self._check_open()
        grants = self.grants()
        surroundings = Surroundings(self.node_name, self.node_address, self._path)
        in_sandbox = None if self._descriptor is None else self._descriptor.in_sandbox
        sandbox = await self._facilities.pool.spawn(
            CodeEvents(self), surroundings, grants, self._share(), in_sandbox
        )
        self._sandboxes.add(sandbox)
        sandbox.exited.add_done_callback(lambda _: self._forget(sandbox))
        return sandbox

    def grants(self) -> Grants | None:
        """What its configuration asks for, if anything: all of it is granted.

        Raises:
            InvalidConfiguration: that cannot be understood, or it is the instance of one alone who
                is not allowed any more.
            GrantMissing: it is not granted to all whose settings these are.
        """
        granting = self._facilities.granting
        if self.is_private and granting is not None:
            granting.refuse_what_is_denied(self.config, self._path)
        if not self.config.settings.get(GRANTS):
            return None
        # Who calls functions made no instance that he would know by a name.
        named = f"the instance {self._path.instance_id!r}"
        asker = "your code" if self.is_private else named
        asked = granted_to(self.config, self._path, granting, asker=asker)
        return asked if any(asked) else None

    def _share(self) -> Share:
        granting = self._facilities.granting
        return Share() if granting is None else granting.share_of(self.config)

    def _forget(self, sandbox: SandboxProcess) -> None:
        self._sandboxes.discard(sandbox)
        self._runs_before += sandbox.calls

    @property
    def runs(self) -> int:
        """How often its custom code was called, whether that gave anything to send or not."""
        return self._runs_before + sum(each.calls for each in self._sandboxes)

    async def close(self) -> None:
        """End what the runner left behind, and let it do nothing more."""
        self._closed = True
        await self.end_sandboxes()
        self.slots.close()

    async def end_sandboxes(self) -> None:
        """End what runs for it at this moment."""
        left = list(self._sandboxes)
        ends = await asyncio.gather(*(each.stop(grace=0) for each in left), return_exceptions=True)
        for error in filter(None, ends):
            _log.error("a sandbox of %s did not stop", self._path, exc_info=error)

    def _check_open(self) -> None:
        if self._closed:
            message = f"the instance {self._path.instance_id!r} of this runner was stopped"
            raise NodeError(message)


def _on_sent(way: ExitStack, sent: asyncio.Future[None]) -> None:
    way.close()
    # One that the broker never took was logged where the connection was lost for good.
    if not sent.cancelled():
        sent.exception()
