"""A PyE2 client, written from the description of its protocol and sharing no code with ours.

It does what an unmodified PyE2 client does: three connections, commands that are encrypted or not,
confirmations that are matched by path and code alone (section 14). Unlike that client it verifies
what it hears, to say so, and notes what would have ended the receiving thread of that client.
Sections are those of the PyE2 wire protocol.
"""

from __future__ import annotations

import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, Self, TypeVar

from attrs import define, field, frozen
from wire_format import (
    LEGACY_PREFIX,
    NATIVE,
    PATIENCE,
    PREFIX,
    WireConnection,
    WireKey,
    native_envelope,
    packed,
    unpacked,
    verifies,
    wire_time,
    without_prefix,
)
from wire_shapes import restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Message = dict[str, Any]

CUSTOM_EXEC = "CUSTOM_EXEC_01"
CHAIN_DIST = "PROCESS_REAL_TIME_COLLECTED_DATA_CUSTOM_EXEC_CHAIN_DIST"

PATIENCE_COUNT = 60
"""Heartbeats that are asked for one after the other; a node of ours answers twice a second."""

PIPELINE_OK = 1
ARCHIVE_OK = 4
CONFIG_OK = 100
COMMAND_OK = 101


Path = tuple[str | None, ...]
"""Pipeline, signature and instance id."""

NOWHERE: Path = (None, None, None)

_T = TypeVar("_T")


class NotConfirmed(AssertionError):
    """The time-out of a transaction."""


@frozen
class Expected:
    """A confirmation that a transaction waits for."""

    code: int
    path: Path

    def is_settled_by(self, node_name: str, notification: Message) -> bool:
        """By path and code only: neither sender nor session is looked at (section 5.3)."""
        code = notification.get("NOTIFICATION_CODE")
        if type(code) is not int or abs(code) != self.code:
            return False
        node, pipeline, signature, instance = notification["EE_PAYLOAD_PATH"]
        expected_signature = (self.path[1] or "").upper()
        return (
            node == node_name
            and pipeline == self.path[0]
            and (signature or "").upper() == expected_signature
            and instance == self.path[2]
        )


@define
class Exchange:
    """A command, and what was said to it until all was confirmed."""

    sent: Message
    said: list[Message] = field(factory=list)

    @property
    def steps(self) -> list[tuple[int | None, Path]]:
        """Codes and paths in the order in which they came."""
        return [(each["NOTIFICATION_CODE"], path_of(each)) for each in self.said]


@frozen
class KnownNode:
    """A node as its heartbeats tell of it."""

    name: str
    address: str
    status: Message

    @property
    def pipelines(self) -> dict[str, Message]:
        return {each["NAME"]: each for each in self.status["CONFIG_STREAMS"]}

    def allows(self, client: str) -> bool:
        """As a PyE2 client decides it (section 9)."""
        return not self.status["SECURED"] or without_prefix(client) in self.status["EE_WHITELIST"]


def path_of(message: Message) -> Path:
    return tuple(message["EE_PAYLOAD_PATH"][1:])


def pipeline_object(
    name: str, instances: dict[str, Message], signature: str = CUSTOM_EXEC
) -> Message:
    """Section 7."""
    listed = [{"INSTANCE_ID": key, **settings} for key, settings in instances.items()]
    return {
        "NAME": name,
        "DEFAULT_PLUGIN": False,
        "PLUGINS": [{"SIGNATURE": signature, "INSTANCES": listed}] if listed else [],
        "TYPE": "Void",
    }


def code(text: str) -> Message:
    """The setting that ships custom code (section 12)."""
    return {"CODE": packed(text)}


def run_once(text: str, **more: Any) -> Message:
    """Settings of an instance that runs its code once a minute."""
    return {**code(text), "PROCESS_DELAY": 60, **more}


def instance_path(pipeline: str, instance: str = "one") -> tuple[str, str, str]:
    """The path of an instance of custom code."""
    return (pipeline, CUSTOM_EXEC, instance)


