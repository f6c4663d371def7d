"""Sealing bytes for one receiver, and opening what was sealed: AES-256-GCM.

You are in the identity room. Sealed bytes are a 12-byte nonce, the ciphertext and a 16-byte tag
(PyE2 wire protocol, section 4); how they become text is the serializer's to say. Neither is there
any protection against a replay here: the same sealed bytes open as often as they come.
"""

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from pye2core.errors import DecryptionFailed, IdentityError
from pye2core.identity.addresses import Address
from pye2core.identity.agreement import PEERS_REMEMBERED
from pye2core.identity.keys import Identity

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
TAG_BYTES = 16


def encrypt(
    identity: Identity, peer: Address, plaintext: bytes, nonce: bytes | None = None
) -> bytes:
    """Seal bytes so that only the peer (and this identity) can open them.

    Args:
        identity: The sender.
        peer: The receiver's address, in any form.
        plaintext: What to seal.
        nonce: 12 bytes, for comparing with recorded messages only: two texts sealed with one nonce
            betray each other. Random unless given.

    Returns:
        Nonce, ciphertext and tag: 28 bytes more than the plaintext.

    Raises:
        InvalidAddress: The peer is not an address.
        IdentityError: The nonce given is not 12 bytes.
    """
    if nonce is None:
        nonce = os.urandom(NONCE_BYTES)
    elif len(nonce) != NONCE_BYTES:
        raise IdentityError(
            f"A nonce has {NONCE_BYTES} bytes, this has {len(nonce)}. Leave it out for a new one."
        )
    return nonce + _cipher(identity.shared_key(peer)).encrypt(nonce, plaintext, None)


def decrypt(identity: Identity, peer: Address, sealed: bytes) -> bytes:
    """Open bytes that the peer sealed for this identity.

    Args:
        identity: The receiver.
        peer: The sender's address, in any form.
        sealed: Nonce, ciphertext and tag.

    Returns:
        The plaintext, which is certain to come from the peer (or from this identity).

    Raises:
        DecryptionFailed: The bytes are too few, damaged, from somebody else or for somebody else.
        InvalidAddress: The peer is not an address.
    """
    from cryptography.exceptions import InvalidTag

    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise DecryptionFailed(
            f"Sealed bytes from {peer!r} are cut short: they must be at least "
            f"{NONCE_BYTES + TAG_BYTES} and are {len(sealed)}. Ask the sender to send them again."
        )
    parts = memoryview(sealed)
    try:
        return _cipher(identity.shared_key(peer)).decrypt(
            parts[:NONCE_BYTES], parts[NONCE_BYTES:], None
        )
    except InvalidTag as error:
        raise DecryptionFailed(
            f"Sealed bytes from {peer!r} do not open for {identity.address}: they were damaged, or "
            "sealed by another sender or for another receiver. Check both addresses."
        ) from error


@lru_cache(maxsize=PEERS_REMEMBERED)
def _cipher(shared_key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(shared_key)
