"""What a short expression gives again: patterns, getters, ``list[int]``, methods of texts.

An expression is given a function that says what stands for a value within it.
"""

from __future__ import annotations

import functools
import operator
import re
import types
import typing
from decimal import Decimal
from types import BuiltinFunctionType, NoneType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pye2_calls.shipping.things import Expression, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Part = str | Thing
    ToPart = Callable[[Any, str], Part]
    """What stands for a value within an expression, given the value and what to call it."""

_GETTERS: Final = (operator.itemgetter, operator.attrgetter, operator.methodcaller)
_ALIASES: Final = (types.GenericAlias, types.UnionType, type(typing.List[int]))  # noqa: UP006 - its kind
_UNCHANGING: Final = {str, bytes, int, float, complex, tuple, frozenset, Decimal, re.Pattern}


def expression_of(found: Any, name: str, part: ToPart) -> Expression | None:
    """The expression for a thing of these kinds; None for others."""
    for kinds, write in _WRITERS:
        if isinstance(found, kinds):
            maker, parts = write(found, name, part)
            return Expression(name, tuple(parts), f"{maker} {name}")
    if isinstance(found, BuiltinFunctionType) and type(found.__self__) in _UNCHANGING:
        owner = part(found.__self__, f"{name}_owner")
        return Expression(name, ("(", owner, f").{found.__name__}"), f"{found.__name__} {name}")
    return None


def arguments(
    args: Sequence[Any], keywords: Mapping[str, Any], name: str, part: ToPart
) -> Iterator[Part]:
    """What stands between the brackets of a call, with a comma before each."""
    for number, value in enumerate(args, 1):
        yield from (", ", part(value, f"{name}_{number}"))
    for key, value in keywords.items():
        yield from (f", {key}=", part(value, f"{name}_{key}"))


def _pattern(found: re.Pattern[Any], name: str, part: ToPart) -> tuple[str, list[Part]]:
    del name
    return "compile", [part(re.compile, "compile"), f"({found.pattern!r}, {int(found.flags)})"]


def _type_variable(found: TypeVar, name: str, part: ToPart) -> tuple[str, list[Part]]:
    del name
    return "TypeVar", [part(TypeVar, "TypeVar"), f"({found.__name__!r})"]


def _getter(found: Any, name: str, part: ToPart) -> tuple[str, list[Part]]:
    kind: Any
    kind, args = found.__reduce__()
    keywords: Mapping[str, Any] = {}
    if isinstance(kind, functools.partial):  # a methodcaller with arguments by name
        kind, args, keywords = kind.func, (*kind.args, *args), kind.keywords
    _, *given = arguments(args, keywords, name, part)
    return kind.__name__, [part(kind, kind.__name__), "(", *given, ")"]


def _alias(found: Any, name: str, part: ToPart) -> tuple[str, list[Part]]:
    """``list[int]``, ``int | None`` and the like; a bar is told by ``typing.Union``."""
    origin: Any = typing.get_origin(found)
    origin = typing.Union if origin is types.UnionType else origin
    args = [None if each is NoneType else each for each in typing.get_args(found)]
    _, *given = arguments(args, {}, name, part) if args else ("", "()")
    return "type", [part(origin, getattr(origin, "__name__", "Union")), "[", *given, "]"]


_WRITERS: Final[Sequence[tuple[Any, Callable[..., tuple[str, list[Part]]]]]] = (
    (re.Pattern, _pattern),
    (TypeVar, _type_variable),
    (_GETTERS, _getter),
    (_ALIASES, _alias),
)

KINDS: Final = (re.Pattern, TypeVar, *_GETTERS, *_ALIASES)
"""All of them, but for the methods."""
