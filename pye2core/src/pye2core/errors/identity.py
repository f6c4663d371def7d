"""What is wrong with keys, addresses, signatures and ciphertexts.

You are in the errors, of which ``pye2core.errors`` draws the tree; import them from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pye2core.errors.base import Pye2Error

if TYPE_CHECKING:
    from pathlib import Path


class IdentityError(Pye2Error):
    """Something about keys, addresses, signatures or encryption."""


class KeyFileError(IdentityError):
    """A key file exists but cannot be used; it was left as it is.

    Attributes:
        path: the file.
    """

    def __init__(self, message: str, *, path: Path) -> None:
        super().__init__(message)
        self.path = path


class InvalidAddress(IdentityError):
    """A text that is not an address.

    Attributes:
        address: the text.
    """

    def __init__(self, message: str, *, address: str) -> None:
        super().__init__(message)
        self.address = address


class BadSignature(IdentityError):
    """A signature does not belong to these bytes and this address."""


class DecryptionFailed(IdentityError):
    """A ciphertext was not made for this pair of addresses, or was changed on its way."""
