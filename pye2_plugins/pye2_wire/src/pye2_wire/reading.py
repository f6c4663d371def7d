"""Reading JSON that nobody vouches for: bounded, and without trust in any type.

You are in the PyE2 serializer, where foreign bytes come in. Everything here raises
``MessageRejected`` with reason "shape" and a message that names the place.
"""

from __future__ import annotations

import json
from itertools import chain, compress
from reprlib import repr as cut_repr
from typing import TYPE_CHECKING, Any

from pye2_wire.canonical import compact, may_hide_surrogates
from pye2_wire.plain import NESTING_LIMIT
from pye2_wire.unsendable import UnsendableValue
from pye2core.errors import MessageRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_VALUES = 1_000_000
"""JSON values of one message: each takes up to two hundred bytes once it is read."""

_CONTAINERS = frozenset({dict, list})
_BEFORE_VALUES = (b",", b":", b"[", b"{")


def misshapen(problem: str) -> MessageRejected:
    """The rejection of a message whose shape is wrong; ``problem`` names the place."""
    return MessageRejected(
        f"{problem}; its sender must follow the PyE2 wire protocol", reason="shape"
    )


def read_object(
    data: bytes, what: str, levels: int = NESTING_LIMIT, values: int = MOST_VALUES
) -> dict[str, Any]:
    """Read a JSON object.

    It is certain to be nested at most ``levels`` deep and to hold what can be sent again. Of equal
    keys the last one counts; NaN and infinities are read, because PyE2 sends them.

    Args:
        data: UTF-8.
        what: what this is, for the error.
        levels: how deep it may be nested.
        values: how many values it may hold.

    Raises:
        MessageRejected: reason "shape".
    """
    message = read_object_of_any_depth(data, what, values)
    require_depth(message, data, what, levels)
    return message


def read_object_of_any_depth(data: bytes, what: str, values: int = MOST_VALUES) -> dict[str, Any]:
    """Read a JSON object of which it is not known yet how deep it may be nested.

    As :func:`read_object`; :func:`require_depth` has to follow before anybody walks through it.

    Raises:
        MessageRejected: reason "shape".
    """
    if len(data) > values and _has_more_values(data, values):
        raise misshapen(f"{what} holds more than {values} values")
    try:
        text = data.decode()
        message = json.loads(text)
        if may_hide_surrogates(text):
            compact(message)
    except RecursionError:
        raise misshapen(f"{what} is nested deeper than anything that can be read") from None
    except UnsendableValue as error:
        raise misshapen(f"{what} has a lone surrogate, at {error.path or 'a key'}") from error
    except ValueError as error:
        raise misshapen(f"{what} is not JSON in UTF-8 ({error})") from error
    if type(message) is not dict:
        raise misshapen(f"{what} is {_kind(message)}, not an object")
    return message


def _has_more_values(data: bytes, most: int) -> bool:
    """Whether a JSON text that is small as text would be large as objects; reads none of it.

    A value has a comma, a colon or an opening bracket before it. Those in texts do not count.
    """
    if _signs_in(data) <= most:
        return False
    unescaped = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 2 * most:  # before they are taken apart, one by one
        return True
    return _signs_in(b"".join(unescaped.split(b'"')[::2])) > most


def _signs_in(text: bytes) -> int:
    return sum(map(text.count, _BEFORE_VALUES))


def require_depth(message: dict[str, Any], data: bytes, what: str, levels: int) -> None:
    """Refuse an object that is nested more than ``levels`` deep.

    Args:
        message: the object.
        data: what it was read from.
        what: what this is, for the error.
        levels: how deep it may be nested.

    Raises:
        MessageRejected: reason "shape".
    """
    # Counting brackets settles it for nearly every message without a walk.
    if data.count(b"[") + data.count(b"{") > levels and _is_deeper(message, levels):
        raise misshapen(f"{what} is nested more than {levels} levels deep")


def _is_deeper(message: dict[str, Any], levels: int) -> bool:
    containers: list[Any] = [message]
    for _ in range(levels):
        items = list(chain.from_iterable(map(_items, containers)))
        containers = list(compress(items, map(_CONTAINERS.__contains__, map(type, items))))
        if not containers:
            return False
    return True


def _items(container: Any) -> Iterable[Any]:
    return container.values() if type(container) is dict else container


# --- fields ---------------------------------------------------------------------------------------


def text_at(source: Mapping[str, Any], key: str, where: str = "") -> str:
    """The text at ``key``, which must be there and not be empty."""
    value = optional_text_at(source, key, where)
    if not value:
        raise misshapen(f"{where}{key} is missing or empty")
    return value


def optional_text_at(source: Mapping[str, Any], key: str, where: str = "") -> str | None:
    """The text at ``key``; None if there is nothing or null."""
    value = source.get(key)
    if value is None or type(value) is str:
        return value
    raise misshapen(f"{where}{key} is {_kind(value)}, not a text")


def text_or_none(source: Mapping[str, Any], key: str) -> str | None:
    """The text at ``key``; None if there is something else, for who must not reject anything."""
    value = source.get(key)
    return value if type(value) is str else None


def flag_at(source: Mapping[str, Any], key: str) -> bool:
    """Whether ``key`` is true; it may be missing or null."""
    value = source.get(key)
    if value is None or type(value) is bool:
        return bool(value)
    raise misshapen(f"{key} is {_kind(value)}, not true or false")


def optional_whole_number_at(source: Mapping[str, Any], key: str) -> int | None:
    """The whole number at ``key`` (1.0 is one too, as for the hash); None if there is nothing."""
    value = source.get(key)
    if value is None or type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise misshapen(f"{key} is {_kind(value)}, not a whole number")


def object_at(source: Mapping[str, Any], key: str, where: str = "") -> dict[str, Any]:
    """The object at ``key``, which must be there."""
    return as_object(source.get(key), f"{where}{key}")


def as_object(value: Any, what: str) -> dict[str, Any]:
    """The value itself, which must be an object."""
    if type(value) is not dict:
        raise misshapen(f"{what} is {_kind(value)}, not an object")
    return value


def list_at(source: Mapping[str, Any], key: str, where: str = "") -> list[Any]:
    """The list at ``key``; an empty one if there is nothing or null."""
    value = source.get(key)
    return [] if value is None else as_list(value, f"{where}{key}")


def as_list(value: Any, what: str) -> list[Any]:
    """The value itself, which must be a list."""
    if type(value) is not list:
        raise misshapen(f"{what} is {_kind(value)}, not a list")
    return value


def _kind(value: Any) -> str:
    return "missing" if value is None else cut_repr(value)
