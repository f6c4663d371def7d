"""Functions and classes of installed packages by their names, and back.

Nothing is imported because a name says so: what is not loaded is not found.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pye2_calls.shipping.origins import is_users, way_to
from pye2_calls.values import ValueNotReadable
from pye2core.code.rules import ALLOWED_BUILTINS, GIVEN_MODULES
from pye2core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Collection

_NOTHING: Final = object()
_LONGEST: Final = 200


def name_of(thing: Any) -> str | None:
    """The name of a function or class that is not the user's own; None if it has none.

    Example:
        >>> name_of(math.sqrt)
        'math:sqrt'
    """
    module, path = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if isinstance(module, str) and isinstance(path, str):
        if is_users(module):
            return None
        if _found_in(module, path) is thing:
            return f"{module}:{path}"
    way = way_to(thing)
    return f"{way[0]}:{way[1]}" if way is not None else None


def package_of(name: str) -> str:
    """The package of what a name stands for."""
    return name.partition(":")[0].partition(".")[0]


def is_given(name: str) -> bool:
    """Whether what a name stands for is on every node: no grant is asked for it."""
    module = name.partition(":")[0]
    return module in GIVEN_MODULES or package_of(name) in {"builtins", "numpy"}


def loaded(name: str) -> Any:
    """What a name stands for, of what is loaded here.

    What Python has besides the modules that only compute is not found: no ``os``, no ``eval``.

    Raises:
        ValueNotReadable: there is no such function or class; says what could have it loaded.
    """
    module, _, path = name.partition(":")
    shown = printable(name[:_LONGEST])
    if not _may_be_named(module, path):
        raise ValueNotReadable(f"{shown} is no function or class that may be named from elsewhere")
    found = _found_in(module, path)
    if found is _NOTHING or not callable(found):
        raise ValueNotReadable(
            f"{shown} is not here: is its package of the same version on both sides, and was the"
            " module loaded? Ask for it with grants"
        )
    return found


def _may_be_named(module: str, path: str) -> bool:
    if module == "builtins":
        return path in ALLOWED_BUILTINS
    is_python = module.partition(".")[0] in sys.stdlib_module_names
    return module in GIVEN_MODULES or not is_python


class Returned:
    """What may be named by what comes back from a node: no more than was sent there.

    Args:
        sent: the names that were sent.
        packages: those of which a node may also name classes.
    """

    def __init__(self, sent: Collection[str], packages: Collection[str]) -> None:
        self._sent = sent
        self._packages = packages

    def __call__(self, name: str) -> Any:
        """What a name stands for.

        Raises:
            ValueNotReadable: it may not be named, or is not loaded here.
        """
        if name not in self._sent and package_of(name) not in self._packages:
            raise ValueNotReadable(
                f"a node sent something of {printable(name[:_LONGEST])}, which was not sent to it;"
                f" if that is as it should be, say packages=[{printable(package_of(name))!r}]"
            )
        found = loaded(name)
        if name not in self._sent and not isinstance(found, type):
            raise ValueNotReadable(f"a node sent {printable(name[:_LONGEST])}, which is no class")
        return found


def _found_in(module: str, path: str) -> Any:
    """What is there by that name; not by way of other modules that it has imported."""
    found: Any = sys.modules.get(module, _NOTHING)
    for part in path.split("."):
        found = getattr(found, part, _NOTHING)
        if isinstance(found, ModuleType):
            return _NOTHING
    return found
