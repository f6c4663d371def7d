"""Private keys as text: PKCS#8 in PEM, the format of PyE2's key files.

You are in the identity room, behind `keys`, which imports this module when a key is first read or
written: it brings in `cryptography`'s serialization. Numbers in, text out; no files.
"""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pye2core.errors import IdentityError


def read_private_value(pem: bytes, password: str | None) -> int:
    """Read the private number out of a PEM text.

    Raises:
        IdentityError: It is no key of this network, or the password is wrong, missing or surplus.
    """
    try:
        key = load_pem_private_key(pem, None if password is None else password.encode())
    except TypeError as error:
        # cryptography's way to say that a password is missing or superfluous.
        raise IdentityError(_password_mismatch(password)) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise IdentityError(_unreadable(password)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256k1":
        raise IdentityError("It is a private key, but not one of the curve secp256k1.")
    return key.private_numbers().private_value


def write_private_value(private_value: int, password: str | None) -> bytes:
    """Write a private number as PEM text, protected if there is a password.

    Raises:
        IdentityError: The password is empty or longer than 1023 bytes.
    """
    key = ec.derive_private_key(private_value, ec.SECP256K1())
    try:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, _protection(password))
    except ValueError as error:
        raise IdentityError(
            "This password cannot protect a key: it must have 1 to 1023 bytes of UTF-8. Choose "
            "another, or none for a key that whoever reads the file has."
        ) from error


def _protection(password: str | None) -> KeySerializationEncryption:
    if password is None:
        return NoEncryption()
    return BestAvailableEncryption(password.encode())


def _password_mismatch(password: str | None) -> str:
    if password is None:
        return "The key is protected by a password, and none was given. Give the password."
    return "A password was given, but the key is not protected by one. Leave the password out."


def _unreadable(password: str | None) -> str:
    if password is None:
        return "It is not a private key in PEM (a text that starts with BEGIN PRIVATE KEY)."
    return "Either the password is wrong, or it is not a private key in PEM. Try another."
