"""Encryption for one receiver (PyE2 wire protocol, section 19.3).

You are in the native serializer. A sender draws a *content key* and seals it with HPKE to the
receiver's announced key; each message has a key of its own, made from that and its whole header. So
the costly part is done once for many messages, on both sides, and what is encrypted is bound to its
sender, receiver, kind, id, times and number.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from pye2_native_wire.layout import Receiver
from pye2core.errors import MessageRejected
from pye2core.identity import public_key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    from pye2_native_wire.introductions import AnnouncedKey
    from pye2core.clock import Clock

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

FOR_CONTENT_KEY: Final = b"pye2-native-wire 1 content key\0"
FOR_MESSAGE_KEY: Final = b"pye2-native-wire 1 message key\0"

TAG_BYTES: Final = 16
"""By so much a body is longer when it is encrypted."""

_CONTENT_KEY_BYTES = 32
_NONCE = bytes(12)
"""A message's key encrypts one message only."""

CONTENT_KEY_SECONDS: Final = 3600.0
_REMEMBERED = 1024

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Newest(Generic[_K, _V]):
    """What was used last, and no more of it than that; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """What is held under a key."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: _K, value: _V) -> None:
        """Hold something, and let go of what was not used for longest."""
        with self._lock:
            self._held[key] = value
            self._held.move_to_end(key)
            if len(self._held) > _REMEMBERED:
                self._held.popitem(last=False)

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()


@frozen
class OutgoingKey:
    """A content key of ours.

    Attributes:
        content_key: 32 bytes.
        receiver: who can unwrap it, as messages name it.
        made_at: on the monotonic clock.
    """

    content_key: bytes
    receiver: Receiver
    made_at: float


class OutgoingKeys:
    """The content keys that this process encrypts with.

    Args:
        clock: says how old they are.
        randomness: makes so many random bytes.
    """

    def __init__(self, clock: Clock, randomness: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._randomness = randomness
        self._keys: _Newest[tuple[str, str, bytes], OutgoingKey] = _Newest()

    def key_for(self, sender: str, receiver: str, announced: AnnouncedKey) -> OutgoingKey:
        """A content key for messages from ``sender`` to ``receiver``; a new one every hour."""
        name = (sender, receiver, announced.key_id)
        now = self._clock.monotonic()
        found = self._keys.get(name)
        if found is not None and now - found.made_at < CONTENT_KEY_SECONDS:
            return found
        content_key = self._randomness(_CONTENT_KEY_BYTES)
        wrapped = _SUITE.encrypt(
            content_key,
            X25519PublicKey.from_public_bytes(announced.public_key),
            _info(sender, receiver, announced.key_id),
        )
        made = OutgoingKey(content_key, Receiver(receiver, announced.key_id, wrapped), now)
        self._keys.put(name, made)
        return made


class IncomingKeys:
    """The content keys that others have sealed to us, so that each is unwrapped once."""

    def __init__(self) -> None:
        self._keys: _Newest[tuple[str, str, bytes, bytes], bytes] = _Newest()

    def content_key(
        self, sender: str, receiver: Receiver, private_key: Callable[[], X25519PrivateKey]
    ) -> bytes:
        """What ``sender`` sealed.

        Args:
            sender: who signed the message.
            receiver: whom it names, with the sealed key.
            private_key: gives that one's key; asked for only where it is needed.

        Raises:
            MessageRejected: reason "decryption".
        """
        name = (sender, receiver.address, receiver.key_id, receiver.wrapped_key)
        found = self._keys.get(name)
        if found is not None:
            return found
        info = _info(sender, receiver.address, receiver.key_id)
        try:
            content_key = _SUITE.decrypt(receiver.wrapped_key, private_key(), info)
        except (InvalidTag, ValueError) as error:
            raise _shut("its content key was not sealed for its receiver by its sender") from error
        self._keys.put(name, content_key)
        return content_key

    def forget(self) -> None:
        """Let go of all: the keys that they were sealed to are destroyed."""
        self._keys.clear()


def encrypt_into(
    room: memoryview, body: bytes | memoryview, content_key: bytes, header: bytes
) -> None:
    """Write a body that only the receiver can read, bound to its header.

    Args:
        room: where to; :data:`TAG_BYTES` longer than the body.
        body: what to encrypt.
        content_key: 32 bytes.
        header: what it is bound to.
    """
    AESGCM(_message_key(content_key, header)).encrypt_into(_NONCE, body, header, room)


def decrypted(data: bytes | memoryview, content_key: bytes, header: bytes) -> bytes:
    """The body.

    Raises:
        MessageRejected: reason "decryption": it was not encrypted with this key, or not with this
            header.
    """
    try:
        return AESGCM(_message_key(content_key, header)).decrypt(_NONCE, data, header)
    except (InvalidTag, ValueError) as error:
        raise _shut("its body was not encrypted with the key that it brings") from error


def _message_key(content_key: bytes, header: bytes) -> bytes:
    return hmac.digest(content_key, FOR_MESSAGE_KEY + header, "sha256")


def _info(sender: str, receiver: str, key_id: bytes) -> bytes:
    return FOR_CONTENT_KEY + public_key_of(sender) + public_key_of(receiver) + key_id


def _shut(problem: str) -> MessageRejected:
    return MessageRejected(f"{problem}; have it sent again", reason="decryption")
