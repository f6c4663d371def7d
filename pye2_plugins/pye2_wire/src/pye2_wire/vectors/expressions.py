"""Python values as vectors write them, made without running what is written.

Literals, arithmetic on them, comprehensions, and calls of the few constructors named here; a vector
file is another's, so nothing of it is evaluated by Python itself.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import operator
import uuid
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    _Names = Mapping[str, Any]

_LARGEST_POWER = 4096
_LONGEST = 1 << 24
"""Items, characters or bytes of anything that is made here in one go."""

_MOST_COMPREHENDED = 1 << 16

_VALUES: dict[str, Any] = {
    "nan": float("nan"),
    "inf": float("inf"),
    "datetime.timezone.utc": dt.UTC,
}

_CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (bool, bytearray, bytes, complex, dict, float, frozenset)},
    **{each.__name__: each for each in (int, list, object, range, set, str, tuple)},
    "OrderedDict": OrderedDict,
    "chr": chr,
    "collections.OrderedDict": OrderedDict,
    "datetime.date": dt.date,
    "datetime.datetime": dt.datetime,
    "datetime.time": dt.time,
    "datetime.timedelta": dt.timedelta,
    "datetime.timezone": dt.timezone,
    "Decimal": decimal.Decimal,
    "decimal.Decimal": decimal.Decimal,
    "uuid.UUID": uuid.UUID,
}

_OF_NUMPY = frozenset({"arange", "array", "inf", "nan", "ones", "pi", "zeros"})
"""What is read of numpy besides its types of numbers."""

_SIZED_BY_NUMBERS = frozenset({"arange", "bytearray", "bytes", "ones", "range", "zeros"})

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
    ast.Sub: operator.sub,
}

_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class UnknownExpression(Exception):
    """It is written with more than is known here."""


def value_of(expression: str | ast.expr, names: _Names | None = None) -> Any:
    """The value of an expression.

    Args:
        expression: in Python, or read already.
        names: the values of variables in it.

    Raises:
        SyntaxError: it is no Python.
        UnknownExpression: it is written with more than is known here.

    Example:
        >>> value_of("{'a': [1.0, -2 ** 3]}")
        {'a': [1.0, -8]}
    """
    if isinstance(expression, str):
        expression = ast.parse(expression, mode="eval").body
    try:
        return _value(expression, names or {})
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise UnknownExpression(f"{type(error).__name__} in the expression: {error}") from error


def _value(node: ast.expr, names: _Names) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    make: Callable[[Any, _Names], Any] = _MAKERS.get(type(node), _named)
    return make(node, names)


def _list(node: ast.List | ast.Tuple | ast.Set, names: _Names) -> list[Any]:
    return [_value(item, names) for item in node.elts]


def _dictionary(node: ast.Dict, names: _Names) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        value = _value(item, names)
        # Without a key it is a `**`.
        made.update(value if key is None else {_value(key, names): value})
    return made


def _formatted(node: ast.JoinedStr, names: _Names) -> str:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec is not None or part.conversion != -1:
                raise UnknownExpression("it formats a value")
            parts.append(str(_value(part.value, names)))
        else:
            parts.append(_value(part, names))
    return "".join(parts)


# --- arithmetic -----------------------------------------------------------------------------------


def _signed(node: ast.UnaryOp, names: _Names) -> Any:
    sign = _SIGNS.get(type(node.op))
    if sign is None:
        raise UnknownExpression("it has an operator that is not known here")
    return sign(_value(node.operand, names))


def _computed(node: ast.BinOp, names: _Names) -> Any:
    compute = _OPERATORS.get(type(node.op))
    if compute is None:
        raise UnknownExpression("it has an operator that is not known here")
    left, right = _value(node.left, names), _value(node.right, names)
    if compute is operator.mod and isinstance(left, str | bytes | bytearray):
        raise UnknownExpression("it formats a value")
    if compute is operator.pow and abs(right) > _LARGEST_POWER:
        raise UnknownExpression("it has a power that is too large")
    if compute is operator.mul and _repeats(left, right) > _LONGEST:
        raise UnknownExpression("it has a repetition that is too long")
    return compute(left, right)


def _repeats(left: Any, right: Any) -> int:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | bytes | list | tuple) and isinstance(times, int):
            return len(sequence) * times
    return 0


# --- comprehensions -------------------------------------------------------------------------------


def _comprehended(node: ast.ListComp | ast.SetComp | ast.GeneratorExp, names: _Names) -> list[Any]:
    return _bounded(_value(node.elt, bound) for bound in _bindings(node.generators, names))


def _comprehended_dictionary(node: ast.DictComp, names: _Names) -> dict[Any, Any]:
    bindings = _bindings(node.generators, names)
    return dict(_bounded((_value(node.key, each), _value(node.value, each)) for each in bindings))


def _bindings(generators: list[ast.comprehension], names: _Names) -> Iterator[_Names]:
    """What the names are worth, each time that the item of a comprehension is made."""
    if not generators:
        yield names
        return
    first, *others = generators
    if first.ifs or first.is_async or not isinstance(first.target, ast.Name):
        raise UnknownExpression("it has a comprehension that is not known here")
    for item in _value(first.iter, names):
        yield from _bindings(others, {**names, first.target.id: item})


def _bounded(items: Iterable[Any]) -> list[Any]:
    made = list(islice(items, _MOST_COMPREHENDED + 1))
    if len(made) > _MOST_COMPREHENDED:
        raise UnknownExpression("it has a comprehension that is too long")
    return made


# --- names and calls ------------------------------------------------------------------------------


def _called(node: ast.Call, names: _Names) -> Any:
    function = _named(node.func, names)
    if not callable(function):
        raise UnknownExpression("it calls what cannot be called")
    arguments = [_value(argument, names) for argument in node.args]
    options = {option.arg: _value(option.value, names) for option in node.keywords if option.arg}
    if getattr(function, "__name__", "") in _SIZED_BY_NUMBERS and _are_large(arguments):
        raise UnknownExpression("it makes something that is too long")
    return function(*arguments, **options)


def _are_large(arguments: Iterable[Any]) -> bool:
    for each in arguments:
        if isinstance(each, list | tuple):
            if _are_large(each):
                return True
        elif isinstance(each, int | float) and not abs(each) <= _LONGEST:
            return True
    return False


def _named(node: ast.expr, names: _Names) -> Any:
    name = ast.unparse(node)
    for known in (names, _VALUES, _CONSTRUCTORS):
        if name in known:
            return known[name]
    module, _, member = name.partition(".")
    found = _of_numpy(member) if module in ("np", "numpy") else None
    if found is None:
        raise UnknownExpression(f"{name[:40]!r} is not known here")
    return found


def _of_numpy(member: str) -> Any:
    try:
        import numpy as np
    except ImportError as error:
        raise UnknownExpression("numpy is not installed here") from error
    found = getattr(np, member, None)
    is_type = isinstance(found, type) and issubclass(found, np.generic)
    return found if is_type or member in _OF_NUMPY else None


_MAKERS: dict[type[ast.expr], Callable[[Any, _Names], Any]] = {
    ast.BinOp: _computed,
    ast.Call: _called,
    ast.Dict: _dictionary,
    ast.DictComp: _comprehended_dictionary,
    ast.GeneratorExp: _comprehended,
    ast.JoinedStr: _formatted,
    ast.List: _list,
    ast.ListComp: _comprehended,
    ast.Set: lambda node, names: set(_list(node, names)),
    ast.SetComp: lambda node, names: set(_comprehended(node, names)),
    ast.Tuple: lambda node, names: tuple(_list(node, names)),
    ast.UnaryOp: _signed,
}
