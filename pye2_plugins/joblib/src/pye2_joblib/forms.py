"""What stands for an object on its way, where ``pye2_calls.values`` has nothing for it.

Fields only. They hold each other and whatever values can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


@frozen
class Reference:
    """A function or class that the other side has.

    Attributes:
        name: ``module:qualified.name``.
    """

    name: str


@frozen
class Sent:
    """A function or class of the user's that goes along as text.

    Attributes:
        number: which of those that go along.
    """

    number: int


@frozen
class Instance:
    """An object, as its class and its state.

    Attributes:
        number: what it is called where it is met again.
        kind: the class: ``Reference`` or ``Sent``.
        state: what ``__getstate__`` gave.
    """

    number: int
    kind: Any
    state: Any


@frozen
class Again:
    """An object that was met before, or is within itself.

    Attributes:
        number: the one of its ``Instance``.
    """

    number: int


@frozen
class Method:
    """A method of an object.

    Attributes:
        owner: the object.
        name: the method's.
    """

    owner: Any
    name: str


@frozen
class Partial:
    """A ``functools.partial``, as its parts."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@frozen
class Pattern:
    """A compiled regular expression."""

    pattern: Any
    flags: int


@frozen
class Randomness:
    """A ``numpy.random.RandomState``, as its state."""

    state: dict[str, Any]


@frozen
class ObjectArray:
    """An array of Python objects."""

    shape: tuple[int, ...]
    items: list[Any]


FORMS: Final[Mapping[str, type]] = {
    each.__name__: each
    for each in (
        Reference,
        Sent,
        Instance,
        Again,
        Method,
        Partial,
        Pattern,
        Randomness,
        ObjectArray,
    )
}
"""All of them, by the names under which they travel."""
