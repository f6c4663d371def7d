"""Addresses: public keys as text, the only identity on the network.

You are in the identity room. An address is a plain `str`: `0xai_` and the compressed public key in
URL-safe base64, 49 characters (PyE2 wire protocol, section 2). Older peers write `aixp_`, and some
places write no prefix; all three name the same key. Nothing here needs a crypto library.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from pye2core.errors import InvalidAddress
from pye2core.identity.curve import PUBLIC_KEY_BYTES, is_public_key

Address = str

PREFIX = "0xai_"
LEGACY_PREFIX = "aixp_"

# Lenient base64 passes any amount of noise: this bounds what one text can cost and what is cached.
_LONGEST_TEXT = 128
_LONGEST_TEXT_SHOWN = 64
_ADDRESSES_REMEMBERED = 4096


def address_of(public_key: bytes) -> Address:
    """Write a public key as an address.

    Args:
        public_key: The compressed point, 33 bytes.

    Raises:
        InvalidAddress: The bytes are not a public key of this network.
    """
    return _encoded(bytes(public_key))


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _encoded(public_key: bytes) -> Address:
    if not is_public_key(public_key):
        raise InvalidAddress(
            f"These {len(public_key)} bytes are not a public key: {public_key[:40].hex()!r}. "
            f"A public key is a compressed point of the curve secp256k1, {PUBLIC_KEY_BYTES} bytes.",
            address=public_key.hex(),
        )
    return PREFIX + urlsafe_b64encode(public_key).decode("ascii")


def public_key_of(address: Address) -> bytes:
    """Read the public key out of an address (PyE2 wire protocol, section 2).

    The address may have the prefix `0xai_`, the old `aixp_` or none. As with PyE2, characters
    outside of base64 are ignored, so that a trailing newline does no harm.

    Returns:
        The compressed public key, 33 bytes, a point of the curve.

    Raises:
        InvalidAddress: The text is not an address.
    """
    if len(address) > _LONGEST_TEXT:
        raise _invalid(address, f"it has {len(address)} characters")
    return _decoded(address)


def without_prefix(address: Address) -> str:
    """Return the bare form of an address, as white lists compare it.

    One leading `0xai_`, or else one leading `aixp_`, is removed; the rest is not looked at.

    Example:
        >>> without_prefix("0xai_A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq")
        'A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq'
    """
    if address.startswith(PREFIX):
        return address.removeprefix(PREFIX)
    return address.removeprefix(LEGACY_PREFIX)


def with_prefix(address: Address) -> Address:
    """Return the full form of an address, as messages carry it, whatever form it was given in."""
    return PREFIX + without_prefix(address)


def with_legacy_prefix(address: Address) -> Address:
    """Return the form of an address that older peers write, whatever form it was given in."""
    return LEGACY_PREFIX + without_prefix(address)


def same_address(first: Address, second: Address) -> bool:
    """Tell whether two texts are the same address, whichever prefix either has."""
    return without_prefix(first) == without_prefix(second)


def is_address(text: object) -> bool:
    """Tell whether this is an address in any form, as opposed to a node's name or anything else."""
    if not isinstance(text, str):
        return False
    try:
        public_key_of(text)
    except InvalidAddress:
        return False
    return True


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _decoded(address: Address) -> bytes:
    try:
        public_key = urlsafe_b64decode(without_prefix(address))
    except binascii.Error as error:
        raise _invalid(address, "it is not base64") from error
    except ValueError as error:
        raise _invalid(address, "it has characters that are not ASCII") from error
    if len(public_key) != PUBLIC_KEY_BYTES:
        raise _invalid(address, f"it decodes to {len(public_key)} bytes")
    if not is_public_key(public_key):
        raise _invalid(address, "its bytes are not a point of the curve")
    return public_key


def _invalid(address: Address, reason: str) -> InvalidAddress:
    shown = repr(address[:_LONGEST_TEXT_SHOWN])
    if len(address) > _LONGEST_TEXT_SHOWN:
        shown += "…"
    return InvalidAddress(
        f"{shown} is not an address: {reason}. An address is {PREFIX} and 44 characters of "
        f"URL-safe base64, like {PREFIX}A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq; "
        "`pye2 key show` and `pye2 nodes` print them.",
        address=address,
    )
