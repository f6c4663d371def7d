"""Foreign source becomes something that can be called: the check, the wrapping, the names it sees.

Runs in the worker only. PyE2 wire protocol, section 12: code with a ``return`` of its own is the
body of a function, other code is a script whose result is a variable. The text is wrapped as a
syntax tree, so that line numbers and strings over several lines stay what they were.
"""

from __future__ import annotations

import ast
import builtins
import linecache
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pye2core.code import rules
from pye2core.code.check import CodeProblem, as_function, check_source, has_own_return, lines_of

if TYPE_CHECKING:
    from types import CodeType

_IMPORTED_FROM_C: Final = frozenset({"_pylong", "_strptime", "copyreg", "numpy", "time"})

Function = Callable[..., object]


class Refused(Exception):
    """Source that will not run here.

    Attributes:
        problems: every problem, with the function that it is in.
    """

    def __init__(self, problems: Sequence[tuple[str, CodeProblem]]) -> None:
        super().__init__("; ".join(f"line {line.line}: {line.message}" for _, line in problems))
        self.problems = problems


class Language(NamedTuple):
    """How much of Python foreign code may use.

    Attributes:
        find_problems: takes a source and ``parameters=``; gives whatever keeps it from running.
        builtins: gives what the code finds without having defined it.
        permitted: what it may do; None if nothing is checked.
    """

    find_problems: Callable[..., list[CodeProblem]]
    builtins: Callable[[], dict[str, Any]]
    permitted: rules.Permitted | None = None

    def with_given(self) -> Language:
        """The same for called functions, which may import ``rules.GIVEN_MODULES``."""
        return self if self.permitted is None else language_of(self.permitted.with_given())


def language_of(permitted: rules.Permitted) -> Language:
    """What the check lets through of code that may do this."""
    return Language(
        partial(check_source, permitted=permitted), partial(visible_builtins, permitted), permitted
    )


def visible_builtins(permitted: rules.Permitted = rules.NOTHING_MORE) -> dict[str, Any]:
    """What foreign code finds without having defined it: the check's list."""
    visible = {
        name: getattr(builtins, name) for name in permitted.builtins if hasattr(builtins, name)
    }
    visible["__build_class__"] = builtins.__build_class__
    may_import = permitted.modules or permitted.given
    visible["__import__"] = _import_permitted(permitted) if may_import else _import_for_c
    return visible


def _import_permitted(permitted: rules.Permitted) -> Callable[..., object]:
    """The ``__import__`` under code that may import: what it may, and what C functions look for."""

    def import_(
        name: str,
        globals_: Mapping[str, object] | None = None,
        locals_: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> object:
        names = fromlist or ()
        is_permitted = permitted.imports(name) or (
            bool(names) and all(permitted.imports_from(name, each) for each in names)
        )
        if level == 0 and is_permitted:
            return builtins.__import__(name, None, None, names, 0)
        return _import_for_c(name, globals_, locals_, fromlist, level)

    return import_


def _import_for_c(
    name: str,
    globals_: Mapping[str, object] | None = None,
    locals_: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> object:
    """The ``__import__`` under foreign code: C functions of numpy and datetime look it up there."""
    del globals_, locals_, fromlist, level
    if name.partition(".")[0] in _IMPORTED_FROM_C:
        return import_module(name)
    raise ImportError(f"imports are not available on nodes ({name}): use what plugin has")


def _no_problems(source: str, *, parameters: Sequence[str]) -> list[CodeProblem]:
    del source, parameters
    return []


CHECKED: Final = language_of(rules.NOTHING_MORE)
"""What the check lets through."""

UNCHECKED: Final = Language(_no_problems, lambda: dict(vars(builtins)))
"""All of it: for tests of the other layers."""


class Functions:
    """The functions that are defined for one instance.

    Attributes:
        by_name: each function, to be called with its arguments.
        files: of each file name that tracebacks show, the name of the function.
    """

    def __init__(self, print_function: Callable[..., None], language: Language = CHECKED) -> None:
        self.by_name: dict[str, Function] = {}
        self.files: dict[str, str] = {}
        self._find_problems = language.find_problems
        self._builtins = {**language.builtins(), "print": print_function}

    def define(
        self, sources: Mapping[str, tuple[str, Sequence[str]]], not_users: Sequence[str] = ()
    ) -> None:
        """Compile functions: all of them, or none if one is refused.

        Args:
            sources: of each name, the body's text and the names of the parameters.
            not_users: the names of those that no user wrote: tracebacks show none of their lines.

        Raises:
            Refused: with every problem of every function.
        """
        problems = [
            problem
            for name, (source, parameters) in sources.items()
            for problem in self._problems_of(name, source, parameters)
        ]
        if problems:
            raise Refused(problems)
        self.by_name.update({name: self._compile(name, *body) for name, body in sources.items()})
        for name in not_users:
            del self.files[_file_name(name)]

    def make(self, name: str, source: str, parameters: Sequence[str]) -> Function:
        """Compile one function without defining it.

        Raises:
            Refused: with every problem.
        """
        problems = self._problems_of(name, source, parameters)
        if problems:
            raise Refused(problems)
        return self._compile(name, source, parameters)

    def _problems_of(
        self, name: str, source: str, parameters: Sequence[str]
    ) -> list[tuple[str, CodeProblem]]:
        found = self._find_problems(source, parameters=parameters)
        return [(name, problem) for problem in found]

    def _compile(self, name: str, source: str, parameters: Sequence[str]) -> Function:
        file_name = _file_name(name)
        self.files[file_name] = name
        linecache.cache[file_name] = (len(source), None, _shown_lines(source), file_name)
        tree = ast.parse(source, file_name)
        names: dict[str, Any] = {"__builtins__": self._builtins, "__name__": name}
        if not has_own_return(tree):
            return _script(compile(tree, file_name, "exec", dont_inherit=True), parameters, names)
        called = name if name.isidentifier() and not iskeyword(name) else "custom_code"
        whole = as_function(tree, parameters=parameters, name=called)
        _run(compile(whole, file_name, "exec", dont_inherit=True), names)
        function: Function = names.pop(called)  # which may hide what the code means by that name
        return function


def _file_name(function: str) -> str:
    return f"<{function}>"


def _script(code: CodeType, parameters: Sequence[str], names: Mapping[str, Any]) -> Function:
    def run(*arguments: object) -> object:
        namespace = {**names, **dict(zip(parameters, arguments, strict=True))}
        _run(code, namespace)
        return next((namespace[name] for name in rules.RESULT_NAMES if name in namespace), None)

    return run


def _run(code: CodeType, namespace: dict[str, Any]) -> None:
    exec(code, namespace)  # noqa: S102 - running foreign code is what this process is for


def _shown_lines(source: str) -> list[str]:
    return [line + "\n" for line in lines_of(source)]
