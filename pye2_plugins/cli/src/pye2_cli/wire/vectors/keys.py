"""Vectors of keys and addresses (PyE2 wire protocol, section 2), and the keys of other vectors."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_cli.wire.vectors.cases import Mismatch, cases_in, expect, require_fact
from pye2core.errors import IdentityError, InvalidAddress
from pye2core.identity import Identity, address_of, public_key_of, without_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pye2_cli.wire.vectors.cases import Case

KEYS_FILE = "keys_addresses.json"

# The recorded vectors' own throw-away keys, for a folder without the file that has them.
_WELL_KNOWN = (b"\x11" * 32, b"\x22" * 32, (3).to_bytes(32, "big"), b"\x44" * 32)

_PEM_LABELS = {False: "PRIVATE KEY", True: "ENCRYPTED PRIVATE KEY"}


@frozen
class KeyRing:
    """The private keys that vectors were made with."""

    identities: Mapping[str, Identity]

    @classmethod
    def of_folder(cls, folder: Path) -> KeyRing:
        """The well-known keys, and those that a folder's own vectors tell."""
        known = [*_WELL_KNOWN, *_told_in(folder / KEYS_FILE)]
        identities = map(Identity.from_private_value, known)
        return cls({without_prefix(each.address): each for each in identities})

    def find(self, address: str) -> Identity:
        """The key of an address.

        Raises:
            Mismatch: it is not known.
        """
        found = self.identities.get(without_prefix(address))
        if found is None:
            raise Mismatch(f"the private key of {address} is not known; tell it in {KEYS_FILE}")
        return found


def _told_in(path: Path) -> Iterator[bytes]:
    """The private keys in a file; those that are none fail where the file itself is checked."""
    try:
        keys = json.loads(path.read_bytes())["keys"]
        values = [bytes.fromhex(key["private_value_hex"]) for key in keys]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return
    for value in values:
        try:
            Identity.from_private_value(value)
        except IdentityError:
            continue
        yield value


# --- keys_addresses.json --------------------------------------------------------------------------


def key_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Keys with their addresses, and texts that are addresses or are not."""
    del ring
    yield from cases_in(content, "keys", _check_key)
    yield from cases_in(content, "vectors", _check_address)


def _check_key(key: dict[str, Any]) -> None:
    identity = Identity.from_private_value(bytes.fromhex(key["private_value_hex"]))
    expect("the address", identity.address, key["address"])
    if "address_no_prefix" in key:
        expect("the bare address", without_prefix(identity.address), key["address_no_prefix"])
    if "public_compressed_hex" in key:
        public_key = bytes.fromhex(key["public_compressed_hex"])
        expect("the public key's address", address_of(public_key), key["address"])
        expect("the address's public key", public_key_of(key["address"]), public_key)
    _check_key_file(key, identity)


def _check_key_file(key: dict[str, Any], identity: Identity) -> None:
    if "pkcs8_der_base64" in key:
        expect("the key file", _der_of(identity.to_pem()), key["pkcs8_der_base64"])
        read = Identity.from_pem(_pem_of(key["pkcs8_der_base64"], is_protected=False))
        expect("the address of the key file", read.address, key["address"])
    protected = (key.get("pem") or {}).get("encrypted_pkcs8_der_base64")
    if protected is not None:
        read = Identity.from_pem(_pem_of(protected, is_protected=True), key["password"])
        expect("the address of the protected key file", read.address, key["address"])


def _der_of(pem: bytes) -> str:
    return b64encode(b64decode(b"".join(pem.splitlines()[1:-1]))).decode()


def _pem_of(der_base64: str, *, is_protected: bool) -> bytes:
    label = _PEM_LABELS[is_protected]
    lines = [der_base64[at : at + 64] for at in range(0, len(der_base64), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _check_address(vector: dict[str, Any]) -> None:
    text = vector["input"]
    if "maybe_remove_prefix" in vector:
        expect("without prefix it", without_prefix(text), vector["maybe_remove_prefix"])
    if not vector["ok"]:
        _expect_no_address(text)
        return
    public_key = public_key_of(text)
    if "public_compressed_hex" in vector:
        expect("the public key", public_key.hex(), vector["public_compressed_hex"])
    if "canonical" in vector:
        expect("the full address", address_of(public_key), vector["canonical"])


def _expect_no_address(text: str) -> None:
    try:
        public_key_of(text)
    except InvalidAddress:
        return
    raise Mismatch("it is taken for an address and should not be")


# --- seed_words.json ------------------------------------------------------------------------------


def word_cases(content: dict[str, Any], ring: KeyRing) -> Iterator[Case]:
    """Keys that are made of words."""
    del ring
    yield from cases_in(content, "vectors", _check_words)


def _check_words(vector: dict[str, Any]) -> None:
    require_fact(vector, "address", "private_value_hex", "pkcs8_der_base64")
    identity = Identity.from_words(vector["words"])
    if "address" in vector:
        expect("the address", identity.address, vector["address"])
    if "private_value_hex" in vector:
        value = bytes.fromhex(vector["private_value_hex"])
        expect("the address", identity.address, Identity.from_private_value(value).address)
    if "pkcs8_der_base64" in vector:
        expect("the key file", _der_of(identity.to_pem()), vector["pkcs8_der_base64"])
