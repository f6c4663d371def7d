"""How a PyE2 node speaks: envelopes, signatures, notifications, encrypted messages.

You are among the peers that are not ours; ``wire_node`` is what speaks. Sections are those of the
PyE2 wire protocol.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any

from attrs import frozen
from wire_format import PREFIX, WireConnection, WireKey, wire_time, without_prefix

if TYPE_CHECKING:
    Message = dict[str, Any]

    Path = tuple[str | None, ...]

OPEN_KEYS = frozenset(
    {
        "EE_VERSION",
        "EE_EVENT_TYPE",
        "EE_PAYLOAD_PATH",
        "EE_MESSAGE_ID",
        "EE_TIMESTAMP",
        "EE_TIMEZONE",
        "EE_TZ",
        "SB_IMPLEMENTATION",
        "SESSION_ID",
        "INITIATOR_ID",
        "INITIATOR_ADDR",
        "MODIFIED_BY_ID",
        "MODIFIED_BY_ADDR",
    }
)
"""What an encrypted message still says in clear (section 5.2)."""

TAGS = {
    1: "PIPELINE_OK",
    -1: "PIPELINE_FAILED",
    4: "PIPELINE_ARCHIVE_OK",
    -4: "PIPELINE_ARCHIVE_FAILED",
    100: "PLUGIN_CONFIG_OK",
    101: "PLUGIN_INSTANCE_COMMAND_OK",
    -101: "PLUGIN_INSTANCE_COMMAND_FAILED",
    112: "PLUGIN_WORKING_HOURS_SHIFT_START",
    120: "PLUGIN_CONFIG_IN_PAUSE_OK",
}
"""Names of codes (section 10)."""


@frozen
class Asker:
    """Whose command it is."""

    address: str
    name: str
    session_id: str


class NodeVoice:
    """The side of a node that speaks; a connection for each kind of message."""

    def __init__(self, url: str, name: str, root: str, prefix: str = PREFIX) -> None:
        self.key = WireKey()
        self.name = name
        self.writes_address_as = prefix + without_prefix(self.key.address)
        self._root = root
        self._counts: dict[str, int] = {}
        self._lock = threading.RLock()
        self._links = {
            channel: WireConnection(url, f"{name}_{channel}_{secrets.token_hex(4)}")
            for channel in ("payloads", "notif", "ctrl")
        }

    @property
    def address(self) -> str:
        return self.key.address

    def close(self) -> None:
        for each in self._links.values():
            each.close()

    def publish_raw(self, channel: str, text: str | bytes) -> None:
        """Publish whatever it is."""
        self._links[channel].publish_from_callback(f"{self._root}/{channel}", text)

    def publish(
        self, channel: str, event: str, path: Path, body: Message, encrypt_for: str | None = None
    ) -> None:
        with self._lock:
            message = self._envelope(channel, event, path, body)
            if encrypt_for is not None:
                message = self._sealed(message, encrypt_for)
            # How the sender is written is not signed (section 3).
            signed = {**self.key.signed(message), "EE_SENDER": self.writes_address_as}
            self.publish_raw(channel, _compact(signed))

    def _envelope(self, channel: str, event: str, path: Path, body: Message) -> Message:
        number = self._counts[channel] = self._counts.get(channel, 0) + 1
        return {
            "EE_TIMESTAMP": wire_time(),
            "EE_TIMEZONE": "UTC+0",
            "EE_TZ": "Etc/UTC",
            "EE_MESSAGE_SEQ": number,
            "EE_TOTAL_MESSAGES": number,
            "EE_MESSAGE_ID": str(uuid.uuid4()),
            "EE_ID": self.name,
            "EE_EVENT_TYPE": event,
            "EE_VERSION": "2.0.34",
            "EE_PAYLOAD_PATH": [self.name, *path],
            "EE_FORMATTER": None,
            "SB_IMPLEMENTATION": None,
            "EE_IS_ENCRYPTED": False,
            "SESSION_ID": None,
            "INITIATOR_ID": None,
            "INITIATOR_ADDR": None,
            "MODIFIED_BY_ID": None,
            "MODIFIED_BY_ADDR": None,
            **body,
        }

    def _sealed(self, message: Message, receiver: str) -> Message:
        inside = {key: value for key, value in message.items() if key not in OPEN_KEYS}
        del inside["EE_IS_ENCRYPTED"]
        outside = {key: value for key, value in message.items() if key in OPEN_KEYS}
        sealed = self.key.encrypt(json.dumps(inside), receiver)
        return {**outside, "EE_IS_ENCRYPTED": True, "EE_ENCRYPTED_DATA": sealed}

    def notify(
        self,
        asker: Asker | None,
        path: Path,
        code: int | None,
        text: str,
        kind: str = "NORMAL",
    ) -> None:
        """Section 10; who asked is told by session and name alone, the address is null."""
        about = {
            key: value
            for key, value in (("SIGNATURE", path[1]), ("INSTANCE_ID", path[2]))
            if value is not None
        }
        body = {
            "MODULE": "ConfigManager",
            "NOTIFICATION_TYPE": kind,
            "NOTIFICATION": text[:255],
            "NOTIFICATION_CODE": code,
            "NOTIFICATION_TAG": TAGS.get(code or 0),
            "INFO": f"EE app v2.0.34, core v5.0.35, PyE2 v1.1.37, info text: {text}",
            "STREAM_NAME": path[0],
            "TIMESTAMP": wire_time(),
            "ERROR_CODE": code if code is not None and code < 0 else None,
            **about,
        }
        if asker is not None:
            body |= {"SESSION_ID": asker.session_id, "INITIATOR_ID": asker.name}
        self.publish("notif", "NOTIFICATION", path, body)


def _compact(message: Message) -> str:
    return json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
