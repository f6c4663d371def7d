"""Runners that do as they are told, and a client without a session (no tests)."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pye2_node.desired import DesiredPipeline
from pye2_node.home import Home
from pye2_node.instances import InstanceState, RunningInstance
from pye2_node.node import Node
from pye2_node.settings import NodeSettings, OwnersChoices
from pye2_wire.serializer import Pye2Serializer
from pye2core.abc import Channel, Runner
from pye2core.clock import SYSTEM_CLOCK, ManualClock
from pye2core.connection import Connection, ConnectionSettings, Dialects
from pye2core.descriptors import SignatureDescriptor
from pye2core.errors import InvalidConfiguration
from pye2core.identity import Identity, load_or_create_key
from pye2core.messages import (
    Command,
    Heartbeat,
    InstanceConfig,
    Notification,
    NotificationCode,
    PayloadMessage,
    PipelineConfig,
    Requester,
)
from pye2core.plugins import installed_plugins
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from pye2_node.attendant import Patience
    from pye2_node.context import Facilities

SECONDS = 30
"""Longer than anything here takes: a test that needs it all fails."""


class Puppet(Runner):
    """Does what its settings say, and writes down what is done with it.

    ``START``, ``RUN``, ``RECONFIGURE``, ``COMMAND`` and ``STOP`` may be "raise", "refuse" or
    "hang". Unless ``RUN`` says otherwise, it emits one payload and waits.
    """

    log: list[str]

    @property
    def life(self) -> str | None:
        life: str | None = self.context.settings.get("LIVES")
        return life

    async def start(self) -> None:
        await self.play("START")

    async def run(self) -> None:
        self.log.append("run")
        await self.context.emit({"VALUE": self.context.settings.get("VALUE")})
        await self.act("RUN")
        if self.context.settings.get("RUN") != "return":
            await asyncio.Event().wait()

    async def on_command(self, data: Any, parameters: Any) -> None:
        self.log.append(f"told {dict(data)} {dict(parameters)}")
        await self.play("COMMAND")
        await super().on_command(data, parameters)

    async def stop(self) -> None:
        await self.play("STOP")

    async def play(self, part: str) -> None:
        self.log.append(part.lower())
        await self.act(part)

    async def act(self, part: str) -> None:
        how = self.context.settings.get(part)
        if how == "raise":
            raise RuntimeError(f"{part} was told to raise")
        if how == "refuse":
            raise InvalidConfiguration(f"{part} was told to refuse", pipeline=None)
        if how == "hang":
            await asyncio.Event().wait()


class LivePuppet(Puppet):
    """A puppet that takes over settings while it runs."""

    async def reconfigure(self, changes: Any) -> None:
        self.log.append(f"changes {dict(changes)}")
        await self.play("RECONFIGURE")


class Registry:
    """The installed plugins, and puppets."""

    def __init__(self, log: list[str]) -> None:
        self._real = installed_plugins()
        self._runners = {
            "PUPPET_01": type("LoggedPuppet", (Puppet,), {"log": log}),
            "LIVE_PUPPET_01": type("LoggedLivePuppet", (LivePuppet,), {"log": log}),
            "PRIVATE_PUPPET_01": type("LoggedPrivatePuppet", (Puppet,), {"log": log}),
        }
        self._descriptors = {
            name: SignatureDescriptor(
                name,
                runner=f"puppets:{name}",
                confidential=("SECRET",),
                private=name.startswith("PRIVATE"),
            )
            for name in self._runners
        }
        self._descriptors["CLIENT_ONLY_01"] = SignatureDescriptor("CLIENT_ONLY_01")

    def signatures(self) -> dict[str, SignatureDescriptor]:
        return self._descriptors

    def signature(self, name: str) -> SignatureDescriptor:
        return self._descriptors.get(name) or self._real.signature(name)

    def load(self, descriptor: Any, import_string: str) -> Any:
        return self._runners[import_string.removeprefix("puppets:")]

    def make(
        self, kind: type, descriptor: Any, import_string: str, *given: Any, **named: Any
    ) -> Any:
        if import_string.startswith("puppets:"):
            return self.load(descriptor, import_string)(*given, **named)
        return self._real.make(kind, descriptor, import_string, *given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Outlet:
    """Takes payloads and notifications in place of a connection."""

    def __init__(self) -> None:
        self.payloads: list[tuple[PayloadMessage, str | None]] = []
        self.notifications: list[Notification] = []
        self.unconfirmed: list[Any] = []
        self.confirms = True
        self.on_payload: Any = lambda: None

    def send_payload(self, payload: PayloadMessage, receiver: str | None) -> Any:
        future: Any = Future()
        self.payloads.append((payload, receiver))
        self.on_payload()
        if self.confirms:
            future.set_result(None)
        else:
            self.unconfirmed.append(future)
        return future

    def announce(self, notification: Notification, parties: Any = None) -> None:
        del parties
        self.notifications.append(notification)

    def codes(self) -> list[int | None]:
        return [each.code for each in self.notifications]


def puppet(instance_id: str = "i", signature: str = "PUPPET_01", **settings: Any) -> InstanceConfig:
    return InstanceConfig(signature, instance_id, settings)


def pipeline(name: str, *instances: InstanceConfig, **settings: Any) -> PipelineConfig:
    return PipelineConfig(name, instances=instances, settings=settings)


CLIENT = Requester(Identity.from_words(["client"]).address, "tests", "session-1")


def desired(config: PipelineConfig, requester: Requester = CLIENT) -> DesiredPipeline:
    return DesiredPipeline(config, requester, requester, SYSTEM_CLOCK.now())


class WallClock(ManualClock):
    """A clock on the wall: it can be put forward and back, and nobody's time passes by that.

    Attributes:
        is_known: whether it knows that it is set.
    """

    is_known = True

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._put_forward = timedelta()

    def put_forward(self, by: timedelta) -> None:
        self._put_forward += by

    def now(self) -> datetime:
        return super().now() + self._put_forward

    def is_set(self) -> bool:
        return self.is_known and super().is_set()


class InstanceStage:
    """Makes instances, and hears what becomes of them; made on a loop."""

    def __init__(self, facilities: Facilities, outlet: Outlet, patience: Patience) -> None:
        self.facilities = facilities
        self.outlet = outlet
        self.changes: asyncio.Queue[InstanceState] = asyncio.Queue()
        self.sent: asyncio.Queue[None] = asyncio.Queue()
        self._patience = patience
        loop = asyncio.get_running_loop()
        outlet.on_payload = lambda: loop.call_soon_threadsafe(self.sent.put_nowait, None)

    def instance(
        self,
        config: InstanceConfig,
        patience: Patience | None = None,
        requester: Requester = CLIENT,
    ) -> RunningInstance:
        return RunningInstance(
            config,
            desired(pipeline("p", config), requester),
            self.facilities,
            is_confidential=refuses_nothing,
            on_state=self.note_state,
            patience=patience or self._patience,
        )

    def note_state(self, instance: RunningInstance) -> None:
        """Something has become of an instance."""
        self.changes.put_nowait(instance.state)

    async def payloads(self, count: int) -> None:
        """Wait for that many payloads more."""
        async with asyncio.timeout(SECONDS):
            for _ in range(count):
                await self.sent.get()


def refuses_nothing(signature: str, key: str) -> bool:
    """Only this key of puppets is confidential."""
    return key == "SECRET"


class Client:
    """Speaks to nodes over a broker; hears everything, each kind of message in its order.

    Between payloads and notifications there is no order: they come over different connections.
    """

    def __init__(self, url: str, identity: Identity, dialects: Dialects | None = None) -> None:
        self.identity = identity
        self.requester = Requester(identity.address, "tests", "session-1")
        self.payloads: queue.Queue[PayloadMessage] = queue.Queue()
        self.notifications: queue.Queue[Notification] = queue.Queue()
        self.heartbeats: queue.Queue[Heartbeat] = queue.Queue()
        self.connection = Connection(
            ConnectionSettings(parse_broker_url(url), f"client-{id(self)}"),
            identity,
            dialects or Dialects([Pye2Serializer()]),
            installed_plugins(),
        )
        self._listen(Channel.notif(), self.notifications)
        self._listen(Channel.payloads(), self.payloads)
        self._listen(Channel.ctrl(), self.heartbeats)
        self.connection.start()

    def _listen(self, channel: Channel, heard: queue.Queue[Any]) -> None:
        def hear(message: Any, acknowledge: Any) -> None:
            acknowledge()
            heard.put(message)

        self.connection.listen(channel, hear)

    def command(self, action: Any, body: Any, node: str) -> Command:
        return Command(action, body, node, self.requester)

    def send(self, action: Any, body: Any, node: str, *, address: str | None = None) -> None:
        """Send a command, encrypted for a node that is named by its address, or for ``address``."""
        command = self.command(action, body, node)
        receiver = address or (node if node.startswith("0xai_") else None)
        sent = self.connection.send(command, Channel.config(node), encrypt_for=receiver)
        sent.result(SECONDS)

    def notification(self, code: int | None, pipeline: str | None = None) -> Notification:
        """The next notification with that code, about that pipeline."""
        while True:
            found = self.notifications.get(timeout=SECONDS)
            if found.code == code and found.path.pipeline == pipeline:
                return found

    def confirmed(self, *pipelines: str) -> None:
        """Wait until an instance of each of these pipelines runs, in whatever order."""
        missing = set(pipelines)
        while missing:
            found = self.notifications.get(timeout=SECONDS)
            if found.code == NotificationCode.PLUGIN_CONFIG_OK:
                missing.discard(found.path.pipeline or "")

    def payload(self, pipeline: str) -> PayloadMessage:
        """The next payload of that pipeline."""
        while True:
            found = self.payloads.get(timeout=SECONDS)
            if found.path.pipeline == pipeline:
                return found

    def heartbeat(self, name: str, wanted: Any = lambda heartbeat: True) -> Heartbeat:
        """The next heartbeat of the node of that name for which ``wanted`` is true."""
        while True:
            found = self.heartbeats.get(timeout=SECONDS)
            if found.name == name and wanted(found):
                return found

    def close(self) -> None:
        self.connection.close()


FRIEND = Identity.from_words(["friend"])
STRANGER = Identity.from_words(["stranger"])
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class RunningNode:
    """A node in a thread of its own, from ``with`` to its end."""

    def __init__(
        self, url, path, registry, name="n1", interval=30.0, clock=SYSTEM_CLOCK, **options
    ):
        self._clock = clock
        choices = OwnersChoices(heartbeat_interval=interval, **options)
        self.settings = NodeSettings(name, parse_broker_url(url), path, choices=choices)
        self.address = load_or_create_key(path / "node.pem").address
        self.end = None
        self.error = None
        self._registry = registry
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(SECONDS)
        if self.error is not None:
            raise self.error
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        try:
            asyncio.run(self._live())
        except Exception as error:  # noqa: BLE001 - told to the test's own thread
            self.error = error
        self._ready.set()

    async def _live(self):
        self._loop = asyncio.get_running_loop()
        with Home.open(self.settings.home) as home:
            self.node = Node(self.settings, home, registry=self._registry, clock=self._clock)
            self.end = await self.node.run(self._ready.set)

    def on_loop(self, function):
        """What ``function`` gives on the node's loop."""

        async def call():
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(SECONDS)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self.node.stop)
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()

    def wait_for_end(self):
        self._thread.join(SECONDS)
        return self.end
