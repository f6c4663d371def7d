"""Exceptions of builtin types, so that a function can return one.

Traceback, cause and context stay behind.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.values.kinds import Kind
from pye2_calls.values.plain import exactly

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES: Final[dict[str, type[BaseException]]] = {
    each.__name__: each
    for each in vars(builtins).values()
    if isinstance(each, type) and issubclass(each, BaseException)
}


def _apart(value: BaseException) -> tuple[str, Any, Any]:
    """Its name, what it is called with, and what was set on it, as its notes."""
    reduced: tuple[Any, ...] = tuple(value.__reduce__())
    _, arguments, *state = reduced
    return type(value).__name__, arguments, dict(state[0]) if state and state[0] else None


def _together(name: Any, arguments: Any, state: Any) -> BaseException:
    made = _TYPES[name](*exactly(tuple, arguments))
    for attribute, value in exactly(dict, state or {}).items():
        if attribute.startswith("__") and attribute != "__notes__":
            raise ValueError("an exception has an attribute that nobody sets")
        setattr(made, attribute, value)
    return made


def _inside(value: BaseException) -> Iterable[tuple[str, Any]]:
    _, arguments, state = _apart(value)
    yield from ((f".args[{place}]", item) for place, item in enumerate(arguments))
    yield from ((f".{name}", item) for name, item in (state or {}).items())


KINDS: Final = (Kind(30, tuple(_TYPES.values()), _apart, _together, _inside, holds=True, weight=4),)
"""The one."""
