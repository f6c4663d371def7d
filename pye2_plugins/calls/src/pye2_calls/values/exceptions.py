"""Exceptions of Python's own types, of modules that are everywhere, and of known classes.

Traceback, cause and context stay behind. Nothing of a class of the user's is run: what Python's own
type under it keeps is set by that type, and the rest where it lies.
"""

from __future__ import annotations

import builtins
import sys
from functools import lru_cache
from types import GetSetDescriptorType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.values.kinds import Kind
from pye2_calls.values.plain import exactly
from pye2core.code.rules import GIVEN_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TYPES: Final[dict[str, type[BaseException]]] = {
    each.__name__: each
    for each in vars(builtins).values()
    if isinstance(each, type) and issubclass(each, BaseException)
}

_Place = MemberDescriptorType | GetSetDescriptorType


# --- by which name a class is known everywhere ----------------------------------------------------


def name_of(cls: Any) -> str | None:
    """By which name a class is known on both sides, whatever else they know; None if it is not.

    Example:
        >>> name_of(ValueError), name_of(json.JSONDecodeError), name_of(MyError)
        ('ValueError', 'json:JSONDecodeError', None)
    """
    return _name_of(cls)


@lru_cache(maxsize=256)
def _name_of(cls: type) -> str | None:
    name = cls.__name__
    if _TYPES.get(name) is cls:
        return name
    loaded = [module for module in sorted(GIVEN_MODULES) if module in sys.modules]
    homes = (module for module in loaded if vars(sys.modules[module]).get(name) is cls)
    return next((f"{home}:{name}" for home in homes), None)


def _named(name: Any) -> type[BaseException]:
    """The class of that name; nothing is imported for it."""
    if exactly(str, name) in _TYPES:
        return _TYPES[name]
    home, _, inner = name.partition(":")
    found = vars(sys.modules[home]).get(inner) if home in GIVEN_MODULES else None
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    raise ValueError("there is no such exception here")


# --- what it holds --------------------------------------------------------------------------------


def parts_of(value: BaseException) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What an exception is called with, and what was set on it, as its notes."""
    cls: Any = type(value)
    _, arguments, *more = tuple[Any, ...](_python_s(cls).__reduce__(value))
    if isinstance(value, BaseExceptionGroup) and name_of(cls) is None:
        arguments = value.message, list(value.exceptions)  # its class may be called with others
    state = dict[str, Any](more[0] or {}) if more else {}
    for name, place in _places(cls, of_python=False).items():
        try:
            state[name] = place.__get__(value, cls)
        except AttributeError:
            continue  # it was never set
    return arguments, {name: each for name, each in state.items() if _is_carried(name)}


def made_of(cls: Any, arguments: Any, state: Any) -> BaseException:
    """An exception of such parts."""
    given, base = exactly(tuple, arguments), _python_s(cls)
    made: BaseException = base.__new__(cls, *given)
    base.__init__(made, *given)
    places = {**_places(cls, of_python=True), **_places(cls, of_python=False)}
    for name, value in exactly(dict, state).items():
        if not _is_carried(exactly(str, name)):
            raise ValueError("an exception has an attribute that nobody sets")
        if name in places:
            places[name].__set__(made, value)
        else:
            vars(made)[name] = value
    return made


def in_words(error: BaseException) -> BaseException:
    """An exception of the same type that holds its text, for one that holds what cannot go.

    Raises:
        Exception: its type cannot be made of a text.
    """
    return made_of(type(error), (str(error),), {})


def inside(value: BaseException) -> Iterable[tuple[str, Any]]:
    """What an exception holds, with places."""
    arguments, state = parts_of(value)
    yield from ((f".args[{place}]", item) for place, item in enumerate(arguments))
    yield from ((f".{name}", item) for name, item in state.items())


def _is_carried(attribute: str) -> bool:
    return attribute == "__notes__" or not (attribute.startswith("__") or attribute == "args")


def _python_s(cls: type[BaseException]) -> type[BaseException]:
    """The type of Python's own of which a class is made."""
    while cls.__module__ != "builtins" or _TYPES.get(cls.__name__) is not cls:
        assert cls.__base__ is not None
        cls = cls.__base__
    return cls


@lru_cache(maxsize=256)
def _places(cls: type, *, of_python: bool) -> Mapping[str, _Place]:
    """Where in an exception that lies which is not in its ``__dict__``."""
    return {
        name: place
        for each in reversed(cls.__mro__)
        if (each.__module__ == "builtins") is of_python
        for name, place in vars(each).items()
        if isinstance(place, _Place) and not name.startswith("__")
    }


KIND: Final = Kind(
    30,
    tuple(_TYPES.values()),
    lambda value: (name_of(type(value)), *parts_of(value)),
    lambda name, arguments, state: made_of(_named(name), arguments, state),
    inside,
    holds=True,
    weight=4,
)
"""Of Python's own types, and of those in modules that are everywhere."""

KINDS: Final = (KIND,)
"""The one that is found by its types."""
