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


def _apart(value: BaseException) -> tuple[str, Any, dict[str, Any]]:
    """Its name, what it is called with, and what was set on it, as its notes."""
    reduced: tuple[Any, ...] = tuple(value.__reduce__())
    _, arguments, *more = reduced
    state = {name: each for name, each in (more[0] or {}).items() if name != "args"} if more else {}
    return type(value).__name__, arguments, state


def _together(name: Any, arguments: Any, state: Any) -> BaseException:
    made = _TYPES[name](*exactly(tuple, arguments))
    for attribute, value in exactly(dict, state).items():
        if attribute.startswith("__") and attribute != "__notes__":
            raise ValueError("an exception has an attribute that nobody sets")
        setattr(made, attribute, value)
    return made


def _inside(value: BaseException) -> Iterable[tuple[str, Any]]:
    _, arguments, state = _apart(value)
    yield from ((f".args[{place}]", item) for place, item in enumerate(arguments))
    yield from ((f".{name}", item) for name, item in state.items())


KINDS: Final = (Kind(30, tuple(_TYPES.values()), _apart, _together, _inside, holds=True, weight=4),)
"""The one."""
