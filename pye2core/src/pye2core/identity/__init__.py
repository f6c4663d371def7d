"""Keys, addresses, signatures and encryption: who is who on the network.

You are at the door of the identity room. It knows bytes and keys, and nothing of messages; it
stands on `pye2core.errors` and on nothing else of the kernel. From the inside out:

- `curve`: the numbers, and what counts as a key or a signature
- `backends`: who computes (`backend_coincurve`, `backend_cryptography`)
- `addresses`: public keys as text
- `keys`: `Identity` and `verify`; behind them `agreement` (shared keys) and `pem_format`
- `ciphers`: sealing for one receiver
- `key_file`: an identity that survives a restart

Importing it loads no crypto library; the first key or signature does.
"""

from pye2core.identity.addresses import (
    Address,
    address_of,
    is_address,
    public_key_of,
    same_address,
    with_prefix,
    without_prefix,
)
from pye2core.identity.ciphers import decrypt, encrypt
from pye2core.identity.key_file import load_key, load_or_create_key
from pye2core.identity.keys import Identity, verify

__all__ = [
    "Address",
    "Identity",
    "address_of",
    "decrypt",
    "encrypt",
    "is_address",
    "load_key",
    "load_or_create_key",
    "public_key_of",
    "same_address",
    "verify",
    "with_prefix",
    "without_prefix",
]
