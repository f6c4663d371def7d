"""Introductions: the X25519 keys that peers announce (PyE2 wire protocol, section 19.4).

You are in the native serializer. A key is announced as text that any dialect can carry: what makes
it somebody's is the signature of their identity inside.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from pye2_native_wire.signing import FOR_KEY, check_signature, digest_of, signature_of
from pye2core.errors import BadSignature, InvalidAddress, MessageRejected
from pye2core.identity import public_key_of

if TYPE_CHECKING:
    from pye2core.identity import Identity

_VERSION = 1
_SIGNED = struct.Struct(">B32sQQ")
_SIGNATURE_BYTES = 64
_TEXT_LENGTH = 151
_ANYBODY = X25519PrivateKey.from_private_bytes(bytes(range(32)))

KEY_ID_BYTES: Final = 8
LONGEST_VALIDITY: Final = timedelta(days=31)
"""An announced key that claims to be good for longer is no rotating key."""


@frozen
class AnnouncedKey:
    """A key that messages can be encrypted to.

    Attributes:
        public_key: 32 bytes of X25519.
        not_before: from when on.
        not_after: until when messages may be encrypted to it; it opens them for longer.
    """

    public_key: bytes
    not_before: datetime
    not_after: datetime

    @property
    def key_id(self) -> bytes:
        """Tells it from its owner's other keys."""
        return key_id_of(self.public_key)


def key_id_of(public_key: bytes) -> bytes:
    """The first bytes of a key's SHA-256."""
    return hashlib.sha256(public_key).digest()[:KEY_ID_BYTES]


def introduction_of(key: AnnouncedKey, identity: Identity) -> str:
    """The text with which ``identity`` announces its key: 151 characters of URL-safe base64."""
    signed = _SIGNED.pack(
        _VERSION,
        key.public_key,
        int(key.not_before.timestamp()),
        int(key.not_after.timestamp()),
    )
    signature = signature_of(_digest_with_owner(identity.address, signed), identity)
    return urlsafe_b64encode(signed + signature).rstrip(b"=").decode()


def announced_key(address: str, introduction: str) -> AnnouncedKey:
    """The key that ``address`` announces.

    Raises:
        MessageRejected: reason "introduction": it is not what that address says of itself.
    """
    try:
        return _read(address, introduction)
    except (ValueError, OverflowError, OSError, BadSignature, InvalidAddress) as error:
        raise MessageRejected(
            f"what {address} announces as its key for our own dialect is none ({error})",
            reason="introduction",
            sender=address,
        ) from error


def _read(address: str, introduction: str) -> AnnouncedKey:
    if len(introduction) != _TEXT_LENGTH:
        raise ValueError(f"it has {len(introduction):,} characters, not {_TEXT_LENGTH}")
    data = urlsafe_b64decode(introduction + "=" * (-_TEXT_LENGTH % 4))
    if len(data) != _SIGNED.size + _SIGNATURE_BYTES:
        raise ValueError(f"it has {len(data)} bytes")
    signed, signature = data[: _SIGNED.size], data[_SIGNED.size :]
    version, public_key, not_before, not_after = _SIGNED.unpack(signed)
    if version != _VERSION:
        raise ValueError(f"it is of version {version}")
    check_signature(address, signature, _digest_with_owner(address, signed))
    # Raises for points that make every secret the same.
    _ANYBODY.exchange(X25519PublicKey.from_public_bytes(public_key))
    begin, end = datetime.fromtimestamp(not_before, UTC), datetime.fromtimestamp(not_after, UTC)
    if not timedelta(0) < end - begin <= LONGEST_VALIDITY:
        raise ValueError(f"it would be good from {begin} to {end}")
    return AnnouncedKey(public_key, begin, end)


def _digest_with_owner(address: str, signed: bytes) -> bytes:
    return digest_of(FOR_KEY, public_key_of(address), signed)
