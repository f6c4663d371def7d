"""What can be sent, and how all else is refused.

You are at the bottom of the PyE2 serializer. :func:`as_plain` turns what users give into what JSON
carries, and names the place of what it cannot; ``unsendable`` puts that into words.
"""

from __future__ import annotations

import json
from datetime import datetime
from types import NoneType
from typing import TYPE_CHECKING, Any

from pye2_wire.unsendable import (
    Unsendable,
    UnsendableValue,
    number_of_numpy,
    refusal,
    too_deep,
    type_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

NESTING_LIMIT = 100
"""How deep lists and dictionaries may be nested in a message, sent or received."""

_AS_THEY_ARE = frozenset({str, int, float, bool, NoneType})

_CARRIED = "JSON has text, numbers, true, false, null, lists and dictionaries"


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
    except Unsendable as problem:
        raise problem.refusal(_CARRIED) from problem.__cause__


def _plain_dict(value: dict[Any, Any], levels: int) -> dict[str, Any]:
    if levels <= 0:
        raise too_deep(NESTING_LIMIT)
    plain = {}
    key = None
    try:
        for key, item in value.items():
            text = key if type(key) is str else _key_text(key)
            plain[text] = item if type(item) in _AS_THEY_ARE else _plain(item, levels - 1)
    except _UnsendableKey as problem:
        raise Unsendable(str(problem)) from problem
    except Unsendable as problem:
        problem.steps.append(_key_text(key))
        raise
    if len(plain) != len(value):
        raise Unsendable("two of its keys are the same text, such as 1 and '1'")
    return plain


def _plain_list(value: Iterable[Any], levels: int) -> list[Any]:
    if levels <= 0:
        raise too_deep(NESTING_LIMIT)
    plain: list[Any] = []
    try:
        for item in value:
            plain.append(item if type(item) in _AS_THEY_ARE else _plain(item, levels - 1))  # noqa: PERF401 - a failure names the place that it got to
    except Unsendable as problem:
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
    return number_of_numpy(value)


def _key_text(key: Any) -> str:
    try:
        plain = _plain_scalar(key)
        return plain if isinstance(plain, str) else json.dumps(plain)
    except (Unsendable, ValueError) as problem:
        raise _UnsendableKey(
            f"one of its keys is a {type_name(key)} that cannot be written as text"
        ) from problem


def unsendable(problem: str, steps: list[str | int]) -> UnsendableValue:
    """The refusal of a value.

    Args:
        problem: what is wrong with it, as "it is a set".
        steps: the way to it from the outside: keys and places in lists.
    """
    return refusal(problem, steps, _CARRIED)
