"""The file ``allow.toml`` in a node's home: reading it, and the changes that commands make to it.

::

    [addresses."0xai_A081W9y3zAr3KO88zrlhXZBoS7Wyyl-FmrDwtwQHWHGq"]
    alias = "my laptop"
    added = 2026-01-31T12:00:00Z
    may_delegate = true
    network = true
    folders = ["/srv/pictures"]
    modules = ["pandas"]

A table for each address, with what it is granted (``pye2core.code.grants``), and whether it is a
node that may bring work for others without a delegation of theirs. To a table with a key
that is not known, or that cannot be understood, nothing is granted, and that is said. Of two tables
of one address, in two of its forms, the first counts; what is taken away is taken from both. A file
that cannot be understood is reported and left as it is.
"""

from __future__ import annotations

import fcntl
import os
import tomllib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from pye2core.code.grants import NO_GRANTS, Grants, read_grants
from pye2core.errors import InvalidAddress, NodeError
from pye2core.identity import address_of, public_key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

_MAY_DELEGATE = "may_delegate"
_OTHER_KEYS = frozenset({"added", "alias", _MAY_DELEGATE})
"""What a table may hold besides grants."""

_HEADER = """\
# Who may give this node commands. `pye2 node allow`, `deny` and `who` work on this file, and so may
# you: the node takes changes over at once. Comments of your own are lost when those commands write.

"""


@frozen
class Guest:
    """Someone who may give commands.

    Attributes:
        address: in its full form.
        alias: what the owner calls them.
        grants: what their code may do besides computing.
        may_delegate: whether they are a node that may bring work for others without a delegation.
    """

    address: str
    alias: str | None = None
    grants: Grants = NO_GRANTS
    may_delegate: bool = False


@frozen
class AllowFile:
    """What the file said when it was read.

    Attributes:
        guests: those who are allowed, in the file's order.
        problems: what in it cannot be used, in words.
    """

    guests: tuple[Guest, ...] = ()
    problems: tuple[str, ...] = ()


def full_address(text: str) -> str:
    """The one form in which an address is compared here, from any form that names the same key.

    Raises:
        InvalidAddress: the text is not an address.
    """
    return address_of(public_key_of(text))


def read_allow_file(file: Path) -> AllowFile:
    """Read who is allowed; a file that is missing allows nobody.

    Raises:
        NodeError: it cannot be read, or it is not TOML with a table of addresses.
    """
    guests: list[Guest] = []
    problems: list[str] = []
    for text, found in _addresses_in(_load(file), file).items():
        details = found if isinstance(found, dict) else {}
        alias = details.get("alias")
        try:
            guest = Guest(full_address(text), alias if isinstance(alias, str) else None)
        except InvalidAddress as error:
            problems.append(str(error))
            continue
        if any(each.address == guest.address for each in guests):
            problems.append(f"the table of {text}, an address that has one already in another form")
            continue
        try:
            guest = evolve(guest, grants=_grants_in(details), may_delegate=_may_delegate(details))
        except ValueError as error:
            problems.append(f"the table of {text} {error}; until that is mended nothing is granted")
        guests.append(guest)
    return AllowFile(tuple(guests), tuple(problems))


def _grants_in(details: dict[str, Any]) -> Grants:
    return read_grants({key: value for key, value in details.items() if key not in _OTHER_KEYS})


def _may_delegate(details: dict[str, Any]) -> bool:
    value = details.get(_MAY_DELEGATE, False)
    if isinstance(value, bool):
        return value
    raise ValueError(f"has a {_MAY_DELEGATE} that is neither true nor false: {str(value)[:80]!r}")


def allow(file: Path, guests: Iterable[Guest], added: datetime) -> list[str]:
    """Add those who are not in the file yet.

    Of those who are, an alias that is given replaces the one that is there, grants are added to
    what is granted already, and who is to be able to delegate is from then on.

    Returns:
        The addresses that were not allowed before.

    Raises:
        InvalidAddress: one of them is not an address; nothing is added.
        NodeError: the file cannot be read, understood or written.
    """
    wanted = [evolve(guest, address=full_address(guest.address)) for guest in guests]
    with _locked(file):
        document = _load(file)
        tables = _addresses_in(document, file)
        known = _by_full_address(tables)
        new: list[str] = []
        for guest in wanted:
            key = next(iter(known.get(guest.address, ())), None)
            if key is None:
                key = guest.address
                known[key] = [key]
                tables[key] = {"added": added.replace(microsecond=0)}
                new.append(guest.address)
            if _says_something(guest):
                _lay_over(_table_of(tables, key), guest, file)
        document["addresses"] = tables
        if new or any(map(_says_something, wanted)):
            _write(file, document)
    return new


