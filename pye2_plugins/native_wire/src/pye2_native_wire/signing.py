"""Signatures over exact bytes (PyE2 wire protocol, section 19.3).

You are in the native serializer. What is signed begins with words that say what for, so that no
signature is good for anything else. A signature is r and s, 32 bytes each; of the two s that fit,
only the smaller is taken, so that nobody can change a signature that is good into another one.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from pye2core.identity import verify_numbers

if TYPE_CHECKING:
    from pye2core.identity import Identity

FOR_MESSAGE: Final = b"pye2-native-wire 1 message\0"
FOR_KEY: Final = b"pye2-native-wire 1 key\0"

_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_HALF = 32


def digest_of(purpose: bytes, *data: bytes | memoryview) -> bytes:
    """The SHA-256 of what is signed: what the signature is for, and the bytes themselves."""
    hashed = hashlib.sha256(purpose)
    for each in data:
        hashed.update(each)
    return hashed.digest()


def signature_of(digest: bytes, identity: Identity) -> bytes:
    """The 64 bytes of a signature of what has this SHA-256."""
    r, s = decode_dss_signature(identity.sign_digest(digest))
    s = min(s, _ORDER - s)
    return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


def check_signature(address: str, signature: bytes, digest: bytes) -> None:
    """Check that the owner of ``address`` signed what has this SHA-256.

    Raises:
        BadSignature: they did not, or the signature is not in its one form.
    """
    r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
    verify_numbers(address, r, s, digest)
