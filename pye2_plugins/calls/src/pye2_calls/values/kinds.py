"""What a kind of value is: how it is taken apart into values that can be carried, and put together.

A value that MessagePack lacks travels as an array: the mark of its kind, then its parts. Kinds are
pure: which bytes parts become is the affair of ``packing`` and ``reading``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARK: Final = 0
"""The extension type of marks: one byte, the number of a kind."""

SEGMENT: Final = 1
"""The extension type of what stands behind the body: eight bytes, its length."""

ATOMS: Final[frozenset[type]] = frozenset({type(None), bool, int, float, str, bytes})
"""The types that MessagePack has and that hold nothing."""


def nothing_inside(_value: object) -> Iterable[tuple[str, Any]]:
    """Of a value that holds no others."""
    return ()


@frozen(eq=False)
class Kind:
    """How values of some types are carried.

    Attributes:
        number: what it is on the wire, from 1 to 255.
        types: exactly these; subclasses are other types.
        apart: the parts of a value. Raises ``Refused`` for a value that cannot be carried.
        together: makes the value of its parts, whatever they are: raises any error for bad ones.
        inside: what a value holds, each with its place: ``("[3]", item)``, ``(".owner", …)``. It
            is used to say where something is that cannot be carried.
        holds: whether parts can hold anything, and so contain the value itself.
        weight: how much memory an empty one takes, in multiples of a list.
        classed: whether the first part is a class, which travels by its name.
        buffered: whether the last part is a buffer, which stands behind the body if it is large.
    """

    number: int
    types: tuple[type, ...]
    apart: Callable[[Any], Iterable[Any]]
    together: Callable[..., Any]
    inside: Callable[[Any], Iterable[tuple[str, Any]]] = nothing_inside
    holds: bool = False
    weight: int = 1
    classed: bool = False
    buffered: bool = False


def items_inside(value: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Of a sequence."""
    return ((f"[{place}]", item) for place, item in enumerate(value))


def entries_inside(value: dict[Any, Any]) -> Iterable[tuple[str, Any]]:
    """Of a dictionary: its keys, too."""
    for key, item in value.items():
        if type(key) in ATOMS:
            yield f"[{short(key)}]", item
        else:
            yield f" (its key {short(key)})", key
            yield f"[{short(key)}]", item


def short(value: object) -> str:
    """A value in a message: not much of it, whatever it is."""
    import reprlib

    try:
        return reprlib.repr(value)
    except Exception:  # noqa: BLE001 - a repr of the user's own, in the text of another error
        return f"<{type(value).__name__}>"
