"""What the annotations of a class mean, as far as that decides how they are sent."""

from __future__ import annotations

import ast
import dataclasses
import typing
from types import ModuleType
from typing import TYPE_CHECKING, Final

from pye2_calls.shipping import origins
from pye2_calls.shipping.surroundings import MISSING

if TYPE_CHECKING:
    from pye2_calls.shipping.surroundings import Surroundings

_MARKERS: Final = (typing.ClassVar, dataclasses.InitVar, dataclasses.KW_ONLY)


class Annotations:
    """Judges annotations by what their names mean where they stand."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def is_marker(self, expression: ast.expr) -> bool:
        """Whether it says how a field is to be treated, and not what it holds."""
        found = self._value(expression)
        return any(found is marker for marker in _MARKERS)

    def is_plain(self, expression: ast.expr) -> bool:
        """Whether all that it names is on every node."""
        names = [node for node in ast.walk(expression) if isinstance(node, ast.Name)]
        return all(self._is_everywhere(self._around.find(name.id)) for name in names)

    def _value(self, expression: ast.expr) -> object:
        if isinstance(expression, ast.Name):
            return self._around.find(expression.id)
        if isinstance(expression, ast.Attribute):
            return getattr(self._value(expression.value), expression.attr, MISSING)
        return MISSING

    def _is_everywhere(self, found: object) -> bool:
        if isinstance(found, ModuleType):
            return origins.is_given(found.__name__)
        home = getattr(found, "__module__", None)
        return id(found) in origins.BUILTINS or (isinstance(home, str) and origins.is_given(home))
