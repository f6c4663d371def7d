"""The one-time code as people see it: 15 random characters and one that checks them.

The alphabet is Crockford's: no I, L, O, U. What is typed may be in small letters, with blanks or
hyphens anywhere, with O for 0 and I or L for 1.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pye2core.errors import PairingFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SECRET_CHARACTERS: Final = 15
"""Of 5 random bits each: 75 bits, which scrypt makes too many to be tried (see ``proofs``)."""

_BITS: Final = 5
_GROUP: Final = 4
_LOOKALIKES: Final = str.maketrans("OIL", "011")
_LEFT_OUT: Final = str.maketrans("", "", "- \t")


def new_code(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A new code, as it is shown: four groups of four characters.

    Example:
        >>> new_code(lambda count: bytes(range(count)))
        '00G4-0R40-M30E-209J'
    """
    number = int.from_bytes(random_bytes(10), "big")
    values = [number >> (_BITS * place) & 31 for place in reversed(range(SECRET_CHARACTERS))]
    characters = "".join(ALPHABET[each] for each in [*values, _check(values)])
    return "-".join(
        characters[begin : begin + _GROUP] for begin in range(0, len(characters), _GROUP)
    )


def read_code(text: str) -> str:
    """The secret part of a code that somebody typed, in its one spelling.

    Raises:
        PairingFailed: reason "code": it is no code, or was mistyped.

    Example:
        >>> read_code("oog4 or40-m3oe 209j")
        '00G40R40M30E209'
    """
    characters = text.translate(_LEFT_OUT).upper().translate(_LOOKALIKES)
    values = [ALPHABET.find(each) for each in characters]
    if len(values) != SECRET_CHARACTERS + 1 or -1 in values:
        raise PairingFailed(
            "That is not a pairing code: a code has 16 letters and digits, such as"
            " 00G4-0R40-M30E-209J. Type it as `pye2 node --pair` shows it on the node.",
            reason="code",
        )
    if _check(values[:-1]) != values[-1]:
        raise PairingFailed(
            "The code was mistyped: its last character does not fit the others. Compare it with"
            " what `pye2 node --pair` shows on the node; nothing was sent.",
            reason="code",
        )
    return characters[:-1]


def _check(values: Iterable[int]) -> int:
    """What makes one wrong character, or two that changed places, show.

    A sum over the field of 32 elements in which each place has a weight of its own.
    """
    total = 0
    for value in values:
        total = _doubled(total ^ value)
    return total


def _doubled(value: int) -> int:
    """Times x, modulo x⁵ + x² + 1."""
    return value << 1 if value < 16 else value << 1 ^ 0b100101  # noqa: PLR2004 - half of 32
