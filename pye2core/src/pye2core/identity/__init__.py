"""Keys, addresses, signatures and encryption: who is who on the network.

You are at the door of the identity room. It knows bytes and keys, and nothing of messages; it
stands on `pye2core.errors` and on nothing else of the kernel. From the inside out:

- `curve`: the numbers, and what counts as a key or a signature
- `backends`: who computes (`backend_coincurve`, `backend_cryptography`)
- `addresses`: public keys as text
- `keys`: `Identity` and `verify`; behind them `agreement` (shared keys) and `pem_format`
- `ciphers`: sealing for one receiver
- `key_file`: an identity that survives a restart; behind it `safe_files`; beside it `passphrases`

Importing it loads the addresses alone: the other modules come with the first name of theirs, a
crypto library with the first key or signature.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pye2core.identity.addresses import (
    Address,
    address_of,
    is_address,
    public_key_of,
    same_address,
    with_legacy_prefix,
    with_prefix,
    without_prefix,
)

if TYPE_CHECKING:
    from pye2core.identity.ciphers import decrypt, encrypt
    from pye2core.identity.key_file import (
        KeyFile,
        create_key_file,
        load_key,
        load_or_create_key,
        open_key_file,
        replace_key,
    )
    from pye2core.identity.keys import Identity, verify, verify_numbers
    from pye2core.identity.passphrases import (
        KEY_PASSPHRASE,
        Passphrase,
        Passphrases,
        ask_at_terminal,
    )

__all__ = [
    "KEY_PASSPHRASE",
    "Address",
    "Identity",
    "KeyFile",
    "Passphrase",
    "Passphrases",
    "address_of",
    "ask_at_terminal",
    "create_key_file",
    "decrypt",
    "encrypt",
    "is_address",
    "load_key",
    "load_or_create_key",
    "open_key_file",
    "public_key_of",
    "replace_key",
    "same_address",
    "verify",
    "verify_numbers",
    "with_legacy_prefix",
    "with_prefix",
    "without_prefix",
]

_LAZY = {
    "KEY_PASSPHRASE": "passphrases",
    "Identity": "keys",
    "KeyFile": "key_file",
    "Passphrase": "passphrases",
    "Passphrases": "passphrases",
    "ask_at_terminal": "passphrases",
    "create_key_file": "key_file",
    "decrypt": "ciphers",
    "encrypt": "ciphers",
    "load_key": "key_file",
    "load_or_create_key": "key_file",
    "open_key_file": "key_file",
    "replace_key": "key_file",
    "verify": "keys",
    "verify_numbers": "keys",
}
"""What has to do with keys, by the module that has it: imported when it is first asked for, as most
who come here ask for addresses only."""

if not TYPE_CHECKING:  # or a misspelt name would pass the type checker

    def __getattr__(name: str) -> object:
        if name not in _LAZY:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = value
        return value
