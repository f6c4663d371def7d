"""The check that custom code passes before it is sent, and again in the node's sandbox.

``check_source`` finds everything at once that would not work, or is not allowed, where the code
will run (PyE2 wire protocol, section 12, with our differences). It compiles nothing to run it, and
whatever it is given, however deep or long, it answers with problems and never with an error.

Standard library only: the node's sandbox imports this module into a process that must stay lean.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from pye2core.code import rules
from pye2core.code.scopes import unknown_reads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FILE_NAME: Final = "<custom code>"
"""The file name that custom code is parsed and compiled under."""

_OWN_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS: Final = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SCOPES: Final = (*_OWN_SCOPES, *_COMPREHENSIONS)
_LONGEST_MESSAGE: Final = 400
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_FIELD: Final = re.compile(r"\{([^{}!:]*)")


class CodeProblem(NamedTuple):
    """One thing in custom code that would not work, or is not allowed, where it would run.

    Attributes:
        line: in the code, from 1.
        column: in characters, from 1.
        message: what it is and what to do instead.
        name: the name it is about, or the empty text.
    """

    line: int
    column: int
    message: str
    name: str


def check_source(
    source: str,
    *,
    parameters: Sequence[str],
    script: bool | None = None,
    permitted: rules.Permitted = rules.NOTHING_MORE,
) -> list[CodeProblem]:
    """Find everything that keeps custom code from running on a node.

    Args:
        source: the body as it is sent, without a ``def`` line.
        parameters: the names that the node calls it with; the first is the ``plugin`` object.
        script: True if it will run as a script, False if as the body of a function; None to
            decide as nodes do, see ``has_own_return``.
        permitted: what this code may do that others may not.

    Returns:
        The problems in the order of the text; none if the code can be sent.

    Example:
        >>> for problem in check_source("return np.sqrt(2)", parameters=("plugin",)):
        ...     print(problem.line, problem.message)
        1 `np` does not exist on a node: use plugin.np
    """
    tree = _too_long(source) or _parsed(source)
    if isinstance(tree, CodeProblem):
        return [tree]
    nodes = _all_nodes(tree)
    if isinstance(nodes, CodeProblem):
        return [nodes]
    as_script = not _has_return(nodes) if script is None else script
    return _Findings(
        source, tree, nodes, parameters=parameters, script=as_script, permitted=permitted
    ).sorted()


def has_own_return(tree: ast.Module) -> bool:
    """Whether the code is the body of a function: it has a ``return`` of its own.

    Code without one is a script, whose result is the variable ``__result``, ``_result`` or
    ``result``. A ``return`` inside a nested function is not the code's own. (PyE2 looks for the
    word ``return`` anywhere in the text.)
    """
    return any(_has_return(level) for level in _levels(tree))


def as_function(
    tree: ast.Module, *, parameters: Sequence[str], name: str = "custom_code"
) -> ast.Module:
    """Make the parsed body the body of one function, each node keeping its line.

    No name becomes text: one that is none could otherwise hold code that nobody has checked.

    Example:
        >>> tree = as_function(ast.parse("return plugin + 1"), parameters=("plugin",))
        >>> namespace = {}
        >>> exec(compile(tree, "<custom code>", "exec"), namespace)
        >>> namespace["custom_code"](1)
        2
    """
    module = ast.parse("def function(): pass", FILE_NAME)
    definition = module.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.name = name
    definition.args.args = [ast.copy_location(ast.arg(each), definition) for each in parameters]
    if tree.body:
        definition.body = tree.body
    return module


def lines_of(source: str) -> list[str]:
    """The lines of a source, split where Python's own reader splits them."""
    return _LINE_END.split(source)