class WireClient:
    """A PyE2 client on a broker."""

    def __init__(
        self,
        url: str,
        *,
        key: WireKey | None = None,
        encrypts: bool = True,
        name: str = "wireSDK",
        root: str = "naeural",
        writes_address_as: str | None = None,
    ) -> None:
        self.url = url
        self.key = key or WireKey()
        self.name = name
        self.encrypts = encrypts
        self._writes_address_as = writes_address_as or self.key.address
        self.nodes: dict[str, KnownNode] = {}
        self.heartbeats: list[Message] = []
        self.notifications: list[Message] = []
        self.payloads: list[Message] = []
        self.unverified: list[Message] = []
        self.deafened_by: list[tuple[str, bytes]] = []
        self.native: list[Message] = []
        """What peers of ours were overheard saying to each other in their own dialect."""
        self._overheard: set[str] = set()
        self._root = root
        self._published: set[bytes] = set()
        self._changed = threading.Condition()
        self._connections = [
            WireConnection(
                url, f"{name}_{kind}_{secrets.token_hex(4)}", [f"{root}/{channel}"], self._hear
            )
            for kind, channel in (
                ("DEFAULT", "payloads"),
                ("HEARTBE", "ctrl"),
                ("NOTIFIC", "notif"),
            )
        ]

    @property
    def address(self) -> str:
        return self.key.address

    def close(self) -> None:
        for each in self._connections:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def overhear(self, receiver: str) -> None:
        """Hear what goes to the inbox of another: ours send results there, PyE2's clients do not
        know of it."""
        self._overheard.add(f"{self._root}/{receiver}/payloads")
        inbox = WireConnection(
            self.url,
            f"{self.name}_INBOX_{secrets.token_hex(4)}",
            [f"{self._root}/{receiver}/payloads"],
            self._hear,
        )
        self._connections.append(inbox)

    def forget(self) -> None:
        """Forget what was heard, but for the nodes that are there."""
        with self._changed:
            for heard in (self.heartbeats, self.notifications, self.payloads, self.native):
                heard.clear()
            self.unverified.clear()
            self.deafened_by.clear()

    # --- hearing ----------------------------------------------------------------------------------

    def _hear(self, topic: str, data: bytes) -> None:
        readers = {
            "ctrl": self._read_heartbeat,
            "notif": self._read_notification,
            "payloads": self._read_payload,
        }
        with self._changed:
            try:
                if data.startswith(NATIVE) and topic in self._overheard:
                    self.native.append(native_envelope(data))
                    self._changed.notify_all()
                    return
                message = json.loads(data)
                if len(message.get("EE_PAYLOAD_PATH", [None] * 4)) == 4:
                    readers[topic.rpartition("/")[2]](message)
            except (ValueError, KeyError, AttributeError, TypeError):
                # What a PyE2 client's thread dies of (section 5.3).
                if data not in self._published:
                    self.deafened_by.append((topic, data))
            self._changed.notify_all()

    def _note_signature(self, message: Message) -> None:
        if not verifies(message):
            self.unverified.append(message)

    def _read_heartbeat(self, message: Message) -> None:
        self._note_signature(message)
        name, address = message["EE_ID"], message["EE_SENDER"]
        if message.get("HEARTBEAT_VERSION") == "v2":
            message = {**message, **json.loads(unpacked(message["ENCODED_DATA"]))}
        self.heartbeats.append(message)
        if "CONFIG_STREAMS" in message:
            self.nodes[address] = KnownNode(name, address, message)

    def _read_notification(self, message: Message) -> None:
        self._note_signature(message)
        assert len(message["EE_PAYLOAD_PATH"]) == 4
        self.notifications.append(message)

    def _read_payload(self, message: Message) -> None:
        self._note_signature(message)
        if message.get("EE_IS_ENCRYPTED"):
            inner = self.key.decrypt(message["EE_ENCRYPTED_DATA"], message["EE_SENDER"])
            if inner is None:
                return
            message = {**json.loads(inner), **message}
            del message["EE_ENCRYPTED_DATA"]
        payload = restored(message)
        if payload is not None:
            self.payloads.append(payload)

    def wait_for(self, probe: Callable[[], _T | None], what: str) -> _T:
        """What the probe finds; looked at with each message until there is something."""
        found: list[_T] = []

        def look() -> bool:
            value = probe()
            if value is not None and value is not False:
                found.append(value)
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(look, PATIENCE):
                raise NotConfirmed(f"{what}: not within {PATIENCE:g} s; heard {self._heard()}")
        return found[0]

    def _heard(self) -> str:
        last = [
            (each["NOTIFICATION_CODE"], path_of(each), each["NOTIFICATION"])
            for each in self.notifications[-5:]
        ]
        return f"{len(self.heartbeats)} heartbeats, {len(self.payloads)} payloads, last {last}"

    # --- waiting for something in particular ------------------------------------------------------

    def meet(self, node: str) -> KnownNode:
        """Ask a node of that address to show itself, and wait until it is known in full."""
        with self._changed:
            self.nodes.pop(node, None)
        self.send(node, "FULL_HEARTBEAT", None)
        return self.wait_for(lambda: self.nodes.get(node), f"a full heartbeat of {node}")

    def when_asked(self, node: str, is_so: Callable[[KnownNode], object]) -> KnownNode:
        """The node as soon as it tells what is wanted, asked again as often as it answers."""
        until = PATIENCE_COUNT
        while not is_so(known := self.meet(node)):
            until -= 1
            assert until, f"{node} never told what was wanted"
        return known

    def node_when(self, node: str, is_so: Callable[[KnownNode], object]) -> KnownNode:
        """The node as soon as its heartbeats tell of it what is wanted."""
        return self.wait_for(
            lambda: known if (known := self.nodes.get(node)) and is_so(known) else None,
            "the heartbeat that tells of it",
        )

    def payload(
        self, node: str, path: Path, is_wanted: Callable[[Message], object] = lambda _: True
    ) -> Message:
        """The first payload of an instance that is wanted, matched as section 5.3 says."""
        return self.wait_for(
            lambda: next(
                (
                    each
                    for each in self.payloads
                    if each["EE_SENDER"] == node and path_of(each) == path and is_wanted(each)
                ),
                None,
            ),
            f"a payload of {path}",
        )

    def result(self, node: str, path: Path, value: Any) -> Message:
        """The first payload with that result of custom code."""
        return self.payload(node, path, lambda each: each.get("EXEC_RESULT") == value)

    def notification(self, is_wanted: Callable[[Message], object]) -> Message:
        """The first notification that is wanted."""
        return self.wait_for(
            lambda: next((each for each in self.notifications if is_wanted(each)), None),
            "a notification",
        )

    # --- commanding (sections 5.1 and 6) ----------------------------------------------------------

    def envelope(
        self, target: str, action: str, payload: Any, session_id: str | None = None
    ) -> Message:
        said = {"ACTION": action, "PAYLOAD": payload}
        if self.encrypts and target.startswith((PREFIX, LEGACY_PREFIX)):
            sealed = self.key.encrypt(json.dumps(said), target)
            said = {"EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": sealed}
        else:
            said["EE_IS_ENCRYPTED"] = False
        signed = self.key.signed(
            {
                **said,
                "EE_ID": target,
                "SESSION_ID": session_id or self.name,
                "INITIATOR_ID": self.name,
                "TIME": wire_time(),
            }
        )
        # How the sender is written is not signed (section 3).
        return {**signed, "EE_SENDER": self._writes_address_as}

    def publish(self, channel: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        with self._changed:
            self._published.add(data)  # what it says itself is heard again on some channels
        self._connections[0].publish(f"{self._root}/{channel}", data)

    def send(
        self,
        target: str,
        action: str,
        payload: Any,
        session_id: str | None = None,
        topic_of: str | None = None,
    ) -> Message:
        """Send a command and expect nothing; on its target's topic, or on that of another form."""
        message = self.envelope(target, action, payload, session_id)
        self.publish(f"{topic_of or target}/config", json.dumps(message))
        return message

    def ask(
        self,
        node: KnownNode,
        action: str,
        payload: Any,
        expected: Iterable[Expected],
        *,
        session_id: str | None = None,
        target: str | None = None,
        topic_of: str | None = None,
    ) -> Exchange:
        """Send a command and wait for its confirmations.

        Returns:
            What was said in answer, by whom session and initiator show it to be one.
        """
        with self._changed:
            before = len(self.notifications)
        sent = self.send(target or node.address, action, payload, session_id, topic_of)
        last = self.wait_for(
            lambda: self._settled(before, node.name, list(expected)),
            f"the confirmation of {action}",
        )
        said = [
            each
            for each in self.notifications[before:last]
            if each.get("SESSION_ID") == sent["SESSION_ID"]
            and each.get("INITIATOR_ID") == sent["INITIATOR_ID"]
            and each["EE_SENDER"] == node.address
        ]
        return Exchange(sent, said)

    def _settled(self, before: int, node_name: str, expected: list[Expected]) -> int | None:
        """Up to which notification all is confirmed or something is refused; None: not yet."""
        open_ones = list(expected)
        for number, each in enumerate(self.notifications[before:], before + 1):
            settled = [one for one in open_ones if one.is_settled_by(node_name, each)]
            open_ones = [one for one in open_ones if one not in settled]
            if not open_ones or (settled and each["NOTIFICATION_CODE"] < 0):
                return number
        return None

    def deploy(self, node: KnownNode, pipeline: Message, *, target: str | None = None) -> Exchange:
        """Send a whole pipeline; code 1 for it and 100 for each instance confirm it."""
        name = pipeline["NAME"]
        expected = [Expected(PIPELINE_OK, (name, None, None))]
        for plugin in pipeline["PLUGINS"]:
            for instance in plugin["INSTANCES"]:
                path = (name, plugin["SIGNATURE"], instance["INSTANCE_ID"])
                expected.append(Expected(CONFIG_OK, path))
        return self.ask(node, "UPDATE_CONFIG", pipeline, expected, target=target)

    def batch_update(self, node: KnownNode, changes: dict[Path, Message]) -> Exchange:
        """Send changed keys of instances; codes 1 and 100 for each confirm it."""
        updates = [
            {**named(path), "INSTANCE_CONFIG": {"INSTANCE_ID": path[2], **config}}
            for path, config in changes.items()
        ]
        expected = [Expected(each, path) for path in changes for each in (PIPELINE_OK, CONFIG_OK)]
        return self.ask(node, "BATCH_UPDATE_PIPELINE_INSTANCE", updates, expected)

    def update_instance(self, node: KnownNode, path: Path, config: Message) -> Exchange:
        """Send changed keys of one instance."""
        update = {**named(path), "INSTANCE_CONFIG": config}
        expected = [Expected(each, path) for each in (PIPELINE_OK, CONFIG_OK)]
        return self.ask(node, "UPDATE_PIPELINE_INSTANCE", update, expected)

    def command_instance(
        self, node: KnownNode, path: Path, command: Message, session_id: str | None = None
    ) -> Exchange:
        """Send a command to an instance; codes 1 and 101 confirm it."""
        update = {**named(path), "INSTANCE_CONFIG": {"INSTANCE_COMMAND": command}}
        expected = [Expected(each, path) for each in (PIPELINE_OK, COMMAND_OK)]
        return self.ask(node, "UPDATE_PIPELINE_INSTANCE", update, expected, session_id=session_id)

    def archive(self, node: KnownNode, pipeline: str) -> Exchange:
        """End a pipeline; code 4 confirms it."""
        expected = [Expected(ARCHIVE_OK, (pipeline, None, None))]
        return self.ask(node, "ARCHIVE_CONFIG", pipeline, expected)


def named(path: Path) -> Message:
    """The beginning of an instance update (section 6)."""
    pipeline, signature, instance = path
    return {"NAME": pipeline, "SIGNATURE": signature, "INSTANCE_ID": instance}
