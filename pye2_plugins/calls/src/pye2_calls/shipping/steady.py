"""The bytes that a digest is made of: the same in each process, though sets differ in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pye2_calls.values import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def steady_bytes(value: object, packed: bytes, classes: Mapping[str, type]) -> bytes:
    """What stands for a value in a digest: how it is packed, with its sets in an order.

    Sets in the fields of instances keep the order that they have in this process: with such a
    value, a function is sent once more by the next one.
    """
    ordered = _ordered(value, classes)
    return packed if ordered is value else pack(ordered, classes)


def _ordered(value: Any, classes: Mapping[str, type]) -> Any:
    """The value with lists in place of sets; itself if there are none in it."""
    kind = type(value)
    if kind in {set, frozenset}:
        held = (pack(_ordered(each, classes), classes) for each in value)
        return [kind.__name__, sorted(held)]
    if kind in {list, tuple}:
        items = [_ordered(each, classes) for each in value]
        return kind(items) if _differ(items, value) else value
    if kind is dict:
        keys = [_ordered(each, classes) for each in value]
        items = [_ordered(each, classes) for each in value.values()]
        is_other = _differ(keys, value) or _differ(items, value.values())
        return ["dict", keys, items] if is_other else value
    return value


def _differ(some: Iterable[object], others: Iterable[object]) -> bool:
    return any(one is not other for one, other in zip(some, others, strict=True))
