"""Keys, addresses, signatures and encryption: who is who on the network.

You are at the door of the identity room. It knows bytes and keys, and nothing of messages; it
stands on `pye2core.errors` and on nothing else of the kernel. From the inside out:

- `curve`: the numbers, and what counts as a key or a signature
- `backends`: who computes (`backend_coincurve`, `backend_cryptography`)
- `addresses`: public keys as text
- `keys`: `Identity` and `verify`; behind them `agreement` (shared keys) and `pem_format`
- `ciphers`: sealing for one receiver
- `key_file`: an identity that survives a restart; behind it `safe_files`; beside it `passphrases`

Importing it loads no crypto library; the first key or signature does.
"""

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
from pye2core.identity.passphrases import KEY_PASSPHRASE, Passphrase, Passphrases, ask_at_terminal

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
