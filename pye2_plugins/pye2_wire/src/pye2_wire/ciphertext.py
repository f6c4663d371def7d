"""Encrypted text within a message (PyE2 wire protocol, section 4).

You are in the PyE2 serializer; the cipher itself is the kernel's (``pye2core.identity``). Here its
bytes become standard base64, and what was encrypted is a JSON object.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from pye2_wire.reading import misshapen, read_object
from pye2core.errors import DecryptionFailed, InvalidAddress, MessageRejected
from pye2core.identity import decrypt, encrypt

if TYPE_CHECKING:
    from pye2core.identity import Identity


def encrypted_text(plaintext: bytes, identity: Identity, receiver: str) -> str:
    """Encrypt for ``receiver``, as text.

    Raises:
        InvalidAddress: ``receiver`` is not an address.
    """
    return b64encode(encrypt(identity, receiver, plaintext)).decode()


def decrypted_text(text: object, identity: Identity, sender: str) -> bytes:
    """Decrypt what ``sender`` encrypted for ``identity``.

    Raises:
        MessageRejected: reason "decryption", or "shape" where there is no text.
    """
    if not isinstance(text, str):
        raise misshapen("EE_IS_ENCRYPTED is true, and EE_ENCRYPTED_DATA is not a text")
    try:
        return decrypt(identity, sender, b64decode(text))
    except (DecryptionFailed, InvalidAddress, ValueError) as error:
        raise MessageRejected(
            f"{identity.address} cannot decrypt it ({error}); its sender must encrypt it for this"
            " address",
            reason="decryption",
            sender=sender,
        ) from error


def decrypted_object(message: dict[str, Any], identity: Identity, sender: str) -> dict[str, Any]:
    """Decrypt the object within a message.

    Raises:
        MessageRejected: reason "decryption", or "shape" where it is not a JSON object.
    """
    plaintext = decrypted_text(message.get("EE_ENCRYPTED_DATA"), identity, sender)
    return read_object(plaintext, "the decrypted part")