class _Findings:
    """The problems of one body that could be parsed.

    Of several with one message the first in the text is kept.
    """

    def __init__(
        self,
        source: str,
        tree: ast.Module,
        nodes: Sequence[_Node],
        *,
        parameters: Sequence[str],
        script: bool,
        permitted: rules.Permitted,
    ) -> None:
        self._permitted = permitted
        self._lines = lines_of(source)
        self._plugin = parameters[0] if parameters else "plugin"
        # By message. Columns are still Python's here: bytes of UTF-8, from 0.
        self._found: dict[str, CodeProblem] = {}
        for node, is_own in nodes:
            self._look_at(node, is_own=is_own)
        for name in unknown_reads(
            tree, parameters=parameters, script=script, known=permitted.builtins
        ):
            if name.id not in rules.NAMES_REFUSED_BY_PYE2:
                self._add(name, rules.why_unknown(name.id), name.id)
        compiler_says = _ask_compiler(tree, parameters=parameters, script=script)
        self._others = [compiler_says] if compiler_says is not None else []

    def sorted(self) -> list[CodeProblem]:
        """The problems in the order of the text, their columns in characters."""
        found = sorted(self._found.values())
        told = [self._in_characters(problem) for problem in found[: rules.MAX_PROBLEMS]]
        if len(found) > rules.MAX_PROBLEMS:
            more = len(found) - rules.MAX_PROBLEMS
            told.append(CodeProblem(told[-1].line, told[-1].column, f"and {more} more", ""))
        lines = {problem.line for problem in found}
        return sorted(told + [other for other in self._others if other.line not in lines])

    def _look_at(self, node: ast.AST, *, is_own: bool) -> None:
        if isinstance(node, ast.Name):
            self._look_at_name(node)
        elif isinstance(node, ast.Attribute):
            self._look_at_attribute(node)
        elif isinstance(node, ast.Call):
            self._look_at_call(node)
        elif isinstance(node, ast.MatchClass):
            self._look_at_pattern(node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if not self._permitted.imports(alias.name):
                    self._refuse_import(node, alias.name)
        elif isinstance(node, ast.ImportFrom):
            self._look_at_import_from(node)
        elif is_own and isinstance(node, ast.Yield | ast.YieldFrom):
            self._add(node, "a generator's items are not sent: return a list instead", "yield")

    def _look_at_import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or "."
        names = [alias.name for alias in node.names]
        if node.level or not all(self._permitted.imports_from(module, name) for name in names):
            self._refuse_import(node, module)

    def _refuse_import(self, node: ast.stmt, module: str) -> None:
        way_out = rules.way_out_of_import(module)
        self._add(node, f"imports are not available on nodes (`{module}`): {way_out}", module)

    def _look_at_name(self, node: ast.Name) -> None:
        way_out = rules.NAMES_REFUSED_BY_PYE2.get(node.id)
        if way_out is not None and node.id not in self._permitted.builtins:
            self._add(node, f"`{node.id}` cannot be used on a node: {way_out}", node.id)

    def _look_at_attribute(self, node: ast.Attribute) -> None:
        name = node.attr
        is_plugins = isinstance(node.value, ast.Name) and node.value.id == self._plugin
        why = rules.why_refused_attribute(name)
        if why:
            self._add(node, f"`.{name}` cannot be used on a node: {why}", name)
        elif name == "log" and is_plugins:
            self._add(node, f"`{self._plugin}.log` cannot be used: use plugin.P(text)", name)
        elif name.startswith("_") and not rules.is_dunder(name) and self._is_of_module(node.value):
            self._add(node, f"`.{name}` cannot be used on a node: a module's inner parts", name)

    def _is_of_module(self, node: ast.expr) -> bool:
        """Whether it is something like ``plugin.np.random``."""
        depth = 0
        while isinstance(node, ast.Attribute):
            node, depth = node.value, depth + 1
        return depth > 0 and isinstance(node, ast.Name) and node.id == self._plugin

    def _look_at_pattern(self, node: ast.MatchClass) -> None:
        """A pattern ``Class(attribute=name)`` reads an attribute without being one."""
        for name in node.kwd_attrs:
            why = rules.why_refused_attribute(name)
            if why:
                self._add(node, f"`{name}=` cannot be matched on a node: {why}", name)

    def _look_at_call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg == "allow_pickle" and not _is_false(keyword.value):
                message = "`allow_pickle` cannot be used on a node: unpickling runs any code"
                self._add(keyword.value, message, keyword.arg)
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr in {"format", "format_map"}:
            for name in _names_in_fields(called.value):
                why = rules.why_refused_attribute(name)
                if why:
                    self._add(node, f"`.{name}` cannot be formatted on a node: {why}", name)

    def _add(self, node: ast.expr | ast.stmt | ast.pattern, message: str, name: str) -> None:
        problem = CodeProblem(node.lineno, node.col_offset, _clipped(message), name)
        self._found[problem.message] = min(problem, self._found.get(problem.message, problem))

    def _in_characters(self, problem: CodeProblem) -> CodeProblem:
        before = self._lines[problem.line - 1].encode()[: problem.column]
        return problem._replace(column=len(before.decode(errors="ignore")) + 1)


def _ask_compiler(
    tree: ast.Module, *, parameters: Sequence[str], script: bool
) -> CodeProblem | None:
    """Let Python find what parsing alone does not, such as a ``break`` outside a loop."""
    whole = tree if script else as_function(tree, parameters=parameters)
    try:
        compile(whole, FILE_NAME, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _of_syntax_error(error)
    except (RecursionError, MemoryError):
        return _too_deep(1)
    return None


def _parsed(source: str) -> ast.Module | CodeProblem:
    try:
        return ast.parse(source, FILE_NAME)
    except SyntaxError as error:
        return _of_syntax_error(error)
    except (RecursionError, MemoryError):
        return _too_deep(1)
    except ValueError as error:
        return CodeProblem(1, 1, f"this is not Python source: {error}", "")


class _Node(NamedTuple):
    """A node of the code, and whether it belongs to no function or class within it."""

    node: ast.AST
    is_own: bool


def _all_nodes(tree: ast.Module) -> list[_Node] | CodeProblem:
    """All nodes of the code, or why they are not looked at."""
    nodes: list[_Node] = []
    for depth, level in enumerate(_levels(tree)):
        if depth >= rules.MAX_NESTING:
            return _too_deep(_line_of(level))
        nodes += level
        if len(nodes) > rules.MAX_NODES:
            return _too_many(f"{rules.MAX_NODES} names, numbers and operations", _line_of(level))
    scopes = [node for node, _ in nodes if isinstance(node, _SCOPES)]
    if len(scopes) > rules.MAX_SCOPES:
        many = f"{rules.MAX_SCOPES} functions, classes and comprehensions"
        return _too_many(many, scopes[rules.MAX_SCOPES].lineno)
    return nodes


def _levels(tree: ast.Module) -> Iterator[list[_Node]]:
    """All nodes of the code: first its statements, then what is directly below these, and so on."""
    level = [_Node(node, is_own=True) for node in tree.body]
    while level:
        yield level
        level = [
            _Node(child, is_own and not isinstance(node, _OWN_SCOPES))
            for node, is_own in level
            for child in _children(node)
        ]


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below a node, without those that are a mere sign: ``+``, ``Load``."""
    children: list[ast.AST] = []
    for name in node._fields:
        below = getattr(node, name, None)
        if isinstance(below, list):
            children += [each for each in below if isinstance(each, ast.AST)]
        elif isinstance(below, ast.AST) and below._fields:
            children.append(below)
    return children


def _has_return(nodes: Iterable[_Node]) -> bool:
    return any(is_own and isinstance(node, ast.Return) for node, is_own in nodes)


def _line_of(nodes: Iterable[_Node]) -> int:
    return next((node.lineno for node, _ in nodes if hasattr(node, "lineno")), 1)


def _too_long(source: str) -> CodeProblem | None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        return CodeProblem(1, 1, "the code holds half of a surrogate pair, which is no text", "")
    if size <= rules.MAX_SOURCE_BYTES:
        return None
    message = (
        f"the code is {size} bytes long, more than the {rules.MAX_SOURCE_BYTES} that are sent: "
        f"send large data {rules.AS_SETTINGS} instead"
    )
    return CodeProblem(1, 1, message, "")


def _too_deep(line: int) -> CodeProblem:
    message = (
        "the code is nested too deeply to be checked: "
        f"keep it under {rules.MAX_NESTING} levels, for instance by naming parts of it"
    )
    return CodeProblem(line, 1, message, "")


def _too_many(what: str, line: int) -> CodeProblem:
    message = (
        f"the code has more than {what}, too much to be checked: write loops, and send data"
        f" {rules.AS_SETTINGS}"
    )
    return CodeProblem(line, 1, message, "")


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _names_in_fields(node: ast.expr) -> list[str]:
    """The attributes that the fields of a format read, where it is written out: ``{0.name}``."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return []
    fields = _FIELD.findall(node.value)
    return [step.partition("[")[0] for each in fields for step in each.split(".")[1:]]


def _of_syntax_error(error: SyntaxError) -> CodeProblem:
    line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
    return CodeProblem(line, column, _clipped(f"syntax error: {error.msg}"), "")


def _clipped(message: str) -> str:
    """A message that does not repeat the whole of a name that is longer than any name should be."""
    return message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "…"
