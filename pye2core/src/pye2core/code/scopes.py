"""Which names a piece of custom code reads without having defined them.

Python's own scoping rules, applied to a parsed body: nested functions, lambdas, comprehensions,
classes, ``global`` and ``nonlocal``, assignment expressions, and everything else that binds a name.
The walk keeps its own stack, so that no code, however deep, can exhaust Python's.

Standard library only: the node's sandbox imports this module.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_FUNCTION: Final = "function"
_COMPREHENSION: Final = "comprehension"
_CLASS: Final = "class"
_MODULE: Final = "module"
_ANNOTATION: Final = "annotation"

_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Scope:
    """The names of one function, lambda, comprehension, class or of the whole code.

    Attributes:
        kind: what it is the scope of.
        parent: the scope around it.
        bound: names that it defines.
        augmented: names that it changes in place (``n += 1``) or deletes.
        declared_global: names that its ``global`` statements list.
        declared_nonlocal: names that its ``nonlocal`` statements list.
        reads: where it reads names.
    """

    __slots__ = (
        "augmented",
        "bound",
        "declared_global",
        "declared_nonlocal",
        "kind",
        "parent",
        "reads",
    )

    def __init__(self, kind: str, parent: Scope | None, bound: Iterable[str] = ()) -> None:
        self.kind = kind
        self.parent = parent
        self.bound = set(bound)
        self.augmented: set[str] = set()
        self.declared_global: set[str] = set()
        self.declared_nonlocal: set[str] = set()
        self.reads: list[ast.Name] = []

    def defines(self, name: str) -> bool:
        """Whether a read of the name in this very scope finds it here."""
        if name in self.declared_nonlocal:
            return False
        if name in self.bound:
            return True
        # What is changed in place is local, but only a function makes room for it beforehand.
        return name in self.augmented and self.kind == _FUNCTION


def unknown_reads(
    tree: ast.Module, *, parameters: Sequence[str], script: bool, known: Iterable[str] = ()
) -> list[ast.Name]:
    """Find the names that the code reads and nothing defines.

    Args:
        tree: the parsed body.
        parameters: names that the node supplies.
        script: whether the body runs as a module (True) or as the body of a function.
        known: names that exist everywhere, such as builtins.

    Returns:
        The first read of each such name, in the order of the text.

    Example:
        >>> [name.id for name in unknown_reads(ast.parse("y = x + y"), parameters=(), script=False)]
        ['x']
    """
    first: dict[str, ast.Name] = {}
    for read in every_unknown_read(tree, parameters=parameters, script=script, known=known):
        first.setdefault(read.id, read)
    return list(first.values())


def every_unknown_read(
    tree: ast.Module, *, parameters: Sequence[str], script: bool, known: Iterable[str] = ()
) -> list[ast.Name]:
    """The same as ``unknown_reads``, but every read of such a name, in the order of the text."""
    walk = _Walk(tree, parameters=parameters, script=script)
    return sorted(walk.unknown(frozenset(known)), key=_position)


class _Walk:
    """One pass over a body that notes, scope by scope, what is defined and what is read."""

    def __init__(self, tree: ast.Module, *, parameters: Sequence[str], script: bool) -> None:
        self._module = Scope(_MODULE, None)
        body = self._module
        if not script:
            body = Scope(_FUNCTION, self._module)
        body.bound.update(parameters)
        self._scopes = [self._module] if script else [self._module, body]
        self._stack: list[tuple[ast.AST, Scope]] = [(node, body) for node in tree.body]
        while self._stack:
            node, scope = self._stack.pop()
            _VISITORS.get(type(node), _Walk.children)(self, node, scope)

    def unknown(self, known: frozenset[str]) -> Iterator[ast.Name]:
        """The reads of names that neither a scope nor ``known`` has."""
        self._settle_globals()
        for scope in self._scopes:
            for read in scope.reads:
                if read.id not in known and not self._resolves(read.id, scope):
                    yield read

    def _settle_globals(self) -> None:
        """Give the module what functions define under a ``global`` declaration."""
        for scope in self._scopes:
            self._module.bound.update(scope.bound & scope.declared_global)

    def _resolves(self, name: str, scope: Scope) -> bool:
        at: Scope | None = scope
        class_is_seen = True
        while at is not None:
            if class_is_seen or at.kind != _CLASS:
                if name in at.declared_global:
                    return name in self._module.bound
                if at.defines(name):
                    return True
            # Only a class body itself, and annotations directly in it, see the names of a class.
            class_is_seen = class_is_seen and at.kind == _ANNOTATION
            at = at.parent
        return False

    def _scope(self, kind: str, parent: Scope, bound: Iterable[str] = ()) -> Scope:
        scope = Scope(kind, parent, bound)
        self._scopes.append(scope)
        return scope

    def _push(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        self._stack.extend((node, scope) for node in nodes if node is not None)

    def children(self, node: ast.AST, scope: Scope) -> None:
        self._push(ast.iter_child_nodes(node), scope)

    # --- names --------------------------------------------------------------------------------

    def name_node(self, node: ast.Name, scope: Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            scope.reads.append(node)
        elif isinstance(node.ctx, ast.Store):
            scope.bound.add(node.id)
        else:
            scope.augmented.add(node.id)

    def augmented_assignment(self, node: ast.AugAssign, scope: Scope) -> None:
        self._push([node.value], scope)
        if isinstance(node.target, ast.Name):
            scope.augmented.add(node.target.id)
            scope.reads.append(node.target)
        else:
            self._push([node.target], scope)

    def annotated_assignment(self, node: ast.AnnAssign, scope: Scope) -> None:
        # Python does not evaluate the annotations of a function's local variables.
        annotation = None if scope.kind == _FUNCTION else node.annotation
        self._push([annotation, node.value], scope)
        if node.value is None and isinstance(node.target, ast.Name):
            scope.augmented.add(node.target.id)
        else:
            self._push([node.target], scope)

    def assignment_expression(self, node: ast.NamedExpr, scope: Scope) -> None:
        holder = scope
        while holder.kind == _COMPREHENSION and holder.parent is not None:
            holder = holder.parent
        holder.bound.add(node.target.id)
        self._push([node.value], scope)

    def global_statement(self, node: ast.Global, scope: Scope) -> None:
        scope.declared_global.update(node.names)

    def nonlocal_statement(self, node: ast.Nonlocal, scope: Scope) -> None:
        scope.declared_nonlocal.update(node.names)

    def import_statement(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            scope.bound.add((alias.asname or alias.name).partition(".")[0])

    def except_handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        self._bind_and_descend(node, scope, node.name)

    def pattern(self, node: ast.MatchAs | ast.MatchStar, scope: Scope) -> None:
        self._bind_and_descend(node, scope, node.name)

    def mapping_pattern(self, node: ast.MatchMapping, scope: Scope) -> None:
        self._bind_and_descend(node, scope, node.rest)

    def _bind_and_descend(self, node: ast.AST, scope: Scope, name: str | None) -> None:
        if name is not None:
            scope.bound.add(name)
        self.children(node, scope)

    # --- what opens a scope -------------------------------------------------------------------

    def function_definition(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope
    ) -> None:
        scope.bound.add(node.name)
        self._push(node.decorator_list, scope)
        self._push(_defaults(node.args), scope)
        around = self._type_parameters(node, scope)
        self._push([*_annotations(node.args), node.returns], around)
        self._push(node.body, self._scope(_FUNCTION, around, _argument_names(node.args)))

    def lambda_expression(self, node: ast.Lambda, scope: Scope) -> None:
        self._push(_defaults(node.args), scope)
        self._push([node.body], self._scope(_FUNCTION, scope, _argument_names(node.args)))

    def class_definition(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bound.add(node.name)
        self._push(node.decorator_list, scope)
        around = self._type_parameters(node, scope)
        self._push([*node.bases, *node.keywords], around)
        seen_by_methods = self._scope(_FUNCTION, around, ["__class__"])
        own = self._scope(_CLASS, seen_by_methods, ["__module__", "__qualname__"])
        self._push(node.body, own)

    def comprehension(self, node: _Comprehension, scope: Scope) -> None:
        inner = self._scope(_COMPREHENSION, scope)
        first = node.generators[0]
        # The first iterable is evaluated outside, before the comprehension's scope exists.
        self._push([first.iter], scope)
        self._push([first.target, *first.ifs, *node.generators[1:]], inner)
        if isinstance(node, ast.DictComp):
            self._push([node.key, node.value], inner)
        else:
            self._push([node.elt], inner)

    def type_alias(self, node: ast.AST, scope: Scope) -> None:
        name, value = (getattr(node, field) for field in ("name", "value"))
        self._push([name], scope)
        self._push([value], self._type_parameters(node, scope))

    def _type_parameters(self, node: ast.AST, scope: Scope) -> Scope:
        """The scope of ``[T]`` in ``def f[T](…)``, or the given one where there is none."""
        parameters = getattr(node, "type_params", None)  # since Python 3.12
        if not parameters:
            return scope
        around = self._scope(_ANNOTATION, scope, [parameter.name for parameter in parameters])
        for parameter in parameters:
            self.children(parameter, around)
        return around


def _position(node: ast.Name) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _all_arguments(arguments: ast.arguments) -> list[ast.arg]:
    starred = [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


def _argument_names(arguments: ast.arguments) -> list[str]:
    return [argument.arg for argument in _all_arguments(arguments)]


def _annotations(arguments: ast.arguments) -> list[ast.expr | None]:
    return [argument.annotation for argument in _all_arguments(arguments)]


def _defaults(arguments: ast.arguments) -> list[ast.expr | None]:
    return [*arguments.defaults, *arguments.kw_defaults]


def _visitors() -> dict[type[ast.AST], Callable[..., None]]:
    visitors: dict[type[ast.AST], Callable[..., None]] = {
        ast.Name: _Walk.name_node,
        ast.AugAssign: _Walk.augmented_assignment,
        ast.AnnAssign: _Walk.annotated_assignment,
        ast.NamedExpr: _Walk.assignment_expression,
        ast.Global: _Walk.global_statement,
        ast.Nonlocal: _Walk.nonlocal_statement,
        ast.Import: _Walk.import_statement,
        ast.ImportFrom: _Walk.import_statement,
        ast.ExceptHandler: _Walk.except_handler,
        ast.MatchAs: _Walk.pattern,
        ast.MatchStar: _Walk.pattern,
        ast.MatchMapping: _Walk.mapping_pattern,
        ast.FunctionDef: _Walk.function_definition,
        ast.AsyncFunctionDef: _Walk.function_definition,
        ast.Lambda: _Walk.lambda_expression,
        ast.ClassDef: _Walk.class_definition,
        ast.ListComp: _Walk.comprehension,
        ast.SetComp: _Walk.comprehension,
        ast.DictComp: _Walk.comprehension,
        ast.GeneratorExp: _Walk.comprehension,
    }
    if hasattr(ast, "TypeAlias"):  # since Python 3.12
        visitors[ast.TypeAlias] = _Walk.type_alias
    return visitors


_VISITORS: Final = _visitors()
