"""Instances of classes that both sides know: dataclasses, attrs, tuples, enums, exceptions.

Nothing of a class is run: an instance is made bare and its fields are set where they lie. The one
exception are combined flags, which only their class can make.
"""

from __future__ import annotations

from dataclasses import is_dataclass
from enum import Enum, Flag
from functools import lru_cache
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final

import attrs

from pye2_calls.values import exceptions
from pye2_calls.values.errors import Refused
from pye2_calls.values.kinds import Kind, items_inside
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_CACHED_HASH: Final = "_attrs_cached_hash"
"""The attribute of attrs, where a class asks for it."""


@lru_cache(maxsize=256)
def kind_of_class(cls: Any) -> Kind:
    """How instances of a known class are carried.

    Raises:
        Refused: it is a class of another sort.
    """
    if issubclass(cls, Enum):
        return MEMBER
    if issubclass(cls, BaseException):
        return EXCEPTION
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return RECORD
    if (is_dataclass(cls) or attrs.has(cls)) and _is_bare(cls):
        return INSTANCE
    raise Refused(
        f"is a {cls.__qualname__}, which is no dataclass, attrs class, named tuple, enum or"
        " exception",
        "make its class one of these, or pass what it holds",
    )


def _is_bare(cls: Any) -> bool:
    """Whether an instance is nothing but its fields: no dict, no exception besides."""
    try:
        object.__new__(cls)
    except TypeError:
        return False
    return True


# --- instances ------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _slots(cls: type) -> Mapping[str, MemberDescriptorType]:
    """Where in an instance a field lies that is not in its ``__dict__``."""
    return {
        name: place
        for each in reversed(cls.__mro__)
        for name, place in vars(each).items()
        if isinstance(place, MemberDescriptorType)
    }


def _fields(value: Any) -> dict[str, Any]:
    """All that was set; without what Python keeps, as the type arguments of a generic class."""
    cls: type = type(value)
    found = dict[str, Any](getattr(value, "__dict__", {}))
    for name, place in _slots(cls).items():
        try:
            found[name] = place.__get__(value, cls)
        except AttributeError:
            continue  # it was never set
    if _CACHED_HASH in found:
        found[_CACHED_HASH] = None  # texts have another hash in another process
    return {name: field for name, field in found.items() if not name.startswith("__")}


def _instance(cls: Any, fields: Any) -> Any:
    if kind_of_class(cls) is not INSTANCE:
        raise ValueError(f"a {cls.__qualname__} is not made of fields")
    made = object.__new__(cls)
    slots, own = _slots(cls), getattr(made, "__dict__", None)
    for name, field in exactly(dict, fields).items():
        if exactly(str, name).startswith("__"):
            raise ValueError("an instance has a field that nobody sets")
        if name in slots:
            slots[name].__set__(made, field)
        elif own is not None:
            own[name] = field
        else:
            raise ValueError(f"a {cls.__qualname__} has no field {name[:100]}")
    return made


def _instance_inside(value: Any) -> Iterable[tuple[str, Any]]:
    return ((f".{name}", field) for name, field in _fields(value).items())


# --- named tuples ---------------------------------------------------------------------------------


def _record_apart(value: Any) -> tuple[Any, ...]:
    if getattr(value, "__dict__", None):
        names = ", ".join(vars(value))[:100]
        raise Refused(
            f"is a named tuple with attributes besides its fields ({names})",
            "make fields of them, or a dataclass of its class",
        )
    return type(value), *value


def _record(cls: Any, *items: Any) -> Any:
    if len(items) != len(cls._fields):
        raise ValueError(f"a {cls.__qualname__} has {len(cls._fields)} fields, not {len(items)}")
    return tuple.__new__(cls, items)


# --- members of enumerations ----------------------------------------------------------------------


def _member_apart(value: Enum) -> tuple[type, str | int]:
    cls = type(value)
    if value.name in cls.__members__:
        return cls, value.name
    return cls, value.value  # flags that are combined have no name of their own


def _member(cls: Any, name: Any) -> Any:
    if type(name) is int and issubclass(cls, Flag):
        return cls(name)
    return exactly(cls, cls.__members__[name])


def _exception(cls: Any, arguments: Any, state: Any) -> BaseException:
    if kind_of_class(cls) is not EXCEPTION:
        raise ValueError(f"a {cls.__qualname__} is no exception")
    return exceptions.made_of(cls, arguments, state)


INSTANCE: Final = Kind(
    35,
    (),
    lambda value: (type(value), _fields(value)),
    _instance,
    _instance_inside,
    holds=True,
    weight=2,
    classed=True,
)
RECORD: Final = Kind(
    36,
    (),
    _record_apart,
    _record,
    items_inside,
    holds=True,
    classed=True,
)
MEMBER: Final = Kind(37, (), _member_apart, _member, classed=True)
EXCEPTION: Final = Kind(
    38,
    (),
    lambda value: (type(value), *exceptions.parts_of(value)),
    _exception,
    exceptions.inside,
    holds=True,
    weight=4,
    classed=True,
)

KINDS: Final = (INSTANCE, RECORD, MEMBER, EXCEPTION)
"""All of them; numbers 35 to 39 are theirs. Their types are those that both sides know."""
