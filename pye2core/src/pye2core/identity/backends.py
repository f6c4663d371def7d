"""The curve's arithmetic, and who does it: coincurve where it is installed, else `cryptography`.

You are in the identity room. `keys` asks `chosen_backend()` to sign and to verify; the two
implementations are the modules `backend_coincurve` and `backend_cryptography`, imported when one
of them is first needed. Both give the same answers, down to the bytes of a signature (nonces as in
RFC 6979, s made small); coincurve gives them about ten times faster. A third backend is a third
module of the same shape and a line in `_load`.

`PYE2_CRYPTO_BACKEND=cryptography` (or `coincurve`) overrides the choice for a process.
"""

import logging
import os
from functools import cache
from typing import Protocol

from pye2core.errors import SettingsError

BACKEND_VARIABLE = "PYE2_CRYPTO_BACKEND"

_log = logging.getLogger("pye2core.identity")


class SigningKey(Protocol):
    """A private key, ready to sign."""

    @property
    def public_key(self) -> bytes:
        """The public key: a compressed point, 33 bytes."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign what has this SHA-256; return the signature in DER, with a small s."""
        ...


class Backend(Protocol):
    """What a module must offer to serve as backend."""

    @property
    def name(self) -> str:
        """The name that PYE2_CRYPTO_BACKEND chooses it by."""
        ...

    def signing_key(self, private_value: int) -> SigningKey:
        """Make the key of a number from 1 to the curve's order."""
        ...

    def verifies(self, public_key: bytes, r: int, s: int, digest: bytes) -> bool:
        """Tell whether (r, s), both in range, sign what has this SHA-256 under a valid key."""
        ...


@cache
def chosen_backend() -> Backend:
    """Return the backend of this process: chosen at the first call, then kept.

    Raises:
        SettingsError: PYE2_CRYPTO_BACKEND names a backend that is unknown or not installed.
    """
    name = os.environ.get(BACKEND_VARIABLE)
    return _named_backend(name) if name else _fastest_backend()


def _fastest_backend() -> Backend:
    try:
        return _load("coincurve")
    except ModuleNotFoundError as error:
        if error.name != "coincurve":
            _log.warning("coincurve is installed but incomplete, using cryptography: %s", error)
    except ImportError as error:
        _log.warning("coincurve is installed but does not load, using cryptography: %s", error)
    return _load("cryptography")


def _named_backend(name: str) -> Backend:
    try:
        return _load(name)
    except ImportError as error:
        raise SettingsError(
            f"{BACKEND_VARIABLE}={name} asks for a library that cannot be imported ({error}). "
            f"Run `pip install {name}`, or unset {BACKEND_VARIABLE} to use what is installed.",
            setting=BACKEND_VARIABLE,
        ) from error


def _load(name: str) -> Backend:
    if name == "coincurve":
        from pye2core.identity import backend_coincurve

        return backend_coincurve
    if name == "cryptography":
        from pye2core.identity import backend_cryptography

        return backend_cryptography
    raise SettingsError(
        f"{BACKEND_VARIABLE}={name} is not a backend. "
        "Set it to `coincurve` or `cryptography`, or unset it to use the faster one installed.",
        setting=BACKEND_VARIABLE,
    )
