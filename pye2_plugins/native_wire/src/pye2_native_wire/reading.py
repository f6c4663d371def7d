"""Taking what is expected out of maps that nobody vouches for.

You are in the native serializer. Everything here raises ``MessageRejected`` with reason "shape" and
a message that names the place.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pye2_native_wire.values import misshapen
from pye2core.errors import MessageRejected
from pye2core.messages import upper_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LARGEST_FIGURE: Final = 1e15

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Enum)


def optional(source: Mapping[str, Any], key: str, kind: type[_T]) -> _T | None:
    """What is there under a key, of this very type; None if nothing is."""
    value = source.get(key)
    if value is None or type(value) is kind:
        return value
    raise _of_another_type(key, value, kind)


def required(source: Mapping[str, Any], key: str, kind: type[_T]) -> _T:
    """What is there under a key, of this very type."""
    value = source.get(key)
    if type(value) is kind:
        return value
    if value is None:
        raise misshapen(f"{key} is missing")
    raise _of_another_type(key, value, kind)


def _of_another_type(key: str, value: object, kind: type) -> MessageRejected:
    return misshapen(f"{key} is a {type(value).__name__}, not a {kind.__name__}")


def name_at(source: Mapping[str, Any], key: str) -> str:
    """A text that is not empty."""
    text = required(source, key, str)
    if not text:
        raise misshapen(f"{key} is empty")
    return text


def settings_at(source: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Settings: a map whose keys are made upper case, as everybody here expects."""
    stated = required(source, key, dict)
    settings = upper_keys(stated)
    if len(settings) != len(stated):
        raise misshapen(f"{key} has a key in upper and in lower case")
    return settings


def maps_at(source: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of maps."""
    items = required(source, key, list)
    if not _all_are(dict, items):
        raise misshapen(f"{key} is not a list of maps")
    return items


def texts_at(source: Mapping[str, Any], key: str) -> list[str]:
    """A list of texts."""
    items = required(source, key, list)
    if not _all_are(str, items):
        raise misshapen(f"{key} is not a list of texts")
    return items


def texts_by_name_at(source: Mapping[str, Any], key: str) -> dict[str, str]:
    """A map of texts."""
    items = required(source, key, dict)
    if not _all_are(str, items.values()):
        raise misshapen(f"{key} is not a map of texts")
    return items


def _all_are(kind: type, items: Iterable[Any]) -> bool:
    return {kind}.issuperset(map(type, items))


def moment_at(source: Mapping[str, Any], key: str) -> datetime | None:
    """A moment, or None."""
    return optional(source, key, datetime)


def number_at(source: Mapping[str, Any], key: str) -> float | None:
    """A figure, with a fraction or without, or None: what nobody could count with is none."""
    value = source.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise misshapen(f"{key} is a {type(value).__name__}, not a number")
    if not 0 <= value <= _LARGEST_FIGURE:
        raise misshapen(f"{key} is no number from 0 to {_LARGEST_FIGURE:g}")
    return value


def member_at(source: Mapping[str, Any], key: str, kind: type[_E]) -> _E:
    """A word of a closed vocabulary, by its name.

    Raises:
        MessageRejected: reason "shape"; or "unsupported", if the word is unknown.
    """
    name = required(source, key, str)
    try:
        return kind[name]
    except KeyError:
        known = ", ".join(each.name for each in kind)
        raise MessageRejected(
            f"the {key} {name[:64]!r} is unknown; known are {known}, and perhaps more to a later"
            " version of pye2-native-wire",
            reason="unsupported",
        ) from None


def without_none(fields: dict[str, Any]) -> dict[str, Any]:
    """What is told: nothing is told of what is None."""
    return {key: value for key, value in fields.items() if value is not None}
