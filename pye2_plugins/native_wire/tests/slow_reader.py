"""Reads our own dialect, slowly: written from ``docs/protocol.md``, section 19, and nothing else.

Nothing of pye2 is imported, and none of the libraries that it uses for this: the curves, HPKE and
MessagePack are plain Python; AES comes from another interface of its library, block by block.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """It is not to be acted on; the text is the reason's word."""


# --- secp256k1 ------------------------------------------------------------------------------------

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None


def point_of(key: bytes) -> Point:
    x = int.from_bytes(key[1:], "big")
    y = pow(x**3 + 7, (P + 1) // 4, P)
    if key[0] not in (2, 3) or x >= P or y * y % P != (x**3 + 7) % P:
        raise Refused("shape")
    return (x, y if y % 2 == key[0] % 2 else P - y)


def added(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return (x, (slope * (x1 - x) - y1) % P)


def times(number: int, point: Point) -> Point:
    total: Point = None
    while number:
        if number & 1:
            total = added(total, point)
        point, number = added(point, point), number >> 1
    return total


def check_signature(key: bytes, signature: bytes, data: bytes) -> None:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s <= N // 2):
        raise Refused("signature")
    inverse = pow(s, -1, N)
    hashed = int.from_bytes(hashlib.sha256(data).digest(), "big")
    found = added(times(hashed * inverse % N, G), times(r * inverse % N, point_of(key)))
    if found is None or found[0] % N != r:
        raise Refused("signature")


# --- X25519 and HPKE ------------------------------------------------------------------------------

FIELD = 2**255 - 19


def x25519(private: bytes, public: bytes) -> bytes:
    k = int.from_bytes(private, "little") & ~7 & ~(128 << 8 * 31) | 64 << 8 * 31
    u = int.from_bytes(public, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in range(254, -1, -1):
        swap ^= k >> bit & 1
        if swap:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = k >> bit & 1
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb = d * a % FIELD, c * b % FIELD
        x3, z3 = (da + cb) ** 2 % FIELD, u * (da - cb) ** 2 % FIELD
        e = (a * a - b * b) % FIELD
        x2, z2 = a * a * b * b % FIELD, e * (a * a + 121665 * e) % FIELD
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, FIELD - 2, FIELD) % FIELD).to_bytes(32, "little")


BASE_POINT = (9).to_bytes(32, "little")
KEM = b"KEM" + (0x0020).to_bytes(2, "big")
SUITE = b"HPKE" + b"".join(each.to_bytes(2, "big") for each in (0x0020, 0x0001, 0x0002))


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, text + b"\x01", "sha256")[:length]


def hpke_opened(private: bytes, sealed: bytes, info: bytes) -> bytes:
    enc, ciphertext = sealed[:32], sealed[32:]
    dh = x25519(private, enc)
    context = enc + x25519(private, BASE_POINT)
    shared = expand(KEM, extract(KEM, b"", b"eae_prk", dh), b"shared_secret", context, 32)
    hashes = extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    key = expand(SUITE, secret, b"key", b"\0" + hashes, 32)
    nonce = expand(SUITE, secret, b"base_nonce", b"\0" + hashes, 12)
    return gcm_opened(key, nonce, ciphertext, b"")


# --- AES-256-GCM ----------------------------------------------------------------------------------


