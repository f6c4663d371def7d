"""Reads the words of a key: from a file, standard input, or whoever sits at a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pye2core.errors import IdentityError
from pye2core.identity import ask_at_terminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LARGEST_FILE = 64 * 1024


def read_words(source: Path | None) -> list[str]:
    """The words, as they stand there, between blanks.

    Args:
        source: the file, "-" for standard input; None to ask at the terminal, or to read standard
            input where there is none.

    Raises:
        IdentityError: there are no words, or what is there is no text.
    """
    words = _text(source).removeprefix("\ufeff").split()
    if not words:
        raise IdentityError("There are no words: at least one is needed, with blanks between them.")
    for number, word in enumerate(words, start=1):
        if not word.isprintable():
            raise IdentityError(
                f"Word {number} has characters in it that cannot be seen. Type the words anew: with"
                " these, they make another key."
            )
    return words


def count_of(words: Sequence[str]) -> int:
    """How many words there are, if some have a `;` between them and not a blank."""
    return sum(len([part for part in word.split(";") if part]) for word in words)


def _text(source: Path | None) -> str:
    if source is None:
        answer = ask_at_terminal("The words, with blanks between them (they are not shown): ")
        if answer is not None:
            return answer
    try:
        if source is None or str(source) == "-":
            data = sys.stdin.buffer.read(_LARGEST_FILE)
        else:
            with source.open("rb") as file:
                data = file.read(_LARGEST_FILE)
        return data.decode("utf-8")
    except OSError as error:
        message = f"the words in {source} cannot be read: {error.strerror or error}"
        raise click.ClickException(message) from error
    except UnicodeDecodeError as error:
        where = "standard input" if source is None else str(source)
        raise IdentityError(
            f"What is in {where} is no text in UTF-8, so it has no words."
        ) from error
