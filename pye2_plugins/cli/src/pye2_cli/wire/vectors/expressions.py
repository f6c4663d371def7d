"""Python values as vectors write them, made without running what is written.

Literals, arithmetic on them, and calls of the few constructors named here; a vector file is
another's, so nothing of it is evaluated by Python itself.
"""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import operator
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LARGEST_POWER = 4096
_LONGEST_REPETITION = 1 << 24

_VALUES: dict[str, Any] = {"nan": float("nan"), "inf": float("inf")}

_CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (bool, bytearray, bytes, complex, dict, float, frozenset)},
    **{each.__name__: each for each in (int, list, object, range, set, str, tuple)},
    "chr": chr,
    "datetime.date": dt.date,
    "datetime.datetime": dt.datetime,
    "datetime.time": dt.time,
    "datetime.timedelta": dt.timedelta,
    "Decimal": decimal.Decimal,
    "decimal.Decimal": decimal.Decimal,
    "uuid.UUID": uuid.UUID,
}

_OF_NUMPY = frozenset(
    {"arange", "array", "bool_", "complex64", "complex128", "datetime64", "float16", "float32"}
    | {"float64", "inf", "int8", "int16", "int32", "int64", "nan", "ones", "pi", "str_", "uint8"}
    | {"uint16", "uint32", "uint64", "zeros"}
)

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


def value_of(expression: str) -> Any:
    """The value of an expression.

    Raises:
        UnknownExpression: it is written with more than is known here.

    Example:
        >>> value_of("{'a': [0.1 + 0.2, nan]}")
        {'a': [0.30000000000000004, nan]}
    """
    try:
        return _value(ast.parse(expression, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise UnknownExpression(f"{type(error).__name__} in the expression: {error}") from error


def _value(node: ast.expr) -> Any:
    make: Callable[[Any], Any] = _MAKERS.get(type(node), _named)
    return make(node)


def _dictionary(node: ast.Dict) -> dict[Any, Any]:
    # A missing key is a `**`, which no vector needs.
    keys = [_value(key) for key in node.keys if key is not None]
    return dict(zip(keys, map(_value, node.values), strict=True))


def _signed(node: ast.UnaryOp) -> Any:
    sign = _SIGNS.get(type(node.op))
    if sign is None:
        raise UnknownExpression("it has an operator that is not known here")
    return sign(_value(node.operand))


def _computed(node: ast.BinOp) -> Any:
    compute = _OPERATORS.get(type(node.op))
    if compute is None:
        raise UnknownExpression("it has an operator that is not known here")
    left, right = _value(node.left), _value(node.right)
    if compute is operator.pow and abs(right) > _LARGEST_POWER:
        raise UnknownExpression("it has a power that is too large")
    if compute is operator.mul and _repeats(left, right) > _LONGEST_REPETITION:
        raise UnknownExpression("it has a repetition that is too long")
    return compute(left, right)


def _repeats(left: Any, right: Any) -> int:
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | bytes | list | tuple) and isinstance(times, int):
            return len(sequence) * times
    return 0


def _called(node: ast.Call) -> Any:
    function = _named(node.func)
    if not callable(function):
        raise UnknownExpression("it calls what cannot be called")
    arguments = [_value(argument) for argument in node.args]
    options = {option.arg: _value(option.value) for option in node.keywords if option.arg}
    return function(*arguments, **options)


def _named(node: ast.expr) -> Any:
    name = ast.unparse(node)
    if name in _VALUES:
        return _VALUES[name]
    if name in _CONSTRUCTORS:
        return _CONSTRUCTORS[name]
    module, _, member = name.partition(".")
    if module in ("np", "numpy") and member in _OF_NUMPY:
        import numpy as np

        return getattr(np, member)
    raise UnknownExpression(f"{name[:40]!r} is not known here")


_MAKERS: dict[type[ast.expr], Callable[[Any], Any]] = {
    ast.BinOp: _computed,
    ast.Call: _called,
    ast.Constant: lambda node: node.value,
    ast.Dict: _dictionary,
    ast.List: lambda node: [_value(item) for item in node.elts],
    ast.Set: lambda node: {_value(item) for item in node.elts},
    ast.Tuple: lambda node: tuple(_value(item) for item in node.elts),
    ast.UnaryOp: _signed,
}
