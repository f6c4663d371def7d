"""The backend on `cryptography`, which is OpenSSL: always there. Imported only when chosen.

You are in the identity room, behind `backends`, whose `Backend` this module is. OpenSSL leaves s
as large as it comes; it is made small after signing, so that both backends write the same bytes.
"""

from functools import cache, lru_cache

from attrs import field, frozen
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pye2core.identity.curve import decode_signature, encode_signature, low_s

name = "cryptography"

_SIGNERS_REMEMBERED = 1024
_ECDSA_DIGEST = ec.ECDSA(Prehashed(SHA256()))


@frozen(eq=False)
class CryptographySigningKey:
    """A private key held by OpenSSL."""

    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public_key(self) -> bytes:
        """The public key: a compressed point, 33 bytes."""
        return self._key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign what has this SHA-256; return the signature in DER, with a small s."""
        r, s = decode_signature(self._key.sign(digest, _signature_algorithm()))
        return encode_signature(r, low_s(s))


def signing_key(private_value: int) -> CryptographySigningKey:
    """Make the key of a number from 1 to the curve's order."""
    return CryptographySigningKey(ec.derive_private_key(private_value, ec.SECP256K1()))


def verifies(public_key: bytes, r: int, s: int, digest: bytes) -> bool:
    """Tell whether (r, s), both in range, sign what has this SHA-256 under a valid key."""
    try:
        _parsed(public_key).verify(encode_signature(r, s), digest, _ECDSA_DIGEST)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=_SIGNERS_REMEMBERED)
def _parsed(public_key: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public_key)


@cache
def _signature_algorithm() -> ec.ECDSA:
    try:
        return ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)
    except UnsupportedAlgorithm:
        # OpenSSL before 3.2: its random nonces are as valid, the bytes differ each time.
        return _ECDSA_DIGEST
