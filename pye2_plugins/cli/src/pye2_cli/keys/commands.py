"""``pye2 key new``, ``show``, ``import-words``, ``rotate`` and ``passphrase``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pye2_cli.keys.places import takes_key
from pye2_cli.keys.telling import facts_of, still_to_do, tell
from pye2core.clock import SYSTEM_CLOCK
from pye2core.errors import IdentityError, KeyFileError
from pye2core.identity import (
    Identity,
    Passphrases,
    ask_at_terminal,
    create_key_file,
    load_or_create_key,
    open_key_file,
    public_key_of,
    replace_key,
    same_address,
)
from pye2core.settings import read_environment

if TYPE_CHECKING:
    from pye2_cli.keys.places import KeyPlace
    from pye2core.identity import KeyFile

_NEW_PASSPHRASE = "PYE2_NEW_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
_FEWEST_WORDS = 12

_as_json = click.option("--json", "as_json", is_flag=True, help="One line for programs.")
_no_passphrase = click.option(
    "--no-passphrase", is_flag=True, help="Do not ask for a passphrase, and use none."
)


@click.group()
def key() -> None:
    """The keys by which clients and nodes are known.

    Without --node, --home or --file it is the key of this folder's client. A passphrase is
    PYE2_KEY_PASSPHRASE (for nodes also PYE2_NODE_KEY_PASSPHRASE), or in a file that
    PYE2_KEY_PASSPHRASE_FILE names, or asked for at the terminal.
    """


@key.command()
@takes_key
@_as_json
def show(*, place: KeyPlace, as_json: bool) -> None:
    """Show the address of a key, and all else but the key itself.

    Nodes take commands from addresses that they allow: on the node's machine run `pye2 node allow
    ADDRESS`. A client's key is made if this folder has none.
    """
    is_new = place.is_usual and not os.path.lexists(place.path)
    if is_new:
        load_or_create_key(place.path, place.passphrases)
    tell(_opened(place), as_json=as_json, new=is_new)


@key.command()
@takes_key
@_no_passphrase
@_as_json
def new(*, place: KeyPlace, no_passphrase: bool, as_json: bool) -> None:
    """Make a key where there is none."""
    _check_nothing_is_there(place)
    written = _write(place, Identity.generate(), no_passphrase=no_passphrase)
    tell(written, as_json=as_json, new=True)


@key.command("import-words")
@takes_key
@click.option(
    "--from",
    "source",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file with the words; - for standard input. Otherwise they are asked for.",
)
@click.option("--address", help="The address that the words must give.")
@_no_passphrase
@_as_json
def import_words(
    *,
    place: KeyPlace,
    source: Path | None,
    address: str | None,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Make the key that PyE2 makes from a list of words, where there is none.

    The words are whatever stands between blanks, in their order, capitals and all: every list of
    words is a key, so that a slip makes another one. Give the --address that you know it by to have
    that noticed.
    """
    from pye2_cli.keys.words import count_of, read_words

    _check_nothing_is_there(place)
    if address is not None:
        public_key_of(address)
    words = read_words(source)
    identity = Identity.from_words(words)
    if address is not None:
        _check_expected(identity, address)
    elif count_of(words) < _FEWEST_WORDS:
        raise IdentityError(
            f"These are {count_of(words)} words: with fewer than {_FEWEST_WORDS}, others can find"
            " the key by trying. If it is a key that you have, say its address with --address;"
            " otherwise `pye2 key new` makes a better one."
        )
    else:
        _confirm(identity)
    written = _write(place, identity, no_passphrase=no_passphrase)
    tell(written, as_json=as_json, new=True)


@key.command()
@takes_key
@_as_json
def rotate(*, place: KeyPlace, as_json: bool) -> None:
    """Put a new key in the place of the old one, and say what is to be done elsewhere.

    The old file stays beside it under a name with the date. The new one is protected by the
    passphrase of the old one, or by PYE2_KEY_PASSPHRASE if that had none.
    """
    old = _opened(place)
    runs = place.is_in_use()
    real = place.path.resolve()
    until = f"{SYSTEM_CLOCK.now():%Y-%m-%dT%H%M%SZ}"
    old_file = real.with_name(f"{real.stem}.until-{until}{real.suffix}")
    given = place.passphrases.given()
    passphrase = old.passphrase or (given.text if given is not None else None)
    replace_key(place.path, Identity.generate(), passphrase, keep_old_as=old_file)
    now = open_key_file(place.path, passphrase)
    to_do = still_to_do(place, old.identity.address, now.identity.address, old_file, runs=runs)
    if as_json:
        told = {
            "old_address": old.identity.address,
            "old_file": str(old_file),
            "to_do": to_do,
        }
        click.echo(json.dumps({**facts_of(now), **told}))
        return
    tell(now, as_json=False)
    click.echo(f"before    {old.identity.address}, now in {old_file}", err=True)
    click.echo("\nNobody else knows of it yet:", err=True)
    for number, step in enumerate(to_do, start=1):
        click.echo(f"{number}. {step}", err=True)


@key.command()
@takes_key
@click.option("--remove", is_flag=True, help="Leave the key unprotected.")
@_as_json
def passphrase(*, place: KeyPlace, remove: bool, as_json: bool) -> None:
    """Protect a key by a passphrase, by another one, or by none; the address stays.

    The new one is PYE2_NEW_KEY_PASSPHRASE, or in the file that PYE2_NEW_KEY_PASSPHRASE_FILE names,
    or asked for at the terminal.
    """
    old = _opened(place)
    chosen = None if remove else _new_passphrase()
    replace_key(place.path, old.identity, chosen)
    tell(open_key_file(place.path, chosen), as_json=as_json)


# --- what they share ------------------------------------------------------------------------------


def _opened(place: KeyPlace) -> KeyFile:
    if not os.path.lexists(place.path):
        raise KeyFileError(
            f"There is no key file {place.path}. `pye2 key new` makes one there, with the same"
            " --node, --home or --file; a node makes its own at its first start.",
            path=place.path,
        )
    return open_key_file(place.path, place.passphrases)


def _check_nothing_is_there(place: KeyPlace) -> None:
    """Before anything is asked for; it is checked again when the file is made."""
    if os.path.lexists(place.path):
        raise KeyFileError(
            f"There is a key file {place.path} already; it is left as it is. `pye2 key rotate`"
            " replaces a key and keeps the old one; or move the file away, or name another place"
            " with --node, --home or --file.",
            path=place.path,
        )


def _check_expected(identity: Identity, address: str) -> None:
    if not same_address(identity.address, address):
        raise IdentityError(
            f"The words are those of {identity.address}, and not of {address}. No key was written."
            " Check each word, their order and their capitals."
        )


def _confirm(identity: Identity) -> None:
    """Whoever types can slip; where nobody does, nobody can be asked."""
    click.echo(f"the words are those of {identity.address}", err=True)
    answer = _answer("Is that the address that you expect? [y/N] ")
    if answer is not None and answer.strip().lower() not in {"y", "yes"}:
        raise IdentityError("No key was written. Check each word, their order and their capitals.")


def _answer(question: str) -> str | None:
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    return str(click.prompt(question, prompt_suffix="", default="", show_default=False, err=True))


def _write(place: KeyPlace, identity: Identity, *, no_passphrase: bool) -> KeyFile:
    chosen = None if no_passphrase else _passphrase_of_new_key(place)
    place.prepare()
    create_key_file(place.path, identity, chosen)
    return open_key_file(place.path, chosen)


def _passphrase_of_new_key(place: KeyPlace) -> str | None:
    given = place.passphrases.given()
    return given.text if given is not None else _asked_twice("Passphrase for it (empty for none): ")


def _new_passphrase() -> str:
    given = Passphrases(read_environment(), (_NEW_PASSPHRASE,)).given()
    chosen = given.text if given is not None else _asked_twice("New passphrase: ")
    if not chosen:
        raise click.UsageError(
            f"no new passphrase: set {_NEW_PASSPHRASE} or {_NEW_PASSPHRASE}_FILE, or call this at a"
            " terminal and type one; --remove leaves the key unprotected"
        )
    return chosen


def _asked_twice(prompt: str) -> str | None:
    """What is typed, twice alike; None for nothing, and where there is no terminal."""
    first = ask_at_terminal(prompt)
    if not first:
        return None
    if ask_at_terminal("The same once more: ") != first:
        raise IdentityError("The two passphrases are not the same. Nothing was changed.")
    return first
