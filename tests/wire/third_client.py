"""A client written from ``docs/protocol.md`` alone: whoever reads that page can write another.

It shares no code with ours, nor with the PyE2 client beside it: only ``cryptography`` and ``paho``.
Sections are those of the page. It shows the least that a client needs, and no more.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import threading
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Message = dict[str, Any]

_T = TypeVar("_T")

PATIENCE = 30.0
UNSIGNED = ("EE_HASH", "EE_SIGN", "EE_SENDER")


# --- 2 addresses, 3 canonical JSON, hash, signature ----------------------------------------------


def bare(address: str) -> str:
    for prefix in ("0xai_", "aixp_"):
        if address.startswith(prefix):
            return address.removeprefix(prefix)
    return address


def public_key(address: str) -> ec.EllipticCurvePublicKey:
    point = base64.urlsafe_b64decode(bare(address))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{canonical(key)}:{canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "null"
        text = repr(value)
        return text.rstrip("0").rstrip(".") if "." in text else text
    return json.dumps(value, ensure_ascii=False)


def signed_text(message: Message) -> bytes:
    return canonical({k: v for k, v in message.items() if k not in UNSIGNED}).encode()


def verifies(message: Message) -> bool:
    text = signed_text(message)
    digest = hashlib.sha256(text).digest()
    stated = message.get("EE_HASH")
    if stated and stated != digest.hex():
        return False
    try:
        signature = base64.urlsafe_b64decode(message["EE_SIGN"])
        covered = digest if stated else text
        public_key(message["EE_SENDER"]).verify(signature, covered, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


class Key:
    """A key pair: signs, and encrypts for others (section 4)."""

    def __init__(self, private: int | None = None) -> None:
        curve = ec.SECP256K1()
        self._private = (
            ec.derive_private_key(private, curve) if private else ec.generate_private_key(curve)
        )
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        self.address = "0xai_" + base64.urlsafe_b64encode(point).decode()

    def signed(self, message: Message) -> Message:
        digest = hashlib.sha256(signed_text(message)).digest()
        signature = self._private.sign(digest, ec.ECDSA(hashes.SHA256()))
        return {
            **message,
            "EE_SENDER": self.address,
            "EE_SIGN": base64.urlsafe_b64encode(signature).decode(),
            "EE_HASH": digest.hex(),
        }

    def cipher(self, peer: str) -> AESGCM:
        secret = self._private.exchange(ec.ECDH(), public_key(peer))
        return AESGCM(HKDF(hashes.SHA256(), 32, None, b"0xai handshake data").derive(secret))

    def encrypted(self, text: str, receiver: str) -> str:
        nonce = os.urandom(12)
        return base64.b64encode(
            nonce + self.cipher(receiver).encrypt(nonce, text.encode(), None)
        ).decode()

    def decrypted(self, text: str, sender: str) -> str:
        data = base64.b64decode(text)
        return self.cipher(sender).decrypt(data[:12], data[12:], None).decode()


def packed(source: str) -> str:  # section 12
    return base64.b64encode(zlib.compress(source.encode(), 9)).decode()


def status_of(heartbeat: Message) -> Message:  # section 9
    if heartbeat.get("HEARTBEAT_VERSION") != "v2":
        return heartbeat
    return {**heartbeat, **json.loads(zlib.decompress(base64.b64decode(heartbeat["ENCODED_DATA"])))}


def disconnect(mqtt: Client) -> None:
    mqtt.disconnect()
    mqtt.loop_stop()


# --- the client ----------------------------------------------------------------------------------


class ThirdClient:
    """Connects, calls the roll, commands nodes, and remembers all that it hears, by topic."""

    def __init__(self, url: str, key: Key, name: str = "third", *, persists: bool = True) -> None:
        self.key = key
        self.name = name
        self.inbox = f"naeural/{key.address}/payloads"
        self.heard: list[tuple[str, Message]] = []
        self.refused: list[tuple[str, Message]] = []
        self._commands = 0
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._id = f"{name}_{os.urandom(4).hex()}"
        self._persists = persists
        self._url = urlsplit(url)
        self._mqtt = self._connected(clean=not persists)
        topics = [("naeural/ctrl", 0), ("naeural/notif", 1), ("naeural/payloads", 1)]
        self._mqtt.subscribe([*topics, (self.inbox, 1)])
        assert self._subscribed.wait(PATIENCE)

    def _connected(self, *, clean: bool) -> Client:
        let_in = threading.Event()
        mqtt = Client(CallbackAPIVersion.VERSION2, self._id, clean_session=clean)
        if self._url.username:
            mqtt.username_pw_set(self._url.username, self._url.password)
        mqtt.on_connect = lambda *_: let_in.set()
        mqtt.on_subscribe = lambda *_: self._subscribed.set()
        mqtt.on_message = lambda _client, _data, message: self._hear(message.topic, message.payload)
        mqtt.connect(self._url.hostname or "", self._url.port or 1883)
        mqtt.loop_start()
        assert let_in.wait(PATIENCE)
        return mqtt

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        disconnect(self._mqtt)
        if self._persists:
            disconnect(self._connected(clean=True))

    # --- hearing ----------------------------------------------------------------------------------

    def _hear(self, topic: str, data: bytes) -> None:
        message = json.loads(data)
        with self._changed:
            (self.heard if verifies(message) else self.refused).append((topic, message))
            self._changed.notify_all()

    def wait_for(self, look: Callable[[], _T]) -> _T:
        """What is looked for, as soon as it is there."""
        with self._changed:
            assert self._changed.wait_for(look, PATIENCE), self.heard[-5:]
            return look()

    def messages(self, topic: str) -> list[Message]:
        return [message for where, message in self.heard if where == topic]

    def payloads(self, node: str, path: list[str], topic: str) -> list[Message]:
        """Section 14: by sender and path."""
        return [
            each
            for each in self.messages(topic)
            if each["EE_SENDER"] == node
            and each["EE_EVENT_TYPE"] == "PAYLOAD"
            and each["EE_PAYLOAD_PATH"][1:] == path
        ]

    def answers(self, node: str, session_id: str) -> list[tuple[int | None, list[str | None]]]:
        """The notifications of a node that answer a command: codes and paths (section 14)."""
        return [
            (each["NOTIFICATION_CODE"], each["EE_PAYLOAD_PATH"][1:])
            for each in self.messages("naeural/notif")
            if each["EE_SENDER"] == node and each["SESSION_ID"] == session_id
        ]

    # --- saying -----------------------------------------------------------------------------------

    def say(self, topic: str, target: str, action: str, payload: Any, *, secret: bool) -> str:
        """Section 5.1; gives the session id of the command."""
        self._commands += 1
        session_id = f"{self._id}_{self._commands}"
        said: Message = {"ACTION": action, "PAYLOAD": payload, "PYE2_CAPABILITIES": ["inbox"]}
        if secret:
            said = {"EE_ENCRYPTED_DATA": self.key.encrypted(json.dumps(said), target)}
        message = {
            **said,
            "EE_IS_ENCRYPTED": secret,
            "EE_ID": target,
            "SESSION_ID": session_id,
            "INITIATOR_ID": self.name,
            "TIME": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        }
        self._mqtt.publish(topic, json.dumps(self.key.signed(message)), qos=1 if secret else 0)
        return session_id

    def call_roll(self, until: Callable[[], object]) -> None:
        """Section 17.5; who asks twice within a second is answered once."""
        for _ in range(int(PATIENCE)):
            self.say("naeural/rollcall", "*", "FULL_HEARTBEAT", None, secret=False)
            with self._changed:
                if self._changed.wait_for(until, 1.0):
                    return
        raise AssertionError("the roll call was not answered")

    def command(
        self, node: str, action: str, payload: Any, expected: Iterable[tuple[int, list[str | None]]]
    ) -> list[tuple[int | None, list[str | None]]]:
        """Command a node, and wait until it has confirmed; all that it answered (section 14)."""
        wanted = list(expected)
        session_id = self.say(f"naeural/{node}/config", node, action, payload, secret=True)
        self.wait_for(lambda: all(each in self.answers(node, session_id) for each in wanted))
        return self.answers(node, session_id)
