"""Which kind a type is, and which kind a number: Python's own, and numpy's and pandas' when asked.

What is for numpy and pandas is imported with the first value of theirs.
"""

from __future__ import annotations

import importlib
from threading import Lock
from typing import TYPE_CHECKING, Final

from pye2_calls.values import classes, exceptions, plain, times
from pye2_calls.values.errors import Refused, ValueNotReadable
from pye2_calls.values.kinds import ATOMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pye2_calls.values.kinds import Kind

_MODULES: Final = {
    "numpy": "pye2_calls.values.arrays",
    "pandas": "pye2_calls.values.frames",
}

_BY_TYPE: Final[dict[type, Kind]] = {}
_BY_NUMBER: Final[dict[int, Kind]] = {}

_learning: Final = Lock()

LEAVES: Final[set[type]] = set(ATOMS)
"""The types that hold nothing, as far as they are known."""


def _learn(kinds: Iterable[Kind]) -> None:
    for kind in kinds:
        assert kind.number not in _BY_NUMBER, kind.number
        _BY_NUMBER[kind.number] = kind
        _BY_TYPE.update(dict.fromkeys(kind.types, kind))
        if not kind.holds:
            LEAVES.update(kind.types)


for _kinds in (plain.KINDS, times.KINDS, exceptions.KINDS, classes.KINDS):
    _learn(_kinds)


def _owner(number: int) -> str | None:
    """Whose kinds have numbers like this one."""
    return {4: "numpy", 5: "pandas", 6: "pandas"}.get(number // 10)


def learn_of(package: str) -> None:
    """Import what is for that package, once.

    Raises:
        ImportError: the package is not here.
    """
    with _learning:
        name = _MODULES.get(package)
        if name is not None:
            _learn(importlib.import_module(name).KINDS)
            del _MODULES[package]


def kind_of(cls: type) -> Kind | None:
    """How values of exactly that type are carried; None if they are not.

    Raises:
        Refused: its package is too old.
    """
    kind = _BY_TYPE.get(cls)
    if kind is None and issubclass(cls, BaseException):
        return exceptions.KIND if exceptions.name_of(cls) is not None else None
    if kind is None and (package := cls.__module__.partition(".")[0]) in _MODULES:
        try:
            learn_of(package)
        except ImportError as error:
            raise Refused(
                f"is of {package}, whose values cannot be read ({error})", "install it anew"
            ) from error
        return _BY_TYPE.get(cls)
    return kind


def kind_numbered(number: int) -> Kind:
    """The kind of that number.

    Raises:
        ValueNotReadable: there is none, or its package is not installed.
    """
    if number not in _BY_NUMBER and (package := _owner(number)) is not None:
        try:
            learn_of(package)
        except ImportError as error:
            raise ValueNotReadable(
                f"the value holds something of {package}, which cannot be imported here: have it"
                f" installed on this side, and a function on a node import {package} or ask for it,"
                f' grants={{"modules": ["{package}"]}}; or convert the value before it leaves'
            ) from error
    if number not in _BY_NUMBER:
        raise ValueNotReadable(f"there is no kind of values numbered {number}; is this side older?")
    return _BY_NUMBER[number]
