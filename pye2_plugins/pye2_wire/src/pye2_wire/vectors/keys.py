"""Vectors of keys and addresses (PyE2 wire protocol, section 2), and the keys of other vectors."""

from __future__ import annotations

import binascii
import hashlib
import json
from base64 import b64decode, b64encode, urlsafe_b64decode
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_wire.vectors.cases import Mismatch, cases_in, expect
from pye2core.errors import IdentityError, InvalidAddress
from pye2core.identity import Identity, address_of, public_key_of, without_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pye2_wire.vectors.cases import Case, Facts

KEYS_FILE = "keys_addresses.json"

# The recorded vectors' own throw-away keys, for a folder without the file that has them.
_WELL_KNOWN = {
    "alice": b"\x11" * 32,
    "bob": b"\x22" * 32,
    "carol": (3).to_bytes(32, "big"),
    "pwd": b"\x44" * 32,
}

_PEM_LABELS = {False: "PRIVATE KEY", True: "ENCRYPTED PRIVATE KEY"}

_FIELD_PRIME = 2**256 - 2**32 - 977

_POINT_TAGS = (0x02, 0x03, 0x04)

_INVALID_POINT = "Invalid EC key."


@frozen
class KeyRing:
    """The private keys that vectors were made with, by the names that vectors call them."""

    identities: Mapping[str, Identity]

    @classmethod
    def of_folder(cls, folder: Path) -> KeyRing:
        """The well-known keys, and those that a folder's own vectors tell."""
        told = {**_WELL_KNOWN, **dict(_told_in(folder / KEYS_FILE))}
        return cls({name: Identity.from_private_value(value) for name, value in told.items()})

    def find(self, address: str) -> Identity:
        """The key of an address.

        Raises:
            Mismatch: it is not known.
        """
        for each in self.identities.values():
            if without_prefix(each.address) == without_prefix(address):
                return each
        raise Mismatch(f"the private key of {address} is not known; tell it in {KEYS_FILE}")

    def named(self, name: str) -> Identity:
        """The key of that name.

        Raises:
            Mismatch: it is not known.
        """
        found = self.identities.get(name)
        if found is None:
            raise Mismatch(f"nobody here is called {name!r}; tell the key in {KEYS_FILE}")
        return found


def _told_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """The private keys in a file; those that are none fail where the file itself is checked."""
    try:
        keys = json.loads(path.read_bytes())["keys"]
        told = [(str(key["name"]), bytes.fromhex(key["private_value_hex"])) for key in keys]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return
    for name, value in told:
        try:
            Identity.from_private_value(value)
        except IdentityError:
            continue
        yield name, value


# --- keys_addresses.json: keys --------------------------------------------------------------------


def key_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Keys with their addresses, and texts that are addresses or are not."""
    del ring
    yield from cases_in(content, "keys", _check_key)
    yield from cases_in(content, "vectors", _check_address)


def _check_key(key: Facts) -> None:
    identity = Identity.from_private_value(bytes.fromhex(key["private_value_hex"]))
    public_key = public_key_of(identity.address)
    expect("the address", identity.address, key["address"])
    expect("the public key's address", address_of(public_key), key["address"])
    key.expect("address_no_prefix", without_prefix(identity.address), "the bare address")
    key.expect("public_compressed_hex", public_key.hex(), "the public key")
    key.expect("public_uncompressed_hex", _uncompressed(public_key).hex(), "the whole public key")
    _check_key_file(key, identity)


def _uncompressed(public_key: bytes) -> bytes:
    """A point of the curve y² = x³ + 7 with both its coordinates."""
    x = int.from_bytes(public_key[1:], "big")
    y = pow(x**3 + 7, (_FIELD_PRIME + 1) // 4, _FIELD_PRIME)
    if y % 2 != public_key[0] % 2:
        y = _FIELD_PRIME - y
    return b"\x04" + public_key[1:] + y.to_bytes(32, "big")


def _check_key_file(key: Facts, identity: Identity) -> None:
    password = key.get("password")
    if "pkcs8_der_base64" in key:
        expect("the password of an open key file", password, None)
        key.expect("pkcs8_der_base64", _der_of(identity.to_pem()), "the key file")
        read = Identity.from_pem(_pem_of(key["pkcs8_der_base64"], is_protected=False))
        expect("the address of the key file", read.address, key["address"])
    if key.get("pem") is not None:
        protected = _only(key["pem"], "encrypted_pkcs8_der_base64")
        read = Identity.from_pem(_pem_of(protected, is_protected=True), password)
        expect("the address of the protected key file", read.address, key["address"])


def _only(stated: Mapping[str, Any], key: str) -> Any:
    expect("what is told of the protected key file", sorted(stated), [key])
    return stated[key]


def _der_of(pem: bytes) -> str:
    return b64encode(b64decode(b"".join(pem.splitlines()[1:-1]))).decode()


def _pem_of(der_base64: str, *, is_protected: bool) -> bytes:
    label = _PEM_LABELS[is_protected]
    lines = [der_base64[at : at + 64] for at in range(0, len(der_base64), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


# --- keys_addresses.json: addresses ---------------------------------------------------------------


def _check_address(vector: Facts) -> None:
    text = vector["input"]
    vector.expect("maybe_remove_prefix", without_prefix(text), "without prefix it")
    if not vector["ok"]:
        _expect_no_address(vector, text)
        return
    public_key = public_key_of(text)
    vector.expect("public_compressed_hex", public_key.hex(), "the public key")
    vector.expect("canonical", address_of(public_key), "the full address")


def _expect_no_address(vector: Facts, text: str) -> None:
    try:
        public_key_of(text)
    except InvalidAddress:
        kind, words = why_no_address(text)
    else:
        raise Mismatch("it is taken for an address and should not be")
    vector.expect("exception", kind, "what PyE2 raises")
    # Its libraries say it in more words, or in fewer, from release to release.
    if not (words == _INVALID_POINT and str(vector.get("message")).startswith(words)):
        vector.expect("message", words, "what PyE2 says")


def why_no_address(text: str) -> tuple[str, str]:
    """What PyE2 raises for a text that is no address: the exception's name, and its words."""
    try:
        point = urlsafe_b64decode(without_prefix(text))
    except (binascii.Error, ValueError) as error:
        return type(error).__name__, str(error)
    if not point:
        return "ValueError", "data must not be an empty byte string"
    if point[0] not in _POINT_TAGS:
        return "ValueError", "Unsupported elliptic curve point type"
    return "ValueError", _INVALID_POINT


# --- seed_words.json ------------------------------------------------------------------------------


def word_cases(content: Facts, ring: KeyRing) -> Iterator[Case]:
    """Keys that are made of words."""
    del ring
    yield from cases_in(content, "vectors", _check_words)


def _check_words(vector: Facts) -> None:
    vector.require_any("address", "private_value_hex", "pkcs8_der_base64")
    words = vector["words"]
    identity = Identity.from_words(words)
    digest = hashlib.sha256(";".join(words).encode()).hexdigest()
    vector.expect("sha256_of_joined_hex", digest, "the words' SHA-256")
    vector.expect("address", identity.address, "the address")
    if "private_value_hex" in vector:
        value = bytes.fromhex(vector["private_value_hex"])
        expect("the value's address", Identity.from_private_value(value).address, identity.address)
    vector.expect("pkcs8_der_base64", _der_of(identity.to_pem()), "the key file")
