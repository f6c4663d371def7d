"""A node for the client's tests: it says what it is told to say, and notes what it is told."""

from __future__ import annotations

import itertools
import queue
import threading
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pye2_wire.serializer import Pye2Serializer
from pye2core.abc import Channel
from pye2core.connection import Connection, ConnectionSettings, Dialects
from pye2core.identity import Identity
from pye2core.messages import (
    Action,
    Command,
    Heartbeat,
    InstanceConfig,
    InstancePath,
    InstanceUpdate,
    Notification,
    NotificationCode,
    NotificationKind,
    PayloadMessage,
    PipelineConfig,
    Presence,
    Requester,
)
from pye2core.settings import parse_broker_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from pye2core.plugins import PluginRegistry

PATIENCE = 20.0
"""Seconds after which a test takes something as not happening at all."""


class FakeNode:
    """A node on a memory broker that confirms everything, unless told otherwise.

    Attributes:
        commands: the commands that came, in order, but for those that ask for a heartbeat.
        answer: what it does with each; a test may replace it.
        running: the pipelines that it says it runs.
        life: its connection to the broker; None where it says nothing of that, as PyE2's nodes.
    """

    def __init__(self, url: str, registry: PluginRegistry, name: str = "naeural-1") -> None:
        self.name = name
        self.identity = Identity.generate()
        self.address: str = self.identity.address
        self.commands: queue.Queue[Command] = queue.Queue()
        self.answer: Callable[[Command], None] = self.confirm
        self.running: dict[str, PipelineConfig] = {}
        self.allowed: tuple[str, ...] = ()
        self.life: str | None = "5be80d31"
        self._revisions = itertools.count(1)
        self._connection = Connection(
            ConnectionSettings(parse_broker_url(url), f"node-{name}"),
            self.identity,
            Dialects([Pye2Serializer(name)]),
            registry,
        )
        self._connection.listen(Channel.config(self.address), self._on_command)
        self._connection.start()

    def close(self) -> None:
        self._connection.close()

    def next_command(self) -> Command:
        return self.commands.get(timeout=PATIENCE)

    def _on_command(self, message: Any, ack: Callable[[], None]) -> None:
        ack()
        if message.action is Action.FULL_HEARTBEAT:
            self.beat()
            return
        self.commands.put(message)
        self.answer(message)

    # --- answering --------------------------------------------------------------------------------

    def confirm(self, command: Command) -> None:
        """Do as a node does when all goes well (PyE2 wire protocol, section 10)."""
        body = command.body
        if isinstance(body, PipelineConfig):
            self.running[body.name] = body
            self.notify(NotificationCode.PIPELINE_OK, InstancePath(body.name), command.requester)
            for each in body.instances:
                self.confirm_run(body.name, each, command)
        elif isinstance(body, tuple):
            for update in body:
                self._confirm_update(update, NotificationCode.PLUGIN_CONFIG_OK, command)
        elif isinstance(body, InstanceUpdate):
            self._confirm_update(body, NotificationCode.PLUGIN_INSTANCE_COMMAND_OK, command)
        elif command.action is Action.ARCHIVE_PIPELINE and isinstance(body, str):
            self.running.pop(body, None)
            self.notify(NotificationCode.PIPELINE_ARCHIVE_OK, InstancePath(body), command.requester)

    def confirm_run(self, pipeline: str, instance: InstanceConfig, command: Command) -> None:
        path = InstancePath(pipeline, instance.signature, instance.instance_id)
        self.notify(NotificationCode.PLUGIN_CONFIG_OK, path, command.requester)

    def _confirm_update(
        self, update: InstanceUpdate, code: NotificationCode, command: Command
    ) -> None:
        path = InstancePath(update.pipeline, update.signature, update.instance_id)
        if code is NotificationCode.PLUGIN_CONFIG_OK:
            self.change(update)
        self.notify(NotificationCode.PIPELINE_OK, path, command.requester)
        self.notify(code, path, command.requester)

    def change(self, update: InstanceUpdate) -> None:
        """Have an instance, which there must be, run with changed settings."""
        pipeline = self.running[update.pipeline]
        before = pipeline.instance(update.signature, update.instance_id)
        assert before is not None
        self.running[update.pipeline] = pipeline.with_instance(before.changed(update.changes))

    def ignore(self, command: Command) -> None:
        """Answer nothing, as a PyE2 engine does to strangers."""

    def refuse(self, reason: str) -> Callable[[Command], None]:
        """Deny whatever is asked of a pipeline."""

        def answer(command: Command) -> None:
            name = command.body.name if isinstance(command.body, PipelineConfig) else None
            self.notify(
                NotificationCode.PIPELINE_FAILED,
                InstancePath(name),
                command.requester,
                kind=NotificationKind.EXCEPTION,
                text=reason,
            )

        return answer

    # --- saying -----------------------------------------------------------------------------------

    def notify(
        self,
        code: NotificationCode | None,
        path: InstancePath,
        requester: Requester,
        *,
        kind: NotificationKind = NotificationKind.NORMAL,
        text: str = "done",
    ) -> None:
        message = Notification(kind, text, code=code, path=path, requester=requester)
        self._connection.send(message, Channel.notif())

    def say(self, path: InstancePath, **fields: Any) -> None:
        self._connection.send(PayloadMessage(path, fields), Channel.payloads())

    def say_to(self, address: str, path: InstancePath, **fields: Any) -> None:
        message = PayloadMessage(path, fields)
        self._connection.send(message, Channel.inbox(address), encrypt_for=address)

    def beat(self, *, is_supervisor: bool = False, **status: Any) -> None:
        """Send a heartbeat."""
        self.send(evolve(self.heartbeat(**status), is_supervisor=is_supervisor))

    def send(self, heartbeat: Heartbeat) -> None:
        """Send this heartbeat."""
        self._connection.send(heartbeat, Channel.ctrl())

    def heartbeat(self, *, name: str | None = None, **status: Any) -> Heartbeat:
        return Heartbeat(
            name=name or self.name,
            address=self.address,
            allowed=self.allowed,
            secured=True,
            pipelines=tuple(self.running.values()),
            life=self.life,
            revision=next(self._revisions) if self.life is not None else None,
            status=status,
        )

    def say_goodbye(self) -> None:
        """Send the last heartbeat."""
        farewell = Heartbeat(self.name, self.address, presence=Presence.LEAVING, life=self.life)
        self._connection.send(farewell, Channel.ctrl())

    def is_lost(self) -> None:
        """Say what the broker says when a node's connection broke."""
        will = Heartbeat(
            self.name, self.address, is_brief=True, presence=Presence.LOST, life=self.life
        )
        self._connection.send(will, Channel.ctrl())

    def beat_as(self, name: str) -> None:
        """Send a heartbeat under another name."""
        self._connection.send(self.heartbeat(name=name), Channel.ctrl())


class Calls:
    """A callback that notes its calls."""

    def __init__(self) -> None:
        self._calls: queue.Queue[tuple[Any, ...]] = queue.Queue()

    def __call__(self, *args: Any) -> None:
        self._calls.put(args)

    def next(self) -> tuple[Any, ...]:
        return self._calls.get(timeout=PATIENCE)

    @property
    def empty(self) -> bool:
        return self._calls.empty()


class Gate:
    """A callback that does not return before it is opened.

    Attributes:
        entered: set when it was called.
    """

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: Any) -> None:
        self.entered.set()
        assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()
