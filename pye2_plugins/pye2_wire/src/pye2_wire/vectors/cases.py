"""What a case of a vector file is, which of its facts were looked at, and how it fails.

You are below the modules that know the files, so nothing of PyE2 is here.
"""

from __future__ import annotations

import json
from functools import partial
from reprlib import Repr
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = 100

_FOR_PEOPLE = frozenset({"meta", "name", "note"})
"""What files say about themselves: no facts."""

_cut = Repr()
_cut.maxstring = _cut.maxother = _SHOWN
cut_repr = _cut.repr


class Mismatch(Exception):
    """A case whose answer is not the recorded one; becomes a line of a report."""


class Facts:
    """What a vector states; notes what of it is looked at.

    Args:
        stated: the object in the file.

    Raises:
        Mismatch: it is no object.
    """

    def __init__(self, stated: Any) -> None:
        if not isinstance(stated, dict):
            raise Mismatch(f"it is {cut_repr(stated)}, not an object")
        self._stated: dict[str, Any] = stated
        self._unread = stated.keys() - _FOR_PEOPLE

    def __contains__(self, key: str) -> bool:
        return key in self._stated

    def __getitem__(self, key: str) -> Any:
        """A fact that must be stated.

        Raises:
            Mismatch: it is not.
        """
        if key not in self._stated:
            raise Mismatch(f"it does not state {key!r}")
        self._unread.discard(key)
        return self._stated[key]

    def get(self, key: str, default: Any = None) -> Any:
        """A fact that may be stated."""
        self._unread.discard(key)
        return self._stated.get(key, default)

    def expect(self, key: str, made: Any, what: str | None = None) -> None:
        """Fail if ``key`` is stated and is something else.

        Args:
            key: of the fact.
            made: what it should be.
            what: how to call it; its key, if not given.

        Raises:
            Mismatch: it is something else.
        """
        if key in self:
            expect(what or key, made, self[key])

    def require_any(self, *keys: str) -> None:
        """Fail a case that states nothing that is known.

        Raises:
            Mismatch: it has none of these keys.
        """
        if not any(key in self for key in keys):
            raise Mismatch(f"it states none of {', '.join(keys)}")

    def leave(self, key: str) -> None:
        """Note that a fact was looked at and cannot be checked."""
        self._unread.add(key)

    @property
    def unread(self) -> list[str]:
        """The facts that nobody looked at, or that cannot be checked."""
        return sorted(self._unread)


@frozen
class Case:
    """One recorded vector.

    Attributes:
        name: what it is called in its file.
        check: raises, whatever it may be, if our answer is another; gives the facts that it did not
            check, because nothing here knows them.
    """

    name: str
    check: Callable[[], list[str]]


def cases_in(content: Facts, key: str, check: Callable[[Facts], None]) -> Iterator[Case]:
    """A case for each element of the list at ``key``.

    Raises:
        Mismatch: there is no such list.
    """
    found = content[key]
    if not isinstance(found, list):
        raise Mismatch(f"its {key!r} is no list")
    for number, vector in enumerate(found):
        yield Case(f"{key}[{number}]{_name_of(vector)}", partial(_checked, check, vector))


def _checked(check: Callable[[Facts], None], vector: Any) -> list[str]:
    facts = Facts(vector)
    check(facts)
    return facts.unread


def _name_of(vector: Any) -> str:
    if not isinstance(vector, dict):
        return ""
    for key in ("name", "input", "words", "formatter"):
        if isinstance(vector.get(key), str | list):
            return f" {cut_repr(vector[key])}"
    return ""


def expect(what: str, made: Any, recorded: Any) -> None:
    """Fail unless both are the same, 1 and 1.0 apart.

    Raises:
        Mismatch: they are not.
    """
    if made != recorded or _text(made) != _text(recorded):
        raise Mismatch(f"{what} is {cut_repr(made)} and should be {cut_repr(recorded)}")


def expect_fields(what: str, made: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    """As :func:`expect`, naming the fields that differ: two whole messages tell nobody anything.

    Raises:
        Mismatch: they are not the same.
    """
    for key in sorted(made.keys() | recorded.keys()):
        if key not in made:
            raise Mismatch(f"{what}, it has no {key}")
        if key not in recorded:
            raise Mismatch(f"{what}, it has {key} and should not")
        expect(f"{what}, {key}", made[key], recorded[key])


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def raised_by(attempt: Callable[[], object]) -> str | None:
    """What an attempt raises, as vectors tell it: ``TypeError: unhashable``; None for nothing."""
    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is asked for
        return f"{type(error).__name__}: {error}"
    return None