def gcm_opened(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    if len(sealed) < 16:
        raise Refused("decryption")
    block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
    ciphertext, tag = sealed[:-16], sealed[-16:]
    h = int.from_bytes(block(bytes(16)), "big")
    y = 0
    for part in (associated, ciphertext, None):
        lengths = struct.pack(">QQ", 8 * len(associated), 8 * len(ciphertext))
        data = lengths if part is None else part + bytes(-len(part) % 16)
        for at in range(0, len(data), 16):
            y = gf_times(y ^ int.from_bytes(data[at : at + 16], "big"), h)
    mask = int.from_bytes(block(nonce + b"\0\0\0\1"), "big")
    if (y ^ mask).to_bytes(16, "big") != tag:
        raise Refused("decryption")
    count = range(2, 2 + -(-len(ciphertext) // 16))
    stream = b"".join(block(nonce + number.to_bytes(4, "big")) for number in count)
    return bytes(one ^ other for one, other in zip(ciphertext, stream, strict=False))


def gf_times(x: int, y: int) -> int:
    total = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            total ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return total


# --- MessagePack ----------------------------------------------------------------------------------


class Body:
    """Reads one body."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.containers = data, 0, 0

    def read(self) -> dict[str, Any]:
        body = self.value(0)
        if self.at != len(self.data) or not isinstance(body, dict):
            raise Refused("shape")
        return body

    def take(self, length: int) -> bytes:
        taken = self.data[self.at : self.at + length]
        self.at += length
        if len(taken) < length:
            raise Refused("shape")
        return taken

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def value(self, depth: int) -> Any:  # noqa: C901, PLR0911, PLR0912 - one line for each type
        kind = self.number(1)
        if kind < 0x80:
            return kind
        if kind < 0x90:
            return self.map(kind & 15, depth)
        if kind < 0xA0:
            return self.list(kind & 15, depth)
        if kind < 0xC0:
            return self.text(kind & 31)
        if kind >= 0xE0:
            return kind - 256
        match kind:
            case 0xC0:
                return None
            case 0xC2 | 0xC3:
                return kind == 0xC3
            case 0xC4 | 0xC5 | 0xC6:
                return self.take(self.number(1 << kind - 0xC4))
            case 0xC7 | 0xC8 | 0xC9:
                return self.extension(self.number(1 << kind - 0xC7))
            case 0xCA:
                return struct.unpack(">f", self.take(4))[0]
            case 0xCB:
                return struct.unpack(">d", self.take(8))[0]
            case 0xCC | 0xCD | 0xCE | 0xCF:
                return self.number(1 << kind - 0xCC)
            case 0xD0 | 0xD1 | 0xD2 | 0xD3:
                return int.from_bytes(self.take(1 << kind - 0xD0), "big", signed=True)
            case 0xD4 | 0xD5 | 0xD6 | 0xD7 | 0xD8:
                return self.extension(1 << kind - 0xD4)
            case 0xD9 | 0xDA | 0xDB:
                return self.text(self.number(1 << kind - 0xD9))
            case 0xDC | 0xDD:
                return self.list(self.number(2 << kind - 0xDC), depth)
            case 0xDE | 0xDF:
                return self.map(self.number(2 << kind - 0xDE), depth)
        raise Refused("shape")

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise Refused("shape") from None

    def enter(self, depth: int) -> None:
        self.containers += 1
        if depth >= 100 or self.containers > 2**20:
            raise Refused("shape")

    def list(self, length: int, depth: int) -> list[Any]:
        self.enter(depth)
        return [self.value(depth + 1) for _ in range(length)]

    def map(self, length: int, depth: int) -> dict[str, Any]:
        self.enter(depth)
        found: dict[str, Any] = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str) or key in found:
                raise Refused("shape")
            found[key] = self.value(depth + 1)
        return found

    def extension(self, length: int) -> Any:
        kind, data = self.number(1), self.take(length)
        if kind == 1 and length <= 1024:
            return int.from_bytes(data, "big", signed=True)
        if kind == 2 and length <= 1024:
            return self.decimal(data)
        if kind == 255 and length in (4, 8, 12):
            return self.moment(data)
        raise Refused("shape")

    @staticmethod
    def decimal(data: bytes) -> Decimal:
        if not re.fullmatch(rb"-?([0-9]+(\.[0-9]+)?(E[+-][0-9]+)?|Infinity)|NaN", data):
            raise Refused("shape")
        return Decimal(data.decode("ascii"))

    @staticmethod
    def moment(data: bytes) -> datetime:
        if len(data) == 12:
            nanoseconds, seconds = struct.unpack(">Iq", data)
        else:
            number = int.from_bytes(data, "big")
            nanoseconds, seconds = (
                (number >> 34, number & (1 << 34) - 1) if len(data) == 8 else (0, number)
            )
        return EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)


# --- section 19 -----------------------------------------------------------------------------------


def address(key: bytes) -> str:
    return "0xai_" + base64.urlsafe_b64encode(key).decode()


def read_message(
    data: bytes, private_keys: dict[tuple[str, str], bytes], now: datetime
) -> dict[str, Any]:
    """What a message says, as section 19 names it.

    Args:
        data: the message.
        private_keys: the receiver's X25519 keys, by address and key id in hex.
        now: the time.
    """
    if len(data) < 40 + 64 or data[:4] != b"\x93pye":
        raise Refused("shape")
    version, kind, flags, sender = data[4], data[5], data[6], data[7:40]
    if version != 1 or kind not in (1, 2, 3, 4):
        raise Refused("unsupported")
    said: dict[str, Any] = {"kind": kind, "sender": address(sender)}
    point_of(sender)
    at = 161 if flags & 1 else 40
    if len(data) < at + 40 + 12 + 64:
        raise Refused("shape")
    if flags > 15 or (flags & 10 and flags & 1) or flags & 10 == 10 or (flags & 14 and kind != 1):
        raise Refused("shape")
    if flags & 1:
        receiver, key_id, wrapped = data[40:73], data[73:81], data[81:161]
        said |= {"receiver": address(receiver), "key_id": key_id.hex()}
    said["message_id"] = data[at : at + 16].hex()
    created, expires, said["sequence"] = struct.unpack_from(">qqQ", data, at + 16)
    said["created"] = EPOCH + timedelta(microseconds=created)
    said["expires"] = EPOCH + timedelta(microseconds=expires) if expires else None
    at += 40
    names = ["target", "name", "session_id", "pipeline", "signature", "instance_id"]
    for name in names + ["delegation"] * bool(flags & 4):
        length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        said[name] = None if length == 0xFFFF else data[at : at + length].decode()
        at += 0 if length == 0xFFFF else length
    if (
        at > len(data) - 64
        or (kind == 1) != bool(expires)
        or (kind == 1) != (said["target"] is not None)
        or (flags & 4 and not said["delegation"])
    ):
        raise Refused("shape")
    header, body = data[:at], data[at:-64]
    signed = b"pye2-native-wire 1 message\0" + header + body
    said["digest"] = hashlib.sha256(signed).hexdigest()
    check_signature(sender, data[-64:], signed)
    if expires and not now < said["expires"] <= now + timedelta(days=30):
        raise Refused("expired")
    if flags & 1:
        private = private_keys[said["receiver"], said["key_id"]]
        info = b"pye2-native-wire 1 content key\0" + sender + receiver + key_id
        content_key = hpke_opened(private, wrapped, info)
        key = hmac.digest(content_key, b"pye2-native-wire 1 message key\0" + header, "sha256")
        body = gcm_opened(key, bytes(12), body, header)
    said["body"] = Body(body).read()
    return said


def read_introduction(text: str, owner: bytes) -> dict[str, Any]:
    """What somebody announces."""
    if len(text) != 151:
        raise Refused("introduction")
    data = base64.urlsafe_b64decode(text + "=")
    check_signature(owner, data[49:], b"pye2-native-wire 1 key\0" + owner + data[:49])
    version, public, begin, end = struct.unpack(">B32sQQ", data[:49])
    same_for_all = x25519(bytes(range(32)), public) == bytes(32)
    if version != 1 or same_for_all or not 0 < end - begin <= 31 * 86_400:
        raise Refused("introduction")
    return {
        "public_key": public.hex(),
        "key_id": hashlib.sha256(public).digest()[:8].hex(),
        "not_before": EPOCH + timedelta(seconds=begin),
        "not_after": EPOCH + timedelta(seconds=end),
    }


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, and of the same types; NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | Decimal) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)
