"""Where the passphrase of a key comes from: variables, a file that they name, or a terminal.

You are in the identity room, beside `key_file`, which asks here when a key turns out to be
protected. Variables are handed in as a mapping, so that this room knows nothing of settings. A
passphrase is never an argument of a command, which all users of a machine can read in `ps`.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import field, frozen

from pye2core.errors import IdentityError, SettingsError

KEY_PASSPHRASE = "PYE2_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
"""The variable with the passphrase of every key that is used here."""

FILE_SUFFIX = "_FILE"
"""What is behind a variable's name where it names a file that has the value in it."""


def ask_at_terminal(prompt: str) -> str | None:
    """Ask whoever sits at the terminal, without showing the answer; None if nobody does."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    from getpass import getpass

    return getpass(prompt)


@frozen
class Passphrase:
    """A passphrase and where it was given.

    Attributes:
        text: the passphrase.
        where: the variable that gave it, or "the terminal".
    """

    text: str = field(repr=False)
    where: str


@frozen
class Passphrases:
    """Where to look for the passphrase of a key, when it is needed and not before.

    Args:
        variables: the environment, those of a `.env` file included.
        names: the variables that may hold it, the strongest first; each may also have `_FILE`
            behind it and name a file with the passphrase, as services are given secrets.
        ask: asks at the terminal; returns None if there is none.

    Example:
        >>> Passphrases({"PYE2_KEY_PASSPHRASE": "six random words"}).given().where
        'PYE2_KEY_PASSPHRASE'
    """

    variables: Mapping[str, str] = field(repr=False)
    names: tuple[str, ...] = (KEY_PASSPHRASE,)
    ask: Callable[[str], str | None] = field(default=ask_at_terminal, repr=False)

    def given(self) -> Passphrase | None:
        """What the variables give; None if they give nothing.

        Raises:
            SettingsError: a variable and its `_FILE` form are both set, or the file cannot be used.
        """
        for name in self.names:
            found = self._given_as(name)
            if found is not None:
                return found
        return None

    def to_unlock(self, path: Path) -> Passphrase:
        """The passphrase of the protected key in this file.

        Raises:
            IdentityError: No variable gives it, and there is no terminal to ask at.
            SettingsError: see `given`.
        """
        found = self.given()
        if found is not None:
            return found
        answer = self.ask(f"Passphrase of the key {path}: ")
        if answer is None:
            raise IdentityError(
                "It is protected by a passphrase; none was given, and there is no terminal to ask"
                f" at. Set {self._ways()}."
            )
        return Passphrase(answer, "the terminal")

    def _given_as(self, name: str) -> Passphrase | None:
        direct, named = self.variables.get(name), self.variables.get(name + FILE_SUFFIX)
        if direct and named:
            raise SettingsError(
                f"{name} and {name}{FILE_SUFFIX} are both set; leave one away", setting=name
            )
        if named:
            return Passphrase(_in_file(Path(named), name + FILE_SUFFIX), name + FILE_SUFFIX)
        return Passphrase(direct, name) if direct else None

    def _ways(self) -> str:
        first = self.names[0]
        return f"{first}, or {first}{FILE_SUFFIX} to the name of a file with the passphrase in it"


def _in_file(path: Path, variable: str) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unusable(path, variable, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, variable, "it is no text in UTF-8") from error
    first, _, rest = text.partition("\n")
    if rest.strip():
        raise _unusable(path, variable, "it has more than one line")
    passphrase = first.removesuffix("\r")
    if not passphrase:
        raise _unusable(path, variable, "its first line is empty")
    return passphrase


def _unusable(path: Path, variable: str, why: str) -> SettingsError:
    return SettingsError(
        f"{variable} names {str(path)!r}, which cannot be used: {why}. It must be a file with the"
        " passphrase in its only line, that this user may read.",
        setting=variable,
    )
