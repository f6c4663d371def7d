"""Hashing, signing and checking messages (PyE2 wire protocol, section 3.2).

You are in the PyE2 serializer, above ``canonical``. A signature covers a message without its three
top-level keys ``EE_HASH``, ``EE_SIGN`` and ``EE_SENDER``; nested ones of these names are covered.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_wire.canonical import canonical
from pye2core.errors import BadSignature, InvalidAddress
from pye2core.identity import verify

if TYPE_CHECKING:
    from pye2core.identity import Identity

UNSIGNED_KEYS = ("EE_HASH", "EE_SIGN", "EE_SENDER")

SIGNATURE_OK = "<Signature OK>"

_HASH = re.compile("[0-9a-f]{64}")
_URL_SAFE = str.maketrans("+/", "-_")


@frozen
class SignatureVerdict:
    """What a check of a signature found, in PyE2's words.

    Attributes:
        valid: whether the message is what its sender signed.
        message: ``<Signature OK>``, or what is wrong.
        sender: the address that the message claims to come from, as it is written there.
    """

    valid: bool
    message: str
    sender: Any


def signed_part(message: dict[str, Any]) -> dict[str, Any]:
    """The message without what is not signed."""
    signed = message.copy()
    for key in UNSIGNED_KEYS:
        signed.pop(key, None)
    return signed


def digest_of(message: dict[str, Any]) -> bytes:
    """The 32 bytes that are signed for a message, whatever its own ``EE_HASH`` says.

    Raises:
        ValueError: a text in it is no Unicode.
    """
    return hashlib.sha256(canonical(signed_part(message))).digest()


def signature_fields(canonical_text: bytes, identity: Identity) -> dict[str, str]:
    """The three keys that a signed message has besides what is signed."""
    digest = hashlib.sha256(canonical_text).digest()
    return {
        "EE_SIGN": urlsafe_b64encode(identity.sign(digest)).decode(),
        "EE_SENDER": identity.address,
        "EE_HASH": digest.hex(),
    }


def short_signature_fields(canonical_text: bytes, identity: Identity) -> dict[str, str]:
    """The two keys without which a signed message cannot be.

    Without ``EE_HASH`` it is the text itself that is signed.
    """
    return {
        "EE_SIGN": urlsafe_b64encode(identity.sign(canonical_text)).decode(),
        "EE_SENDER": identity.address,
    }


def check_signature(message: dict[str, Any], digest: bytes | None = None) -> SignatureVerdict:
    """Check a message that was read from JSON, as leniently as PyE2 does.

    Args:
        message: all of it.
        digest: what :func:`digest_of` gives for it, if that is known already.

    Raises:
        ValueError: a text in the message is no Unicode, so that it has no digest.
    """
    sender = message.get("EE_SENDER")
    if not message.get("EE_SIGN"):
        return SignatureVerdict(valid=False, message="Signature is NULL", sender=sender)
    if not sender:
        return SignatureVerdict(valid=False, message="Sender address is NULL", sender=sender)
    problem = _problem_with(message, digest or digest_of(message))
    return SignatureVerdict(valid=problem is None, message=problem or SIGNATURE_OK, sender=sender)


def signs_stated_hash(message: dict[str, Any]) -> bool:
    """Whether the signature is good over the ``EE_HASH`` that a message states, whatever it says.

    If it is, and the hash is not that of the content, then the sender did sign, but not this text.
    """
    stated = message.get("EE_HASH")
    if not isinstance(stated, str) or _HASH.fullmatch(stated) is None:
        return False
    return _is_signed(message, bytes.fromhex(stated))


def _problem_with(message: dict[str, Any], digest: bytes) -> str | None:
    stated = message.get("EE_HASH")
    if stated and stated != digest.hex():
        return "Corrupted digest!"
    # PyE2 can sign the text itself, too; then there is no EE_HASH.
    covered = digest if stated else canonical(signed_part(message))
    return None if _is_signed(message, covered) else "InvalidSignature"


def _is_signed(message: dict[str, Any], covered: bytes) -> bool:
    sender, signature = message.get("EE_SENDER"), message.get("EE_SIGN")
    if not isinstance(sender, str) or not isinstance(signature, str):
        return False
    try:
        verify(sender, _der(signature), covered)
    except (BadSignature, InvalidAddress, ValueError):
        return False
    return True


def _der(text: str) -> bytes:
    # Python reads the standard alphabet, too, and needs the padding, which PyE2 does not.
    signature = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    written = urlsafe_b64encode(signature).rstrip(b"=").decode()
    if text.translate(_URL_SAFE).rstrip("=") != written:
        # The last character has bits that mean nothing: they would make one signature several.
        raise ValueError("the signature is not written as its bytes are")
    return signature
