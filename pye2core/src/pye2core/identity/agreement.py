"""The secret that two keys share: ECDH on the curve, then HKDF.

You are in the identity room, behind `Identity.shared_key` (PyE2 wire protocol, section 4). This is
OpenSSL's work whichever backend signs: coincurve's public API has no constant-time ECDH that yields
the bare x coordinate, and the private key goes through nothing less. It costs a third of a
millisecond, once per peer.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

PEERS_REMEMBERED = 1024
SHARED_KEY_BYTES = 32

_HANDSHAKE_INFO = b"0xai handshake data"


def key_agreement(private_value: int) -> Callable[[bytes], bytes]:
    """Return the function that agrees on a key with a peer.

    The function takes the peer's compressed public key, which must be valid, and returns 32 bytes,
    remembered for the last 1024 peers. Nothing is imported or computed before its first call.
    """

    @cache
    def private_key() -> "EllipticCurvePrivateKey":
        from cryptography.hazmat.primitives.asymmetric import ec

        return ec.derive_private_key(private_value, ec.SECP256K1())

    @lru_cache(maxsize=PEERS_REMEMBERED)
    def agree(peer_public_key: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), peer_public_key)
        x_coordinate = private_key().exchange(ec.ECDH(), peer)
        hkdf = HKDF(SHA256(), length=SHARED_KEY_BYTES, salt=None, info=_HANDSHAKE_INFO)
        return hkdf.derive(x_coordinate)

    return agree
