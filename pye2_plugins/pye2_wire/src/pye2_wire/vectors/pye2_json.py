"""PyE2's own JSON with its mistakes, slowly, from PyE2 wire protocol, section 3.1.

Only vectors are checked with it. PyE2 cannot verify some of what it signs (numpy's floats, numbers
as keys) and cannot send some of what we send; there, this tells what PyE2 makes of a value, so that
a record of it can be told from a mistake in the record. What we make ourselves is ``canonical``'s
affair.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any


class Undecided(Exception):
    """The protocol does not tell what PyE2 makes of this value."""


def hashed_text(message: dict[Any, Any]) -> str:
    """The text that PyE2 hashes.

    Raises:
        TypeError: PyE2 cannot hash it and says so in these words.
        Undecided: it has numbers with a point as keys.
    """
    return _text(message)


def node_text(message: dict[Any, Any]) -> bytes:
    """A message as PyE2's nodes write it.

    Raises:
        TypeError: they cannot, and say so in these words.
    """
    return json.dumps(
        message, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_converted
    ).encode()


def client_text(message: dict[Any, Any]) -> bytes:
    """A message as PyE2's clients write it.

    Raises:
        TypeError: they cannot, and say so in these words.
    """
    return json.dumps(message).encode()


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        # Keys become text after they were sorted: 9 comes before 10 here, and not at the receiver.
        pairs = sorted(value.items())
        return f"{{{','.join(f'{_key_text(key)}:{_text(item)}' for key, item in pairs)}}}"
    return _text(_converted(value))


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        return "null"
    text = float.__repr__(value)
    if type(value) is not float:  # numpy's; NumPy 2 says so in its repr
        return f"np.{type(value).__name__}({text})"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _key_text(key: Any) -> str:
    if isinstance(key, float):
        raise Undecided
    if key is None or isinstance(key, bool | int | str):
        return json.dumps(key if isinstance(key, str) else json.dumps(key), ensure_ascii=False)
    name = type(key).__name__
    raise TypeError(f"keys must be str, int, float, bool or None, not {name}")


def _converted(value: Any) -> Any:
    """What PyE2 makes of numpy's values and of moments."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind and getattr(value, "ndim", 0):
        return value.tolist()
    if kind in ("i", "u"):
        return int(value)
    if kind == "f":
        return float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
