"""PyE2's keys, signatures, encryption and connections, written from its protocol's description.

You are among the peers that are not ours: the tests drive our node and our client with them.
Nothing here, nor in ``wire_client`` and ``wire_node``, imports anything of pye2. Sections are those
of the PyE2 wire protocol.
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
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Message = dict[str, Any]

PREFIX = "0xai_"
LEGACY_PREFIX = "aixp_"
UNSIGNED = ("EE_HASH", "EE_SIGN", "EE_SENDER")
PATIENCE = 30.0
"""Seconds after which what has not happened counts as not happening at all."""


# --- section 2: keys and addresses ----------------------------------------------------------------


def without_prefix(address: str) -> str:
    for prefix in (PREFIX, LEGACY_PREFIX):
        if address.startswith(prefix):
            return address[len(prefix) :]
    return address


def public_key(address: str) -> ec.EllipticCurvePublicKey:
    point = base64.urlsafe_b64decode(without_prefix(address))
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)


class WireKey:
    """A secp256k1 key pair; a new one unless it is given as PEM."""

    def __init__(self, pem: bytes | None = None) -> None:
        if pem is None:
            self._private = ec.generate_private_key(ec.SECP256K1())
        else:
            loaded = serialization.load_pem_private_key(pem, None)
            assert isinstance(loaded, ec.EllipticCurvePrivateKey)
            self._private = loaded
        point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
        )
        self.address = PREFIX + base64.urlsafe_b64encode(point).decode()

    # --- section 3.2: signatures ------------------------------------------------------------------

    def signed(self, message: Message) -> Message:
        """The message with its hash, signature and sender."""
        digest = digest_of(message)
        signature = self._private.sign(digest, ec.ECDSA(hashes.SHA256()))
        return {
            **message,
            "EE_SENDER": self.address,
            "EE_SIGN": base64.urlsafe_b64encode(signature).decode(),
            "EE_HASH": digest.hex(),
        }

    # --- section 4: encryption --------------------------------------------------------------------

    def encrypt(self, text: str, receiver: str) -> str:
        nonce = os.urandom(12)
        sealed = self._cipher(receiver).encrypt(nonce, text.encode(), None)
        return base64.b64encode(nonce + sealed).decode()

    def decrypt(self, text: str, sender: str) -> str | None:
        data = base64.b64decode(text)
        try:
            return self._cipher(sender).decrypt(data[:12], data[12:], None).decode()
        except InvalidTag:
            return None

    def _cipher(self, peer: str) -> AESGCM:
        shared = self._private.exchange(ec.ECDH(), public_key(peer))
        derivation = HKDF(hashes.SHA256(), 32, None, b"0xai handshake data")
        return AESGCM(derivation.derive(shared))


# --- section 3.1: canonical JSON ------------------------------------------------------------------


def canonical(value: Any) -> str:
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return json.dumps(value, ensure_ascii=False)
        case int():
            return str(value)
        case float():
            return _canonical_float(value)
        case dict():
            pairs = (f"{canonical(str(key))}:{canonical(value[key])}" for key in sorted(value))
            return "{" + ",".join(pairs) + "}"
        case list() | tuple():
            return "[" + ",".join(map(canonical, value)) + "]"
    raise TypeError(type(value))


def _canonical_float(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    text = repr(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


class NumpyTwoFloat(float):
    """As PyE2 hashes a ``np.float64`` where NumPy 2 is installed (section 3.1, Q2)."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)!r})"


def text_of(message: Message) -> bytes:
    said = {key: value for key, value in message.items() if key not in UNSIGNED}
    return canonical(said).encode()


def digest_of(message: Message) -> bytes:
    return hashlib.sha256(text_of(message)).digest()


def verifies(message: Message) -> bool:
    """Whether hash and signature of a message are its sender's; one without a hash signs itself."""
    signed, stated = text_of(message), message.get("EE_HASH")
    if stated:
        signed = hashlib.sha256(signed).digest()
        if stated != signed.hex():
            return False
    try:
        signature = base64.urlsafe_b64decode(message["EE_SIGN"])
        public_key(message["EE_SENDER"]).verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


# --- sections 9 and 12: what is compressed --------------------------------------------------------


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


# --- times ----------------------------------------------------------------------------------------


def wire_time() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


# --- section 1.1: connections ---------------------------------------------------------------------


NATIVE = b"\x93pye"
"""How messages of our peers' own dialect begin, which only pass between them (section 19.1)."""

NATIVE_KINDS = {1: "COMMAND", 2: "PAYLOAD", 3: "NOTIFICATION", 4: "HEARTBEAT"}


def native_envelope(data: bytes) -> Message:
    """What everybody can see of a message in our peers' own dialect, under PyE2's names."""
    assert data.startswith(NATIVE)
    is_encrypted = bool(data[6] & 1)
    place = 40 + 121 * is_encrypted + 40
    texts: list[str | None] = []
    for _ in range(6):
        length, place = int.from_bytes(data[place : place + 2], "big"), place + 2
        if length == 0xFFFF:
            texts.append(None)
            continue
        texts.append(data[place : place + length].decode())
        place += length
    return {
        "NATIVE": True,
        "EE_EVENT_TYPE": NATIVE_KINDS[data[5]],
        "EE_IS_ENCRYPTED": is_encrypted,
        "EE_SENDER": PREFIX + base64.urlsafe_b64encode(data[7:40]).decode(),
        "INITIATOR_ADDR": (
            PREFIX + base64.urlsafe_b64encode(data[40:73]).decode() if is_encrypted else None
        ),
        "EE_PAYLOAD_PATH": [texts[1], *texts[3:]],
    }


class WireConnection:
    """One MQTT connection as PyE2 makes them: clean, QoS 0, always with user and password."""

    def __init__(
        self,
        url: str,
        client_id: str,
        topics: Sequence[str] = (),
        on_message: Callable[[str, bytes], None] | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._subscribed = threading.Event()
        self._topics = list(topics)
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
        self._client.username_pw_set(parts.username or "user", parts.password or "password")
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        if on_message is not None:
            self._client.on_message = lambda _client, _data, message: on_message(
                message.topic, message.payload
            )
        assert parts.hostname is not None
        self._client.connect(parts.hostname, parts.port or 1883, keepalive=60)
        self._client.loop_start()
        assert self._subscribed.wait(PATIENCE), f"{client_id} was not let in"

    def _on_connect(self, *_: Any) -> None:
        if self._topics:
            self._client.subscribe([(topic, 0) for topic in self._topics])
        else:
            self._subscribed.set()

    def publish(self, topic: str, text: str | bytes) -> None:
        self._client.publish(topic, text, qos=0).wait_for_publish(PATIENCE)

    def publish_from_callback(self, topic: str, text: str | bytes) -> None:
        """Without waiting: the thread that calls back is the one that sends."""
        self._client.publish(topic, text, qos=0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
