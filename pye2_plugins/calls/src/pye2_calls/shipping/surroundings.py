"""What the names in a function or class mean: the variables around it, its module's, Python's own.

Every look is remembered, so that it can be told later, cheaply, whether a name means something else
by then.
"""

from __future__ import annotations

import builtins
import inspect
import sys
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CellType

MISSING: Final = object()


@define
class Surroundings:
    """The names around one function or class.

    Attributes:
        names: the module's.
        cells: the variables of the functions around it.
        module: the module's name.
        file: the file it stands in.
        is_lost: whether there are variables around it that cannot be read any more.
        watched: of each name that was looked up, whether it still means the same.
    """

    names: Mapping[str, Any]
    cells: Mapping[str, CellType]
    module: str
    file: str
    is_lost: bool = False
    watched: list[Callable[[], bool]] = field(factory=list)

    def find(self, name: str) -> Any:
        """What a name means, or ``MISSING``; it is watched from now on."""
        if name in self.cells:
            return self._find_in_cell(self.cells[name])
        names, found = self.names, self.names.get(name, MISSING)
        is_found = is_just(found)
        self.watched.append(lambda: is_found(names.get(name, MISSING)))
        return getattr(builtins, name, MISSING) if found is MISSING else found

    def _find_in_cell(self, cell: CellType) -> Any:
        found = _content(cell)
        is_found = is_just(found)
        self.watched.append(lambda: is_found(_content(cell)))
        return found


def is_just(found: object) -> Callable[[object], bool]:
    """Whether something is this very thing.

    A function is not held for that: what is kept of it must not keep it.
    """
    if isinstance(found, FunctionType):
        reference = weakref.ref(found)
        return lambda other: other is not None and other is reference()
    return lambda other: other is found


def around_function(function: FunctionType) -> Surroundings:
    """The names that a function reads."""
    code = function.__code__
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    names = function.__globals__
    return Surroundings(names, cells, names.get("__name__", "__main__"), code.co_filename)


def around_class(kind: type) -> Surroundings:
    """The names that a class reads: those of its module, and what its methods enclose."""
    functions = [getattr(each, "__func__", each) for each in vars(kind).values()]
    methods = [each for each in functions if inspect.isfunction(each)]
    cells: dict[str, CellType] = {}
    for method in methods:
        if method.__module__ == kind.__module__:
            cells |= zip(method.__code__.co_freevars, method.__closure__ or (), strict=True)
    module = sys.modules.get(kind.__module__)
    names = vars(module) if module is not None else {}
    for code, own in ((each.__code__, each.__globals__) for each in methods):
        if code.co_qualname == f"{kind.__qualname__}.{code.co_name}":
            names = own  # under a profiler, say, the module of this name is the profiler's
    file = str(names.get("__file__", ""))
    return Surroundings(names, cells, kind.__module__, file, "<locals>" in kind.__qualname__)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the variable has no value yet
        return MISSING
