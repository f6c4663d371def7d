"""What was set on a class after its text had made it: the text, which goes, does not tell of it.

Short constants and functions only, and only of classes that nothing but their text makes: others
may well have been changed by the decorator or metaclass that changes them where they arrive, too.
"""

from __future__ import annotations

import ast
from abc import ABCMeta
from collections import Counter
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import is_
from types import BuiltinMethodType, FunctionType
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pye2_calls.shipping.literals import literal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def set_later(kind: type, definition: ast.ClassDef) -> dict[str, Any]:
    """The constants and functions of a class that are not those of its text, by name.

    Example:
        >>> class Prices:
        ...     rate = 0.19
        >>> Prices.rate = 0.21
        >>> set_later(Prices, definition_of_prices)
        {'rate': 0.21}
    """
    if not _is_made_of_text_alone(kind, definition):
        return {}
    text = _text_of(definition, kind)
    return {name: value for name, value in _told(kind).items() if text.is_other(name, value)}


def is_of_other_text(kind: type, definition: ast.ClassDef) -> bool:
    """Whether an enumeration or a dataclass was made of another text than this, as its values tell.

    Theirs are not set again: a file that was edited since is refused.
    """
    said = _constants(definition)
    return any(
        said.get(name, literal_of(value)) != literal_of(value)
        for name, value in _values(kind).items()
        if literal_of(value) is not None
    )


def _values(kind: Any) -> dict[str, Any]:
    """The members' values, if the text tells them, or the fields' default values."""
    if issubclass(kind, Enum):
        is_usual = (kind._new_member_, kind.__init__) == (object.__new__, Enum.__init__)
        return {name: each.value for name, each in kind.__members__.items() if is_usual}
    if is_dataclass(kind):
        return {each.name: each.default for each in fields(kind)}
    return {}


def watch_of(kind: type) -> Callable[[], bool]:
    """Whether the constants and functions of a class are still what they are now."""
    held, count = _told(kind), len(vars(kind))
    names, values = tuple(held), tuple(held.values())

    def is_unchanged() -> bool:
        now = vars(kind)
        return len(now) == count and all(map(is_, map(now.get, names), values))

    return is_unchanged


def _told(kind: type) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(kind).items()
        if not name.startswith("__")
        and (isinstance(value, FunctionType | float) or literal_of(value) is not None)
    }


@frozen
class _Text:
    """What the text of a class says.

    Attributes:
        kind: the class's full name.
        constants: the literals that it gives names to.
        methods: the names of its functions without decorators.
        bound: how often each name is bound in it, at most.
    """

    kind: str
    constants: Mapping[str, str]
    methods: frozenset[str]
    bound: Mapping[str, int]

    def is_other(self, name: str, value: Any) -> bool:
        """Whether an attribute of the class is not what the text makes it."""
        if name not in self.bound:
            return not name.startswith("_")
        if self.bound[name] > 1:
            return False
        if isinstance(value, FunctionType):
            is_own = value.__code__.co_qualname == f"{self.kind}.{name}"
            return name in self.methods and not is_own
        return self.constants.get(name, literal_of(value)) != literal_of(value)


def _text_of(definition: ast.ClassDef, kind: type) -> _Text:
    functions = [each for each in definition.body if isinstance(each, ast.FunctionDef)]
    methods = frozenset(each.name for each in functions if not each.decorator_list)
    constants = {_private(name, kind): each for name, each in _constants(definition).items()}
    bound = Counter(
        _private(name, kind) for each in ast.walk(definition) for name in _bound_by(each)
    )
    return _Text(kind.__qualname__, constants, methods, bound)


def _private(name: str, kind: type) -> str:
    """What Python makes of a name in a class: one like ``__this`` is the class's own."""
    is_own = name.startswith("__") and not name.endswith("__")
    return f"_{kind.__name__.lstrip('_')}{name}" if is_own else name


def _is_made_of_text_alone(kind: Any, definition: ast.ClassDef) -> bool:
    is_usual = type(kind) in {type, ABCMeta} and not definition.decorator_list
    return is_usual and isinstance(super(kind, kind).__init_subclass__, BuiltinMethodType)


def _constants(definition: ast.ClassDef) -> dict[str, str]:
    """The literals that the body of a class gives names to."""
    found: dict[str, str] = {}
    for statement in definition.body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        literal = _literal(statement.value)
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        found |= dict.fromkeys(names, literal) if literal is not None else {}
    return found


def _literal(node: ast.expr | None) -> str | None:
    try:
        return literal_of(ast.literal_eval(node)) if node is not None else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(each.asname or each.name).partition(".")[0] for each in node.names]
    return []
