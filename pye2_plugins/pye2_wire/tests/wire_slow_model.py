"""PyE2's canonical JSON, hash and signature, written from PyE2 wire protocol, section 3, alone.

It knows nothing of our serializer: no encoder, no regular expression, one rule after the other, a
character at a time; OpenSSL instead of our choice of a backend. What it says, our fast way must say
too, to the byte.
"""

import hashlib
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

NOT_SIGNED = ("EE_HASH", "EE_SIGN", "EE_SENDER")

SHORT_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}


# --- section 3.1: the text ------------------------------------------------------------------------


def canonical_bytes(value: Any) -> bytes:
    """The canonical JSON of a value; a lone surrogate is a UnicodeEncodeError."""
    return canonical_text(value).encode("utf-8")


def canonical_text(value: Any) -> str:
    text_of: dict[type, Callable[[Any], str]] = {
        type(None): lambda _: "null",
        bool: lambda said: "true" if said else "false",
        int: str,
        float: float_text,
        str: text_in_quotes,
        list: array_text,
        dict: object_text,
    }
    return text_of[type(value)](value)


def array_text(items: list[Any]) -> str:
    text = "["
    for place, item in enumerate(items):
        if place:
            text += ","
        text += canonical_text(item)
    return text + "]"


def object_text(pairs: dict[str, Any]) -> str:
    text = "{"
    for place, key in enumerate(sorted(pairs, key=code_points)):
        if place:
            text += ","
        text += text_in_quotes(key) + ":" + canonical_text(pairs[key])
    return text + "}"


def code_points(key: str) -> list[int]:
    return [ord(character) for character in key]


def text_in_quotes(text: str) -> str:
    quoted = '"'
    for character in text:
        if character in SHORT_ESCAPES:
            quoted += SHORT_ESCAPES[character]
        elif ord(character) < 0x20:
            quoted += f"\\u{ord(character):04x}"
        else:
            quoted += character
    return quoted + '"'


def float_text(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        return "null"
    text = repr(value)
    if "." not in text:
        return text
    while text[-1] == "0":  # an exponent's zeros as well: that is how PyE2 does it
        text = text[:-1]
    return text[:-1] if text[-1] == "." else text


# --- section 3.2: the hash and the signature ------------------------------------------------------


def covered_text(message: dict[str, Any]) -> bytes:
    return canonical_bytes({key: message[key] for key in message if key not in NOT_SIGNED})


def hash_of(message: dict[str, Any]) -> str:
    return hashlib.sha256(covered_text(message)).hexdigest()


def signed(message: dict[str, Any], address: str, sign: Callable[[bytes], bytes]) -> dict[str, Any]:
    """The message with its signature.

    Args:
        message: what to sign.
        address: the signer's.
        sign: gives the DER signature of the SHA-256 of the bytes that it is given.
    """
    digest = bytes.fromhex(hash_of(message))
    return {
        **message,
        "EE_SIGN": urlsafe_b64encode(sign(digest)).decode("ascii"),
        "EE_SENDER": address,
        "EE_HASH": digest.hex(),
    }


def openssl_signer(private_value: int) -> Callable[[bytes], bytes]:
    """Signs as PyE2 does: with a random nonce, and s as it comes."""
    key = ec.derive_private_key(private_value, ec.SECP256K1())
    return lambda data: key.sign(data, ec.ECDSA(SHA256()))


def verifies(message: dict[str, Any]) -> bool:
    digest = bytes.fromhex(hash_of(message))
    if message["EE_HASH"] != digest.hex():
        return False
    point = urlsafe_b64decode(message["EE_SENDER"].removeprefix("0xai_"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), point)
    try:
        key.verify(urlsafe_b64decode(message["EE_SIGN"]), digest, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
