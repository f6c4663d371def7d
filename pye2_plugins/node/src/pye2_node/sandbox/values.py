"""From what foreign code returns to JSON text: numbers of numpy, dates, and what cannot be carried.

Runs in the worker. The usual value takes one pass of Python's C encoder; the value is walked in
Python only when that fails, to convert dictionary keys of numpy's or to name the path to what
cannot be sent.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

import numpy as np

_DATES: Final = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64)
_LONGEST_KEY: Final = 40
_INSTEAD: Final = {
    "bytearray": "return text, for example plugin.bytes_to_base64(value)",
    "bytes": "return text, for example plugin.bytes_to_base64(value)",
    "complex": "return its real and imaginary part as two numbers",
    "deque": "return list(value)",
    "dict_items": "return list(value)",
    "dict_keys": "return list(value)",
    "dict_values": "return list(value)",
    "filter": "return list(value)",
    "frozenset": "return a list, for example sorted(value)",
    "function": "return what it gives when it is called",
    "generator": "return list(value)",
    "map": "return list(value)",
    "method": "return what it gives when it is called",
    "range": "return list(value)",
    "set": "return a list, for example sorted(value)",
    "zip": "return list(value)",
}
_OTHERWISE: Final = "return numbers, text, booleans, None, lists or dictionaries of these"


class NotSerializable(TypeError):
    """A value holds something that JSON cannot carry; the message names the path to it."""

    __module__ = "builtins"  # users see it in tracebacks, where our module's name is noise


def to_json(value: object, root: str = "result") -> str:
    """The JSON text of a value, numpy's numbers and arrays and dates included.

    Keys that are integers become text, tuples become lists, dates ``str(date)``; NaN and the
    infinities stay.

    Args:
        value: what to encode.
        root: what the value is called in messages.

    Raises:
        NotSerializable: with the path to what cannot be carried.
    """
    try:
        text = _ENCODER.encode(value)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return _walk_and_encode(value, root)
    return text


def _as_plain(value: object) -> object:
    """What the encoder should write in place of a value that it does not know."""
    if isinstance(value, np.generic | np.ndarray) and not isinstance(value, _DATES):
        return value.tolist()
    if isinstance(value, _DATES):
        return str(value)
    raise TypeError


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_plain)


def _walk_and_encode(value: object, root: str) -> str:
    try:
        return _ENCODER.encode(_PlainCopy().of(value, root))
    except RecursionError:
        raise NotSerializable(f"{root} is nested too deeply; return it flatter") from None


class _PlainCopy:
    """Copies a value into what JSON knows, keeping track of the path."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def of(self, value: object, path: str) -> Any:
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return _sendable_integer(value, path)
        if isinstance(value, str):
            return _sendable_text(value, path)
        if isinstance(value, dict | list | tuple):
            return self._of_container(value, path)
        try:
            plain = _as_plain(value)
        except TypeError:
            raise NotSerializable(_explain(value, path)) from None
        if type(plain) is type(value):
            raise NotSerializable(_explain(value, path))
        return self.of(plain, path)

    def _of_container(self, value: dict[Any, Any] | list[Any] | tuple[Any, ...], path: str) -> Any:
        if id(value) in self._open:
            raise NotSerializable(f"{path} contains itself; return a copy without the circle")
        self._open.add(id(value))
        if isinstance(value, dict):
            plain: object = {
                _plain_key(key, path): self.of(item, f"{path}[{_shown(key)}]")
                for key, item in value.items()
            }
        else:
            plain = [self.of(item, f"{path}[{index}]") for index, item in enumerate(value)]
        self._open.discard(id(value))
        return plain


def _plain_key(key: object, path: str) -> str | int | float | bool | None:
    if isinstance(key, np.generic):
        key = key.item()
    if isinstance(key, str):
        return _sendable_text(key, f"a key of {path}")
    if key is None or isinstance(key, int | float | bool):
        return key
    if isinstance(key, _DATES):
        return str(key)
    raise NotSerializable(
        f"the key {_shown(key)} of {path} is {_with_article(type(key).__name__)}; use text or "
        "numbers as keys"
    )


def _sendable_integer(value: int, path: str) -> int:
    try:
        str(value)
    except ValueError:
        raise NotSerializable(
            f"{path} is an integer of too many digits; return it as text, for example hex(value)"
        ) from None
    return value


def _sendable_text(value: str, path: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise NotSerializable(
            f"{path} holds half a character (a lone surrogate); decode the text properly, or "
            "replace it with value.encode('utf-8', 'replace').decode()"
        ) from None
    return value


def _explain(value: object, path: str) -> str:
    kind = type(value).__name__
    return f"{path} is {_with_article(kind)}; {_INSTEAD.get(kind, _OTHERWISE)}"


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[:1].lower() in "aeiou" else f"a {kind}"


def _shown(key: object) -> str:
    text = repr(key)
    return text if len(text) <= _LONGEST_KEY else text[: _LONGEST_KEY - 1] + "…"