def _says_something(guest: Guest) -> bool:
    return guest.alias is not None or any(guest.grants) or guest.may_delegate


def _lay_over(table: dict[str, Any], guest: Guest, file: Path) -> None:
    if guest.may_delegate:
        table[_MAY_DELEGATE] = True
    if guest.alias is not None:
        table["alias"] = guest.alias
    if any(guest.grants):
        _set_grants(table, _present_grants(table, guest.address, file).with_more(guest.grants))


def _present_grants(table: dict[str, Any], address: str, file: Path) -> Grants:
    try:
        return _grants_in(table)
    except ValueError as error:
        message = f"in the white list {file}, the table of {address} {error}; mend it first"
        raise NodeError(message) from error


def _set_grants(table: dict[str, Any], grants: Grants) -> None:
    for key in Grants._fields:
        table.pop(key, None)
    table.update(grants.as_settings())


def withdraw(
    file: Path, address: str, less: Grants, *, may_delegate: bool = False
) -> Grants | None:
    """Take some of what an address is granted away from it, and leave it allowed.

    Args:
        file: the white list.
        address: whose.
        less: what is taken away.
        may_delegate: whether it is to bring no more work for others without a delegation, too.

    Returns:
        What it is still granted; None if it is not allowed at all.

    Raises:
        InvalidAddress: it is not an address.
        NodeError: the file cannot be read, understood or written.
    """
    meant = full_address(address)
    with _locked(file):
        document = _load(file)
        tables = _addresses_in(document, file)
        keys = _by_full_address(tables).get(meant)
        if keys is None:
            return None
        left = []
        for key in keys:
            table = _table_of(tables, key)
            left.append(_present_grants(table, meant, file).without(less))
            _set_grants(table, left[-1])
            if may_delegate:
                table.pop(_MAY_DELEGATE, None)
        _write(file, document)
    return left[0]


def deny(file: Path, address: str) -> bool:
    """Take an address off the file; whether it was there.

    Raises:
        InvalidAddress: it is not an address.
        NodeError: the file cannot be read, understood or written.
    """
    unwanted = full_address(address)
    with _locked(file):
        document = _load(file)
        tables = _addresses_in(document, file)
        keys = _by_full_address(tables).get(unwanted)
        if keys is None:
            return False
        for key in keys:
            del tables[key]
        _write(file, document)
    return True


def guests_of_pye2(text: str) -> list[Guest]:
    """Read PyE2's ``authorized_addrs``: an address a line, then maybe an alias (section 2).

    Raises:
        InvalidAddress: a line does not begin with an address.
    """
    guests = []
    for line in text.splitlines():
        words = line.split(maxsplit=1)
        if words:
            alias = words[1].strip() if len(words) > 1 else None
            guests.append(Guest(full_address(words[0]), alias))
    return guests


def _load(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NodeError(f"the white list {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        message = f"the white list {file} is not valid TOML: {error}; mend it, or move it away"
        raise NodeError(message) from error


def _addresses_in(document: dict[str, Any], file: Path) -> dict[str, Any]:
    tables = document.get("addresses", {})
    if isinstance(tables, dict):
        return tables
    raise NodeError(
        f"in the white list {file}, `addresses` is not a table; write"
        ' [addresses."0xai_…"] for each address'
    )


def _table_of(tables: dict[str, Any], key: str) -> dict[str, Any]:
    """The table of an address; what the owner wrote instead of one only says that it is allowed."""
    if not isinstance(tables[key], dict):
        tables[key] = {}
    table: dict[str, Any] = tables[key]
    return table


def _by_full_address(tables: dict[str, Any]) -> dict[str, list[str]]:
    """Of each address, the keys of its tables: more than one where the owner wrote two forms."""
    known: dict[str, list[str]] = {}
    for key in tables:
        try:
            known.setdefault(full_address(key), []).append(key)
        except InvalidAddress:
            continue  # it allows nobody, and what the owner wrote is kept
    return known


def _write(file: Path, document: dict[str, Any]) -> None:
    import tomli_w

    draft = file.with_name(f".{file.name}.new")
    content = _HEADER + tomli_w.dumps(document)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        draft.replace(file)
    except OSError as error:
        message = f"the white list {file} cannot be written: {error.strerror}"
        raise NodeError(message) from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep other changes out until this one is written."""
    lock = file.with_name(f".{file.name}.lock")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the white list {file} cannot be changed: {error.strerror}"
        raise NodeError(message) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
