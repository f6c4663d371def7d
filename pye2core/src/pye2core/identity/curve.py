"""Facts of the curve secp256k1, and the shape of its signatures.

You are in the identity room, on its ground floor: numbers and bytes, nothing imported. Both
backends stand on this module, so that what counts as a key or as a signature is decided once, here,
and not by whichever library happens to be installed. What is written here is mathematics and
PyE2's wire protocol; change it only with the vectors in hand.
"""

FIELD_PRIME = 2**256 - 2**32 - 977
ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
PUBLIC_KEY_BYTES = 33
PRIVATE_KEY_BYTES = 32

_SHORTEST_SIGNATURE = 8
_LONGEST_SIGNATURE = 72
_SEQUENCE = 0x30
_INTEGER = 0x02
_COMPRESSED_POINT_TAGS = (0x02, 0x03)


def is_public_key(data: bytes) -> bool:
    """Tell whether these bytes are a compressed point of the curve.

    Args:
        data: 33 bytes: `02` or `03`, then the x coordinate, big-endian.
    """
    if len(data) != PUBLIC_KEY_BYTES or data[0] not in _COMPRESSED_POINT_TAGS:
        return False
    x = int.from_bytes(data[1:], "big")
    if x >= FIELD_PRIME:
        return False
    # x is on the curve where x^3 + 7 is a square (Euler's criterion).
    y_squared = (x**3 + 7) % FIELD_PRIME
    return pow(y_squared, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == 1


def encode_signature(r: int, s: int) -> bytes:
    """Write a signature in DER: `SEQUENCE { INTEGER r, INTEGER s }`.

    Args:
        r: The signature's first number, from 1 to the curve's order.
        s: Its second number, from 1 to the curve's order.
    """
    body = _encode_integer(r) + _encode_integer(s)
    return bytes((_SEQUENCE, len(body))) + body


def decode_signature(signature: bytes) -> tuple[int, int]:
    """Read a DER signature as strictly as OpenSSL does (and so PyE2).

    There is one way to write each pair of numbers, and only that one is accepted: no longer forms
    of a length, no needless leading zeros, no negative numbers, nothing after the end. Both numbers
    must be at least 1 and below the curve's order. A large s ("high-S") is as good as a small one.

    Returns:
        The numbers r and s.

    Raises:
        ValueError: The bytes are not such a signature.
    """
    if not _SHORTEST_SIGNATURE <= len(signature) <= _LONGEST_SIGNATURE:
        raise ValueError(f"a signature has 8 to 72 bytes, not {len(signature)}")
    r_ends = 4 + signature[3]
    r = int.from_bytes(signature[4:r_ends], "big")
    s = int.from_bytes(signature[r_ends + 2 :], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise ValueError("its numbers are outside of the curve's range")
    # Whatever was read leniently above is made strict here: it must be written exactly like this.
    if encode_signature(r, s) != signature:
        raise ValueError("it is not in DER")
    return r, s


def low_s(s: int) -> int:
    """Return the smaller of s and its negative: both make the same signature valid."""
    return min(s, ORDER - s)


def _encode_integer(value: int) -> bytes:
    # One bit more than the number has: DER's integers are signed.
    content = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes((_INTEGER, len(content))) + content
