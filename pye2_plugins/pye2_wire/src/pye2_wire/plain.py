"""What can be sent, and how all else is refused.

You are at the bottom of the PyE2 serializer. :func:`as_plain` turns what users give into what JSON
carries, and names the place of what it cannot.
"""

from __future__ import annotations

import json
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any

from pye2core.errors import Pye2Error

if TYPE_CHECKING:
    from collections.abc import Iterable

NESTING_LIMIT = 100
"""How deep lists and dictionaries may be nested in a message, sent or received."""

_AS_THEY_ARE = frozenset({str, int, float, bool, NoneType})

_LONGEST_PATH = 20


class UnsendableValue(Pye2Error, TypeError):
    """A message holds what JSON cannot carry.

    Attributes:
        path: where in the message, as in ``EXEC_RESULT[3].x``.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class _Unsendable(Exception):
    """On its way up to where the path is known; ``steps`` grows from the inside."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.steps: list[str | int] = []


class _UnsendableKey(Exception):
    """A key cannot become text; the place is the dictionary that has it."""


def as_plain(message: dict[str, Any], levels: int = NESTING_LIMIT) -> dict[str, Any]:
    """The same message, made of what JSON has.

    Tuples become lists; keys become the text that ``json`` makes of them, *before* anything sorts
    them; numpy's numbers and arrays become numbers and lists (numpy is not imported for that);
    moments become ``YYYY-MM-DD HH:MM:SS``.

    Args:
        message: what is to be sent.
        levels: how deep it may be nested.

    Raises:
        UnsendableValue: it holds something else; says where.
    """
    try:
        return _plain_dict(message, levels)
    except _Unsendable as problem:
        raise unsendable(str(problem), problem.steps[::-1]) from problem.__cause__


def _plain_dict(value: dict[Any, Any], levels: int) -> dict[str, Any]:
    if levels <= 0:
        raise _too_deep()
    plain = {}
    key = None
    try:
        for key, item in value.items():
            text = key if type(key) is str else _key_text(key)
            plain[text] = item if type(item) in _AS_THEY_ARE else _plain(item, levels - 1)
    except _UnsendableKey as problem:
        raise _Unsendable(str(problem)) from problem
    except _Unsendable as problem:
        problem.steps.append(_key_text(key))
        raise
    if len(plain) != len(value):
        raise _Unsendable("two of its keys are the same text, such as 1 and '1'")
    return plain


def _plain_list(value: Iterable[Any], levels: int) -> list[Any]:
    if levels <= 0:
        raise _too_deep()
    plain: list[Any] = []
    try:
        for item in value:
            plain.append(item if type(item) in _AS_THEY_ARE else _plain(item, levels - 1))  # noqa: PERF401 - a failure names the place that it got to
    except _Unsendable as problem:
        problem.steps.append(len(plain))
        raise
    return plain


def _plain(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        return _plain_dict(value, levels)
    if isinstance(value, list | tuple):
        return _plain_list(value, levels)
    if getattr(value, "ndim", 0) and hasattr(value, "tolist"):
        return _plain_list(value.tolist(), levels)
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> str | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    # Subclasses too: an IntEnum; numpy.float64, whose repr spoils PyE2's own hashes.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")
    return _plain_numpy_number(value)


def _plain_numpy_number(value: Any) -> float:
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind in ("i", "u"):
        return int(value)
    if kind == "f":
        return float(value)
    raise _Unsendable(f"it is a {_type_name(value)}")


def _key_text(key: Any) -> str:
    try:
        plain = _plain_scalar(key)
        return plain if isinstance(plain, str) else json.dumps(plain)
    except (_Unsendable, ValueError) as problem:
        raise _UnsendableKey(
            f"one of its keys is a {_type_name(key)} that cannot be written as text"
        ) from problem


def _type_name(value: Any) -> str:
    kind = type(value)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _too_deep() -> _Unsendable:
    return _Unsendable(f"it contains itself, or has more than {NESTING_LIMIT} levels")


def unsendable(problem: str, steps: list[str | int]) -> UnsendableValue:
    """The refusal of a value.

    Args:
        problem: what is wrong with it, as "it is a set".
        steps: the way to it from the outside: keys and places in lists.
    """
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    if len(parts) > _LONGEST_PATH:
        parts[_LONGEST_PATH:] = [" …"]
    path = "".join(parts).removeprefix(".")
    return UnsendableValue(
        f"{path or 'The message'} cannot be sent: {problem}. JSON has text, numbers, true, false,"
        " null, lists and dictionaries; convert the value to these.",
        path=path,
    )
