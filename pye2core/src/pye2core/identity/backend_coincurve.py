"""The backend on coincurve, which is Bitcoin's libsecp256k1: fast. Imported only when chosen.

You are in the identity room, behind `backends`, whose `Backend` this module is. libsecp256k1
accepts only signatures with a small s, while about half of OpenSSL's have a large one: they are
made small before they are checked, which changes nothing about their validity.
"""

from functools import lru_cache

from attrs import field, frozen
from coincurve import PrivateKey, PublicKey

from pye2core.identity.curve import PRIVATE_KEY_BYTES, encode_signature, low_s

name = "coincurve"

_SIGNERS_REMEMBERED = 1024


@frozen(eq=False)
class CoincurveSigningKey:
    """A private key held by coincurve."""

    _key: PrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The public key: a compressed point, 33 bytes."""
        return self._key.public_key.format(compressed=True)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign what has this SHA-256; return the signature in DER, with a small s."""
        return self._key.sign(digest, hasher=None)


def signing_key(private_value: int) -> CoincurveSigningKey:
    """Make the key of a number from 1 to the curve's order."""
    return CoincurveSigningKey(PrivateKey(private_value.to_bytes(PRIVATE_KEY_BYTES, "big")))


def verifies(public_key: bytes, r: int, s: int, digest: bytes) -> bool:
    """Tell whether (r, s), both in range, sign what has this SHA-256 under a valid key."""
    return _parsed(public_key).verify(encode_signature(r, low_s(s)), digest, hasher=None)


@lru_cache(maxsize=_SIGNERS_REMEMBERED)
def _parsed(public_key: bytes) -> PublicKey:
    return PublicKey(public_key)
