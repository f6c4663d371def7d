"""What a case of a vector file is, and how it fails.

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

_cut = Repr()
_cut.maxstring = _cut.maxother = _SHOWN
cut_repr = _cut.repr


class Mismatch(Exception):
    """A case whose answer is not the recorded one; becomes a line of a report."""


@frozen
class Case:
    """One recorded fact.

    Attributes:
        name: what it is called in its file.
        check: raises, whatever it may be, if our answer is another.
    """

    name: str
    check: Callable[[], None]


def cases_in(content: Mapping[str, Any], key: str, check: Callable[[Any], None]) -> Iterator[Case]:
    """A case for each element of the list at ``key``.

    Raises:
        Mismatch: there is no such list.
    """
    found = content.get(key)
    if not isinstance(found, list):
        raise Mismatch(f"it has no list {key!r}")
    for number, vector in enumerate(found):
        yield Case(f"{key}[{number}]{_name_of(vector)}", partial(check, vector))


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


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def require_fact(vector: Mapping[str, Any], *keys: str) -> None:
    """Fail a case that records nothing that is known.

    Raises:
        Mismatch: it has none of these keys.
    """
    if not any(key in vector for key in keys):
        raise Mismatch(f"it records none of {', '.join(keys)}")
