"""The receiver's part: what was sent becomes a function that can be called.

Runs where the code is confined, so it imports no more than it must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pye2_calls.values import unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Made(NamedTuple):
    """A function that came from elsewhere.

    Attributes:
        function: the function.
        classes: the classes that sender and receiver know, by the names under which they travel.
    """

    function: Callable[..., Any]
    classes: Mapping[str, type]


def define(maker: Callable[..., Any], plugin: object, values: Mapping[str, bytes]) -> Made:
    """Run the maker of a function: the text that was sent, compiled.

    Args:
        maker: what ``Shipped.source`` and ``Shipped.parameters`` were compiled to.
        plugin: the node's API.
        values: ``Shipped.values``.

    Raises:
        ValueNotReadable: a value is damaged.
    """
    classes: dict[str, type] = {}
    here = maker.__globals__["__name__"]

    def know(name: str, kind: type) -> None:
        classes[name] = kind
        if kind.__module__ == here:
            _name_as_there(name, kind)

    function = maker(plugin, know, lambda name: unpack(values[name], classes))
    return Made(function, classes)


def _name_as_there(name: str, kind: type) -> None:
    """Give a class that was made here the names that it has where it comes from."""
    module, _, path = name.partition(":")
    path = path.partition("#")[0]
    named = {"__module__": module, "__qualname__": path, "__name__": path.rpartition(".")[2]}
    for attribute, value in named.items():
        type.__setattr__(kind, attribute, value)
